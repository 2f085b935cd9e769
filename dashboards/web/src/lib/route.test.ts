// Tests of which page an address means.
import { expect, test } from 'vitest';
import { parseRoute, toDevice } from './route';

test.each([
  ['', 'wall', ''],
  ['#/', 'wall', ''],
  ['#/devices', 'devices', ''],
  ['#/devices/fire-main-1', 'device', 'fire-main-1'],
  ['#/tickets/T%2F1', 'ticket', 'T/1'],
  ['#/alarms', 'alarms', ''],
  ['#/devices/a/b', 'nowhere', 'a'],
  ['#/elsewhere', 'nowhere', ''],
  ['#/devices/%E0%A4', 'device', '%E0%A4'],
])('the address %s is the page %s', (hash, view, id) => {
  expect(parseRoute(hash)).toMatchObject({ view, id });
});

test('a list may be narrowed in its address, and an id survives the way there and back', () => {
  expect(parseRoute('#/devices?class=elevator').query.get('class')).toBe('elevator');
  expect(parseRoute(toDevice('a/b ü')).id).toBe('a/b ü');
});
