// The situations that the page is looked at in: calm, one critical, a busy day, a thousand rows, nothing, hushed.
import { writeSome } from './records.mjs';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

function reset(facility, desk, records) {
  facility.hushed = false;
  facility.warned = false;
  facility.unwatched = false;
  records.reset();
  facility.silent.clear();
  facility.leaking.clear();
  desk.alarms.clear();
  desk.tickets.clear();
  facility.first ??= new Map(facility.devices);
  facility.devices = new Map(facility.first);
}

function leak(facility, desk, ago) {
  facility.leaking.set('fire-main-1', Date.now() - ago);
  desk.raise(
    {
      device: 'fire-main-1',
      klass: 'fire_water',
      rule: 'fire-water-pressure-low',
      severity: 'critical',
      standard: 'fire-water',
      summary: { zh: '消防主管压力 0.05 MPa,低于 0.15 MPa', en: 'Fire main at 0.05 MPa, below 0.15 MPa' },
    },
    Date.now() - ago,
  );
}

function busy(facility, desk) {
  leak(facility, desk, 13.2 * MINUTE);
  desk.act([...desk.tickets.keys()].at(-1), 'accept', { by: '维修一班' }, Date.now() - 12 * MINUTE);
  desk.raise(
    {
      device: 'elevator-07-1',
      klass: 'elevator',
      rule: 'elevator-fault',
      severity: 'high',
      standard: 'elevator',
      summary: { zh: '7号楼1号电梯 关门故障,代码 37', en: 'Elevator 7-1 cannot close its door, code 37' },
    },
    Date.now() - 2.5 * MINUTE,
  );
  desk.raise(
    {
      device: 'circuit-north-1',
      klass: 'lighting',
      rule: 'lamps-out',
      severity: 'medium',
      standard: 'lighting',
      summary: { zh: '北区主干道路灯 2 盏不亮', en: 'North road: 2 lamps out' },
    },
    Date.now() - 168 * MINUTE,
  );
  desk.raise(
    {
      device: 'weak-current-02',
      klass: 'low_current',
      rule: 'device-silent',
      severity: 'low',
      standard: 'general-fault',
      summary: { zh: '4号楼弱电箱 30 秒无应答', en: 'Weak-current cabinet 4 has not answered for 30 s' },
    },
    Date.now() - 250 * MINUTE,
  );
  desk.raise(
    {
      device: 'sump-03',
      klass: 'drainage',
      rule: 'sump-high',
      severity: 'high',
      standard: null,
      summary: { zh: '3号集水坑液位 1.8 m,高于 1.6 m', en: 'Sump 3 at 1.8 m, above 1.6 m' },
    },
    Date.now() - 90 * MINUTE,
  );
  desk.clear('sump-03.sump-high');
  desk.open(
    {
      standard: 'complaint-severe',
      severity: 'medium',
      origin: 'person',
      by: '王海燕',
      summary: {
        zh: '业主反映连续三晚水泵噪声过大,要求书面答复并安排专人上门检测',
        en: 'Residents complain of loud pumps three nights in a row and ask for a written answer and a visit',
      },
    },
    Date.now() - 300 * MINUTE,
  );
  desk.open(
    {
      standard: 'general-fault',
      device: 'fire-main-1',
      severity: 'medium',
      origin: 'person',
      by: '李志强',
      reporter: '3号楼402 王女士 138 0000 4521',
      summary: { zh: '消防泵房门口渗水', en: 'Water seeps in at the door of the fire pump room' },
    },
    Date.now() - 40 * MINUTE,
  );
  desk.act([...desk.tickets.keys()].at(-1), 'accept', { by: '李志强' }, Date.now() - 35 * MINUTE);
  planned(desk);
  facility.warned = true;
  for (const id of ['weak-current-02', 'ups-2']) facility.silent.add(id);
  facility.devices.set('water-tank-2', { ...facility.devices.get('water-tank-2'), state: 'out_of_service' });
}

/** One alarm that somebody shelved, and one that stayed latched. */
function aside(desk) {
  const raise = (device, klass, rule, severity, summary, ago) =>
    desk.raise({ device, klass, rule, severity, standard: null, summary }, Date.now() - ago);
  raise(
    'sump-05',
    'drainage',
    'sump-pump-fault',
    'medium',
    { zh: '5号集水坑 2号泵故障', en: 'Sump 5: pump 2 failed' },
    3 * DAY,
  );
  const until = new Date(Date.now() + 5 * 60 * MINUTE).toISOString();
  const reason = '泵已拆下送修,备用泵运行正常';
  desk.actOnAlarm('sump-05.sump-pump-fault', 'shelve', { by: '张建国', until, reason }, Date.now() - 60 * MINUTE);
  raise(
    'spd-3',
    'lightning',
    'spd-failed',
    'high',
    { zh: '3号楼浪涌保护器曾失效', en: 'Surge protector of building 3 had failed' },
    DAY,
  );
  const latched = desk.alarms.get('spd-3.spd-failed');
  desk.alarms.set(latched.id, { ...latched, condition: 'clear', state: 'latched' });
}

/** Planned work: one that is nearly done, one that is due, one that is late. */
function planned(desk) {
  const day = (n) => new Date(Date.now() + n * DAY).toISOString().slice(0, 10);
  const work = (id, zh, en, due, evidence, checklist, missed = 0) =>
    desk.open(
      {
        standard: 'planned',
        severity: 'low',
        origin: 'planned',
        by: 'gateway',
        summary: { zh, en },
        planned: {
          work: id,
          due,
          missed,
          evidence,
          checklist: checklist.map(([zh, en]) => ({ text: { zh, en }, done_at: null, done_by: null })),
        },
      },
      Date.now() - 2 * DAY,
    ).id;
  const patrol = work(
    'fire-patrol',
    '消防设备巡查',
    'Patrol the fire equipment',
    day(1),
    { zh: '巡查记录表', en: 'The checklist, filled in' },
    [
      ['消防泵在自动状态,电源正常', 'Fire pumps in automatic, supply present'],
      ['水池、水箱液位正常', 'Tank levels right'],
      ['消火栓、灭火器齐全有效', 'Hydrants and extinguishers complete and in date'],
      ['疏散通道畅通,应急照明完好', 'Escape routes clear, emergency lights in order'],
    ],
  );
  for (const step of ['accept', 'arrive']) desk.act(patrol, step, { by: '张建国' }, Date.now() - 50 * MINUTE);
  for (const item of [1, 2]) desk.act(patrol, 'check', { by: '张建国', item }, Date.now() - 40 * MINUTE);
  const tanks = { zh: '水质检测报告', en: 'The water test report' };
  work('water-tanks', '清洗二次供水水池(箱)', 'Clean the secondary-supply water tanks', day(6), tanks, []);
  const record = { zh: '清掏记录', en: 'The record of it' };
  work('septic-tank', '化粪池清掏', 'Empty the septic tank', day(-2), record, [], 1);
}

function thousand(facility, desk) {
  const [model] = facility.devices.values();
  for (let i = 0; i < 1_000; i += 1) {
    const id = `extra-${String(i).padStart(4, '0')}`;
    facility.devices.set(id, {
      ...model,
      id,
      name: `第 ${i} 号备用消防泵组,名字故意写到四十个字那么长看看行不行呢试试看`,
      points: {},
    });
    desk.raise({
      device: id,
      klass: 'fire_water',
      rule: 'flood',
      severity: ['critical', 'high', 'medium', 'low'][i % 4],
      standard: 'general-fault',
      summary: { zh: `第 ${i} 条报警`, en: `Alarm number ${i}` },
    });
  }
}

export function setScene(name, facility, desk, records) {
  if (name === 'hushed') {
    facility.hushed = true;
    return;
  }
  reset(facility, desk, records);
  if (name === 'critical') leak(facility, desk, 90_000);
  if (name === 'busy') {
    busy(facility, desk);
    aside(desk);
    writeSome(records, facility);
  }
  if (name === 'unwatched') facility.unwatched = true;
  if (name === 'thousand') thousand(facility, desk);
  if (name === 'empty') facility.devices.clear();
}
