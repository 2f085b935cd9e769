// Tests of which rows a fault may be reported under.
import { expect, test } from 'vitest';
import { rowsFor } from './standard';
import { STANDARDS } from './terms';

test("a device's fault takes its class's row, and any of them may be urgent", () => {
  expect(rowsFor('elevator')[0]).toBe('elevator');
  expect(rowsFor('lightning')[0]).toBe('general-fault');
  for (const name of ['elevator', 'lightning', 'of-its-own']) expect(rowsFor(name)).toContain('urgent-repair');
});

test('without a device every row but planned work can be chosen, a repair report first', () => {
  expect(rowsFor(null)[0]).toBe('repair-report');
  expect([...rowsFor(null)].sort()).toEqual([...STANDARDS].sort());
});
