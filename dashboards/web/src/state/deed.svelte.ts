// One thing that a person asks of the gateway: it asks for their name first, and keeps what was refused to be shown in its place.
import { asRefusal, type Refusal } from '../api/client';
import { settings } from './settings.svelte';

export class Deed {
  isSending = $state(false);
  /** Waits for the person's name. */
  isAsking = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  #waiting: ((by: string) => Promise<void>) | null = null;

  /** Does it in the person's name; without one, once it is given. Pressing again while it is under way does nothing. */
  async do(ask: (by: string) => Promise<void>): Promise<void> {
    if (this.isSending) return;
    if (settings.person === '') {
      this.#waiting = ask;
      this.isAsking = true;
      return;
    }
    this.isAsking = false;
    this.isSending = true;
    this.refusal = null;
    try {
      await ask(settings.person);
    } catch (error) {
      this.refusal = asRefusal(error);
    }
    this.isSending = false;
  }

  /** The name was given: what waited for it is done. */
  named(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) void this.do(waiting);
  }

  /** What was refused does not matter any more. */
  forget(): void {
    this.refusal = null;
    this.isAsking = false;
    this.#waiting = null;
  }
}
