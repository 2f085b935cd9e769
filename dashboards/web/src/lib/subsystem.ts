// What a subsystem says of itself at a glance: one figure, its worst alarm, and how much of it is out of sight.
import type { Alarm, Device, Profile, ProfilePoint, Severity } from '../api/types';
import { asNumber } from './trend';
import { isStanding, worst } from './alarms';

/** How the figure of a class is found. */
export type Headline =
  /** One device's value of a point, and perhaps of a second one beside it. */
  | { kind: 'value'; point: string; beside?: string }
  /** How many devices have this bool point true. */
  | { kind: 'count'; point: string; words: 'running' }
  /** How many lamps are lit, of those that a circuit switched on has. */
  | { kind: 'lamps' }
  /** How many devices are as they should be. */
  | { kind: 'sound'; words: 'sumps' | 'protectors' | 'devices' };

const HEADLINES: Record<string, Headline> = {
  fire_water: { kind: 'value', point: 'main_pressure' },
  water_supply: { kind: 'value', point: 'outlet_pressure' },
  elevator: { kind: 'count', point: 'in_service', words: 'running' },
  power: { kind: 'value', point: 'voltage_l1', beside: 'active_power' },
  lighting: { kind: 'lamps' },
  drainage: { kind: 'sound', words: 'sumps' },
  low_current: { kind: 'sound', words: 'devices' },
  lightning: { kind: 'sound', words: 'protectors' },
};

/** The classes that every site has, in the order of the wall. */
export const CLASSES = Object.keys(HEADLINES);

export type Figure =
  | { kind: 'value'; device: Device; point: string; beside: string | null }
  | { kind: 'of'; count: number; total: number; words: 'running' | 'lit' | 'sumps' | 'protectors' | 'devices' }
  /** Every circuit is switched off, as by day. */
  | { kind: 'dark'; total: number }
  /** It cannot be said. */
  | { kind: 'unknown' };

export interface Subsystem {
  class: string;
  /** Devices in service. */
  total: number;
  outOfService: number;
  /** Devices that do not answer or were never read. */
  unseen: Device[];
  figure: Figure;
  worst: { severity: Severity; count: number } | null;
  /** The alarm to name on the card. */
  foremost: Alarm | null;
  /** Alarms that are over and that nobody has acknowledged. */
  returned: number;
}

/** Every subsystem of the site: the standard's classes that it has, then its own by name. */
export function subsystems(
  devices: Iterable<Device>,
  alarms: Iterable<Alarm>,
  profiles: ReadonlyMap<string, Profile>,
): Subsystem[] {
  const byClass = new Map<string, Device[]>();
  for (const device of devices) {
    const others = byClass.get(device.class);
    if (others === undefined) byClass.set(device.class, [device]);
    else others.push(device);
  }
  const all = [...alarms];
  const own = [...byClass.keys()].filter((name) => !CLASSES.includes(name)).sort();
  const names = [...CLASSES.filter((name) => byClass.has(name)), ...own];
  return names.map((name) => subsystem(name, byClass.get(name) ?? [], all, profiles));
}

function subsystem(
  name: string,
  devices: Device[],
  allAlarms: Alarm[],
  profiles: ReadonlyMap<string, Profile>,
): Subsystem {
  const ids = new Set(devices.map((device) => device.id));
  const alarms = allAlarms.filter((a) => a.class === name || (a.device !== null && ids.has(a.device)));
  const standing = alarms.filter(isStanding);
  const top = worst(standing);
  const foremost = standing.find((alarm) => alarm.severity === top?.severity) ?? null;
  const inService = devices.filter((device) => device.state !== 'out_of_service');
  return {
    class: name,
    total: inService.length,
    outOfService: devices.length - inService.length,
    unseen: inService.filter(isUnseen),
    figure: figure(headlineOf(name, inService, profiles), inService, standing, foremost),
    worst: top,
    foremost,
    returned: alarms.filter((alarm) => alarm.state === 'returned_unacked').length,
  };
}

const isUnseen = (device: Device): boolean => device.state === 'offline' || device.state === 'unknown';

/** The class's own headline where some device has its point; a first numeric point, or a count, otherwise. */
function headlineOf(name: string, devices: Device[], profiles: ReadonlyMap<string, Profile>): Headline {
  const known = HEADLINES[name] ?? { kind: 'sound', words: 'devices' };
  if (known.kind === 'sound') return known;
  const point = known.kind === 'lamps' ? 'lamps_total' : known.point;
  if (devices.some((device) => point in device.points)) return known;
  if (known.kind !== 'value') return { kind: 'sound', words: 'devices' };
  const first = profiles.get(devices[0]?.profile ?? '')?.points.find((p) => p.kind === 'number');
  return first === undefined ? { kind: 'sound', words: 'devices' } : { kind: 'value', point: first.name };
}

function figure(headline: Headline, devices: Device[], standing: Alarm[], foremost: Alarm | null): Figure {
  switch (headline.kind) {
    case 'value':
      return oneOf(headline, devices, foremost);
    case 'count':
      return counted(headline.point, devices, standing);
    case 'lamps':
      return lamps(devices);
    case 'sound': {
      if (devices.some(isUnseen)) return { kind: 'unknown' };
      const troubled = new Set(standing.map((alarm) => alarm.device));
      const count = devices.filter((device) => !troubled.has(device.id)).length;
      return { kind: 'of', count, total: devices.length, words: headline.words };
    }
  }
}

/** The device that the worst alarm speaks of, or else the first: one that stays the same from second to second. */
function oneOf(headline: { point: string; beside?: string }, devices: Device[], foremost: Alarm | null): Figure {
  const having = devices.filter((device) => headline.point in device.points);
  const first = having.toSorted((a, b) => a.id.localeCompare(b.id))[0];
  const device = having.find((d) => d.id === foremost?.device) ?? first;
  if (device === undefined || goodNumber(device, headline.point) === null) return { kind: 'unknown' };
  const beside = headline.beside !== undefined && headline.beside in device.points ? headline.beside : null;
  return { kind: 'value', device, point: headline.point, beside };
}

/** Those with the point true; one with a grave alarm (a car stuck with people in it) is not among them, whatever it says. */
function counted(point: string, devices: Device[], standing: Alarm[]): Figure {
  const grave = standing.filter((alarm) => alarm.severity === 'critical' || alarm.severity === 'high');
  const troubled = new Set(grave.map((alarm) => alarm.device));
  const having = devices.filter((device) => point in device.points);
  const states = having.map((device) => goodNumber(device, point));
  if (states.includes(null)) return { kind: 'unknown' };
  return {
    kind: 'of',
    count: having.filter((device, i) => states[i] === 1 && !troubled.has(device.id)).length,
    total: having.length,
    words: 'running',
  };
}

function lamps(devices: Device[]): Figure {
  const circuits = devices.filter((device) => 'lamps_total' in device.points);
  const lit = circuits.map((device) => goodNumber(device, 'lamps_lit'));
  const total = circuits.map((device) => goodNumber(device, 'lamps_total'));
  if (lit.includes(null) || total.includes(null)) return { kind: 'unknown' };
  const isOn = circuits.map((device, i) => commanded(device) ?? (lit[i] ?? 0) > 0);
  if (!isOn.includes(true)) return { kind: 'dark', total: circuits.length };
  const sum = (list: (number | null)[]): number =>
    list.reduce<number>((all, n, i) => all + (isOn[i] ? (n ?? 0) : 0), 0);
  return { kind: 'of', count: sum(lit), total: sum(total), words: 'lit' };
}

/** Whether a lighting circuit is told to be on; null when it does not say. */
function commanded(device: Device): boolean | null {
  const state = goodNumber(device, 'commanded_on');
  return state === null ? null : state !== 0;
}

function goodNumber(device: Device, point: string): number | null {
  const reading = device.points[point];
  return reading?.quality === 'good' ? asNumber(reading.value) : null;
}

/** The points of a device in the order in which its profile shows them; those that it lacks are left out. */
export function pointsInOrder(device: Device, profile: Profile | undefined): { name: string; point?: ProfilePoint }[] {
  const listed = (profile?.points ?? []).filter((point) => point.name in device.points);
  const names = new Set(listed.map((point) => point.name));
  const others = Object.keys(device.points).filter((name) => !names.has(name));
  return [...listed.map((point) => ({ name: point.name, point })), ...others.map((name) => ({ name }))];
}
