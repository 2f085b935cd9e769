// What a handover would find open now, and how much that is in words.
import type { Handover } from '../api/records';
import type { Alarm, Lang, Ticket } from '../api/types';
import { isAside } from './alarms';
import { isDone } from './tickets';
import { say } from './words';

export interface OpenCounts {
  tickets: number;
  alarms: number;
  aside: number;
}

/** As the gateway counts it: tickets that are not closed, alarms that nobody set aside, and those that somebody did. */
export function countsNow(tickets: Iterable<Ticket>, alarms: Iterable<Alarm>): OpenCounts {
  const all = [...alarms];
  const aside = all.filter(isAside).length;
  return { tickets: [...tickets].filter((ticket) => !isDone(ticket)).length, alarms: all.length - aside, aside };
}

/** "3 张工单 · 1 条报警". */
export function countsWords(counts: OpenCounts, lang: Lang): string {
  const words = [];
  if (counts.tickets > 0) words.push(say(lang, 'n_tickets', { n: counts.tickets }));
  if (counts.alarms > 0) words.push(say(lang, 'n_alarms', { n: counts.alarms }));
  if (counts.aside > 0) words.push(say(lang, 'n_aside', { n: counts.aside }));
  return words.length === 0 ? say(lang, 'nothing_open') : words.join(' · ');
}

/** The log with a handover in it that was written or confirmed just now, the newest first. */
export function withHandover(log: readonly Handover[], handover: Handover): Handover[] {
  const others = log.filter((one) => one.id !== handover.id);
  return [...others, handover].sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.id.localeCompare(a.id));
}
