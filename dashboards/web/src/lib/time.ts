// Time in words: what is left on a clock, when something was, and how long ago, always in the site's zone.
import type { Lang } from '../api/types';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface Left {
  /** "16:48", "5:12", "6", with a minus once it is past due. */
  figure: string;
  /** "", "小时", "天": beside the figure and smaller. */
  unit: string;
  overdue: boolean;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** What is left of a clock (ms; negative once past due): minutes under an hour, hours under a day, days beyond. */
export function timeLeft(leftMs: number, lang: Lang): Left {
  const overdue = leftMs < 0;
  // Counting down, a started second still counts; counting up, only a whole one does.
  const seconds = overdue ? Math.floor(-leftMs / SECOND) : Math.ceil(leftMs / SECOND);
  const sign = overdue ? '−' : '';
  const of = (figure: string, unit: string): Left => ({ figure: sign + figure, unit, overdue });
  if (seconds < 3_600) return of(`${Math.floor(seconds / 60)}:${two(seconds % 60)}`, '');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return of(`${Math.floor(minutes / 60)}:${two(minutes % 60)}`, lang === 'zh' ? '小时' : 'h');
  const days = Math.floor(minutes / 1_440);
  const unit = lang === 'zh' ? '天' : days === 1 ? 'day' : 'days';
  return of(String(days), unit);
}

/** The share of a clock that is used up, from 0 to 1. */
export function shareUsed(startedMs: number, dueMs: number, nowMs: number): number {
  if (dueMs <= startedMs) return 1;
  return Math.min(1, Math.max(0, (nowMs - startedMs) / (dueMs - startedMs)));
}

/** "3 秒前", "5 分钟前"; an age below zero (clocks differ a little) is now. */
export function ageWords(ageMs: number, lang: Lang): string {
  const age = Math.max(0, ageMs);
  const [n, zh, en] =
    age < MINUTE
      ? [age / SECOND, '秒', 's']
      : age < HOUR
        ? [age / MINUTE, '分钟', 'min']
        : age < DAY
          ? [age / HOUR, '小时', 'h']
          : [age / DAY, '天', 'd'];
  return lang === 'zh' ? `${Math.floor(n)} ${zh}前` : `${Math.floor(n)} ${en} ago`;
}

/** "30m" → "30 分钟"; "5wd" → "5 个工作日"; what is not understood is shown as it is. */
export function targetWords(target: string, lang: Lang): string {
  const match = /^(\d+)(s|m|h|wd)$/.exec(target);
  const [, n, unit] = match ?? [];
  if (n === undefined || unit === undefined) return target;
  const words = { s: ['秒', 's'], m: ['分钟', 'min'], h: ['小时', 'h'], wd: ['个工作日', 'working days'] }[unit];
  return `${n} ${words?.[lang === 'zh' ? 0 : 1] ?? unit}`;
}

const LOCALE = { zh: 'zh-CN', en: 'en-GB' } as const;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making an Intl formatter is slow and rows ask for the same few again and again. */
function format(lang: Lang, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${lang} ${zone} ${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat(LOCALE[lang], { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, made);
  }
  return made;
}

/** "14:32:07". */
export function timeOfDay(at: number, zone: string, lang: Lang): string {
  return format(lang, zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at);
}

/** "14:32". */
export function shortTime(at: number, zone: string, lang: Lang): string {
  return format(lang, zone, { hour: '2-digit', minute: '2-digit' }).format(at);
}

/** "11月24日 周二" or "Tue 24 Nov". */
export function dayWords(at: number, zone: string, lang: Lang): string {
  const parts = format(lang, zone, { weekday: 'short', day: 'numeric', month: 'short' }).formatToParts(at);
  const part = (type: string): string => parts.find((p) => p.type === type)?.value ?? '';
  if (lang === 'en') return `${part('weekday')} ${part('day')} ${part('month')}`;
  const month = part('month').replace('月', '');
  return `${month}月${part('day')}日 ${part('weekday')}`;
}

/** "11月24日" or "24 Nov". */
export function dateWords(at: number, zone: string, lang: Lang): string {
  const words = dayWords(at, zone, lang).split(' ');
  return lang === 'zh' ? (words[0] ?? '') : words.slice(1).join(' ');
}

/** Time of day alone for what is of today, with its date before it otherwise. */
export function momentWords(at: number, now: number, zone: string, lang: Lang): string {
  const time = timeOfDay(at, zone, lang);
  return sameDay(at, now, zone) ? time : `${dateWords(at, zone, lang)} ${shortTime(at, zone, lang)}`;
}

/** When something is due, to the minute; a day's first moment is 24:00 of the day before, as the standard says it. */
export function dueWords(at: number, now: number, zone: string, lang: Lang): string {
  const isMidnight = timeOfDay(at, zone, lang) === '00:00:00';
  const day = isMidnight ? at - 1 : at;
  const time = isMidnight ? '24:00' : shortTime(at, zone, lang);
  return sameDay(day, now, zone) ? time : `${dateWords(day, zone, lang)} ${time}`;
}

/** Whether two moments fall on one calendar day of the site. */
export function sameDay(a: number, b: number, zone: string): boolean {
  return dayWords(a, zone, 'en') === dayWords(b, zone, 'en') && Math.abs(a - b) < 2 * DAY;
}

/** "8 秒", "12 分钟", "3.4 小时", "5.2 天": how long something took, as exact as it helps. */
export function durationWords(hours: number, lang: Lang): string {
  const zh = lang === 'zh';
  if (hours > 0 && hours < 1 / 60) return `${Math.ceil(hours * 3_600)} ${zh ? '秒' : 's'}`;
  if (hours < 1) return `${Math.round(hours * 60)} ${zh ? '分钟' : 'min'}`;
  if (hours < 48) return `${hours.toFixed(1)} ${zh ? '小时' : 'h'}`;
  return `${(hours / 24).toFixed(1)} ${zh ? '天' : 'd'}`;
}

/** "2026年11月" or "November 2026". */
export function monthWords(year: number, month: number, lang: Lang): string {
  if (lang === 'zh') return `${year}年${month}月`;
  return new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', month: 'long', year: 'numeric' }).format(
    Date.UTC(year, month - 1, 15),
  );
}
