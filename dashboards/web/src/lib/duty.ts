// The coming times at which nobody is on duty, in words.
import type { DutyGaps, Gateway, Lang } from '../api/types';
import { roleName } from './terms';
import { dateWords, dayWords, sameDay, shortTime } from './time';
import { say } from './words';

/** So many times are named; the rest are said to be there. */
const NAMED = 3;

/** "11月25日 周三 07:00–08:00"; the end has its date where that is another day, and is 24:00 at the day's own end. */
function stretchWords(gap: DutyGaps['items'][number], now: number, zone: string, lang: Lang): string {
  const from = Date.parse(gap.from);
  const isOn = from <= now;
  const start = `${dayWords(from, zone, lang)} ${shortTime(from, zone, lang)}`;
  if (gap.to === null) return isOn ? say(lang, 'duty_gap_now') : say(lang, 'duty_gap_for_good', { from: start });
  const to = Date.parse(gap.to);
  const isMidnight = shortTime(to, zone, lang) === '00:00';
  const day = isMidnight ? to - 1 : to;
  const time = isMidnight ? '24:00' : shortTime(to, zone, lang);
  const end = sameDay(day, isOn ? now : from, zone) ? time : `${dateWords(day, zone, lang)} ${time}`;
  return isOn ? say(lang, 'duty_gap_until', { to: end }) : `${start}–${end}`;
}

/** What to see to: "11月25日 周三 07:00–08:00 没有技术员值班…"; null where the roster has no gap. */
export function gapsWords(gateway: Gateway, lang: Lang): string | null {
  const { items = [], role = '', more = false } = gateway.duty_gaps ?? {};
  if (items.length === 0) return null;
  const [now, zone] = [Date.parse(gateway.at), gateway.site.timezone];
  const named = items.slice(0, NAMED).map((gap) => stretchWords(gap, now, zone, lang));
  const list = named.join(lang === 'zh' ? '、' : ', ');
  const times = more || items.length > NAMED ? say(lang, 'duty_gap_more', { times: list }) : list;
  return say(lang, 'duty_gap', { times, role: roleName(role, lang) });
}

/** The next time at which nobody is on duty, as short as the status bar needs it; null where there is none to come. */
export function nextGapWords(gateway: Gateway, lang: Lang): string | null {
  const now = Date.parse(gateway.at);
  const next = gateway.duty_gaps?.items.find((gap) => Date.parse(gap.from) > now);
  if (next === undefined) return null;
  const [from, zone] = [Date.parse(next.from), gateway.site.timezone];
  return say(lang, 'duty_gap_soon', { from: `${dateWords(from, zone, lang)} ${shortTime(from, zone, lang)}` });
}
