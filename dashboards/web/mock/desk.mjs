// The mock's alarms and tickets: just enough of the gateway's manners to press every button against.

const MINUTE = 60_000;
const TARGET_MS = {
  '3s': 3_000,
  '30m': 30 * MINUTE,
  '1h': 60 * MINUTE,
  '4h': 240 * MINUTE,
  '8h': 480 * MINUTE,
  '48h': 2_880 * MINUTE,
  '5wd': 7 * 1_440 * MINUTE,
};
export const DEADLINES = {
  'fire-water': { arrive: '30m', resolve: '30m' },
  elevator: { resolve: '30m' },
  lighting: { resolve: '8h' },
  'lighting-complex': { resolve: '48h' },
  'general-fault': { respond: '4h' },
  'repair-report': { respond: '4h' },
  'complaint-severe': { respond: '4h', arrive: '1h', resolve: '5wd' },
};
const iso = (ms) => new Date(ms).toISOString();

export class Desk {
  alarms = new Map();
  tickets = new Map();
  #count = 317;

  constructor(tell) {
    this.tell = tell;
  }

  raise({ device, klass, rule, severity, standard, summary }, now = Date.now()) {
    const id = `${device}.${rule}`;
    const ticket =
      standard === null
        ? null
        : this.open({ device, alarm: id, standard, severity, summary, origin: 'rule', by: 'gateway' }, now);
    this.#alarm({
      id,
      rule,
      device,
      class: klass,
      severity,
      condition: 'active',
      state: 'active_unacked',
      since: iso(now),
      ticket: ticket?.id ?? null,
      summary,
    });
  }

  clear(id) {
    const alarm = this.alarms.get(id);
    if (alarm === undefined) return;
    this.#alarm({
      ...alarm,
      condition: 'clear',
      state: alarm.state === 'active_acked' ? 'normal' : 'returned_unacked',
    });
  }

  acknowledge(id) {
    const alarm = this.alarms.get(id);
    if (alarm === undefined) return null;
    return this.#alarm({ ...alarm, state: alarm.condition === 'clear' ? 'normal' : 'active_acked' });
  }

  #alarm(alarm) {
    if (alarm.state === 'normal') this.alarms.delete(alarm.id);
    else this.alarms.set(alarm.id, alarm);
    this.tell('alarm', alarm);
    return alarm;
  }

  open({ device = null, alarm = null, standard, severity, summary, origin, by }, now = Date.now()) {
    this.#count += 1;
    const clocks = Object.entries(DEADLINES[standard] ?? {}).map(([clock, target]) => ({
      clock,
      target,
      started_at: iso(now),
      due: iso(now + TARGET_MS[target]),
      stopped_at: null,
      stopped_by: null,
      state: 'running',
      overdue: false,
      provisional: false,
    }));
    const id = `T-2026-${String(this.#count).padStart(6, '0')}`;
    const steps = [{ at: iso(now), by, what: 'opened', note: null }];
    return this.#ticket({
      id,
      device,
      alarm,
      standard,
      origin,
      severity,
      summary,
      state: 'open',
      opened_at: iso(now),
      clocks,
      steps,
    });
  }

  #ticket(ticket) {
    this.tickets.set(ticket.id, ticket);
    this.tell('ticket', ticket);
    return ticket;
  }

  /** What the gateway answers to an action: a status and a body. */
  act(id, action, said, now = Date.now()) {
    const ticket = this.tickets.get(id);
    if (ticket === undefined) return [404, problem(404, 'Not found', `There is no ticket ${id}.`)];
    if (!said.by) return [422, problem(422, 'A field is missing', '"by" is missing: who does this?')];
    const alarm = this.alarms.get(ticket.alarm);
    if (action === 'resolve' && alarm !== undefined && alarm.condition !== 'clear' && !said.reason) {
      return [
        409,
        problem(
          409,
          'Still active',
          `Alarm ${ticket.alarm} is ${alarm.condition}: clear the fault first, or give a "reason".`,
        ),
      ];
    }
    const next = NEXT[action]?.(ticket);
    if (next === undefined)
      return [409, problem(409, 'Not allowed', `Ticket ${id} is ${ticket.state}; "${action}" is not possible now.`)];
    if (action === 'accept' && alarm !== undefined) this.acknowledge(alarm.id);
    const stops =
      {
        accept: ['respond'],
        arrive: ['respond', 'arrive'],
        resolve: ['resolve'],
        close: ['respond', 'arrive', 'resolve'],
        cancel: ['respond', 'arrive', 'resolve'],
      }[action] ?? [];
    const clocks = ticket.clocks.map((clock) => (stops.includes(clock.clock) ? stopped(clock, said.by, now) : clock));
    const step = { at: iso(now), by: said.by, what: STEP[action] ?? action, note: said.note ?? said.reason ?? null };
    return [200, this.#ticket({ ...ticket, state: next, clocks, steps: [...ticket.steps, step] })];
  }
}

const STEP = {
  accept: 'accepted',
  arrive: 'arrived',
  resolve: 'resolved',
  close: 'closed',
  wait: 'waiting',
  resume: 'resumed',
  reopen: 'reopened',
  cancel: 'cancelled',
  comment: 'comment',
};
const only = (from, to) => (ticket) => (from.includes(ticket.state) ? to : undefined);
const NEXT = {
  accept: only(['open'], 'accepted'),
  arrive: only(['open', 'accepted'], 'on_site'),
  resolve: only(['accepted', 'on_site'], 'resolved'),
  close: only(['resolved'], 'closed'),
  wait: only(['accepted', 'on_site'], 'waiting'),
  resume: only(['waiting'], 'on_site'),
  reopen: only(['resolved', 'closed', 'cancelled'], 'open'),
  cancel: only(['open', 'accepted', 'on_site', 'waiting', 'resolved'], 'cancelled'),
  comment: (ticket) => ticket.state,
};

function stopped(clock, by, now) {
  if (clock.stopped_at !== null) return clock;
  const isMissed = now > Date.parse(clock.due);
  return { ...clock, stopped_at: iso(now), stopped_by: by, state: isMissed ? 'missed' : 'met', overdue: false };
}

export const problem = (status, title, detail) => ({ type: 'about:blank', status, title, detail });
