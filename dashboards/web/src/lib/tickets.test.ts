// Tests of what a ticket asks of a person next.
import { expect, test } from 'vitest';
import type { Rule, Severity, Ticket, TicketClock, TicketState } from '../api/types';
import {
  awaitsWord,
  byDeadline,
  mainAction,
  missingEvidence,
  nextClock,
  phoneIn,
  raisesTo,
  rareActions,
  ruleOf,
  stationsPassed,
  takenBy,
  withPeople,
} from './tickets';

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
  expect(states.map((state) => mainAction({ state, clocks: [] }))).toEqual([
    'accept',
    'arrive',
    'resolve',
    'close',
    null,
  ]);
  expect(states.map(stationsPassed)).toEqual([0, 1, 2, 3, 4]);
  expect(mainAction({ state: 'waiting', clocks: [] })).toBe('resume');
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
  const given = { ...step('assigned', '王海燕'), note: '赵明远' };
  expect(takenBy(ticket('a', { steps: [...steps, given] }))?.by).toBe('赵明远');
  expect(takenBy(ticket('a', { steps: [...steps, given, step('reopened', 'gateway')] }))).toBeNull();
});

test('whoever is on site says so again when the arrive clock began anew', () => {
  expect(mainAction({ state: 'on_site', clocks: [clock({})] })).toBe('arrive');
  expect(mainAction({ state: 'on_site', clocks: [clock({ stopped_at: at(9) })] })).toBe('resolve');
});

test('only a ticket whose repair is being clocked waits for parts, and planned work never does', () => {
  const onSite = { state: 'on_site', clocks: [clock({ clock: 'resolve' })] } as const;
  expect(rareActions(ticket('a', { ...onSite, clocks: [...onSite.clocks] }))).toContain('wait');
  expect(rareActions(ticket('a', { state: 'on_site', clocks: [clock({ stopped_at: at(9) })] }))).not.toContain('wait');
  const planned = { work: 'drains', due: '2026-11-30', missed: 0, evidence: { zh: '', en: '' }, checklist: [] };
  const work = ticket('p', { ...onSite, clocks: [...onSite.clocks], standard: 'planned', planned });
  expect(rareActions(work)).toEqual(['comment', 'tell', 'assign', 'cancel']);
  expect(rareActions(ticket('c', { state: 'closed' }))).toEqual(['comment', 'tell', 'reopen']);
});

test('anything is raised to urgent, and ordinary lighting to complex as well', () => {
  expect(raisesTo(ticket('a', { standard: 'lighting' }))).toEqual(['lighting-complex', 'urgent-repair']);
  expect(raisesTo(ticket('a', { standard: 'elevator' }))).toEqual(['urgent-repair']);
  expect(raisesTo(ticket('a', { standard: 'urgent-repair' }))).toEqual([]);
  expect(raisesTo(ticket('a', { standard: 'planned' }))).toEqual([]);
});

test('the one who reported a fault waits for word until the respond clock has stopped', () => {
  const respond = clock({ clock: 'respond' });
  expect(awaitsWord(ticket('a', { origin: 'person', clocks: [respond] }))).toBe(true);
  expect(awaitsWord(ticket('a', { origin: 'person', clocks: [{ ...respond, stopped_at: at(2) }] }))).toBe(false);
  expect(awaitsWord(ticket('a', { origin: 'rule', clocks: [respond] }))).toBe(false);
});

test('planned work says what it lacks before it can be closed', () => {
  const item = (done_at: string | null) => ({ text: { zh: '', en: '' }, done_at, done_by: null });
  const planned = { work: 'drains', due: '2026-11-30', missed: 0, evidence: { zh: '', en: '' } };
  const file = { sha256: 'a', name: 'a.pdf', bytes: 1, at: at(1), by: '张建国' };
  const lacks = (checklist: ReturnType<typeof item>[], attachments: (typeof file)[]) =>
    missingEvidence(ticket('p', { planned: { ...planned, checklist }, attachments }));
  expect(lacks([item(at(1)), item(null)], [])).toEqual({ items: 1, file: true });
  expect(lacks([item(at(1))], [])).toEqual({ items: 0, file: true });
  expect(lacks([item(at(1))], [file])).toBeNull();
  expect(missingEvidence(ticket('a'))).toBeNull();
});

test('the people whom only the own page names stay when an event without them comes', () => {
  const step = { at: at(1), by: '张建国', what: 'comment', note: null };
  const told = { whom: '王女士', what: '明早更换', at: at(1) };
  const whole = ticket('a', { reporter: '王女士 13800000000', steps: [{ ...step, told }] });
  const shown = withPeople(ticket('a', { state: 'accepted', steps: [step, step] }), whole);
  expect(shown).toMatchObject({ state: 'accepted', reporter: '王女士 13800000000' });
  expect(shown.steps.map((one) => one.told?.whom)).toEqual(['王女士', undefined]);
});

test('a number to call is found in what was typed', () => {
  expect(phoneIn('3号楼402 王女士 138 0000-0000')).toBe('13800000000');
  expect(phoneIn('3号楼402')).toBeNull();
});
