// A stand-in for the gateway and the simulator's control, to work on the page without either: node mock/server.mjs [--scene NAME] [--port N]
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Desk, problem } from './desk.mjs';
import { valueAt } from './plant.mjs';
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
          error: null,
        },
      ],
      history: { oldest_at: new Date(startedAt).toISOString() },
    },
    on_duty: [{ person: '张建国', phone: '13800000001' }],
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
  return { point: point.name, unit: point.unit, items, next: null };
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
  if (key === 'GET tickets') return [200, list([...desk.tickets.values()].reverse())];
  if (key === 'GET devices/:/:' && facility.devices.has(id)) return [200, history(facility.devices.get(id), query)];
  if (key === 'GET tickets/:' && desk.tickets.has(id)) return [200, desk.tickets.get(id)];
  if (key === 'POST tickets/:/:') return desk.act(id, verb, body);
  if (key === 'POST alarms/:/:') return [200, desk.acknowledge(id)];
  if (key === 'POST tickets')
    return [
      201,
      desk.open({ ...body, severity: 'medium', origin: 'person', summary: { zh: body.summary, en: body.summary } }),
    ];
  return [404, problem(404, 'Not found', `${path} is not there.`)];
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
    setScene(url.pathname.split('/')[3], facility, desk);
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
  return send(answer(request.method, url.pathname.slice('/api/v1/'.length), url.searchParams, await bodyOf(request)));
});

setScene(flags.scene, facility, desk);
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
