// A stand-in for the gateway and the simulator's control, to work on the page without either: node mock/server.mjs [--scene NAME] [--port N]
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Desk, problem } from './desk.mjs';
import { connections, link } from './field.mjs';
import { valueAt } from './plant.mjs';
import { plans, Records } from './records.mjs';
import { report } from './report.mjs';
import { setScene } from './scenes.mjs';
import { readDevices, readProfiles } from './site.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const DIST = join(HERE, '../dist');
const MODEL = join(HERE, '../../../model');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const { values: flags } = parseArgs({
  options: { scene: { type: 'string', default: 'calm' }, port: { type: 'string', default: '8090' } },
});

const profiles = readProfiles(join(MODEL, 'profiles'));
const facility = {
  profiles,
  devices: new Map(readDevices(join(MODEL, 'demo/devices.csv'), profiles).map((device) => [device.id, device])),
  leaking: new Map(),
  hushed: false,
  silent: new Set(),
};
const readers = new Set();
const desk = new Desk(tell);
const records = new Records(facility, desk);
const startedAt = Date.now();

function tell(type, data) {
  for (const reader of readers) reader.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Reads a device anew; true when it has changed. */
function poll(device, now) {
  const profile = profiles.find((p) => p.id === device.profile);
  const at = new Date(now).toISOString();
  const isSilent = facility.silent.has(device.id);
  for (const point of profile?.points ?? []) {
    const leak = point.name === 'main_pressure' && facility.leaking.has(device.id);
    const value = leak ? 0.05 : valueAt(device.id, point, now / 1_000);
    device.points[point.name] = isSilent
      ? { value: null, unit: point.unit, quality: 'missing', reason: 'no_answer', at }
      : { value, unit: point.unit, quality: 'good', reason: null, at };
  }
  if (device.state !== 'out_of_service') device.state = isSilent ? 'offline' : 'ok';
}

function gateway() {
  const all = [...facility.devices.values()];
  const points = all.flatMap((device) => Object.values(device.points));
  const count = (state) => all.filter((device) => device.state === state).length;
  return {
    site: { id: 'huayuan', name: '花园小区', timezone: 'Asia/Shanghai' },
    version: '0.1.0',
    started_at: new Date(startedAt).toISOString(),
    at: new Date().toISOString(),
    points: { total: points.length, good: points.filter((p) => p.quality === 'good').length },
    devices: {
      total: all.length,
      ok: count('ok'),
      degraded: 0,
      offline: count('offline'),
      unknown: 0,
      out_of_service: count('out_of_service'),
    },
    telemetry: {
      destinations: [
        {
          name: 'InfluxDB',
          kind: 'v2',
          state: 'ok',
          pending_bytes: 0,
          last_written_at: new Date().toISOString(),
          refused: {
            lines: 12,
            last_at: new Date(startedAt).toISOString(),
            reason: '400 partial write: field type conflict: input field "level" on measurement "drainage" is type float, already exists as type string',
          },
          error: null,
        },
      ],
      history: { oldest_at: new Date(startedAt).toISOString() },
    },
    mqtt: { state: 'up', away_since: null, published: 412, waiting: 0, reconnects: 1, refused: 0, error: null },
    calendar: { years: [2026], warning: facility.warned ? CALENDAR_WARNING : null },
    journal: { records: 1_204, head: '9f2c41d07be85a6631e0c4b8d2a7f95e13c86b04fd1729ae5c60b3d84e7f1a25' },
    duty_gaps: { role: 'technician', days: 30, items: facility.warned ? DUTY_GAPS : [], more: false },
    on_duty: facility.unwatched
      ? []
      : [
          { person: '张建国', role: 'technician', phone: '13800000001', from: '08:00', to: '20:00' },
          { person: '王海燕', role: 'lead', phone: '13800000003', from: '08:00', to: '20:00' },
        ],
  };
}

function history(device, query) {
  const profile = profiles.find((p) => p.id === device.profile);
  const point = profile.points.find((p) => p.name === query.get('point'));
  const [, n, unit] = /^(\d+)(s|m|h)$/.exec(query.get('every') ?? '1m');
  const everyMs = Number(n) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit];
  const items = [];
  const since = facility.leaking.get(device.id) ?? Infinity;
  const to = Date.parse(query.get('to'));
  for (let at = Date.parse(query.get('from')); at <= to && items.length < 1_000; at += everyMs) {
    const leak = point.name === 'main_pressure' && at >= since;
    const isGap = to - at > 0.3 * 3_600_000 && to - at < 0.4 * 3_600_000 && device.id.endsWith('-2');
    const value = isGap ? null : leak ? 0.05 : valueAt(device.id, point, at / 1_000);
    const isNumber = typeof value === 'number';
    items.push({
      at: new Date(at).toISOString(),
      value,
      min: isNumber ? value * 0.985 : null,
      max: isNumber ? value * 1.015 : null,
      quality: isGap ? 'missing' : 'good',
    });
  }
  return { point: point.name, unit: point.unit, items, clock_steps: [], next: null };
}

function leak(id) {
  facility.leaking.set(id, Date.now());
  desk.raise({
    device: id,
    klass: 'fire_water',
    rule: 'fire-water-pressure-low',
    severity: 'critical',
    standard: 'fire-water',
    summary: { zh: '消防主管压力 0.05 MPa,低于 0.15 MPa', en: 'Fire main at 0.05 MPa, below 0.15 MPa' },
  });
}

/** An early hour the day after tomorrow and a night later, which nobody has taken. */
const DUTY_GAPS = [
  { from: shanghai(2, 7), to: shanghai(2, 8) },
  { from: shanghai(5, 20), to: shanghai(6, 8) },
];

/** So many days from now at an hour of the site's day. */
function shanghai(days, hour) {
  const [day, ahead] = [86_400_000, 8 * 3_600_000];
  const midnight = Math.floor((Date.now() + ahead) / day) * day - ahead;
  return new Date(midnight + days * day + hour * 3_600_000).toISOString();
}

const CALENDAR_WARNING = {
  zh: '工作日历只到 2026-12-31:请在 standard.toml 的 [calendar] 中加入 2027 年的放假与调休安排,此后的期限暂按周末推算',
  en: "The working-day calendar ends on 2026-12-31: add 2027's holidays and make-up days to [calendar] in standard.toml; deadlines past it count weekends only",
};
const list = (items) => ({ items: [...items], next: null });
const rules = [
  {
    id: 'fire-water-pressure-low',
    class: 'fire_water',
    severity: 'critical',
    ticket: 'fire-water',
    points: ['main_pressure'],
    procedure: {
      zh: '# 消防主管压力低\n\n1. 看稳压泵是否运行,控制柜是否在“自动”\n2. 查气压罐与止回阀,听有无漏水声\n3. 关闭漏水段分区阀,通知消防安全责任人\n',
      en: '# Fire main pressure low\n\n1. See whether the jockey pump runs and the cabinet is on "auto"\n2. Check the pressure vessel and the check valve; listen for leaking water\n3. Close the zone valve of the leaking part and tell the person responsible for fire safety\n',
    },
  },
  { id: 'device-silent', class: null, severity: 'medium', ticket: 'general-fault', procedure: null },
];

/** Answers [status, body] for an address of the interface. */
function answer(method, path, query, body) {
  const [resource, id, verb] = path.split('/').map(decodeURIComponent);
  const key = `${method} ${resource}${id === undefined ? '' : '/:'}${verb === undefined ? '' : '/:'}`;
  if (key === 'GET gateway') return [200, gateway()];
  if (key === 'GET profiles') return [200, list(profiles)];
  if (key === 'GET rules') return [200, list(rules)];
  if (key === 'GET devices') return [200, list(facility.devices.values())];
  if (key === 'GET alarms') return [200, list(desk.alarms.values())];
  if (key === 'GET tickets') return [200, list([...desk.tickets.values()].reverse().map((one) => desk.listed(one)))];
  if (key === 'GET planned') return [200, list(plans(desk))];
  if (key === 'GET connections') return [200, list(connections(facility.devices.values()))];
  if (key === 'GET report')
    return [200, report(query.get('day')?.slice(0, 7) ?? query.get('month') ?? query.get('quarter'), facility, desk)];
  if (key === 'GET handovers') return [200, list(records.handovers)];
  if (key === 'POST handovers') return records.handOver(body);
  if (key === 'POST handovers/:/:') return records.confirm(id, body.by);
  const handover = records.handovers.find((one) => one.id === id);
  if (key === 'GET handovers/:' && handover !== undefined) return [200, handover];
  const device = resource === 'devices' ? facility.devices.get(id) : undefined;
  if (device !== undefined) return answerOfDevice(method, device, verb, query, body);
  if (key === 'GET tickets/:' && desk.tickets.has(id)) return [200, desk.tickets.get(id)];
  if (key === 'POST tickets/:/:') return desk.act(id, verb, body);
  if (key === 'POST alarms/:/:') return desk.actOnAlarm(id, verb, body);
  if (key === 'POST tickets')
    return [
      201,
      desk.open({ ...body, severity: 'medium', origin: 'person', summary: { zh: body.summary, en: body.summary } }),
    ];
  return [404, problem(404, 'Not found', `${path} is not there.`)];
}

const WRITES = { nameplate: 'nameplate', replaced: 'replaced', commissioning: 'seen' };

function answerOfDevice(method, device, verb, query, body) {
  if (method === 'POST' && WRITES[verb]) return records.note(device, WRITES[verb], body);
  if (verb === 'history') return [200, history(device, query)];
  if (verb === 'record') return [200, records.record(device)];
  if (verb === 'link') return [200, link(device, facility.silent.has(device.id), (Date.now() - startedAt) / 1_000)];
  return [404, problem(404, 'Not found', `${device.id} has no ${verb}.`)];
}

/** A file's bytes, which are the body, for a ticket or for a device's record. */
async function upload(resource, id, query, request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const bytes = Buffer.concat(parts);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const file = { name: query.get('name'), by: query.get('by'), bytes: bytes.length, sha256 };
  if (resource === 'tickets') return desk.attach(id, file);
  return records.note(facility.devices.get(id), 'document', file);
}

/** The simulator's control: faults come and go. */
function control(method, path) {
  const [, id, , fault] = path.split('/');
  if (method === 'POST') leak(id);
  if (method === 'DELETE' && fault === 'main_leak') {
    facility.leaking.delete(id);
    desk.clear(`${id}.fire-water-pressure-low`);
  }
  return [200, {}];
}

async function page(path, response) {
  const file = path === '/' ? 'index.html' : normalize(path);
  try {
    const content = await readFile(join(DIST, file));
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}

async function bodyOf(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text === '' ? {} : JSON.parse(text);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://mock');
  const send = ([status, body]) =>
    response
      .writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
      .end(JSON.stringify(body));
  if (url.pathname.startsWith('/mock/scene/')) {
    setScene(url.pathname.split('/')[3], facility, desk, records);
    for (const reader of [...readers]) reader.end();
    return send([200, {}]);
  }
  if (url.pathname.startsWith('/devices/')) return send(control(request.method, url.pathname.slice(1)));
  if (!url.pathname.startsWith('/api/v1/')) return page(url.pathname, response);
  if (facility.hushed) return send([503, problem(503, 'Hushed', 'The mock was told to be silent.')]);
  if (url.pathname === '/api/v1/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(':\n\n');
    readers.add(response);
    request.on('close', () => readers.delete(response));
    return undefined;
  }
  const [, resource, id] = /^\/api\/v1\/(\w+)\/([^/]+)\/(?:attachments|documents)$/.exec(url.pathname) ?? [];
  if (id !== undefined) return send(await upload(resource, decodeURIComponent(id), url.searchParams, request));
  return send(answer(request.method, url.pathname.slice('/api/v1/'.length), url.searchParams, await bodyOf(request)));
});

setScene(flags.scene, facility, desk, records);
setInterval(() => {
  for (const device of facility.devices.values()) {
    poll(device, Date.now());
    tell('device', device);
  }
}, 1_000);
setInterval(() => tell('gateway', gateway()), 5_000);
for (const device of facility.devices.values()) poll(device, Date.now());
server.listen(Number(flags.port), '127.0.0.1', () =>
  console.log(`mock gateway: http://127.0.0.1:${flags.port}/  scene: ${flags.scene}`),
);
