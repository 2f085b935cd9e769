// Tests of the page's words.
import { expect, test } from 'vitest';
import { parts, say, words } from './words';

test('every word has both languages', () => {
  for (const [name, text] of Object.entries(words)) {
    expect(text.zh, name).not.toBe('');
    expect(text.en, name).not.toBe('');
  }
  expect(say('en', 'device_count', { n: 3 })).toBe('3 devices');
  expect(say('en', 'n_tickets', { n: 1 })).toBe('1 ticket');
  expect(say('en', 'n_tickets', { n: 0 })).toBe('0 tickets');
});

test('a word stands in one file only, so that none hides another', () => {
  const names = Object.values(parts).flatMap((part) => Object.keys(part));
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
