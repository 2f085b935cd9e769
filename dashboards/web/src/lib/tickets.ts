// What a ticket asks of a person next, and which of its clocks runs out first.
import type { Word } from './words';
import type { ClockName, Rule, Ticket, TicketAction, TicketClock, TicketState } from '../api/types';

/** Nothing more is asked of anybody. */
export const isDone = (ticket: Ticket): boolean => ticket.state === 'closed' || ticket.state === 'cancelled';

/** The one main button of a ticket as it stands; null where the work is done. */
export function mainAction(ticket: Pick<Ticket, 'state' | 'clocks'>): TicketAction | null {
  switch (ticket.state) {
    case 'open':
      return 'accept';
    case 'accepted':
      return 'arrive';
    case 'on_site':
      // A clock that began anew while somebody was there is stopped by saying again that one is.
      return isUnstopped(ticket, 'arrive') ? 'arrive' : 'resolve';
    case 'waiting':
      return 'resume';
    case 'resolved':
      return 'close';
    case 'closed':
    case 'cancelled':
      return null;
  }
}

const isUnstopped = (ticket: Pick<Ticket, 'clocks'>, name: ClockName): boolean =>
  ticket.clocks.some((clock) => clock.clock === name && clock.stopped_at === null);

/** `tell` is a note that says who was told what and when. */
export type RareAction = 'comment' | 'tell' | 'assign' | 'wait' | 'raise' | 'reopen' | 'cancel';

/** What else can be done with a ticket as it stands, beside its main button. */
export function rareActions(ticket: Ticket): RareAction[] {
  const possible: RareAction[] = ['comment', 'tell'];
  if (isWorkedOn(ticket.state)) {
    possible.push('assign');
    // Planned work never waits, and without a resolve clock there is nothing to pause.
    const canWait = ticket.planned == null && isUnstopped(ticket, 'resolve');
    if (canWait && (ticket.state === 'accepted' || ticket.state === 'on_site')) possible.push('wait');
    if (raisesTo(ticket).length > 0) possible.push('raise');
  } else possible.push('reopen');
  if (!isDone(ticket)) possible.push('cancel');
  return possible;
}

const isWorkedOn = (state: TicketState): boolean =>
  state === 'open' || state === 'accepted' || state === 'on_site' || state === 'waiting';

/** The rows of the standard that a ticket may be raised to. */
export function raisesTo(ticket: Pick<Ticket, 'standard' | 'planned'>): string[] {
  if (ticket.planned != null || ticket.standard === 'planned' || ticket.standard === 'urgent-repair') return [];
  return ticket.standard === 'lighting' ? ['lighting-complex', 'urgent-repair'] : ['urgent-repair'];
}

/** Whether the one who reported it still waits for word: only telling them stops the respond clock. */
export const awaitsWord = (ticket: Ticket): boolean =>
  ticket.origin === 'person' && !isDone(ticket) && isUnstopped(ticket, 'respond');

/** What planned work lacks before it can be closed: items not ticked, and a file; null where nothing does. */
export function missingEvidence(ticket: Ticket): { items: number; file: boolean } | null {
  if (ticket.planned == null || isDone(ticket)) return null;
  const items = ticket.planned.checklist.filter((item) => item.done_at === null).length;
  const file = (ticket.attachments ?? []).length === 0;
  return items > 0 || file ? { items, file } : null;
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

/** What is left of, or run over on, a ticket's next clock; planned work is simply due. */
export function leftWord(ticket: Ticket, isOver: boolean): Word {
  const clock = nextClock(ticket)?.clock ?? 'resolve';
  return `${ticket.planned == null ? clock : 'planned'}_${isOver ? 'over' : 'left'}`;
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

/** Who has the ticket since when: who last took it, came to it or was given it; null while nobody has. */
export function takenBy(ticket: Ticket): { by: string; at: string } | null {
  for (const step of ticket.steps.toReversed()) {
    if (step.what === 'reopened') return null;
    if (step.what === 'accepted' || step.what === 'arrived') return { by: step.by, at: step.at };
    if (step.what === 'assigned' && step.note !== null) return { by: step.note, at: step.at };
  }
  return null;
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

/** The ticket as it stands, with the people whom only its own page names; steps that came since have theirs at the next fetch. */
export function withPeople(known: Ticket, whole: Ticket): Ticket {
  const steps = known.steps.map((step, i) => {
    const told = step.told ?? whole.steps[i]?.told;
    return told === undefined ? step : { ...step, told };
  });
  return { ...known, steps, ...(whole.reporter !== undefined && { reporter: whole.reporter }) };
}

/** A telephone number in what a person typed: seven digits or more, spaces and dashes between them left out. */
export function phoneIn(text: string): string | null {
  const digits = /\+?\d(?:[ -]?\d){6,}/.exec(text)?.[0];
  return digits === undefined ? null : digits.replace(/[ -]/g, '');
}
