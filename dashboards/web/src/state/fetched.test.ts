// Tests of what a view shows of something that it fetches for itself.
import { expect, test } from 'vitest';
import { Refusal } from '../api/client';
import { Fetched } from './fetched.svelte';

/** An answer that comes when it is told to. */
function later<T>(): { answer: Promise<T>; give: (value: T) => void } {
  let give: (value: T) => void = () => undefined;
  const answer = new Promise<T>((resolve) => (give = resolve));
  return { answer, give };
}

test('an answer to an earlier question never replaces that to a later one', async () => {
  const fetched = new Fetched<string>();
  const [first, second] = [later<string>(), later<string>()];
  const asked = [fetched.load(() => first.answer), fetched.load(() => second.answer)];
  second.give('December');
  await asked[1];
  first.give('November');
  await asked[0];
  expect(fetched.value).toBe('December');
});

test('what an action answered is newer than a question asked before it', async () => {
  const fetched = new Fetched<string>();
  const slow = later<string>();
  const asked = fetched.load(() => slow.answer);
  fetched.take('confirmed');
  slow.give('open');
  await asked;
  expect(fetched.value).toBe('confirmed');
});

test('a refusal is told beside what was known, and the next answer clears it', async () => {
  const fetched = new Fetched<string>();
  fetched.take('known');
  await fetched.load(() => Promise.reject(new Refusal(503, 'busy')));
  expect([fetched.value, fetched.refusal?.status]).toEqual(['known', 503]);
  await fetched.load(() => Promise.resolve('news'));
  expect([fetched.value, fetched.refusal]).toEqual(['news', null]);
});
