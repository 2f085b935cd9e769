// Tests of what a subsystem says of itself at a glance.
import { expect, test } from 'vitest';
import type { Alarm, Device, DeviceState, Reading, Value } from '../api/types';
import { subsystems, type Subsystem } from './subsystem';

const reading = (value: Value | null): Reading => ({
  value,
  unit: '',
  quality: value === null ? 'missing' : 'good',
  reason: value === null ? 'no_answer' : null,
  at: null,
});

const device = (
  id: string,
  klass: string,
  points: Record<string, Value | null>,
  state: DeviceState = 'ok',
): Device => ({
  id,
  name: id,
  class: klass,
  profile: 'p',
  connection: 'c',
  building: '',
  location: '',
  state,
  points: Object.fromEntries(Object.entries(points).map(([name, value]) => [name, reading(value)])),
});

const alarm = (part: Partial<Alarm>): Alarm => ({
  id: `${part.device}:rule`,
  rule: 'rule',
  device: null,
  class: null,
  severity: 'high',
  condition: 'active',
  state: 'active_unacked',
  since: '2026-11-24T06:00:00Z',
  ticket: null,
  summary: { zh: '', en: '' },
  ...part,
});

const only = (devices: Device[], alarms: Alarm[] = []): Subsystem => {
  const [first] = subsystems(devices, alarms, new Map());
  if (first === undefined) throw new Error('a subsystem was expected');
  return first;
};

test('elevators are counted by how many are in service', () => {
  const figure = only([
    device('e1', 'elevator', { in_service: true }),
    device('e2', 'elevator', { in_service: false }),
  ]).figure;
  expect(figure).toEqual({ kind: 'of', count: 1, total: 2, words: 'running' });
});

test('an elevator with trapped passengers does not count as running, whatever it says of itself', () => {
  const cars = [device('e1', 'elevator', { in_service: true }), device('e2', 'elevator', { in_service: true })];
  expect(only(cars, [alarm({ device: 'e2', severity: 'critical' })]).figure).toMatchObject({ count: 1, total: 2 });
  expect(only(cars, [alarm({ device: 'e2', severity: 'low' })]).figure).toMatchObject({ count: 2, total: 2 });
});

test('a count is unknown when one of those counted is not seen', () => {
  const all = only([
    device('e1', 'elevator', { in_service: true }),
    device('e2', 'elevator', { in_service: null }, 'offline'),
  ]);
  expect(all.figure).toEqual({ kind: 'unknown' });
  expect(all.unseen.map((d) => d.id)).toEqual(['e2']);
});

test('the value shown is that of the device with the worst alarm', () => {
  const devices = [
    device('m1', 'fire_water', { main_pressure: 0.42 }),
    device('m2', 'fire_water', { main_pressure: 0.05 }),
  ];
  const calm = only(devices).figure;
  const alarmed = only(devices, [alarm({ device: 'm2', severity: 'critical' })]).figure;
  expect(calm.kind === 'value' && calm.device.id).toBe('m1');
  expect(alarmed.kind === 'value' && alarmed.device.id).toBe('m2');
});

test('lamps are counted only on circuits that are switched on', () => {
  const on = device('c1', 'lighting', { commanded_on: true, lamps_lit: 22, lamps_total: 24 });
  const off = device('c2', 'lighting', { commanded_on: false, lamps_lit: 0, lamps_total: 10 });
  expect(only([on, off]).figure).toEqual({ kind: 'of', count: 22, total: 24, words: 'lit' });
  expect(only([off]).figure).toEqual({ kind: 'dark', total: 1 });
});

test('a sump with a standing alarm is not counted as normal, one whose alarm is over is', () => {
  const sumps = [device('s1', 'drainage', {}), device('s2', 'drainage', {})];
  expect(only(sumps, [alarm({ device: 's1' })]).figure).toMatchObject({ count: 1, total: 2 });
  const over = only(sumps, [alarm({ device: 's1', state: 'returned_unacked', condition: 'clear' })]);
  expect(over.figure).toMatchObject({ count: 2 });
  expect(over.returned).toBe(1);
  expect(over.worst).toBeNull();
});

test('a device out of service is neither counted nor missed', () => {
  const all = only([device('s1', 'drainage', {}), device('s2', 'drainage', {}, 'out_of_service')]);
  expect(all).toMatchObject({ total: 1, outOfService: 1, unseen: [], figure: { count: 1, total: 1 } });
});

test('subsystems come in the order of the standard, a site’s own ones last', () => {
  const names = subsystems(
    [device('x', 'heating', {}), device('e', 'elevator', {}), device('f', 'fire_water', {})],
    [],
    new Map(),
  ).map((s) => s.class);
  expect(names).toEqual(['fire_water', 'elevator', 'heating']);
});
