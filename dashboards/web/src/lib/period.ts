// The month or quarter that a report is of: "2026-11" or "2026-Q4".
import type { Lang } from '../api/types';
import { toField } from './moment';
import { monthWords } from './time';
import { say } from './words';

export type PeriodKind = 'month' | 'quarter';

interface Parsed {
  kind: PeriodKind;
  year: number;
  /** The month (1 to 12) or the quarter (1 to 4). */
  n: number;
}

/** What a period's text says; null where it is none. */
export function parsePeriod(text: string): Parsed | null {
  const [, year, month, quarter] = /^(\d{4})-(?:(0[1-9]|1[0-2])|Q([1-4]))$/.exec(text) ?? [];
  if (year === undefined) return null;
  const isMonth = month !== undefined;
  return { kind: isMonth ? 'month' : 'quarter', year: Number(year), n: Number(isMonth ? month : quarter) };
}

const written = ({ kind, year, n }: Parsed): string =>
  kind === 'month' ? `${year}-${String(n).padStart(2, '0')}` : `${year}-Q${n}`;

/** The month or quarter that a moment falls in, in the site's zone. */
export function periodOf(at: number, zone: string, kind: PeriodKind): string {
  const [year = 0, month = 1] = toField(at, zone)
    .split('-')
    .map((part) => Number.parseInt(part, 10));
  return written({ kind, year, n: kind === 'month' ? month : Math.ceil(month / 3) });
}

/** So many periods later; earlier with a negative number. */
export function shifted(period: string, by: number): string {
  const parsed = parsePeriod(period);
  if (parsed === null) return period;
  const length = parsed.kind === 'month' ? 12 : 4;
  const at = parsed.year * length + parsed.n - 1 + by;
  return written({ kind: parsed.kind, year: Math.floor(at / length), n: (at % length) + 1 });
}

/** The period that holds, or is held by, another: a month's quarter, or a quarter's last month that is not after `latest`. */
export function asKind(period: string, kind: PeriodKind, latest: string): string {
  const parsed = parsePeriod(period);
  if (parsed === null || parsed.kind === kind) return period;
  if (kind === 'quarter') return written({ kind, year: parsed.year, n: Math.ceil(parsed.n / 3) });
  const last = written({ kind, year: parsed.year, n: parsed.n * 3 });
  return last > latest ? latest : last;
}

/** "2026年11月", "Q4 2026". */
export function periodWords(period: string, lang: Lang): string {
  const parsed = parsePeriod(period);
  if (parsed === null) return period;
  if (parsed.kind === 'month') return monthWords(parsed.year, parsed.n, lang);
  return say(lang, 'quarter_name', { year: parsed.year, n: parsed.n });
}
