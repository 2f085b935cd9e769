// Tests of comparing points with instruments.
import { expect, test } from 'vitest';
import type { Seen } from '../api/records';
import type { ProfilePoint, Value } from '../api/types';
import { choicesOf, difference, seenValue, sheetWords } from './commissioning';

const point = (part: Partial<ProfilePoint>): ProfilePoint => ({
  name: 'p',
  title: { zh: '', en: '' },
  unit: 'MPa',
  kind: 'number',
  range: null,
  labels: {},
  ...part,
});
const seen = (live: Value | null, on_site: Value, quality: 'good' | 'missing' = 'good'): Seen => ({
  point: 'p',
  seen: on_site,
  instrument: '',
  live: { value: live, unit: 'MPa', quality, reason: null },
});

test('what was typed becomes the kind of value that the point has', () => {
  expect(seenValue(' 0,42 ', point({}))).toBe(0.42);
  expect(seenValue('0.4x', point({}))).toBeNull();
  expect(seenValue('false', point({ kind: 'bool' }))).toBe(false);
  expect(seenValue('A-1', point({ kind: 'text' }))).toBe('A-1');
  expect(seenValue('  ', point({ kind: 'text' }))).toBeNull();
});

test('a point with named states offers them, others are typed', () => {
  const labels = { 0: { zh: '停止', en: 'stopped' }, 1: { zh: '运行', en: 'running' } };
  expect(choicesOf(point({ labels }), 'zh')).toEqual([
    { value: '0', words: '停止' },
    { value: '1', words: '运行' },
  ]);
  expect(choicesOf(point({ kind: 'bool', labels }), 'en')?.[0]).toEqual({ value: 'true', words: 'running' });
  expect(choicesOf(point({}), 'zh')).toBeNull();
});

test('the difference is that of the values, and none where the gateway had no good one', () => {
  expect(difference(seen(0.43, 0.42))).toBe(0.01);
  expect(difference(seen(0.42, 0.42))).toBe('agrees');
  expect(difference(seen(true, false))).toBe('differs');
  expect(difference(seen(null, 0.42, 'missing'))).toBeNull();
  expect(difference({ ...seen(1, 1), live: null })).toBeNull();
});

test('a reading keeps the digits that were read, and what was not read is a dash', () => {
  expect(sheetWords(0.4, point({}), 'MPa', 'zh')).toBe('0.4 MPa');
  expect(sheetWords(null, point({}), 'MPa', 'zh')).toBe('—');
  expect(sheetWords(true, point({ kind: 'bool' }), '', 'en')).toBe('yes');
});
