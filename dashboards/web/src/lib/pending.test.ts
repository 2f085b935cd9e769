// Tests of what is kept of many events between two drawings.
import { expect, test } from 'vitest';
import type { Alarm, AlarmState, Device } from '../api/types';
import { mergedAlarms, Pending } from './pending';

const alarm = (id: string, state: AlarmState): Alarm => ({
  id,
  rule: 'r',
  device: null,
  class: null,
  severity: 'high',
  condition: 'active',
  state,
  since: '2026-11-24T06:00:00Z',
  ticket: null,
  summary: { zh: '', en: '' },
});

test('an alarm that is normal again leaves, and nothing new draws nothing', () => {
  const old = new Map([['a', alarm('a', 'active_acked')]]);
  expect(mergedAlarms(old, new Map([['a', alarm('a', 'normal')]])).size).toBe(0);
  expect(mergedAlarms(old, new Map())).toBe(old);
});

test('of many events of one device only the newest is kept', () => {
  const pending = new Pending();
  for (const name of ['old', 'new']) pending.take('device', { id: 'd', name } as Device);
  expect([...pending.devices.values()].map((d) => d.name)).toEqual(['new']);
});
