// Tests of turning history into what a chart draws.
import { expect, test } from 'vitest';
import type { HistoryItem } from '../api/types';
import { clockStepWords, sparkPath, toTrend, valueRange } from './trend';

const item = (second: number, value: number | null, quality: HistoryItem['quality'] = 'good'): HistoryItem => ({
  at: new Date(second * 1_000).toISOString(),
  value,
  min: null,
  max: null,
  quality,
});

test('what was not good is a gap in the trend, whatever value it carries', () => {
  const [, values] = toTrend([item(0, 1), item(15, 9, 'uncertain'), item(30, null, 'missing'), item(45, 2)], 15_000);
  expect(values).toEqual([1, null, null, 2]);
});

test('a stretch that nobody recorded is a gap too, and a slow point is not', () => {
  expect(toTrend([item(0, 1), item(600, 2)], 15_000)[1]).toEqual([1, null, 2]);
  expect(toTrend([item(0, 1), item(10, 2)], 1_000)[1]).toEqual([1, 2]);
});

test('history is drawn oldest first, whichever way it comes', () => {
  expect(toTrend([item(30, 3), item(15, 2), item(0, 1)], 15_000)[0]).toEqual([0, 15, 30]);
});

test('a small line breaks at a gap', () => {
  const path = sparkPath(toTrend([item(0, 1), item(1, 2), item(2, null, 'missing'), item(3, 2)], 1_000), 30, 10);
  expect(path.match(/M/g)).toHaveLength(2);
});

test('a flat line has room around it, and a quiet one stays quiet', () => {
  const flat = toTrend([item(0, 5), item(1, 5)], 1_000);
  expect(valueRange(flat)).toEqual([4.75, 5.25]);
  const [low, high] = valueRange(toTrend([item(0, 0.41), item(1, 0.42)], 1_000), 0.24);
  expect(high - low).toBeGreaterThan(0.2);
});

test('times of a clock that was set later are told with by how much', () => {
  const step = { since: '2026-11-24T10:00:00Z', until: '2026-11-24T10:42:00Z', seconds: -28_800 };
  const now = Date.parse('2026-11-24T12:00:00Z');
  expect(clockStepWords(step, now, 'UTC', 'zh')).toBe(
    '10:00:00 至 10:42:00 的时间不可靠：系统时钟后来被拨慢 8 小时',
  );
  expect(clockStepWords({ ...step, seconds: 300 }, now, 'UTC', 'en')).toBe(
    "Times from 10:00:00 to 10:42:00 are doubtful: the system's clock was then set forward by 5 min",
  );
});
