// Tests of which alarm comes first, and which is announced.
import { expect, test } from 'vitest';
import type { Alarm, AlarmState } from '../api/types';
import { actionFor, asideActions, inOrder, newlyStanding } from './alarms';

const alarm = (id: string, state: AlarmState, severity: Alarm['severity'] = 'high'): Alarm => ({
  id,
  rule: 'r',
  device: null,
  class: null,
  severity,
  condition: 'active',
  state,
  since: '2026-11-24T06:00:00Z',
  ticket: null,
  summary: { zh: '', en: '' },
});

test('standing alarms come before those that are over, the worst of them first', () => {
  const alarms = [
    alarm('a', 'returned_unacked', 'critical'),
    alarm('b', 'active_acked', 'low'),
    alarm('c', 'latched', 'high'),
  ];
  expect(inOrder(alarms).map((a) => a.id)).toEqual(['c', 'b', 'a']);
});

test('only an alarm that did not stand before is announced', () => {
  const before = new Map([
    ['a', alarm('a', 'active_unacked')],
    ['b', alarm('b', 'returned_unacked')],
  ]);
  const after = [
    alarm('a', 'active_acked'),
    alarm('b', 'active_unacked'),
    alarm('c', 'active_unacked'),
    alarm('d', 'shelved'),
  ];
  expect(newlyStanding(before, after).map((a) => a.id)).toEqual(['b', 'c']);
});

test('each state has the one action that a person can take, or none', () => {
  expect(actionFor('active_unacked')).toBe('acknowledge');
  expect(actionFor('returned_unacked')).toBe('acknowledge');
  expect(actionFor('latched')).toBe('reset');
  expect(actionFor('active_acked')).toBeNull();
});

test('an alarm out of service is put back before anything else, a shelved one may still be taken out', () => {
  expect(asideActions('active_unacked')).toEqual(['shelve', 'out-of-service']);
  expect(asideActions('shelved')).toEqual(['out-of-service']);
  expect(asideActions('out_of_service')).toEqual([]);
});
