// Tests of what is said of a device's link.
import { expect, test } from 'vitest';
import { learntWords, msWords, rangeWords } from './link';

test('a device that answers as its profile says has taught nothing', () => {
  const nothing = { refused: [], not_read_across: [], most_registers: null, most_bits: null, pause_ms: 0 };
  expect(learntWords(nothing, 'zh')).toEqual([]);
});

test('each thing learnt is told with its registers, so that the profile can be mended', () => {
  const learnt = {
    refused: [{ table: 'holding', first: 40, count: 8, exception: 2 } as const],
    not_read_across: [{ table: 'input', before: 48 } as const],
    most_registers: 32,
    most_bits: null,
    pause_ms: 20,
  };
  expect(learntWords(learnt, 'en')).toEqual([
    'holding 40–47 is refused (exception 2) and left out',
    'input: never read across 48 in one request',
    'at most 32 registers a request',
    'needs 20 ms between requests',
  ]);
});

test('a single register is no range, and answers are told to the tenth of a millisecond while that matters', () => {
  expect(rangeWords(7, 1)).toBe('7');
  expect([3.412, 212.4].map(msWords)).toEqual(['3.4 ms', '212 ms']);
});
