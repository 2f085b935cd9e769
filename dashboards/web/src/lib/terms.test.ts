// Tests of the facility's terms.
import { expect, test } from 'vitest';
import { reasonWords } from './terms';

test('a reason is told in words, and one that is unknown here as the gateway says it', () => {
  expect(reasonWords('no_answer', 'zh')).toBe('无应答');
  expect(reasonWords('refused_2', 'en')).toBe('refused by the device (2)');
  expect(reasonWords('stuck', 'en')).toBe('stuck');
});
