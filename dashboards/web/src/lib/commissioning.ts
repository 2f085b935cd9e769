// Comparing a point with the instrument on site: what a person may enter for it, and how far the two lie apart.
import type { Seen } from '../api/records';
import type { Lang, ProfilePoint, Value } from '../api/types';
import { DASH, valueWords } from './numbers';

/** What the field for a point's value offers: named states to choose from, or a number or text to type. */
export function choicesOf(point: ProfilePoint | undefined, lang: Lang): { value: string; words: string }[] | null {
  if (point === undefined) return null;
  if (point.kind === 'bool') {
    return [true, false].map((state) => ({ value: String(state), words: valueWords(state, point, lang) }));
  }
  const labels = Object.entries(point.labels);
  return labels.length === 0 ? null : labels.map(([value, text]) => ({ value, words: text[lang] }));
}

/** What was typed, as the gateway takes it; null where it is nothing that the point could say. */
export function seenValue(typed: string, point: ProfilePoint | undefined): Value | null {
  const text = typed.trim();
  if (text === '') return null;
  if (point?.kind === 'bool') return text === 'true' ? true : text === 'false' ? false : null;
  if (point?.kind === 'text') return text;
  // A comma is what some keyboards have for the point.
  const number = Number(text.replace(',', '.'));
  return Number.isFinite(number) ? number : null;
}

/** How far the gateway's reading lay from what was seen: null where the two cannot be compared. */
export function difference(seen: Seen): number | 'agrees' | 'differs' | null {
  const live = seen.live?.value;
  if (live === undefined || live === null || seen.live?.quality !== 'good') return null;
  if (typeof live === 'number' && typeof seen.seen === 'number') {
    // Enough digits to drop what binary fractions add to a subtraction.
    const apart = Number((live - seen.seen).toPrecision(6));
    return Math.abs(apart) < 1e-9 ? 'agrees' : apart;
  }
  return live === seen.seen ? 'agrees' : 'differs';
}

/** A value of the sheet in words, with its unit; what the gateway could not read then is a dash. */
export function sheetWords(
  value: Value | null | undefined,
  point: ProfilePoint | undefined,
  unit: string,
  lang: Lang,
): string {
  if (value === null || value === undefined) return DASH;
  // What an instrument said keeps the digits that the person read from it.
  const isLabelled = point !== undefined && Object.keys(point.labels).length > 0;
  const words = typeof value === 'number' && !isLabelled ? String(value) : valueWords(value, point, lang);
  return unit === '' || typeof value !== 'number' || isLabelled ? words : `${words} ${unit}`;
}
