// The shapes of the service report: every figure comes with the tickets behind it.
import type { ClockName, Text } from './types';

/** How many, and of which tickets; one ticket may count more than once. */
export interface Figure {
  count: number;
  tickets: string[];
}

export interface Mean {
  /** null where there was nothing to take the mean of. */
  hours: number | null;
  count: number;
  tickets: string[];
}

export interface Tally {
  met: Figure;
  met_after_pause: Figure;
  on_word: Figure;
  missed: Figure;
  closed: Figure;
  running: Figure;
  /** (met + met_after_pause) of (those + missed); null while none is decided. */
  kept_percent: number | null;
}

export type Group = Tally & { key: string; name: Text };

export interface Durations {
  available_hours: number;
  unavailable_hours: number;
  unknown_hours: number;
  availability_percent: number | null;
}

export type Verdict = 'kept' | 'not_proven' | 'missed';

export type DeviceAvailability = Durations & {
  id: string;
  name: string;
  building: string;
  /** One that no rule watches is unknown. */
  watched: boolean;
  outages: { rule: string; standard: string; from: string; to: string | null }[];
};

export type Subsystem = Durations & {
  class: string;
  name: Text;
  target_percent: number | null;
  quote: string | null;
  verdict: Verdict | null;
  days: (Durations & { date: string })[];
  devices: DeviceAvailability[];
};

export interface Repairs {
  failures: Figure;
  acknowledge: Mean;
  arrive: Mean;
  repair: Mean;
  between_failures: Mean;
}

/** What a meter counted in the period. */
export interface MeterTotal {
  device: string;
  name: string;
  building: string;
  point: string;
  title: Text;
  meter: 'energy' | 'water';
  unit: string;
  /** null where it was not read. */
  total: number | null;
  from: string | null;
  to: string | null;
  /** Where the register stood at `from` and at `to`. */
  first: number | null;
  last: number | null;
  /** How often the register fell: what it counted meanwhile is in no total. */
  resets: number;
}

export interface Report {
  site: string;
  site_name: string;
  /** "2026-11" or "2026-Q4". */
  period: string;
  from: string;
  to: string;
  complete: boolean;
  made_at: string;
  journal_head: string | null;
  deadlines: {
    all: Tally;
    by_clock: Group[];
    by_class: Group[];
    by_building: Group[];
    by_person: Group[];
  };
  planned: Record<'done' | 'late' | 'open' | 'made_up', Figure>;
  availability: Subsystem[];
  repairs: { all: Repairs; by_class: (Repairs & { class: string; name: Text })[] };
  worst_devices: {
    id: string;
    name: string;
    building: string;
    failures: Figure;
    unavailable_hours: number;
    unknown_hours: number;
  }[];
  missed: {
    ticket: string;
    summary: Text;
    standard: string;
    clock: ClockName;
    target: string;
    due: string;
    stopped_at: string | null;
    late_hours: number;
    person: string | null;
  }[];
  paused: {
    ticket: string;
    clock: ClockName;
    from: string;
    to: string | null;
    hours: number;
    by: string | null;
    notice: string | null;
  }[];
  meters: MeterTotal[];
  on_word: { ticket: string; clock: ClockName; at: string; by: string; reason: string | null; in_time: boolean }[];
}
