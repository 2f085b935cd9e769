// Tests of what people are reminded of.
import { expect, test } from 'vitest';
import type { Gateway } from '../api/types';
import { warningsOf } from './warnings';

const gateway = (part: Partial<Gateway>): Gateway =>
  ({ on_duty: [{ person: '张建国', phone: '' }], ...part }) as Gateway;

test('an hour without anybody on duty and a calendar that runs out are told, and nothing else', () => {
  expect(warningsOf(null)).toEqual([]);
  expect(warningsOf(gateway({ calendar: { years: [2026], warning: null } }))).toEqual([]);
  const warning = { zh: '工作日历只到 2026-12-31', en: 'The calendar ends on 2026-12-31' };
  const told = warningsOf(gateway({ on_duty: [], calendar: { years: [2026], warning } }));
  expect(told.map((text) => text.zh.slice(0, 5))).toEqual(['现在没有人', '工作日历只']);
});
