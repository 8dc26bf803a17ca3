// What may wait in the queues of all sinks of a sandbox together. Each has a bound of its own as well (sink.ts); and each may keep
// a little whatever the others keep, so that readers who do not read cost those who do some of their room, and not all.

/** Events of all sinks, and bytes. */
const EVENTS_MAX = 131_072;
const BYTES_MAX = 32 << 20;
/** Bytes that a sink may keep in any case. */
const SHARE_BYTES = 256 << 10;

export class QueueRoom {
  #events = 0;
  #bytes = 0;

  /** Whether a sink that keeps so many bytes may keep one more event. */
  hasFor(kept: number): boolean {
    return kept < SHARE_BYTES || (this.#events < EVENTS_MAX && this.#bytes < BYTES_MAX);
  }

  take(bytes: number): void {
    this.#events++;
    this.#bytes += bytes;
  }

  give(events: number, bytes: number): void {
    this.#events -= events;
    this.#bytes -= bytes;
  }
}
