// Something that a view fetches for itself, because no event carries it: the newest answer, or why there is none.
import { asRefusal, type Refusal } from '../api/client';

export class Fetched<T> {
  value = $state.raw<T | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  #asked = 0;

  /** Asks anew. An answer that comes after a later question is dropped; what was known stays until there is news. */
  async load(ask: () => Promise<T>): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    try {
      const value = await ask();
      if (mine === this.#asked) [this.value, this.refusal] = [value, null];
    } catch (error) {
      if (mine === this.#asked) this.refusal = asRefusal(error);
    }
  }

  /** Takes what an action answered with, which is newer than anything asked before. */
  take(value: T): void {
    this.#asked += 1;
    [this.value, this.refusal] = [value, null];
  }

  /** Forgets what was known: it is about something else now. */
  clear(): void {
    this.#asked += 1;
    [this.value, this.refusal] = [null, null];
  }
}

/** Asks now and every so often until the returned function ends it: for an $effect. */
export function every(ms: number, ask: () => void): () => void {
  ask();
  const timer = setInterval(ask, ms);
  return () => clearInterval(timer);
}
