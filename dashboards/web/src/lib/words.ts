// Every word on the page, in both languages: here they are put together; a new one is added to the file of its part in words/.
import type { Lang, Text } from '../api/types';
import { alarms } from './words/alarms';
import { handovers } from './words/handovers';
import { page } from './words/page';
import { plant } from './words/plant';
import { report } from './words/report';
import { tickets } from './words/tickets';

/** By part; a word stands in one of them only. */
export const parts = { page, plant, alarms, tickets, handovers, report } as const;

export const words = { ...page, ...plant, ...alarms, ...tickets, ...handovers, ...report } as const satisfies Record<
  string,
  Text
>;

export type Word = keyof typeof words;

/** A word in a language, with what stands in braces filled in; "(s)" is there unless `n` is one. */
export function say(lang: Lang, word: Word, filled: Record<string, string | number> = {}): string {
  const counted = words[word][lang].replaceAll('(s)', filled['n'] === 1 ? '' : 's');
  return counted.replace(/\{(\w+)\}/g, (_, name: string) => String(filled[name] ?? ''));
}
