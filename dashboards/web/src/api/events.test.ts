// Tests of when the event stream counts as lost.
import { expect, test } from 'vitest';
import { isSilent, waitBefore } from './events';

test('the stream counts as lost after ten seconds of silence, and is tried again soon but not too often', () => {
  expect(isSilent(0, 10_000)).toBe(false);
  expect(isSilent(0, 10_001)).toBe(true);
  expect([0, 1, 2, 9].map(waitBefore)).toEqual([500, 1_000, 2_000, 8_000]);
});
