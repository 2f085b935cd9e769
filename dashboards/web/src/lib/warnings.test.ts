// Tests of what people are reminded of.
import { expect, test } from 'vitest';
import type { Gateway } from '../api/types';
import { reminderWords, warningsOf } from './warnings';

const gateway = (part: Partial<Gateway>): Gateway =>
  ({ on_duty: [{ person: '张建国', phone: '' }], ...part }) as Gateway;

test('an hour without anybody on duty and a calendar that runs out are told, and nothing else', () => {
  expect(warningsOf(null)).toEqual([]);
  expect(warningsOf(gateway({ calendar: { years: [2026], warning: null } }))).toEqual([]);
  const warning = { zh: '工作日历只到 2026-12-31', en: 'The calendar ends on 2026-12-31' };
  const told = warningsOf(gateway({ on_duty: [], calendar: { years: [2026], warning } }));
  expect(told.map((text) => text.zh.slice(0, 5))).toEqual(['现在没有人', '工作日历只']);
});

const items = [{ from: '2026-11-25T07:00:00+08:00', to: '2026-11-25T08:00:00+08:00' }];
const gap: Partial<Gateway> = {
  at: '2026-11-24T14:32:07+08:00',
  site: { id: 's', name: '花园小区', timezone: 'Asia/Shanghai' },
  duty_gaps: { role: 'technician', days: 30, items, more: false },
};

test('a time to come without anybody on duty is told', () => {
  const told = warningsOf(gateway(gap));
  expect(told.map((text) => text.en.slice(0, 24))).toEqual(['No technician is on duty']);
});

test('the bottom line has the one reminder that there is, or how many there are', () => {
  const calendar = { years: [2026], warning: { zh: '…', en: '…' } };
  expect(reminderWords(gateway({}), 'zh')).toBeNull();
  expect(reminderWords(gateway({ calendar }), 'zh')).toBe('工作日历将到期');
  expect(reminderWords(gateway(gap), 'en')).toBe('Nobody on duty 25 Nov 07:00');
  expect(reminderWords(gateway({ ...gap, calendar }), 'en')).toBe('2 reminders');
});
