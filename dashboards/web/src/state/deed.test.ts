// Tests of what a person asks of the gateway.
import { beforeEach, expect, test, vi } from 'vitest';
import { Refusal } from '../api/client';
import { Deed } from './deed.svelte';

const { settings } = vi.hoisted(() => ({ settings: { person: '' } }));
vi.mock('./settings.svelte', () => ({ settings }));

beforeEach(() => (settings.person = '张建国'));

test('without a name nothing is asked of the gateway until the name is given, and then it is', async () => {
  settings.person = '';
  const deed = new Deed();
  const asked: string[] = [];
  await deed.do((by) => Promise.resolve(void asked.push(by)));
  expect([deed.isAsking, asked]).toEqual([true, []]);
  settings.person = '李志强';
  deed.named();
  await Promise.resolve();
  expect([deed.isAsking, asked]).toEqual([false, ['李志强']]);
  deed.named();
  expect(asked).toEqual(['李志强']);
});

test('pressing twice asks once', async () => {
  const deed = new Deed();
  let count = 0;
  let finish: () => void = () => undefined;
  const ask = (): Promise<void> => {
    count += 1;
    return new Promise((resolve) => (finish = resolve));
  };
  const first = deed.do(ask);
  await deed.do(ask);
  expect([count, deed.isSending]).toEqual([1, true]);
  finish();
  await first;
  expect(deed.isSending).toBe(false);
});

test('what was refused stays to be read until the next try', async () => {
  const deed = new Deed();
  await deed.do(() => Promise.reject(new Refusal(409, 'it is closed')));
  expect([deed.refusal?.status, deed.isSending]).toEqual([409, false]);
  await deed.do(() => Promise.reject(new Error('the network')));
  expect(deed.refusal?.status).toBe(0);
  await deed.do(() => Promise.resolve());
  expect(deed.refusal).toBeNull();
});
