// The mock's service report: plausible figures, with the desk's tickets behind them.

const NAMES = {
  fire_water: ['消防供水', 'Fire water', 100],
  water_supply: ['二次供水', 'Secondary water supply', null],
  elevator: ['电梯', 'Elevators', null],
  power: ['供配电', 'Power supply', null],
  lighting: ['公共照明', 'Public lighting', 99],
  drainage: ['排水排污', 'Drainage and sewage', null],
  low_current: ['弱电', 'Low-current systems', null],
  lightning: ['避雷', 'Lightning protection', null],
};
const text = (zh, en = zh) => ({ zh, en });
const iso = (ms) => new Date(ms).toISOString();

function days(period) {
  const [year, part] = period.split('-');
  const isQuarter = part.startsWith('Q');
  const first = isQuarter ? Number(part[1]) * 3 - 2 : Number(part);
  const from = Date.UTC(Number(year), first - 1, 1, -8);
  const to = Date.UTC(Number(year), first - 1 + (isQuarter ? 3 : 1), 1, -8);
  return { from, to, count: Math.round((to - from) / 86_400_000) };
}

/** Two that were read, one that was replaced, one that was not read. */
function meters(facility, from, now) {
  const meter = (device, kind, point, title, unit, first, total, resets = 0) => ({
    device,
    name: facility.devices.get(device)?.name ?? device,
    building: facility.devices.get(device)?.building ?? '',
    point,
    title,
    meter: kind,
    unit,
    total,
    from: total === null ? null : iso(from + 60_000),
    to: total === null ? null : iso(now),
    first,
    last: total === null ? null : first + total,
    resets,
    days: [],
  });
  const energy = text('有功电能', 'Active energy');
  return [
    meter('meter-01', 'energy', 'energy', energy, 'kWh', 481_204.5, 12_482.25),
    meter('meter-02', 'energy', 'energy', energy, 'kWh', 91_002, 8_104.1, 1),
    meter('meter-03', 'energy', 'energy', energy, 'kWh', null, null),
    meter('booster-2', 'water', 'water_delivered', text('累计供水量', 'Water delivered'), 'm³', 49_165, 3_021.4),
  ];
}

/** The report of a period that some work was done in, or of one in which nothing was. */
export function report(period, facility, desk, now = Date.now()) {
  const { from, to, count } = days(period);
  const tickets = [...desk.tickets.values()].filter((ticket) => ticket.origin !== 'planned');
  const isQuiet = to <= now - 62 * 86_400_000 || from > now;
  const ids = isQuiet ? [] : tickets.map((ticket) => ticket.id);
  const figure = (n, all = ids) => ({ count: isQuiet ? 0 : n, tickets: all.slice(0, isQuiet ? 0 : n) });
  const tally = (n, missed = 0) => ({
    met: figure(n),
    met_after_pause: figure(Math.floor(n / 6)),
    on_word: figure(n > 8 ? 1 : 0),
    missed: figure(missed, ids.toReversed()),
    closed: figure(n > 12 ? 1 : 0),
    running: figure(n > 2 ? 1 : 0),
    kept_percent: isQuiet || n + missed === 0 ? null : (100 * n) / (n + missed),
  });
  const group = (key, name, n, missed) => ({ key, name, ...tally(n, missed) });
  const elapsed = Math.max(0, (Math.min(to, now) - from) / 3_600_000);
  const durations = (down, unknown) => ({
    available_hours: Math.max(0, elapsed - down - unknown),
    unavailable_hours: down,
    unknown_hours: unknown,
    availability_percent: elapsed === 0 ? null : (100 * (elapsed - down - unknown)) / (elapsed - unknown),
  });
  const mean = (hours, n) => ({ hours: isQuiet ? null : hours, count: isQuiet ? 0 : n, tickets: ids.slice(0, n) });
  const repairs = (n) => ({
    failures: figure(n),
    acknowledge: mean(0.071, n),
    arrive: mean(0.31, n),
    repair: mean(2.42, n),
    between_failures: mean(n === 0 ? null : elapsed / n, n),
  });
  const classes = Object.entries(NAMES).filter(([name]) =>
    [...facility.devices.values()].some((d) => d.class === name),
  );
  const availability = classes.map(([name, [zh, en, target]], i) => {
    const down = isQuiet ? 0 : [0.35, 0, 3.2, 0, 1.1, 0, 0, 0][i];
    const unknown = isQuiet ? elapsed : [0, 0.2, 0, 0, 0, 0, 14, 0][i];
    const whole = durations(down, unknown);
    const verdict =
      target === null ? null : whole.availability_percent < target ? 'missed' : unknown > 0 ? 'not_proven' : 'kept';
    const devices = [...facility.devices.values()].filter((device) => device.class === name);
    return {
      class: name,
      name: text(zh, en),
      target_percent: target,
      quote: target === null ? null : '消防供水 100%正常运作',
      verdict,
      ...whole,
      days: Array.from({ length: count }, (_, day) => {
        const isBad = day === 8 && down > 0;
        const isAhead = from + day * 86_400_000 > now;
        const of = isAhead ? 0 : 24;
        return {
          date: iso(from + day * 86_400_000 + 28_800_000).slice(0, 10),
          available_hours: isAhead ? 0 : of - (isBad ? down : 0),
          unavailable_hours: isBad ? down : 0,
          unknown_hours: 0,
          availability_percent: isAhead ? null : (100 * (of - (isBad ? down : 0))) / of,
        };
      }),
      devices: devices.map((device, n) => ({
        id: device.id,
        name: device.name,
        building: device.building,
        watched: n !== 3,
        ...durations(n === 0 ? down : 0, n === 1 ? unknown : 0),
        outages:
          n === 0 && down > 0
            ? [{ rule: `${name}-fault`, standard: 'fire-water', from: iso(now - 9_000_000), to: iso(now - 7_740_000) }]
            : [],
      })),
    };
  });
  const some = isQuiet ? [] : tickets;
  return {
    site: 'huayuan',
    site_name: '花园小区',
    period,
    from: iso(from),
    to: iso(to),
    complete: to <= now,
    made_at: iso(now),
    journal_head: '9f2c41d07be85a6631e0c4b8d2a7f95e13c86b04fd1729ae5c60b3d84e7f1a25',
    deadlines: {
      all: tally(46, 3),
      by_clock: [
        group('respond', text('响应', 'Respond'), 18, 1),
        group('arrive', text('到场', 'Arrive'), 12, 0),
        group('resolve', text('修复', 'Resolve'), 16, 2),
      ],
      by_class: classes
        .slice(0, 5)
        .map(([name, [zh, en]], i) => group(name, text(zh, en), 14 - 2 * i, i === 2 ? 2 : 0)),
      by_building: [
        group('1号楼', text('1号楼'), 20, 1),
        group('7号楼', text('7号楼'), 12, 2),
        group('', text('不分楼栋', 'No building'), 14, 0),
      ],
      by_person: [
        group('张建国', text('张建国'), 22, 0),
        group('李志强', text('李志强'), 20, 1),
        group('', text('无人接单', 'Nobody'), 0, 2),
      ],
    },
    planned: { done: figure(30), late: figure(1), open: figure(2), made_up: figure(0) },
    availability,
    repairs: {
      all: repairs(9),
      by_class: classes
        .slice(0, 5)
        .map(([name, [zh, en]], i) => ({ class: name, name: text(zh, en), ...repairs(5 - i) })),
    },
    worst_devices: isQuiet
      ? []
      : ['elevator-07-1', 'fire-main-1', 'circuit-north-1'].map((id, i) => ({
          id,
          name: facility.devices.get(id)?.name ?? id,
          building: facility.devices.get(id)?.building ?? '',
          failures: figure(3 - i),
          unavailable_hours: [3.2, 0.35, 1.1][i],
          unknown_hours: 0,
        })),
    missed: some.slice(0, 2).map((ticket, i) => ({
      ticket: ticket.id,
      summary: ticket.summary,
      standard: ticket.standard,
      clock: i === 0 ? 'resolve' : 'respond',
      target: i === 0 ? '30m' : '4h',
      due: iso(now - 3 * 3_600_000),
      stopped_at: i === 0 ? iso(now - 1.4 * 3_600_000) : null,
      late_hours: 1.6 + i,
      person: i === 0 ? '李志强' : null,
    })),
    paused: some.slice(2, 3).map((ticket) => ({
      ticket: ticket.id,
      clock: 'resolve',
      from: iso(now - 50 * 3_600_000),
      to: iso(now - 20 * 3_600_000),
      hours: 30,
      by: '张建国',
      notice: '接触器线圈;告知 3号楼业主代表:配件后天到,夜间照明由临时灯代替',
    })),
    meters: isQuiet ? [] : meters(facility, from, now),
    on_word: some.slice(0, 1).map((ticket) => ({
      ticket: ticket.id,
      clock: 'resolve',
      at: iso(now - 5 * 3_600_000),
      by: '张建国',
      reason: '现场压力表正常,变送器故障已另开单',
      in_time: true,
    })),
  };
}
