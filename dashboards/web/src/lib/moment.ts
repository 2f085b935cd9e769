// A moment in a form's field: written and read in the site's zone, wherever the browser stands.

const FIELDS = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const;

/** "2026-11-24T14:32", as a field of type datetime-local takes it. */
export function toField(at: number, zone: string): string {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, hourCycle: 'h23', ...FIELDS });
  const parts = new Map(format.formatToParts(at).map((part) => [part.type, part.value]));
  const date = [parts.get('year'), parts.get('month'), parts.get('day')].join('-');
  return `${date}T${parts.get('hour') ?? ''}:${parts.get('minute') ?? ''}`;
}

/** The moment (ms since 1970) that a field's text means in a zone; null where it is none. */
export function fromField(text: string, zone: string): number | null {
  const asUtc = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? Date.parse(`${text}:00Z`) : NaN;
  if (Number.isNaN(asUtc)) return null;
  // Twice, because near a change of the clocks the offset of the first guess may be the wrong one.
  const guess = asUtc - offset(asUtc, zone);
  return asUtc - offset(guess, zone);
}

/** How far a zone is ahead of UTC at a moment (ms). */
function offset(at: number, zone: string): number {
  const minute = Math.floor(at / 60_000) * 60_000;
  return Date.parse(`${toField(minute, zone)}:00Z`) - minute;
}

/** "2026-11-24": the calendar day of a moment in a zone. */
export const dayOf = (at: number, zone: string): string => toField(at, zone).slice(0, 10);

/** Whole days from one calendar day to another, both as "2026-11-24"; negative once it has passed. */
export const daysBetween = (from: string, to: string): number =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
