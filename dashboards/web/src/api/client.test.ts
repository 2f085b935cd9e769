// Tests of reading what the gateway says when it refuses.
import { expect, test } from 'vitest';
import { problemText } from './client';

test('a problem is told by its detail, or its title, or not at all', () => {
  expect(problemText({ title: 'Conflict', detail: 'The alarm is active.' })).toBe('The alarm is active.');
  expect(problemText({ title: 'Conflict' })).toBe('Conflict');
  expect(problemText(null)).toBe('');
});
