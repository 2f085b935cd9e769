// Readings as a person reads them: as many digits as the instrument has, states by their names.
import type { Lang, ProfilePoint, Reading, Text } from '../api/types';

/** What stands where no value is known. */
export const DASH = '—';

/** Units of things that are counted one by one, so never with a decimal. */
const COUNTED = new Set(['', '次', '台', '盏', '层', '个', 'h', 'min', 's', 'rpm', 'Ah']);

/** How many decimals a point's values are shown with: a wide range needs none, a narrow one two. */
export function decimalsOf(point: ProfilePoint | undefined, value: number): number {
  if (Number.isInteger(value) && COUNTED.has(point?.unit ?? '')) return 0;
  const span = point?.range ? point.range[1] - point.range[0] : Math.abs(value);
  if (span <= 10) return 2;
  return span <= 200 ? 1 : 0;
}

function numberWords(value: number, decimals: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** A value in words or digits, without its unit. */
export function valueWords(value: number | boolean | string, point: ProfilePoint | undefined, lang: Lang): string {
  const label = labelOf(value, point);
  if (label !== undefined) return label[lang];
  if (typeof value === 'boolean') return BOOL_WORDS[value ? 'true' : 'false'][lang];
  if (typeof value === 'string') return value;
  return numberWords(value, decimalsOf(point, value));
}

const BOOL_WORDS: Record<'true' | 'false', Text> = {
  true: { zh: '是', en: 'yes' },
  false: { zh: '否', en: 'no' },
};

/** The name that the profile gives to a state, where it gives one; a bool's are under "0" and "1". */
export function labelOf(value: number | boolean | string, point: ProfilePoint | undefined): Text | undefined {
  const key = typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
  return point?.labels[key] ?? point?.labels[String(value)];
}

/** What can be shown as now: a good value, or a dash. */
export function readingWords(reading: Reading | undefined, point: ProfilePoint | undefined, lang: Lang): string {
  if (reading === undefined || reading.quality !== 'good' || reading.value === null) return DASH;
  return valueWords(reading.value, point, lang);
}

/** "1.2 MB": the size of what waits to be sent. */
export function sizeWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
