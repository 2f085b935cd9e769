// The shapes of what is kept beside tickets: handovers, device records, and how devices do on the wire.
import type { AlarmState, Attachment, ClockName, Quality, Severity, Text, TicketState, Value } from './types';

export interface OpenClock {
  clock: ClockName;
  due: string;
  paused: boolean;
  overdue: boolean;
}

export interface Handover {
  id: string;
  at: string;
  /** Who leaves. */
  by: string;
  note: string;
  /** What was open then. */
  open: {
    tickets: {
      id: string;
      summary: Text;
      device: string | null;
      standard: string;
      state: TicketState;
      person: string | null;
      clocks: OpenClock[];
    }[];
    alarms: {
      id: string;
      summary: Text;
      severity: Severity;
      condition: 'clear' | 'active' | 'unknown';
      state: AlarmState;
      since: string;
    }[];
    set_aside: { id: string; summary: Text; state: AlarmState; by: string; reason: string; until: string }[];
  };
  journal_head: string | null;
  confirmed_at: string | null;
  confirmed_by: string | null;
}

export type Every = 'daily' | 'weekly' | 'monthly' | 'quarterly' | 'twice_a_year' | 'yearly';

/** Recurring work that the site has planned. */
export interface Plan {
  id: string;
  what: Text;
  /** null: work of the whole site. */
  device: string | null;
  every: Every;
  /** The day of the run that is due next, today or later: "2026-12-15". */
  next_due: string | null;
  /** The day on which that run's ticket opens. */
  opens_on: string | null;
  evidence: Text;
  checklist: Text[];
  /** The sentence of the published standard that asks for it; empty for a site's own. */
  quote: string;
  /** Its newest ticket. */
  ticket: string | null;
}

/** What a person wrote down, and when. */
export interface Entry {
  at: string;
  by: string;
}

/** What stands on a nameplate; a field that nobody wrote is absent. */
export interface Plate {
  maker?: string;
  model?: string;
  serial?: string;
  installed?: string;
  note?: string;
}

export type PlateField = keyof Plate;

export interface Seen {
  point: string;
  seen: Value;
  instrument: string;
  /** What the gateway itself had read at that moment. */
  live: { value: Value | null; unit: string; quality: Quality; reason: string | null } | null;
  note?: string | null;
}

export interface SheetLine {
  point: string;
  title: Text;
  unit: string;
  checked: (Entry & Seen) | null;
}

export interface DeviceRecord {
  id: string;
  name: string;
  class: string;
  profile: string;
  building: string;
  location: string;
  nameplate: (Entry & Plate) | null;
  replaced_at: string | null;
  replacements: (Entry & { note?: string })[];
  earlier_nameplates: (Entry & Plate)[];
  documents: (Attachment & { note?: string | null })[];
  earlier_documents: (Attachment & { note?: string | null })[];
  planned: Plan[];
  commissioning: SheetLine[];
  tickets: {
    id: string;
    summary: Text;
    standard: string;
    state: TicketState;
    opened_at: string;
    ended_at: string | null;
  }[];
  outages: { rule: string; from: string; to: string | null }[];
}

/** How long answers took (ms), and of how many. */
export interface Latency {
  p50: number;
  p95: number;
  p99: number;
  of: number;
}

export type Table = 'coil' | 'discrete' | 'input' | 'holding';

/** How one device does on the wire, since the gateway started. */
export interface Link {
  id: string;
  connection: string;
  polls: number;
  late_polls: number;
  timeouts: number;
  refusals: number;
  malformed: number;
  samples_dropped: number;
  latency_ms: Latency | null;
  plan: {
    /** None over MQTT. */
    requests: { table: Table; first: number; count: number; points: number }[];
    learnt: {
      refused: { table: Table; first: number; count: number; exception: number }[];
      not_read_across: { table: Table; before: number }[];
      most_registers: number | null;
      most_bits: number | null;
      pause_ms: number;
    };
  };
}

export interface Connection {
  name: string;
  url: string;
  state: 'up' | 'down';
  devices: number;
  reconnects: number;
  messages: number;
  messages_dropped: number;
  latency_ms: Latency | null;
}
