// Tests of a report's month or quarter.
import { expect, test } from 'vitest';
import { asKind, parsePeriod, periodOf, periodWords, shifted } from './period';

test('the present period is that of the site, not of UTC', () => {
  const at = Date.parse('2026-09-30T16:30:00Z');
  expect(periodOf(at, 'Asia/Shanghai', 'month')).toBe('2026-10');
  expect(periodOf(at, 'Asia/Shanghai', 'quarter')).toBe('2026-Q4');
});

test('one goes from period to period over the year', () => {
  expect(shifted('2026-12', 1)).toBe('2027-01');
  expect(shifted('2026-01', -1)).toBe('2025-12');
  expect(shifted('2026-Q1', -1)).toBe('2025-Q4');
});

test('a month leads to its quarter, and a quarter to its last month that has begun', () => {
  expect(asKind('2026-11', 'quarter', '2026-Q4')).toBe('2026-Q4');
  expect(asKind('2026-Q3', 'month', '2026-11')).toBe('2026-09');
  expect(asKind('2026-Q4', 'month', '2026-11')).toBe('2026-11');
});

test('what is no period is not taken for one', () => {
  expect(['2026-13', '2026-Q5', '2026', 'Q4'].map(parsePeriod)).toEqual([null, null, null, null]);
  expect(periodWords('2026-Q4', 'zh')).toBe('2026年第4季度');
});
