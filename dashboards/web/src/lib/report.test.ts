// Tests of how a report's figures are found again.
import { expect, test } from 'vitest';
import type { Figure, Mean, Report, Tally } from '../api/report';
import { figureAt, percentWords, shares, todayWords, wayTo } from './report';

const figure = (...tickets: string[]): Figure => ({ count: tickets.length, tickets });
const mean = (...tickets: string[]): Mean => ({ hours: 1, count: tickets.length, tickets });
const tally = (missed: Figure): Tally => ({
  met: figure(),
  met_after_pause: figure(),
  on_word: figure(),
  missed,
  closed: figure(),
  running: figure(),
  kept_percent: null,
});
const repairs = (failures: Figure) => ({
  failures,
  acknowledge: mean('R'),
  arrive: mean(),
  repair: mean(),
  between_failures: mean(),
});
const text = (zh: string) => ({ zh, en: zh });
const report = {
  deadlines: {
    all: tally(figure('A')),
    by_clock: [],
    by_class: [],
    by_building: [{ key: '1/2号楼', name: text('1/2号楼'), ...tally(figure('B')) }],
    by_person: [{ key: '', name: text('无人接单'), ...tally(figure('C')) }],
  },
  planned: { done: figure('P'), late: figure(), open: figure(), made_up: figure() },
  repairs: { all: repairs(figure('F')), by_class: [{ class: '', name: text('其他'), ...repairs(figure('O')) }] },
  worst_devices: [
    { id: 'a/b', name: '泵', building: '', failures: figure('W'), unavailable_hours: 1, unknown_hours: 0 },
  ],
} as unknown as Report;

test.each([
  [wayTo('deadlines', 'all', 'missed'), ['A'], '时限 · 超时'],
  [wayTo('deadlines', 'by_building', '1/2号楼', 'missed'), ['B'], '时限 · 1/2号楼 · 超时'],
  [wayTo('deadlines', 'by_person', '', 'missed'), ['C'], '时限 · 无人接单 · 超时'],
  [wayTo('planned', 'done'), ['P'], '计划性工作 · 已完成'],
  [wayTo('repairs', 'all', 'failures'), ['F'], '维修 · 故障'],
  [wayTo('repairs', 'all', 'acknowledge'), ['R'], '维修 · 平均接单时间'],
  [wayTo('repairs', 'by_class', '', 'failures'), ['O'], '维修 · 其他 · 故障'],
  [wayTo('worst', 'a/b'), ['W'], '问题最多的设备 · 泵'],
])('the figure at %s is followed to its tickets', (way, tickets, title) => {
  expect(figureAt(report, way, 'zh')).toEqual({ tickets, title });
});

test('a way that leads to no figure is told as such', () => {
  const ways = ['', 'deadlines', 'deadlines/all/kept_percent', 'deadlines/by_class/x/met', 'planned/x', 'worst/x'];
  expect(ways.map((way) => figureAt(report, way, 'en'))).toEqual(ways.map(() => null));
});

test('what was missed by a little is not rounded up to a promise kept', () => {
  expect(percentWords(99.999)).toBe('99.99 %');
  expect(percentWords(99.31)).toBe('99.31 %');
  expect(percentWords(100)).toBe('100 %');
});

test('a day that was mostly not looked at is not called available', () => {
  const day = (available_hours: number, unavailable_hours: number, unknown_hours: number) => ({
    available_hours,
    unavailable_hours,
    unknown_hours,
    availability_percent: (100 * available_hours) / (available_hours + unavailable_hours),
  });
  expect(todayWords(day(9, 1, 2), 'zh')).toBe('今日可用 90.00 %');
  expect(todayWords(day(1, 0, 11), 'zh')).toBeNull();
  expect(todayWords({ ...day(0, 0, 0), availability_percent: null }, 'en')).toBeNull();
  expect(todayWords(undefined, 'en')).toBeNull();
});

test('a time of which nothing has passed has no shares', () => {
  const hours = (a: number, b: number, c: number) => ({ available_hours: a, unavailable_hours: b, unknown_hours: c });
  expect(shares(hours(6, 1, 1))).toEqual({ available: 75, unavailable: 12.5, unknown: 12.5 });
  expect(shares(hours(0, 0, 0))).toEqual({ available: 0, unavailable: 0, unknown: 0 });
});
