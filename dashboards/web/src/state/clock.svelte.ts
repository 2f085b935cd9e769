// The gateway's time, ticking once a second here: the clocks of the standard are the gateway's, not this phone's.

/** Less than this is the network's delay, not a wrong clock. */
const JITTER_MS = 400;

class Clock {
  #offset = 0;
  /** Now, by the gateway's clock (ms since 1970). */
  now = $state(Date.now());

  /** Takes the gateway's time as it said it just now. */
  set(gatewayNow: number): void {
    const offset = gatewayNow - Date.now();
    if (!Number.isFinite(offset) || Math.abs(offset - this.#offset) < JITTER_MS) return;
    this.#offset = offset;
    this.now = this.exact();
  }

  exact(): number {
    return Date.now() + this.#offset;
  }

  /** Ticks at each whole second, so that all clocks on the page change together. */
  start(): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const tick = (): void => {
      this.now = this.exact();
      timer = setTimeout(tick, 1_005 - (this.now % 1_000));
    };
    tick();
    return () => clearTimeout(timer);
  }
}

export const clock = new Clock();
