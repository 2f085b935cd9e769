// What the page knows of the facility: fetched once, then kept up by the gateway's events, never by reloading.
import * as api from '../api/client';
import { follow } from '../api/events';
import type { Alarm, Device, Gateway, Profile, Rule, Ticket } from '../api/types';
import { newlyStanding } from '../lib/alarms';
import { byId, merged, mergedAlarms, Pending } from '../lib/pending';
import { clock } from './clock.svelte';

/** How often what came in is drawn (ms): quick for the eye, and one drawing for many devices. */
const DRAW_EVERY_MS = 250;
const RETRY_MS = 2_000;

export type Contact = 'first' | 'live' | 'lost';

class Facility {
  devices = $state.raw<ReadonlyMap<string, Device>>(new Map());
  alarms = $state.raw<ReadonlyMap<string, Alarm>>(new Map());
  tickets = $state.raw<ReadonlyMap<string, Ticket>>(new Map());
  profiles = $state.raw<ReadonlyMap<string, Profile>>(new Map());
  rules = $state.raw<readonly Rule[]>([]);
  gateway = $state.raw<Gateway | null>(null);
  /** Whether the lists have been fetched at least once. */
  loaded = $state(false);
  contact = $state<Contact>('first');
  /** When the gateway was last heard, by its own clock (ms); null before the first time. */
  heardAt = $state<number | null>(null);
  /** Alarms that rose since the last drawing, to be read out. */
  risen = $state.raw<readonly Alarm[]>([]);

  #pending = new Pending();
  #streaming = false;
  #fetching = false;
  #again = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  get zone(): string {
    return this.gateway?.site.timezone ?? 'Asia/Shanghai';
  }

  get isLive(): boolean {
    return this.contact === 'live';
  }

  start(): () => void {
    const stopDrawing = setInterval(() => this.#draw(), DRAW_EVERY_MS);
    const stopFollowing = follow({
      opened: () => {
        this.#streaming = true;
        void this.#fetchAll();
      },
      reset: () => void this.#fetchAll(),
      lost: () => {
        this.#streaming = false;
        this.contact = 'lost';
      },
      heard: (type, data) => this.#pending.take(type, data),
    });
    return () => {
      clearInterval(stopDrawing);
      clearTimeout(this.#retry);
      stopFollowing();
    };
  }

  /** Takes the whole object that an action answered with. */
  takeTicket(ticket: Ticket): void {
    this.tickets = merged(this.tickets, new Map([[ticket.id, ticket]]));
  }

  takeAlarm(alarm: Alarm): void {
    this.alarms = mergedAlarms(this.alarms, new Map([[alarm.id, alarm]]));
  }

  async #fetchAll(): Promise<void> {
    // The lists of before a second `reset` may already be too old, so they are fetched once more after.
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    clearTimeout(this.#retry);
    try {
      await this.#fetchLists();
      this.loaded = true;
      // The stream may have broken meanwhile: lists that nothing keeps up are not live.
      if (this.#streaming) this.contact = 'live';
    } catch {
      this.contact = 'lost';
      if (this.#streaming) this.#retry = setTimeout(() => void this.#fetchAll(), RETRY_MS);
    } finally {
      this.#fetching = false;
    }
    if (this.#again) {
      this.#again = false;
      void this.#fetchAll();
    }
  }

  async #fetchLists(): Promise<void> {
    const [gateway, profiles, rules] = await Promise.all([api.gateway(), api.profiles(), api.rules()]);
    const [devices, alarms, tickets] = await Promise.all([api.devices(), api.alarms(), api.tickets()]);
    this.profiles = byId(profiles);
    this.rules = rules;
    this.devices = byId(devices);
    this.alarms = byId(alarms.filter((alarm) => alarm.state !== 'normal'));
    this.tickets = byId(tickets);
    this.#takeGateway(gateway);
  }

  /** Events that came while lists were being fetched wait for them: each is as new as the list, or newer. */
  #draw(): void {
    if (this.#fetching || !this.loaded) return;
    const fresh = this.#pending;
    this.#pending = new Pending();
    const standing = newlyStanding(this.alarms, fresh.alarms.values());
    if (standing.length > 0) this.risen = standing;
    this.devices = merged(this.devices, fresh.devices);
    this.alarms = mergedAlarms(this.alarms, fresh.alarms);
    this.tickets = merged(this.tickets, fresh.tickets);
    if (fresh.devices.size > 0) this.heardAt = clock.exact();
    if (fresh.gateway !== null) this.#takeGateway(fresh.gateway);
  }

  #takeGateway(gateway: Gateway): void {
    this.gateway = gateway;
    clock.set(Date.parse(gateway.at));
    this.heardAt = clock.exact();
  }
}

export const facility = new Facility();
