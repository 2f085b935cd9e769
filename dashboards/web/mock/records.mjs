// The mock's handovers and device records: what people wrote down beside tickets.
import { problem } from './desk.mjs';

const iso = (ms) => new Date(ms).toISOString();
const HEAD = '9f2c41d07be85a6631e0c4b8d2a7f95e13c86b04fd1729ae5c60b3d84e7f1a25';
const isDone = (ticket) => ticket.state === 'closed' || ticket.state === 'cancelled';
const isAside = (alarm) => alarm.state === 'shelved' || alarm.state === 'out_of_service';

export class Records {
  handovers = [];
  #entries = new Map();
  #count = 11;

  constructor(facility, desk) {
    this.facility = facility;
    this.desk = desk;
  }

  reset() {
    this.#count = 11;
    this.handovers = [];
    this.#entries.clear();
  }

  handOver({ by, note }, now = Date.now()) {
    if (!by || !note) return [422, problem(422, 'A field is missing', '`note` is missing')];
    this.#count += 1;
    const alarms = [...this.desk.alarms.values()];
    const handover = {
      id: `H-${String(this.#count).padStart(6, '0')}`,
      at: iso(now),
      by,
      note,
      open: {
        tickets: [...this.desk.tickets.values()].filter((ticket) => !isDone(ticket)).map(openTicket),
        alarms: alarms.filter((alarm) => !isAside(alarm)),
        set_aside: alarms.filter(isAside).map((alarm) => ({ ...alarm, ...alarm.set_aside })),
      },
      journal_head: HEAD,
      confirmed_at: null,
      confirmed_by: null,
    };
    this.handovers.unshift(handover);
    return [201, handover];
  }

  confirm(id, by, now = Date.now()) {
    const handover = this.handovers.find((one) => one.id === id);
    if (handover === undefined) return [404, problem(404, 'Not found', `There is no handover ${id}.`)];
    if (handover.confirmed_by !== null || handover.by === by)
      return [409, problem(409, 'Conflict', `handover ${id} is confirmed by the coming shift, once`)];
    Object.assign(handover, { confirmed_at: iso(now), confirmed_by: by });
    return [200, handover];
  }

  note(device, kind, { by, ...body }, now = Date.now()) {
    if (!by) return [422, problem(422, 'A field is missing', '`by` is missing')];
    const entries = this.#entries.get(device.id) ?? [];
    const live = device.points[body.point] ?? null;
    this.#entries.set(device.id, [
      ...entries,
      { kind, entry: { at: iso(now), by, ...body, ...(kind === 'seen' && { live }) } },
    ]);
    return [201, this.record(device)];
  }

  record(device) {
    const entries = this.#entries.get(device.id) ?? [];
    const replacedAt = entries.findLastIndex(({ kind }) => kind === 'replaced');
    const of = (kind, from = 0, to = entries.length) =>
      entries
        .slice(from, to)
        .filter((one) => one.kind === kind)
        .map((one) => one.entry)
        .reverse();
    const present = replacedAt + 1;
    const profile = this.facility.profiles.find((one) => one.id === device.profile);
    const { id, name, class: klass, building, location } = device;
    const tickets = [...this.desk.tickets.values()].filter((ticket) => ticket.device === id).reverse();
    return {
      id,
      name,
      class: klass,
      profile: device.profile,
      building,
      location,
      nameplate: of('nameplate', present)[0] ?? null,
      replaced_at: of('replaced')[0]?.at ?? null,
      replacements: of('replaced'),
      earlier_nameplates: of('nameplate', 0, present),
      documents: of('document', present),
      earlier_documents: of('document', 0, present),
      planned: plans(this.desk).filter((plan) => plan.device === id),
      commissioning: profile.points.map((point) => ({
        point: point.name,
        title: point.title,
        unit: point.unit,
        checked: of('seen', present).find((seen) => seen.point === point.name) ?? null,
      })),
      tickets: tickets.map((ticket) => ({
        id: ticket.id,
        summary: ticket.summary,
        standard: ticket.standard,
        state: ticket.state,
        opened_at: ticket.opened_at,
        ended_at: isDone(ticket) ? ticket.steps.at(-1).at : null,
      })),
      outages: [...this.desk.alarms.values()]
        .filter((alarm) => alarm.device === id)
        .map((alarm) => ({
          rule: alarm.rule,
          from: alarm.since,
          to: alarm.condition === 'clear' ? iso(Date.now()) : null,
        })),
    };
  }
}

const both = (zh, en) => ({ zh, en });

/** The site's plan of recurring work. */
export function plans(desk, now = Date.now()) {
  const day = (n) => iso(now + n * 86_400_000).slice(0, 10);
  const newest = (work) => [...desk.tickets.values()].findLast((ticket) => ticket.planned?.work === work)?.id ?? null;
  const plan = (id, what, every, due, lead, evidence, quote, device = null, checklist = []) => ({
    id,
    what,
    device,
    every,
    next_due: day(due),
    opens_on: day(due - lead),
    evidence,
    checklist,
    quote,
    ticket: newest(id),
  });
  const tanks = both('清洗二次供水水池(箱)', 'Clean the secondary-supply water tanks');
  const report = both('水质检测报告', 'The water test report');
  const list = both('巡查记录表', 'The checklist, filled in');
  const four = Array.from({ length: 4 }, (_, i) => both(`第 ${i + 1} 项`, `Item ${i + 1}`));
  return [
    plan(
      'fire-patrol',
      both('消防设备巡查', 'Patrol the fire equipment'),
      'monthly',
      1,
      3,
      list,
      '消防设备每月巡查不少于1次',
      null,
      four,
    ),
    plan(
      'septic-tank',
      both('化粪池清掏', 'Empty the septic tank'),
      'yearly',
      363,
      3,
      both('清掏记录', 'The record of it'),
      '每年一次化粪池清掏',
    ),
    plan(
      'water-tanks',
      tanks,
      'twice_a_year',
      6,
      7,
      report,
      '二次供水每年安排两次清洗水池,并索取相应的检测报告',
      'water-tank-1',
    ),
  ];
}

function openTicket(ticket) {
  const taken = ticket.steps.findLast((step) => step.what === 'accepted' || step.what === 'arrived');
  const running = ticket.clocks.filter((clock) => clock.stopped_at === null);
  return {
    id: ticket.id,
    summary: ticket.summary,
    device: ticket.device,
    standard: ticket.standard,
    state: ticket.state,
    person: taken?.by ?? null,
    clocks: running.map(({ clock, due, state }) => ({
      clock,
      due,
      paused: state === 'paused',
      overdue: Date.parse(due) < Date.now(),
    })),
  };
}

/** What some people wrote down before. */
export function writeSome(records, facility, now = Date.now()) {
  const HOUR = 3_600_000;
  records.handOver(
    { by: '李志强', note: '夜班平稳。2号生活泵轻微异响,已约厂家明早九点。\n地下车库东口积水已排。' },
    now - 13 * HOUR,
  );
  records.confirm('H-000012', '张建国', now - 12.9 * HOUR);
  records.handOver({ by: '张建国', note: '消防主管压力低,正在抢修;7号楼1号梯等厂家。' }, now - 20 * 60_000);
  const device = facility.devices.get('fire-main-1');
  if (device === undefined) return;
  const plate = { maker: '上海凯泉', model: 'XBD6/20-SLH', serial: '2019-04417', installed: '2019-06-18' };
  records.note(device, 'nameplate', { by: '张建国', ...plate }, now - 400 * 24 * HOUR);
  records.note(device, 'replaced', { by: '王海燕', note: '压力变送器更换为同型号,旧件返厂' }, now - 90 * 24 * HOUR);
  records.note(
    device,
    'nameplate',
    { by: '王海燕', ...plate, serial: '2026-00918', installed: '2026-08-26' },
    now - 89 * 24 * HOUR,
  );
  const compare = (point, seen, instrument) =>
    records.note(device, 'seen', { by: '李志强', point, seen, instrument }, now - 88 * 24 * HOUR);
  compare('main_pressure', 0.42, '0.4 级压力表');
  compare('end_pressure', 0.36, '0.4 级压力表');
}
