// What will go wrong unless somebody sees to it in time: the calendar that runs out, the times without anybody on duty.
import type { Gateway, Lang, Text } from '../api/types';
import { gapsWords, nextGapWords } from './duty';
import { say, words } from './words';

/** What people should see to, as the gateway stands now. */
export function warningsOf(gateway: Gateway | null): Text[] {
  if (gateway === null) return [];
  const warnings: Text[] = [];
  if (gateway.on_duty.length === 0) warnings.push(words.roster_gap);
  const [zh, en] = [gapsWords(gateway, 'zh'), gapsWords(gateway, 'en')];
  if (zh !== null && en !== null) warnings.push({ zh, en });
  const calendar = gateway.calendar?.warning;
  if (calendar != null) warnings.push(calendar);
  return warnings;
}

/** The same as short as the bottom line needs it: the one that there is, or how many; null where there is none to come. */
export function reminderWords(gateway: Gateway, lang: Lang): string | null {
  const gap = nextGapWords(gateway, lang);
  const calendar = gateway.calendar?.warning ? say(lang, 'calendar_soon') : null;
  if (gap !== null && calendar !== null) return say(lang, 'n_warnings', { n: 2 });
  return gap ?? calendar;
}
