// Tests of time in words.
import { expect, test } from 'vitest';
import {
  ageWords,
  dayWords,
  dueWords,
  durationWords,
  momentWords,
  monthWords,
  shareUsed,
  shortTime,
  targetWords,
  timeLeft,
  timeOfDay,
} from './time';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ZONE = 'Asia/Shanghai';
/** 14:32:07 in Shanghai, on a Tuesday. */
const NOW = Date.parse('2026-11-24T14:32:07+08:00');

test.each([
  [16 * MINUTE + 48_000, '16:48', ''],
  [59 * MINUTE + 59_000, '59:59', ''],
  [HOUR, '1:00', '小时'],
  [5 * HOUR + 12 * MINUTE, '5:12', '小时'],
  [23 * HOUR + 59 * MINUTE, '23:59', '小时'],
  [DAY, '1', '天'],
  [6 * DAY + 20 * HOUR, '6', '天'],
])('a clock with %d ms left shows %s %s', (left, figure, unit) => {
  expect(timeLeft(left, 'zh')).toEqual({ figure, unit, overdue: false });
});

test('a clock counts its last started second until it is really over', () => {
  expect(timeLeft(1, 'zh').figure).toBe('0:01');
  expect(timeLeft(0, 'zh')).toEqual({ figure: '0:00', unit: '', overdue: false });
});

test('past due it counts up with a minus', () => {
  expect(timeLeft(-3 * MINUTE - 12_000, 'zh')).toEqual({ figure: '−3:12', unit: '', overdue: true });
  expect(timeLeft(-2 * DAY, 'en')).toEqual({ figure: '−2', unit: 'days', overdue: true });
});

test('English units are its own', () => {
  expect(timeLeft(5 * HOUR, 'en').unit).toBe('h');
  expect(timeLeft(DAY, 'en').unit).toBe('day');
});

test('the used share of a clock stays between nothing and all', () => {
  expect(shareUsed(0, 100, 25)).toBe(0.25);
  expect(shareUsed(0, 100, -5)).toBe(0);
  expect(shareUsed(0, 100, 500)).toBe(1);
  expect(shareUsed(100, 100, 100)).toBe(1);
});

test('times are those of the site, wherever the reader is', () => {
  expect(timeOfDay(NOW, ZONE, 'zh')).toBe('14:32:07');
  expect(timeOfDay(NOW, 'Europe/London', 'en')).toBe('06:32:07');
  expect(shortTime(Date.parse('2026-11-24T00:05:00+08:00'), ZONE, 'zh')).toBe('00:05');
});

test('a day is written as people of that language write it', () => {
  expect(dayWords(NOW, ZONE, 'zh')).toBe('11月24日 周二');
  expect(dayWords(NOW, ZONE, 'en')).toBe('Tue 24 Nov');
});

test('a moment of another day carries its date', () => {
  expect(momentWords(NOW - HOUR, NOW, ZONE, 'zh')).toBe('13:32:07');
  expect(momentWords(NOW - DAY, NOW, ZONE, 'zh')).toBe('11月23日 14:32');
  expect(momentWords(NOW - 365 * DAY, NOW, ZONE, 'en')).toBe('24 Nov 14:32');
});

test.each([
  [-400, '0 秒前'],
  [1_000, '1 秒前'],
  [5 * MINUTE, '5 分钟前'],
  [3 * HOUR, '3 小时前'],
  [9 * DAY, '9 天前'],
])('an age of %d ms is %s', (age, words) => {
  expect(ageWords(age, 'zh')).toBe(words);
});

test('a target is told as the standard means it, and an unknown one as it is', () => {
  expect(targetWords('30m', 'zh')).toBe('30 分钟');
  expect(targetWords('5wd', 'zh')).toBe('5 个工作日');
  expect(targetWords('5wd', 'en')).toBe('5 working days');
  expect(targetWords('soon', 'en')).toBe('soon');
});

test('how long something took is told in minutes, hours or days', () => {
  expect([0, 0.002].map((hours) => durationWords(hours, 'zh'))).toEqual(['0 分钟', '8 秒']);
  expect(durationWords(0.2, 'zh')).toBe('12 分钟');
  expect(durationWords(3.44, 'en')).toBe('3.4 h');
  expect(durationWords(125, 'zh')).toBe('5.2 天');
});

test('a month has its name', () => {
  expect(monthWords(2026, 11, 'zh')).toBe('2026年11月');
  expect(monthWords(2026, 2, 'en')).toBe('February 2026');
});

test('what is due at the end of a day is due at 24:00 of it', () => {
  const now = Date.parse('2026-11-24T06:32:07Z');
  expect(dueWords(Date.parse('2026-11-30T16:00:00Z'), now, 'Asia/Shanghai', 'zh')).toBe('11月30日 24:00');
  expect(dueWords(Date.parse('2026-11-24T16:00:00Z'), now, 'Asia/Shanghai', 'en')).toBe('24:00');
  expect(dueWords(Date.parse('2026-11-24T16:00:01Z'), now, 'Asia/Shanghai', 'en')).toBe('25 Nov 00:00');
});
