// The shapes that the gateway's HTTP interface speaks in, as its contract writes them.

export type Lang = 'zh' | 'en';
export type Text = Record<Lang, string>;

export type Quality = 'good' | 'uncertain' | 'missing';
export type Value = number | boolean | string;

export interface Reading {
  value: Value | null;
  unit: string;
  quality: Quality;
  reason: string | null;
  at: string | null;
}

export type DeviceState = 'unknown' | 'ok' | 'degraded' | 'offline' | 'out_of_service';

export interface Device {
  id: string;
  name: string;
  class: string;
  profile: string;
  connection: string;
  building: string;
  location: string;
  state: DeviceState;
  points: Record<string, Reading>;
}

export type Severity = 'critical' | 'high' | 'medium' | 'low';

export type AlarmAction = 'acknowledge' | 'shelve' | 'unshelve' | 'reset' | 'out-of-service' | 'in-service';

export type AlarmState =
  | 'normal'
  | 'active_unacked'
  | 'active_acked'
  | 'returned_unacked'
  | 'latched'
  | 'shelved'
  | 'suppressed'
  | 'out_of_service';

export interface Alarm {
  id: string;
  rule: string;
  device: string | null;
  class: string | null;
  severity: Severity;
  condition: 'clear' | 'active' | 'unknown';
  state: AlarmState;
  since: string;
  ticket: string | null;
  summary: Text;
  /** Who shelved it or took it out of service, why, and until when. */
  set_aside?: { by: string; reason: string; at: string; until: string } | null;
}

export type ClockName = 'respond' | 'arrive' | 'resolve';

export interface TicketClock {
  clock: ClockName;
  /** As the standard says it: "30m", "8h", "5wd". */
  target: string;
  started_at: string;
  due: string;
  stopped_at: string | null;
  /** "telemetry", or who stopped it. */
  stopped_by: string | null;
  /** Reports count these apart; null while it is not stopped. */
  stopped_how?: 'telemetry' | 'person' | 'word' | 'closing' | null;
  /** How long it waited for parts. */
  paused_seconds?: number;
  state: 'running' | 'paused' | 'met' | 'missed';
  overdue: boolean;
  provisional: boolean;
}

export type TicketState = 'open' | 'accepted' | 'on_site' | 'waiting' | 'resolved' | 'closed' | 'cancelled';

export interface TicketStep {
  at: string;
  by: string;
  what: string;
  note: string | null;
  /** On a reported ticket only its own page has it: it names people. */
  told?: Told;
}

/** That somebody was told something. */
export interface Told {
  whom: string;
  what: string;
  at: string;
}

export interface Attachment {
  /** Of its bytes; the last part of its address. */
  sha256: string;
  name: string;
  bytes: number;
  at: string;
  by: string;
}

/** A run of planned work. */
export interface Planned {
  work: string;
  /** The day by whose end it must be done: "2026-11-30". */
  due: string;
  /** How many missed runs this one makes up for. */
  missed: number;
  evidence: Text;
  checklist: { text: Text; done_at: string | null; done_by: string | null }[];
}

export interface Ticket {
  id: string;
  device: string | null;
  alarm: string | null;
  standard: string;
  origin: 'rule' | 'person' | 'planned';
  severity: Severity;
  summary: Text;
  state: TicketState;
  opened_at: string;
  /** The fault's earlier ticket, when that one was closed too long ago to open again. */
  previous?: string | null;
  /** Who reported it: confidential, so only the ticket's own page has it. */
  reporter?: string;
  clocks: TicketClock[];
  attachments?: Attachment[];
  planned?: Planned | null;
  steps: TicketStep[];
}

export type TicketAction =
  | 'accept'
  | 'arrive'
  | 'resolve'
  | 'close'
  | 'wait'
  | 'resume'
  | 'reopen'
  | 'cancel'
  | 'assign'
  | 'raise'
  | 'check'
  | 'comment';

export interface Destination {
  name: string;
  kind: 'v1' | 'v2';
  state: 'ok' | 'waiting' | 'failing';
  pending_bytes: number;
  last_written_at: string | null;
  /** Lines that it would not take, which are kept in the data folder with its reasons; null while it took all. */
  refused: { lines: number; last_at: string; reason: string } | null;
  error: string | null;
}

export interface Gateway {
  site: { id: string; name: string; timezone: string };
  version: string;
  started_at: string;
  at: string;
  points: { total: number; good: number };
  devices: Record<'total' | DeviceState, number>;
  telemetry: { destinations: Destination[]; history: { oldest_at: string | null } };
  /** How publishing goes; null where nothing is published. */
  mqtt?: {
    state: 'up' | 'down';
    away_since: string | null;
    published: number;
    waiting: number;
    reconnects: number;
    error: string | null;
  } | null;
  notices?: { unsent: number | null; error: string | null };
  /** To when working days are known; the warning comes once that is near. */
  calendar?: { years: number[]; warning: Text | null };
  journal?: { records: number | null; head: string | null };
  on_duty: { person: string; role?: string; phone: string; from?: string; to?: string }[];
  duty_gaps?: DutyGaps;
}

/** The coming times at which nobody is on duty in a role; `to` is null where nobody comes for a year. */
export interface DutyGaps {
  role: string;
  days: number;
  items: { from: string; to: string | null }[];
  more: boolean;
}

export interface ProfilePoint {
  name: string;
  title: Text;
  unit: string;
  kind: 'bool' | 'number' | 'text';
  range: [number, number] | null;
  labels: Record<string, Text>;
}

export interface Profile {
  id: string;
  class: string;
  name: Text;
  points: ProfilePoint[];
}

export interface Rule {
  id: string;
  /** null: every class. */
  class: string | null;
  severity: Severity;
  ticket: string | null;
  procedure: Text | null;
  /** The points that its condition reads. */
  points?: string[];
}

export interface HistoryItem {
  at: string;
  value: Value | null;
  min: number | null;
  max: number | null;
  quality: Quality;
}

/** Times that a clock told which was then set by so many seconds. */
export interface ClockStep {
  since: string;
  until: string;
  seconds: number;
}

export interface History {
  point: string;
  unit: string;
  items: HistoryItem[];
  clock_steps: ClockStep[];
  next: string | null;
}

export interface List<T> {
  items: T[];
  next: string | null;
}
