// Planned work by the day it is due.
import type { Lang, Ticket } from '../api/types';
import { daysBetween } from './moment';
import { say } from './words';

/** Planned tickets, the soonest due first. */
export function inDueOrder(tickets: Iterable<Ticket>): Ticket[] {
  const planned = [...tickets].filter((ticket) => ticket.planned != null);
  const due = (ticket: Ticket): string => ticket.planned?.due ?? '';
  return planned.sort((a, b) => due(a).localeCompare(due(b)) || a.id.localeCompare(b.id));
}

/** What planned work lacks before it can be closed, in words. */
export function lacksWords(lacks: { items: number; file: boolean }, lang: Lang): string {
  const words = [];
  if (lacks.items > 0) words.push(say(lang, 'lacks_items', { n: lacks.items }));
  if (lacks.file) words.push(say(lang, 'lacks_file'));
  return words.join(' · ');
}

/** "还剩 6 天", "今天到期": a due day as a person counts it; both days as "2026-11-30". */
export function dueWords(today: string, due: string, lang: Lang): { words: string; late: boolean } {
  const days = daysBetween(today, due);
  if (days < 0) return { words: say(lang, 'days_late', { n: -days }), late: true };
  if (days === 0) return { words: say(lang, 'due_today'), late: false };
  if (days === 1) return { words: say(lang, 'due_tomorrow'), late: false };
  return { words: say(lang, 'in_days', { n: days }), late: false };
}
