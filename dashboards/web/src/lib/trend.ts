// Turns a point's history into what a chart draws: gaps stay gaps, whatever was not good is one.
import type { ClockStep, HistoryItem, Lang } from '../api/types';
import { momentWords } from './time';

/** Seconds since 1970, then the value and the least and the greatest in that step. */
export type TrendData = [number[], (number | null)[], (number | null)[], (number | null)[]];

export interface Window {
  id: string;
  /** Its length (ms). */
  lengthMs: number;
  /** One item for each of these, in the interface's words and in ms. */
  every: string;
  everyMs: number;
}

const MINUTE = 60_000;
/** A point that is read this seldom leaves steps out without its device having been silent. */
const SLOWEST_POLL_MS = 2 * MINUTE;

/** Each has some 180 to 360 items: as many as a screen can show apart. */
export const WINDOWS: readonly Window[] = [
  { id: '15m', lengthMs: 15 * MINUTE, every: '5s', everyMs: 5_000 },
  { id: '1h', lengthMs: 60 * MINUTE, every: '15s', everyMs: 15_000 },
  { id: '6h', lengthMs: 360 * MINUTE, every: '1m', everyMs: MINUTE },
  { id: '24h', lengthMs: 1_440 * MINUTE, every: '5m', everyMs: 5 * MINUTE },
  { id: '7d', lengthMs: 10_080 * MINUTE, every: '30m', everyMs: 30 * MINUTE },
];

/** A bool is drawn as 0 and 1; a text cannot be drawn. */
export function asNumber(value: HistoryItem['value']): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' ? value : null;
}

/** The columns that the chart takes, oldest first, with a gap wherever a step is absent or not good. */
export function toTrend(items: readonly HistoryItem[], everyMs: number): TrendData {
  const data: TrendData = [[], [], [], []];
  const oldestFirst = items.map((item) => ({ item, at: Date.parse(item.at) })).sort((a, b) => a.at - b.at);
  let last: number | null = null;
  for (const { item, at } of oldestFirst) {
    if (last !== null && at - last > Math.max(3 * everyMs, SLOWEST_POLL_MS))
      push(data, (last + at) / 2, null, null, null);
    const value = item.quality === 'good' ? asNumber(item.value) : null;
    push(data, at, value, value === null ? null : (item.min ?? value), value === null ? null : (item.max ?? value));
    last = at;
  }
  return data;
}

function push(data: TrendData, atMs: number, value: number | null, min: number | null, max: number | null): void {
  data[0].push(atMs / 1_000);
  data[1].push(value);
  data[2].push(min);
  data[3].push(max);
}

/** What to know of times that a clock told which was then set. */
export function clockStepWords(step: ClockStep, now: number, zone: string, lang: Lang): string {
  const [since, until] = [step.since, step.until].map((at) => momentWords(Date.parse(at), now, zone, lang));
  const by = amountWords(Math.abs(step.seconds), lang);
  if (lang === 'zh') return `${since} 至 ${until} 的时间不可靠：系统时钟后来被拨${step.seconds > 0 ? '快' : '慢'} ${by}`;
  return `Times from ${since} to ${until} are doubtful: the system's clock was then set ${step.seconds > 0 ? 'forward' : 'back'} by ${by}`;
}

function amountWords(seconds: number, lang: Lang): string {
  const [amount, zh, en] =
    seconds < 2 * 3_600
      ? [seconds / 60, '分钟', 'min']
      : seconds < 2 * 86_400
        ? [seconds / 3_600, '小时', 'h']
        : [seconds / 86_400, '天', 'd'];
  return `${Math.round(amount)} ${lang === 'zh' ? zh : en}`;
}

/**
 * The least and greatest value to show; a flat line gets room above and below it. With `leastSpan` (in the
 * point's unit) the noise of a quiet value stays as quiet as it is, instead of filling the whole height.
 */
export function valueRange(data: TrendData, leastSpan = 0): [number, number] {
  const known = [...data[1], ...data[2], ...data[3]].filter((v): v is number => v !== null);
  const [low, high] = known.reduce(([l, h], v) => [Math.min(l, v), Math.max(h, v)], [Infinity, -Infinity]);
  if (low > high) return [0, 1];
  const missing = Math.max(0, leastSpan - (high - low)) / 2;
  const room = missing + (high - low) * 0.12 || Math.max(Math.abs(high) * 0.05, 0.05);
  return [low - room, high + room];
}

/** The pieces of a small line, as SVG path data in a box of `width` by `height`; one piece between two gaps. */
export function sparkPath(data: TrendData, width: number, height: number, leastSpan = 0): string {
  const [times, values] = data;
  const [low, high] = valueRange(data, leastSpan);
  const from = times[0] ?? 0;
  const span = Math.max(1, (times.at(-1) ?? 0) - from);
  let pen = 'M';
  return times
    .map((at, i) => {
      const value = values[i] ?? null;
      if (value === null) {
        pen = 'M';
        return '';
      }
      const x = (((at - from) / span) * width).toFixed(1);
      const y = (height - ((value - low) / (high - low)) * height).toFixed(1);
      const piece = `${pen}${x} ${y}`;
      pen = 'L';
      return piece;
    })
    .join('');
}
