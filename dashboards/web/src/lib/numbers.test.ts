// Tests of readings in words and digits.
import { expect, test } from 'vitest';
import type { ProfilePoint, Reading } from '../api/types';
import { decimalsOf, readingWords, sizeWords, valueWords } from './numbers';

const point = (part: Partial<ProfilePoint>): ProfilePoint => ({
  name: 'p',
  title: { zh: '', en: '' },
  unit: '',
  kind: 'number',
  range: null,
  labels: {},
  ...part,
});
const pressure = point({ unit: 'MPa', range: [0, 1.6] });
const reading = (part: Partial<Reading>): Reading => ({
  value: 0.42,
  unit: 'MPa',
  quality: 'good',
  reason: null,
  at: null,
  ...part,
});

test.each([
  [0.42, pressure, '0.42'],
  [0.4, pressure, '0.40'],
  [99.6, point({ unit: '%', range: [0, 100] }), '99.6'],
  [386.2, point({ unit: 'V', range: [0, 500] }), '386'],
  [1_284_302.4, point({ unit: 'kWh', range: [0, 4e7] }), '1,284,302'],
  [37, point({ range: [0, 255] }), '37'],
])('%d is shown as the instrument has it', (value, of, words) => {
  expect(valueWords(value, of, 'zh')).toBe(words);
});

test('a value without a range is shown by its own size', () => {
  expect(decimalsOf(undefined, 3.14159)).toBe(2);
  expect(decimalsOf(undefined, 31.4159)).toBe(1);
  expect(decimalsOf(undefined, 314.159)).toBe(0);
});

test('a state is told by its name, a bool as well as a number', () => {
  const running = point({
    kind: 'bool',
    labels: { 0: { zh: '停止', en: 'stopped' }, 1: { zh: '运行', en: 'running' } },
  });
  expect(valueWords(true, running, 'zh')).toBe('运行');
  expect(valueWords(false, running, 'en')).toBe('stopped');
  expect(valueWords(1, running, 'en')).toBe('running');
  expect(valueWords(true, undefined, 'zh')).toBe('是');
});

test('whatever is not good is a dash, and never its last value', () => {
  expect(readingWords(reading({}), pressure, 'zh')).toBe('0.42');
  expect(readingWords(reading({ quality: 'uncertain', value: 7.9 }), pressure, 'zh')).toBe('—');
  expect(readingWords(reading({ quality: 'missing', value: null }), pressure, 'zh')).toBe('—');
  expect(readingWords(undefined, pressure, 'zh')).toBe('—');
});

test('zero is a value, not a dash', () => {
  expect(readingWords(reading({ value: 0 }), pressure, 'zh')).toBe('0.00');
  expect(readingWords(reading({ value: false }), undefined, 'zh')).toBe('否');
});

test('what waits to be sent has a size one can read', () => {
  expect(sizeWords(512)).toBe('512 B');
  expect(sizeWords(48_200)).toBe('48 kB');
  expect(sizeWords(1_250_000)).toBe('1.3 MB');
});
