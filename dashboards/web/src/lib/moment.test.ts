// Tests of moments in a form's field.
import { expect, test } from 'vitest';
import { dayOf, daysBetween, fromField, toField } from './moment';

const at = Date.parse('2026-11-24T06:32:07Z');

test("a field is written and read in the site's zone, not the browser's", () => {
  expect(toField(at, 'Asia/Shanghai')).toBe('2026-11-24T14:32');
  expect(fromField('2026-11-24T14:32', 'Asia/Shanghai')).toBe(Date.parse('2026-11-24T06:32:00Z'));
  expect(fromField('2026-11-24T00:00', 'America/St_Johns')).toBe(Date.parse('2026-11-24T03:30:00Z'));
  expect(fromField('', 'Asia/Shanghai')).toBeNull();
});

test('the hours beside a change of the clocks are read with the right offset', () => {
  for (const moment of ['2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z', '2026-10-25T02:30:00Z']) {
    const field = toField(Date.parse(moment), 'Europe/Berlin');
    expect(fromField(field, 'Europe/Berlin'), moment).toBe(Date.parse(moment));
  }
});

test('days are counted by the calendar, not by hours', () => {
  expect(dayOf(Date.parse('2026-11-24T16:30:00Z'), 'Asia/Shanghai')).toBe('2026-11-25');
  expect(daysBetween('2026-11-24', '2026-11-30')).toBe(6);
  expect(daysBetween('2026-12-01', '2026-11-30')).toBe(-1);
});
