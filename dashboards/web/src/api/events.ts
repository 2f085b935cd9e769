// Follows the gateway's event stream, and notices by itself when the gateway has gone quiet.

/** The gateway speaks every five seconds; twice that in silence means that it is not reached. */
export const SILENCE_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
const TYPES = ['device', 'alarm', 'ticket', 'gateway'] as const;

export type EventType = (typeof TYPES)[number];

export interface Listener {
  /** The stream is open: whatever is known may be old, so fetch the lists again. */
  opened(): void;
  /** The gateway is not reached any more. */
  lost(): void;
  /** The gateway cannot replay what was missed: fetch the lists again. */
  reset(): void;
  heard(type: EventType, data: unknown): void;
}

/** How long to wait before the n-th new attempt (ms): soon at first, never longer than eight seconds. */
export function waitBefore(attempt: number): number {
  return Math.min(8_000, 500 * 2 ** attempt);
}

/** Whether a stream that last spoke at `heardAt` counts as lost at `now` (both ms). */
export function isSilent(heardAt: number, now: number): boolean {
  return now - heardAt > SILENCE_MS;
}

/** Follows the stream for ever; what it returns ends that. */
export function follow(listener: Listener): () => void {
  let source: EventSource | null = null;
  let heardAt = Date.now();
  let attempt = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;

  function alive(): void {
    heardAt = Date.now();
  }

  function open(): void {
    source = new EventSource('api/v1/events');
    source.onopen = () => {
      alive();
      attempt = 0;
      listener.opened();
    };
    source.onerror = again;
    source.addEventListener('reset', () => {
      alive();
      listener.reset();
    });
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        alive();
        listener.heard(type, JSON.parse(event.data));
      });
    }
  }

  // The browser's own reconnection gives up for good on an HTTP error, so a new stream is opened by us each time.
  function again(): void {
    listener.lost();
    source?.close();
    clearTimeout(retry);
    alive();
    retry = setTimeout(open, waitBefore(attempt));
    attempt += 1;
  }

  const watch = setInterval(() => {
    if (isSilent(heardAt, Date.now())) again();
  }, LOOK_EVERY_MS);
  open();

  return () => {
    clearInterval(watch);
    clearTimeout(retry);
    source?.close();
  };
}
