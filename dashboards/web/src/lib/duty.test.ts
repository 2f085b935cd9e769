// Tests of how the times without anybody on duty are told.
import { expect, test } from 'vitest';
import type { DutyGaps, Gateway } from '../api/types';
import { gapsWords, nextGapWords } from './duty';

const gateway = (items: DutyGaps['items'], more = false): Gateway =>
  ({
    at: '2026-11-24T14:32:07+08:00',
    site: { id: 's', name: '花园小区', timezone: 'Asia/Shanghai' },
    on_duty: [],
    duty_gaps: { role: 'technician', days: 30, items, more },
  }) as unknown as Gateway;
const hour = (day: number) => ({ from: `2026-11-${day}T07:00:00+08:00`, to: `2026-11-${day}T08:00:00+08:00` });

test('a gap has its day, its hours and its role, in both languages', () => {
  expect(gapsWords(gateway([hour(25)]), 'zh')).toBe(
    '11月25日 周三 07:00–08:00 没有技术员值班:请在 roster.csv 里安排人。',
  );
  expect(gapsWords(gateway([hour(25)]), 'en')).toBe(
    'No technician is on duty Wed 25 Nov 07:00–08:00: give this time to somebody in roster.csv.',
  );
});

test('three are named and the others are said to be there', () => {
  const three = [hour(25), hour(26), hour(27)];
  expect(gapsWords(gateway(three), 'zh')).toContain('07:00–08:00、11月26日');
  expect(gapsWords(gateway(three), 'zh')).not.toContain('等');
  expect(gapsWords(gateway([...three, hour(28)]), 'zh')).toContain('11月27日 周五 07:00–08:00 等 没有');
  expect(gapsWords(gateway(three, true), 'en')).toContain('Fri 27 Nov 07:00–08:00 and later');
});

test('one that is on lasts from now, one over days names both, and one without an end says so', () => {
  const told = (from: string, to: string | null) => gapsWords(gateway([{ from, to }]), 'en');
  expect(told('2026-11-24T14:32:00+08:00', '2026-11-24T20:00:00+08:00')).toContain('from now to 20:00');
  expect(told('2026-11-28T08:00:00+08:00', '2026-11-30T00:00:00+08:00')).toContain('Sat 28 Nov 08:00–29 Nov 24:00');
  expect(told('2026-12-01T00:00:00+08:00', null)).toContain('from Tue 1 Dec 00:00 on');
  expect(told('2026-11-24T14:32:00+08:00', null)).toContain('on duty from now on');
});

test('the status bar tells the next one that is to come, and nothing where there is none', () => {
  expect(nextGapWords(gateway([hour(25)]), 'zh')).toBe('11月25日 07:00 无人值班');
  expect(nextGapWords(gateway([]), 'zh')).toBeNull();
  expect(gapsWords(gateway([]), 'zh')).toBeNull();
  const on = { from: '2026-11-24T14:32:00+08:00', to: '2026-11-24T20:00:00+08:00' };
  expect(nextGapWords(gateway([on, hour(26)]), 'en')).toBe('Nobody on duty 26 Nov 07:00');
});
