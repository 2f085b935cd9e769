// Asks the gateway over HTTP, and turns every way to fail into a Refusal that can be shown in words.
import type { Alarm, AlarmAction, Device, Gateway, History, List, Profile, Rule, Ticket, TicketAction } from './types';

/** Longer than this and the person has been left waiting: say so instead. */
const PATIENCE_MS = 8_000;
/** A list is read in pages of up to 1,000; more pages than this are not for a person to look at. */
const MOST_PAGES = 10;

/** What the gateway would not do, or that it could not be reached (`status` 0). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** An RFC 9457 problem's words: its detail, or else its title, or else nothing. */
export function problemText(problem: unknown): string {
  if (typeof problem !== 'object' || problem === null) return '';
  const { detail, title } = problem as { detail?: unknown; title?: unknown };
  if (typeof detail === 'string') return detail;
  return typeof title === 'string' ? title : '';
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`api/v1/${path}`, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Refusal(0, '');
  }
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(answer.status, problemText(body));
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

export function actOnAlarm(alarm: string, action: AlarmAction, by: string): Promise<Alarm> {
  return post(`alarms/${encodeURIComponent(alarm)}/${action}`, { by });
}

export function act(ticket: string, action: TicketAction, said: { by: string } & object): Promise<Ticket> {
  return post(`tickets/${encodeURIComponent(ticket)}/${action}`, said);
}

export interface NewReport {
  standard: string;
  device?: string;
  summary: string;
  reporter?: string;
  by: string;
}

export const report = (said: NewReport): Promise<Ticket> => post('tickets', said);
