// What a device has shown of itself on the wire, in words: why the reading plan is as it is.
import type { Link, Table } from '../api/records';
import type { Lang } from '../api/types';
import { say } from './words';

/** "40–47", or "40" alone. */
export const rangeWords = (first: number, count: number): string =>
  count <= 1 ? String(first) : `${first}–${first + count - 1}`;

/** Each thing learnt as a sentence; empty where the device answers as its profile says. */
export function learntWords(learnt: Link['plan']['learnt'], lang: Lang): string[] {
  const table = (name: Table): string => say(lang, name);
  const words = learnt.refused.map((one) =>
    say(lang, 'learnt_refused', {
      table: table(one.table),
      range: rangeWords(one.first, one.count),
      code: one.exception,
    }),
  );
  for (const one of learnt.not_read_across)
    words.push(say(lang, 'learnt_border', { table: table(one.table), before: one.before }));
  if (learnt.most_registers !== null) words.push(say(lang, 'learnt_most_registers', { n: learnt.most_registers }));
  if (learnt.most_bits !== null) words.push(say(lang, 'learnt_most_bits', { n: learnt.most_bits }));
  if (learnt.pause_ms > 0) words.push(say(lang, 'learnt_pause', { n: learnt.pause_ms }));
  return words;
}

/** "3.4 ms", "212 ms": three digits are enough to compare answers by. */
export const msWords = (ms: number): string => `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;

/** "1,234": how often something happened. */
export const countWords = (count: number): string => count.toLocaleString('en-US');
