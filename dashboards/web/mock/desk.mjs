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
  planned: { resolve: '5wd' },
  power: { resolve: '30m' },
  'urgent-repair': { arrive: '30m' },
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

  /** What the gateway answers to an action on an alarm: a status and a body. */
  actOnAlarm(id, action, said, now = Date.now()) {
    const alarm = this.alarms.get(id);
    if (alarm === undefined) return [404, problem(404, 'Not found', `There is no alarm ${id}.`)];
    for (const field of ['by', ...(ASIDE[action] ? ['until', 'reason'] : [])])
      if (!said[field]) return [422, problem(422, 'A field is missing', `\`${field}\` is missing`)];
    const back = alarm.condition === 'clear' ? 'normal' : 'active_acked';
    if (ASIDE[action]) {
      const set_aside = { by: said.by, reason: said.reason, at: iso(now), until: said.until };
      return [200, this.#alarm({ ...alarm, state: ASIDE[action], set_aside })];
    }
    if (action === 'reset' && alarm.condition !== 'clear')
      return [409, problem(409, 'Conflict', `alarm ${id}: it is reset once its condition is clear`)];
    return [200, this.#alarm({ ...alarm, state: back, set_aside: null })];
  }

  #alarm(alarm) {
    if (alarm.state === 'normal') this.alarms.delete(alarm.id);
    else this.alarms.set(alarm.id, alarm);
    this.tell('alarm', alarm);
    return alarm;
  }

  open(
    { device = null, alarm = null, standard, severity, summary, origin, by, reporter, planned = null },
    now = Date.now(),
  ) {
    this.#count += 1;
    const clocks = Object.entries(DEADLINES[standard] ?? {}).map(([clock, target]) => ({
      clock,
      target,
      started_at: iso(now),
      due:
        planned === null
          ? iso(now + TARGET_MS[target])
          : iso(Date.parse(`${planned.due}T00:00:00+08:00`) + 1_440 * MINUTE),
      stopped_at: null,
      stopped_by: null,
      stopped_how: null,
      paused_seconds: 0,
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
      attachments: [],
      planned,
      steps,
      ...(reporter && { reporter }),
    });
  }

  /** A ticket as lists and events show it: without the people of a reported one. */
  listed({ reporter, ...ticket }) {
    if (reporter === undefined) return ticket;
    return { ...ticket, steps: ticket.steps.map(({ told, ...step }) => step) };
  }

  /** Attaches a file. */
  attach(id, { name, by, bytes, sha256 }, now = Date.now()) {
    const ticket = this.tickets.get(id);
    const file = { sha256, name, bytes, at: iso(now), by };
    const step = { at: iso(now), by, what: 'attached', note: `${name} sha256:${sha256}` };
    const attachments = [...ticket.attachments, file];
    return [200, this.#ticket({ ...ticket, attachments, steps: [...ticket.steps, step] })];
  }

  #ticket(ticket) {
    this.tickets.set(ticket.id, ticket);
    const listed = this.listed(ticket);
    this.tell('ticket', listed);
    return listed;
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
    if (action === 'close' && ticket.planned && ticket.attachments.length === 0)
      return [409, problem(409, 'Conflict', 'planned work is closed with its evidence: no file is attached')];
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
    // Only word to the one who reported it stops the respond clock of a reported ticket.
    const answers = ticket.reporter ? said.told : stops.includes('respond');
    const isStopped = (clock) => (clock === 'respond' ? answers : stops.includes(clock));
    const clocks = ticket.clocks.map((clock) => (isStopped(clock.clock) ? stopped(clock, said.by, now) : clock));
    const note = said.note ?? said.reason ?? said.parts ?? said.to ?? null;
    const step = { at: iso(now), by: said.by, what: STEP[action] ?? action, note };
    if (said.told) step.told = said.told;
    const changed = { ...ticket, state: next, clocks, steps: [...ticket.steps, step] };
    if (action === 'raise') {
      step.note = `${ticket.standard} → ${said.standard}`;
      Object.assign(changed, { standard: said.standard, severity: 'critical' });
    }
    if (action === 'check') {
      const checklist = ticket.planned.checklist.map((item, i) =>
        i + 1 === said.item ? { ...item, done_at: iso(now), done_by: said.by } : item,
      );
      step.note = `${said.item}: ${checklist[said.item - 1].text.zh}`;
      changed.planned = { ...ticket.planned, checklist };
    }
    return [200, this.#ticket(changed)];
  }
}

const ASIDE = { shelve: 'shelved', 'out-of-service': 'out_of_service' };
const STEP = {
  accept: 'accepted',
  arrive: 'arrived',
  resolve: 'resolved',
  close: 'closed',
  wait: 'waiting',
  resume: 'resumed',
  reopen: 'reopened',
  cancel: 'cancelled',
  assign: 'assigned',
  raise: 'raised',
  check: 'checked',
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
  assign: (ticket) => ticket.state,
  raise: (ticket) => ticket.state,
  check: (ticket) => ticket.state,
  comment: (ticket) => ticket.state,
};

function stopped(clock, by, now) {
  if (clock.stopped_at !== null) return clock;
  const isMissed = now > Date.parse(clock.due);
  return {
    ...clock,
    stopped_at: iso(now),
    stopped_by: by,
    stopped_how: 'person',
    state: isMissed ? 'missed' : 'met',
    overdue: false,
  };
}

export const problem = (status, title, detail) => ({ type: 'about:blank', status, title, detail });
