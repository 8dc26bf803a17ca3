// Sockets that nobody can reach any more because they are only in one another's queues, as files on
// their way (SCM_RIGHTS). Found by Linux's way of old: candidates are those that have no other holder;
// those that a reachable queue holds are reachable, and what is in their queues too.

//
// A collection looks at every socket on its way, and a guest may have very many: so one is tried when
// enough has happened since the last to pay for it, and else after a while.

import type { OpenFile } from "../../vfs/file.ts";
import { putFile } from "../../vfs/file_table.ts";
import type { NetContext } from "../context.ts";
import { UnixSocket } from "./unix_socket.ts";

/** A collection is tried when so many files more are on their way, at least, than after the last one. */
const GROWTH = 1024;
/** Sockets on their way that the end of one socket pays for. */
const LOOKS = 8;
const LATER_NS = 200_000_000;

/** How often it is looked, while sockets are emptied and let go, whether the turn is full. */
const SOCKETS_PER_LOOK = 16;

export class UnixGarbage {
  readonly #kernel: NetContext;
  /** Sockets that are on their way, as files of messages. */
  readonly #inFlight = new Set<UnixSocket>();
  #collecting = false;
  #lastCount = 0;
  /** Sockets that have ended since the last collection. */
  #ended = 0;
  #later = false;
  readonly #letGo: OpenFile[] = [];
  #lettingGo = false;
  #round = 0;

  constructor(kernel: NetContext) {
    this.#kernel = kernel;
  }

  /** Sockets on their way, and files that are being let go: for counters. */
  get size(): number {
    return this.#inFlight.size + this.#letGo.length;
  }

  /** A file is sent along with a message. */
  sent(file: unknown): void {
    if (file instanceof UnixSocket) this.#inFlight.add(file);
    const { filesInFlight } = this.#kernel.counters;
    if (filesInFlight > this.#lastCount + Math.max(GROWTH, this.#lastCount)) this.collect();
  }

  /** A socket has ended: others may have become unreachable. */
  collectSoon(): void {
    if (this.#inFlight.size === 0) return;
    this.#ended++;
    // A collection that is under way has looked at it already, perhaps: there is another behind it.
    if (!this.#collecting) this.#collectWhenPaid();
  }

  #collectWhenPaid(): void {
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
    this.#kernel.steps.run(() => {
      for (let next = this.#letGo.pop(); next !== undefined; next = this.#letGo.pop()) {
        putFile(this.#kernel, next);
        if (this.#letGo.length % SOCKETS_PER_LOOK === 0 && this.#kernel.longTurns.isFull) break;
      }
      this.#lettingGo = this.#letGo.length > 0;
      return !this.#lettingGo;
    });
  }

  collect(): void {
    if (this.#collecting) return;
    this.#collecting = true;
    this.#ended = 0;
    for (const socket of this.#inFlight) if (socket.inFlight === 0) this.#inFlight.delete(socket);
    // Marks on the sockets themselves: there may be tens of thousands, and others wait.
    const round = ++this.#round;
    const candidates: UnixSocket[] = [];
    for (const socket of this.#inFlight) {
      if (socket.references !== socket.inFlight) continue;
      socket.candidateIn = round;
      socket.heldInside = 0;
      candidates.push(socket);
    }
    // How often each is in a queue of another candidate: all of its holders, if it is garbage.
    for (const socket of candidates)
      eachFileIn(socket, (file) => {
        if (file.candidateIn === round) file.heldInside++;
      });
    const reachable = candidates.filter((socket) => socket.heldInside < socket.inFlight);
    for (const socket of reachable) socket.candidateIn = 0;
    for (let next = reachable.pop(); next !== undefined; next = reachable.pop())
      eachFileIn(next, (file) => {
        if (file.candidateIn !== round) return;
        file.candidateIn = 0;
        reachable.push(file);
      });
    // Nobody can reach what is left, now or later.
    let at = 0;
    this.#kernel.steps.run(() => {
      while (at < candidates.length) {
        const socket = candidates[at++]!;
        if (socket.candidateIn === round) socket.purge();
        if (at % SOCKETS_PER_LOOK === 0 && this.#kernel.longTurns.isFull) return false;
      }
      this.#lastCount = this.#kernel.counters.filesInFlight;
      this.#collecting = false;
      if (this.#ended > 0) this.#collectWhenPaid();
      return true;
    });
  }
}

/** Sockets among the files that wait in a socket's queues. */
function eachFileIn(socket: UnixSocket, visit: (file: UnixSocket) => void): void {
  for (const { ancillary } of socket.queue) {
    if (ancillary === null) continue;
    for (const file of ancillary.rights) if (file instanceof UnixSocket) visit(file);
  }
  for (const pending of socket.pending) eachFileIn(pending, visit);
}
