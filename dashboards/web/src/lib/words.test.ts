// Tests of the page's words.
import { expect, test } from 'vitest';
import { say, words } from './words';

test('every word has both languages', () => {
  for (const [name, text] of Object.entries(words)) {
    expect(text.zh, name).not.toBe('');
    expect(text.en, name).not.toBe('');
  }
  expect(say('en', 'device_count', { n: 3 })).toBe('3 devices');
});
