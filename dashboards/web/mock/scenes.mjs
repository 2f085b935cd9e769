// The situations that the page is looked at in: calm, one critical, a busy day, a thousand rows, nothing, hushed.
const MINUTE = 60_000;

function reset(facility, desk) {
  facility.hushed = false;
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
  for (const id of ['weak-current-02', 'ups-2']) facility.silent.add(id);
  facility.devices.set('water-tank-2', { ...facility.devices.get('water-tank-2'), state: 'out_of_service' });
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

export function setScene(name, facility, desk) {
  if (name === 'hushed') {
    facility.hushed = true;
    return;
  }
  reset(facility, desk);
  if (name === 'critical') leak(facility, desk, 90_000);
  if (name === 'busy') busy(facility, desk);
  if (name === 'thousand') thousand(facility, desk);
  if (name === 'empty') facility.devices.clear();
}
