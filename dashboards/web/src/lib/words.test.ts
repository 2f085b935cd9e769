// Tests of the page's words.
import { expect, test } from 'vitest';
import { reasonWords, say, words } from './words';

test('every word has both languages', () => {
  for (const [name, text] of Object.entries(words)) {
    expect(text.zh, name).not.toBe('');
    expect(text.en, name).not.toBe('');
  }
  expect(say('en', 'device_count', { n: 3 })).toBe('3 devices');
});

test('a reason is told in words, and one that is unknown here as the gateway says it', () => {
  expect(reasonWords('no_answer', 'zh')).toBe('无应答');
  expect(reasonWords('refused_2', 'en')).toBe('refused by the device (2)');
  expect(reasonWords('stuck', 'en')).toBe('stuck');
});
