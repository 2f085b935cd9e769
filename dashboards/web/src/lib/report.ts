// A report's figures by the way to them, so that each has an address where the records behind it are.
import type { Durations, Figure, Group, Mean, Report, Tally } from '../api/report';
import type { Lang } from '../api/types';
import { say, type Word } from './words';

/** The columns of a tally, in the order in which they are read, with their words. */
export const TALLY: readonly [keyof Omit<Tally, 'kept_percent'>, Word][] = [
  ['met', 'met'],
  ['met_after_pause', 'met_after_pause'],
  ['missed', 'missed'],
  ['on_word', 'on_word'],
  ['closed', 'tally_closed'],
  ['running', 'tally_running'],
];

export const GROUPINGS = ['by_clock', 'by_class', 'by_building', 'by_person'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** The means of repairs, with their words. */
export const MEANS: readonly ['acknowledge' | 'arrive' | 'repair' | 'between_failures', Word][] = [
  ['acknowledge', 'mtta'],
  ['arrive', 'mtt_arrive'],
  ['repair', 'mttr'],
  ['between_failures', 'mtbf'],
];

export const PLANNED: readonly [keyof Report['planned'], Word][] = [
  ['done', 'planned_done'],
  ['late', 'planned_late'],
  ['open', 'planned_running'],
  ['made_up', 'planned_made_up'],
];

/** The way to a figure as one text: names of people and buildings may hold anything. */
export const wayTo = (...parts: string[]): string => parts.map(encodeURIComponent).join('/');

/** The tickets behind a figure, and what it is of; null where no figure is that way. */
export function figureAt(report: Report, way: string, lang: Lang): { title: string; tickets: string[] } | null {
  const [part = '', kind = '', ...rest] = way.split('/').map(decodeURIComponent);
  const key = rest.length > 1 ? (rest[0] ?? '') : null;
  const field = rest.at(-1) ?? kind;
  if (part === 'deadlines') return ofDeadlines(report, kind, key, field, lang);
  if (part === 'planned') {
    const word = PLANNED.find(([name]) => name === field)?.[1];
    const figure = word === undefined ? undefined : report.planned[field as 'done'];
    return found(figure, [say(lang, 'planned_title'), word === undefined ? '' : say(lang, word)]);
  }
  if (part === 'repairs') {
    const repairs = key === null ? report.repairs.all : report.repairs.by_class.find((one) => one.class === key);
    const word = field === 'failures' ? 'failures' : MEANS.find(([name]) => name === field)?.[1];
    const name = report.repairs.by_class.find((one) => one.class === key)?.name[lang];
    return found(word === undefined ? undefined : repairs?.[field as 'failures'], [
      say(lang, 'repairs'),
      name ?? '',
      word === undefined ? '' : say(lang, word),
    ]);
  }
  if (part === 'worst') {
    const device = report.worst_devices.find((one) => one.id === kind);
    return found(device?.failures, [say(lang, 'worst_devices'), device?.name ?? '']);
  }
  return null;
}

function ofDeadlines(
  report: Report,
  kind: string,
  key: string | null,
  field: string,
  lang: Lang,
): { title: string; tickets: string[] } | null {
  const grouping = GROUPINGS.find((one) => one === kind);
  const groups: Group[] = grouping === undefined ? [] : report.deadlines[grouping];
  const group = groups.find((one) => one.key === key);
  const tally: Tally | undefined = kind === 'all' ? report.deadlines.all : group;
  const column = TALLY.find(([name]) => name === field);
  if (tally === undefined || column === undefined) return null;
  return found(tally[column[0]], [say(lang, 'deadlines'), group?.name[lang] ?? '', say(lang, column[1])]);
}

function found(figure: Figure | Mean | undefined, title: string[]): { title: string; tickets: string[] } | null {
  if (figure === undefined) return null;
  return { title: title.filter((word) => word !== '').join(' · '), tickets: figure.tickets };
}

/** "99.31 %": cut, not rounded, so that what was missed by a little never reads as 100 %. */
export function percentWords(percent: number): string {
  if (percent === 100) return '100 %';
  return `${(Math.floor(percent * 100 + 1e-7) / 100).toFixed(2)} %`;
}

/** How much of the day a subsystem worked so far, for its card on the wall; null where most of the day is not known. */
export function todayWords(today: Durations | undefined, lang: Lang): string | null {
  if (today === undefined || today.availability_percent === null || shares(today).unknown > 50) return null;
  return say(lang, 'available_today', { n: percentWords(today.availability_percent) });
}

/** How a stretch of time divides, in percent of all of it. */
export function shares(hours: Omit<Durations, 'availability_percent'>): {
  available: number;
  unavailable: number;
  unknown: number;
} {
  const all = hours.available_hours + hours.unavailable_hours + hours.unknown_hours;
  const of = (part: number): number => (all <= 0 ? 0 : (100 * part) / all);
  return {
    available: of(hours.available_hours),
    unavailable: of(hours.unavailable_hours),
    unknown: of(hours.unknown_hours),
  };
}
