// What a ticket asks of a person next, and which of its clocks runs out first.
import type { ClockName, Rule, Ticket, TicketAction, TicketClock, TicketState } from '../api/types';

/** Nothing more is asked of anybody. */
export const isDone = (ticket: Ticket): boolean => ticket.state === 'closed' || ticket.state === 'cancelled';

/** The one main button of each state; null where the work is done. */
export function mainAction(state: TicketState): TicketAction | null {
  switch (state) {
    case 'open':
      return 'accept';
    case 'accepted':
      return 'arrive';
    case 'on_site':
      return 'resolve';
    case 'waiting':
      return 'resume';
    case 'resolved':
      return 'close';
    case 'closed':
    case 'cancelled':
      return null;
  }
}

export type RareAction = 'comment' | 'wait' | 'reopen' | 'cancel';

/** What else can be done with a ticket in a state, beside its main button. */
export function rareActions(state: TicketState): RareAction[] {
  switch (state) {
    case 'accepted':
    case 'on_site':
      return ['comment', 'wait', 'cancel'];
    case 'open':
    case 'waiting':
      return ['comment', 'cancel'];
    case 'resolved':
      return ['comment', 'reopen', 'cancel'];
    case 'closed':
    case 'cancelled':
      return ['comment', 'reopen'];
  }
}

/** The four stations of a ticket, in order, and how many of them are behind it. */
export const STATIONS = ['accept', 'arrive', 'resolve', 'close'] as const;

export function stationsPassed(state: TicketState): number {
  const passed = { open: 0, accepted: 1, on_site: 2, waiting: 2, resolved: 3, closed: 4, cancelled: 4 };
  return passed[state];
}

/** Whether a clock still counts: it runs, or has run out without having been stopped. */
export function isCounting(clock: TicketClock): boolean {
  return clock.state === 'running' || (clock.state === 'missed' && clock.stopped_at === null);
}

/** The clock of a ticket that runs out (or ran out) first; null when none counts. */
export function nextClock(ticket: Ticket): TicketClock | null {
  if (isDone(ticket)) return null;
  const counting = ticket.clocks.filter(isCounting);
  return counting.sort((a, b) => Date.parse(a.due) - Date.parse(b.due) || ORDER[a.clock] - ORDER[b.clock])[0] ?? null;
}

const ORDER: Record<ClockName, number> = { respond: 0, arrive: 1, resolve: 2 };

/**
 * What endangers people first, whatever else has run out before; then those with the soonest deadline, then
 * those whose clocks have all stopped, newest first.
 */
export function byDeadline(tickets: Iterable<Ticket>): Ticket[] {
  const due = (ticket: Ticket): number => {
    const clock = nextClock(ticket);
    return clock === null ? Number.POSITIVE_INFINITY : Date.parse(clock.due);
  };
  const isFirst = (ticket: Ticket, at: number): boolean => ticket.severity === 'critical' && Number.isFinite(at);
  const keyed = [...tickets].map((ticket) => {
    const at = due(ticket);
    return { ticket, due: at, first: isFirst(ticket, at), opened: Date.parse(ticket.opened_at) };
  });
  // Two infinities differ by NaN, which is as good as equal here: `||` then goes on to the age.
  keyed.sort((a, b) => Number(b.first) - Number(a.first) || a.due - b.due || b.opened - a.opened);
  return keyed.map((entry) => entry.ticket);
}

/** When a person last took the ticket or came to it, and who; null while nobody has. */
export function takenBy(ticket: Ticket): { by: string; at: string } | null {
  const step = ticket.steps.findLast((s) => s.what === 'accepted' || s.what === 'arrived');
  return step === undefined ? null : { by: step.by, at: step.at };
}

/**
 * The rule that opened a ticket. An alarm's id holds its device's and its rule's, but the alarm itself
 * is gone from the list once it is normal, so the rule is told by the longest id that ends the alarm's.
 */
export function ruleOf(ticket: Ticket, rules: Iterable<Rule>): Rule | null {
  const alarm = ticket.alarm;
  if (alarm === null) return null;
  const fitting = [...rules].filter((rule) => alarm.endsWith(rule.id));
  return fitting.sort((a, b) => b.id.length - a.id.length)[0] ?? null;
}
