// Tests of what a ticket asks of a person next.
import { expect, test } from 'vitest';
import type { Rule, Severity, Ticket, TicketClock, TicketState } from '../api/types';
import { byDeadline, mainAction, nextClock, ruleOf, stationsPassed, takenBy } from './tickets';

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 24, 6, minute)).toISOString();

const clock = (part: Partial<TicketClock>): TicketClock => ({
  clock: 'arrive',
  target: '30m',
  started_at: at(0),
  due: at(30),
  stopped_at: null,
  stopped_by: null,
  state: 'running',
  overdue: false,
  provisional: false,
  ...part,
});

const ticket = (id: string, part: Partial<Ticket> = {}): Ticket => ({
  id,
  device: null,
  alarm: null,
  standard: 'fire-water',
  origin: 'rule',
  severity: 'high',
  summary: { zh: '', en: '' },
  state: 'open',
  opened_at: at(0),
  clocks: [],
  steps: [],
  ...part,
});

test('the one main button leads from taking a ticket to closing it', () => {
  const states: TicketState[] = ['open', 'accepted', 'on_site', 'resolved', 'closed'];
  expect(states.map(mainAction)).toEqual(['accept', 'arrive', 'resolve', 'close', null]);
  expect(states.map(stationsPassed)).toEqual([0, 1, 2, 3, 4]);
  expect(mainAction('waiting')).toBe('resume');
});

test('the next clock is the one that is due first and still counts', () => {
  const resolve = clock({ clock: 'resolve', due: at(40) });
  expect(nextClock(ticket('a', { clocks: [resolve, clock({})] }))?.clock).toBe('arrive');
  const arrived = clock({ state: 'met', stopped_at: at(12) });
  expect(nextClock(ticket('a', { clocks: [arrived, resolve] }))?.clock).toBe('resolve');
});

test('a clock that ran out counts on until it is stopped', () => {
  const missed = clock({ state: 'missed', overdue: true });
  expect(nextClock(ticket('a', { clocks: [missed] }))?.clock).toBe('arrive');
  expect(nextClock(ticket('a', { clocks: [{ ...missed, stopped_at: at(50) }] }))).toBeNull();
});

test('nothing counts while it is paused, or once the ticket is closed', () => {
  expect(nextClock(ticket('a', { clocks: [clock({ state: 'paused' })] }))).toBeNull();
  expect(nextClock(ticket('a', { state: 'closed', clocks: [clock({})] }))).toBeNull();
});

test('tickets come by deadline, then those without a clock, the newest first', () => {
  const due = (id: string, minute: number, severity: Severity = 'high'): Ticket =>
    ticket(id, { severity, clocks: [clock({ due: at(minute) })] });
  const tickets = [ticket('old'), ticket('new', { opened_at: at(5) }), due('late', 50), due('soon', 10)];
  expect(byDeadline(tickets).map((t) => t.id)).toEqual(['soon', 'late', 'new', 'old']);
});

test('a critical ticket comes before another that ran out long ago', () => {
  const overdue = ticket('overdue', { clocks: [clock({ due: at(-300), state: 'missed', overdue: true })] });
  const critical = ticket('critical', { severity: 'critical', clocks: [clock({})] });
  expect(byDeadline([overdue, critical]).map((t) => t.id)).toEqual(['critical', 'overdue']);
});

test('the rule of a ticket is told by its alarm, also once the alarm is gone', () => {
  const rule = (id: string): Rule => ({ id, class: 'fire_water', severity: 'critical', ticket: null, procedure: null });
  const rules = [rule('low'), rule('pressure-low'), rule('tank-low')];
  expect(ruleOf(ticket('a', { alarm: 'fire-main-1:pressure-low' }), rules)?.id).toBe('pressure-low');
  expect(ruleOf(ticket('a', { alarm: null }), rules)).toBeNull();
  expect(ruleOf(ticket('a', { alarm: 'pump:other' }), rules)).toBeNull();
});

test('who took it last is told, and nobody when nobody did', () => {
  const step = (what: string, by: string): Ticket['steps'][number] => ({ at: at(1), by, what, note: null });
  expect(takenBy(ticket('a', { steps: [step('opened', 'gateway')] }))).toBeNull();
  const steps = [step('accepted', '张建国'), step('reopened', '王海燕'), step('accepted', '李志强')];
  expect(takenBy(ticket('a', { steps }))?.by).toBe('李志强');
});
