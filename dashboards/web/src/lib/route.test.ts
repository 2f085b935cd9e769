// Tests of which page an address means.
import { expect, test } from 'vitest';
import { parseRoute, toDevice, toReport } from './route';

test.each([
  ['', 'wall', ''],
  ['#/', 'wall', ''],
  ['#/devices', 'devices', ''],
  ['#/devices/fire-main-1', 'device', 'fire-main-1'],
  ['#/tickets/T%2F1', 'ticket', 'T/1'],
  ['#/alarms', 'alarms', ''],
  ['#/devices/a/b', 'nowhere', 'a'],
  ['#/devices/a/link', 'device', 'a'],
  ['#/devices/a/link/b', 'nowhere', 'a'],
  ['#/tickets/a/link', 'nowhere', 'a'],
  ['#/handovers', 'handovers', ''],
  ['#/handovers/H-000012', 'handover', 'H-000012'],
  ['#/report', 'report-fault', ''],
  ['#/report/x', 'nowhere', 'x'],
  ['#/elsewhere', 'nowhere', ''],
  ['#/devices/%E0%A4', 'device', '%E0%A4'],
])('the address %s is the page %s', (hash, view, id) => {
  expect(parseRoute(hash)).toMatchObject({ view, id });
});

test('a list may be narrowed in its address, and an id survives the way there and back', () => {
  expect(parseRoute('#/devices?class=elevator').query.get('class')).toBe('elevator');
  expect(parseRoute(toDevice('a/b ü')).id).toBe('a/b ü');
});

test("a device's page has sides, and without one in the address it shows what is now", () => {
  expect(parseRoute('#/devices/a').side).toBe('now');
  expect(parseRoute(toDevice('a/b', 'sheet'))).toMatchObject({ id: 'a/b', side: 'sheet' });
  expect(toDevice('a')).toBe('#/devices/a');
});

test('a figure of a report has an address of its own', () => {
  const { view, query } = parseRoute(toReport('2026-Q4', 'deadlines.all.missed'));
  expect([view, query.get('period'), query.get('behind')]).toEqual([
    'service-report',
    '2026-Q4',
    'deadlines.all.missed',
  ]);
});
