// What came in between two drawings: the newest of each thing only, so that it stays small however fast they come.
import type { Alarm, Device, Gateway, Ticket } from '../api/types';
import type { EventType } from '../api/events';

export class Pending {
  devices = new Map<string, Device>();
  alarms = new Map<string, Alarm>();
  tickets = new Map<string, Ticket>();
  gateway: Gateway | null = null;

  /** Keeps the newest of each thing; the gateway always sends whole objects. */
  take(type: EventType, data: unknown): void {
    if (type === 'device') this.devices.set((data as Device).id, data as Device);
    else if (type === 'alarm') this.alarms.set((data as Alarm).id, data as Alarm);
    else if (type === 'ticket') this.tickets.set((data as Ticket).id, data as Ticket);
    else this.gateway = data as Gateway;
  }
}

/** The old map with the new things in it; the old map itself when there are none, so that nothing is drawn again. */
export function merged<T>(old: ReadonlyMap<string, T>, fresh: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return fresh.size === 0 ? old : new Map([...old, ...fresh]);
}

/** As `merged`, and an alarm that is normal again leaves. */
export function mergedAlarms(
  old: ReadonlyMap<string, Alarm>,
  fresh: ReadonlyMap<string, Alarm>,
): ReadonlyMap<string, Alarm> {
  if (fresh.size === 0) return old;
  return new Map([...merged(old, fresh)].filter(([, alarm]) => alarm.state !== 'normal'));
}

export function byId<T extends { id: string }>(items: T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.id, item]));
}
