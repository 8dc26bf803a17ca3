// Sockets that nobody can reach any more because they are only in one another's queues, as files on
// their way (SCM_RIGHTS). Found by Linux's way of old: candidates are those that have no other holder;
// those that a reachable queue holds are reachable, and what is in their queues too.

//
// A collection looks at every socket on its way, and a guest may have very many: so one is tried when
// enough has happened since the last to pay for it, and else after a while.

import type { Kernel } from "../../kernel.ts";
import type { OpenFile } from "../../vfs/file.ts";
import { putFile } from "../../vfs/file_table.ts";
import { UnixSocket } from "./unix_socket.ts";

/** A collection is tried when so many files more are on their way, at least, than after the last one. */
const GROWTH = 1024;
/** Sockets on their way that the end of one socket pays for. */
const LOOKS = 8;
const LATER_NS = 200_000_000;

export class UnixGarbage {
  readonly #kernel: Kernel;
  /** Sockets that are on their way, as files of messages. */
  readonly #inFlight = new Set<UnixSocket>();
  #collecting = false;
  #lastCount = 0;
  /** Sockets that have ended since the last collection. */
  #ended = 0;
  #later = false;
  readonly #letGo: OpenFile[] = [];
  #lettingGo = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** A file is sent along with a message. */
  sent(file: unknown): void {
    if (file instanceof UnixSocket) this.#inFlight.add(file);
    const { filesInFlight } = this.#kernel.counters;
    if (filesInFlight > this.#lastCount + Math.max(GROWTH, this.#lastCount)) this.collect();
  }

  /** A socket has ended: others may have become unreachable. */
  collectSoon(): void {
    if (this.#collecting || this.#inFlight.size === 0) return;
    this.#ended++;
    if (this.#inFlight.size <= this.#ended * LOOKS) this.collect();
    else if (!this.#later) {
      this.#later = true;
      const { timers, native } = this.#kernel;
      timers.add(native.monotonicNs() + LATER_NS, () => {
        this.#later = false;
        this.collect();
      });
    }
  }

  /**
   * A file is on its way no more. The end of a socket lets go of what is in its queues, and so on: one
   * after the other, since a guest may have strung up any number of them.
   */
  letGo(file: OpenFile): void {
    this.#letGo.push(file);
    if (this.#lettingGo) return;
    this.#lettingGo = true;
    for (let next = this.#letGo.pop(); next !== undefined; next = this.#letGo.pop())
      putFile(this.#kernel, next);
    this.#lettingGo = false;
  }

  collect(): void {
    if (this.#collecting) return;
    this.#collecting = true;
    this.#ended = 0;
    for (const socket of this.#inFlight) if (socket.inFlight === 0) this.#inFlight.delete(socket);
    const candidates = new Set([...this.#inFlight].filter((socket) => socket.references === socket.inFlight));
    // How often each is in a queue of another candidate: all of its holders, if it is garbage.
    const inside = new Map<UnixSocket, number>();
    for (const socket of candidates)
      for (const file of filesIn(socket))
        if (candidates.has(file)) inside.set(file, (inside.get(file) ?? 0) + 1);
    const reachable = [...candidates].filter((socket) => (inside.get(socket) ?? 0) < socket.inFlight);
    for (const socket of reachable) {
      if (!candidates.delete(socket)) continue;
      reachable.push(...[...filesIn(socket)].filter((file) => candidates.has(file)));
    }
    for (const socket of candidates) socket.purge();
    this.#lastCount = this.#kernel.counters.filesInFlight;
    this.#collecting = false;
  }
}

/** Sockets among the files that wait in a socket's queues. */
function* filesIn(socket: UnixSocket): Generator<UnixSocket> {
  for (const message of socket.queue)
    for (const file of message.ancillary?.rights ?? []) if (file instanceof UnixSocket) yield file;
  for (const pending of socket.pending) yield* filesIn(pending);
}
