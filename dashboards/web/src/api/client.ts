// Asks the gateway over HTTP, and turns every way to fail into a Refusal that can be shown in words.
import type { Connection, DeviceRecord, Handover, Link, Plan, Plate } from './records';
import type { Report } from './report';
import type {
  Alarm,
  AlarmAction,
  Device,
  Gateway,
  History,
  List,
  Profile,
  Rule,
  Text,
  Ticket,
  TicketAction,
  Value,
} from './types';

/** Longer than this and the person has been left waiting: say so instead. */
const PATIENCE_MS = 8_000;
/** A large file over a basement's telephone network. */
const UPLOAD_PATIENCE_MS = 180_000;
/** A list is read in pages of up to 1,000; more pages than this are not for a person to look at. */
const MOST_PAGES = 10;
/** The newest handovers, which are all that a shift looks at. */
const MOST_HANDOVERS = 100;
/** The gateway takes no larger file. */
export const LARGEST_FILE_BYTES = 20 * 1_024 * 1_024;

/** What the gateway would not do, or that it could not be reached (`status` 0). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    /** The same in both languages, where the gateway gives it. */
    readonly text: Text | null = null,
  ) {
    super(detail);
  }
}

/** Whatever went wrong, as something that can be shown. */
export const asRefusal = (error: unknown): Refusal => (error instanceof Refusal ? error : new Refusal(0, ''));

/** An RFC 9457 problem's words: its detail, or else its title, or else nothing. */
export function problemText(problem: unknown): string {
  if (typeof problem !== 'object' || problem === null) return '';
  const { detail, title } = problem as { detail?: unknown; title?: unknown };
  if (typeof detail === 'string') return detail;
  return typeof title === 'string' ? title : '';
}

/** A problem's words in both languages, where it has them. */
export function problemTexts(problem: unknown): Text | null {
  if (typeof problem !== 'object' || problem === null) return null;
  const { text } = problem as { text?: Partial<Record<keyof Text, unknown>> | null };
  return typeof text?.zh === 'string' && typeof text.en === 'string' ? { zh: text.zh, en: text.en } : null;
}

async function ask<T>(path: string, init: RequestInit = {}, patienceMs = PATIENCE_MS): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`api/v1/${path}`, { ...init, signal: AbortSignal.timeout(patienceMs) });
  } catch {
    throw new Refusal(0, '');
  }
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(answer.status, problemText(body), problemTexts(body));
  if (body === null) throw new Refusal(answer.status, '');
  return body as T;
}

function post<T>(path: string, body: object): Promise<T> {
  return ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** Every item of a list, page after page. */
async function all<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const list: List<T> = await ask(after === null ? path : `${path}?after=${encodeURIComponent(after)}`);
    items.push(...list.items);
    after = list.next;
    if (after === null) break;
  }
  return items;
}

export const gateway = (): Promise<Gateway> => ask('gateway');
export const devices = (): Promise<Device[]> => all('devices');
export const alarms = (): Promise<Alarm[]> => all('alarms');
export const tickets = (): Promise<Ticket[]> => all('tickets');
export const profiles = (): Promise<Profile[]> => all('profiles');
export const rules = (): Promise<Rule[]> => all('rules');
export const ticket = (id: string): Promise<Ticket> => ask(`tickets/${encodeURIComponent(id)}`);

export function history(
  device: string,
  point: string,
  window: { from: Date; to: Date; every: string },
): Promise<History> {
  const query = new URLSearchParams({
    point,
    from: window.from.toISOString(),
    to: window.to.toISOString(),
    every: window.every,
  });
  return ask(`devices/${encodeURIComponent(device)}/history?${query}`);
}

/** Whoever asks says who they are, and what the action needs. */
export type Said = { by: string } & Record<string, unknown>;

export function actOnAlarm(alarm: string, action: AlarmAction, said: Said): Promise<Alarm> {
  return post(`alarms/${encodeURIComponent(alarm)}/${action}`, said);
}

export function act(ticket: string, action: TicketAction, said: Said): Promise<Ticket> {
  return post(`tickets/${encodeURIComponent(ticket)}/${action}`, said);
}

/** Sends a file: its bytes are the body. */
function upload<T>(path: string, file: File, by: string): Promise<T> {
  const query = new URLSearchParams({ name: file.name, by });
  const init = { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: file };
  return ask(`${path}?${query}`, init, UPLOAD_PATIENCE_MS);
}

export const attach = (ticket: string, file: File, by: string): Promise<Ticket> =>
  upload(`tickets/${encodeURIComponent(ticket)}/attachments`, file, by);

/** Where an attached file can be downloaded. */
export const attachmentAddress = (ticket: string, sha256: string): string =>
  `api/v1/tickets/${encodeURIComponent(ticket)}/attachments/${encodeURIComponent(sha256)}`;

export interface NewReport {
  standard: string;
  device?: string;
  summary: string;
  reporter?: string;
  by: string;
}

export const reportFault = (said: NewReport): Promise<Ticket> => post('tickets', said);

export const handovers = (): Promise<List<Handover>> => ask(`handovers?limit=${MOST_HANDOVERS}`);
export const handover = (id: string): Promise<Handover> => ask(`handovers/${encodeURIComponent(id)}`);
export const writeHandover = (said: { note: string; by: string }): Promise<Handover> => post('handovers', said);
export const confirmHandover = (id: string, by: string): Promise<Handover> =>
  post(`handovers/${encodeURIComponent(id)}/confirm`, { by });

/** `period` is "2026-11", "2026-Q4" or "2026-11-24". */
export const serviceReport = (period: string): Promise<Report> => ask(reportQuery(period));

/** Where the same report is for printing or for a spreadsheet. */
export const reportAddress = (period: string, format: 'html' | 'csv'): string =>
  `api/v1/${reportQuery(period)}&format=${format}`;

function reportQuery(period: string): string {
  const kind = period.includes('Q') ? 'quarter' : period.length > 'YYYY-MM'.length ? 'day' : 'month';
  return `report?${kind}=${period}`;
}

export const plans = (): Promise<Plan[]> => all('planned');

const ofDevice = (id: string, part: string): string => `devices/${encodeURIComponent(id)}/${part}`;

export const deviceRecord = (id: string): Promise<DeviceRecord> => ask(ofDevice(id, 'record'));
export const writeNameplate = (id: string, said: Plate & { by: string }): Promise<DeviceRecord> =>
  post(ofDevice(id, 'nameplate'), said);
export const addDocument = (id: string, file: File, by: string): Promise<DeviceRecord> =>
  upload(ofDevice(id, 'documents'), file, by);

/** Where a document of a device can be downloaded. */
export const documentAddress = (id: string, sha256: string): string =>
  `api/v1/${ofDevice(id, 'documents')}/${encodeURIComponent(sha256)}`;
export const writeReplaced = (id: string, said: { note: string; by: string }): Promise<DeviceRecord> =>
  post(ofDevice(id, 'replaced'), said);

export interface NewSeen {
  point: string;
  seen: Value;
  instrument: string;
  note?: string;
  by: string;
}

export const commission = (id: string, said: NewSeen): Promise<DeviceRecord> =>
  post(ofDevice(id, 'commissioning'), said);
export const sheetAddress = (id: string): string => `api/v1/${ofDevice(id, 'commissioning')}?format=html`;

export const link = (id: string): Promise<Link> => ask(ofDevice(id, 'link'));
export const connections = (): Promise<List<Connection>> => ask('connections');
