// Sockets of the kernel thread that owns them, by the numbers that thread 0 has given them, and what others are told of
// them: which events hold, and, where it was asked for, that something has come.

import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP } from "../../shared/abi/poll.ts";
import type { Readiness } from "../../shared/ring/readiness.ts";
import type { WaitEntry } from "../call/wait_queue.ts";
import type { NetContext } from "../net/context.ts";
import type { SocketFile } from "../net/socket.ts";
import { putFile } from "../vfs/file_table.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";

const ALL = POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
const KINDS = 3;

interface OwnedSocketContext extends NetContext {
  readonly readiness: Readiness;
  record(kind: number): Int32Array;
  sendBack(): void;
}

/** Which sockets descriptors name, as far as calls on them have come by; thread 0 says when that ends. */
export class Descriptors {
  readonly #tables = new Map<number, Map<number, OwnedSocket>>();

  find(table: number, fd: number): OwnedSocket | undefined {
    return this.#tables.get(table)?.get(fd);
  }

  set(table: number, fd: number, socket: OwnedSocket): void {
    const known = this.#tables.get(table) ?? new Map<number, OwnedSocket>();
    this.#tables.set(table, known);
    known.set(fd, socket);
  }

  forget(table: number, fd: number): void {
    const known = this.#tables.get(table);
    if (known?.delete(fd) === true && known.size === 0) this.#tables.delete(table);
  }
}

export class OwnedSocket implements WaitEntry {
  readonly events = ALL;
  readonly #kernel: OwnedSocketContext;
  readonly file: SocketFile;
  /** -1: thread 0 has let it go. */
  #number: number;
  /** Thread 0 is to be told of the next edge. */
  #isSubscribed = false;
  /** Thread 0 has a descriptor of its ring. */
  #hasGivenRing = false;

  constructor(kernel: OwnedSocketContext, file: SocketFile, number: number) {
    this.#kernel = kernel;
    this.file = file;
    this.#number = number;
    file.references++;
    kernel.counters.openFiles++;
    file.waiters.addLasting(this);
    this.publish();
  }

  /** What holds now; before a reply, since whoever gets it may poll at once. */
  publish(): void {
    if (this.#number < 0) return;
    this.#kernel.readiness.publish(this.#number, this.file.poll());
    if (this.#hasGivenRing && !this.file.hasRing) this.#ringGone();
  }

  /** For thread 0, which maps it. */
  ringToMap(): { readonly fd: number; readonly size: number } | number {
    const ring = this.file.ringToMap();
    if (typeof ring !== "number") this.#hasGivenRing = true;
    return ring;
  }

  #ringGone(): void {
    this.#hasGivenRing = false;
    const record = this.#kernel.record(Message.RING_GONE);
    record[M.SOCKET] = this.#number;
    this.#kernel.sendBack();
  }

  /** O_* flags of its descriptors, which thread 0 has. */
  setStatus(flags: number): void {
    this.file.flags = flags;
  }

  wake(events: number): void {
    if (this.#number < 0) return;
    this.publish();
    this.#kernel.readiness.edge(this.#number, events);
    if (this.#isSubscribed) this.#tell(events);
  }

  subscribe(record: Int32Array): void {
    const { readiness } = this.#kernel;
    this.#isSubscribed = true;
    for (let kind = 0; kind < KINDS; kind++) {
      if (readiness.count(this.#number, kind) === record[M.COUNTS + kind]) continue;
      this.#tell(readiness.events(this.#number));
      return;
    }
  }

  #tell(events: number): void {
    const { readiness } = this.#kernel;
    this.#isSubscribed = false;
    const record = this.#kernel.record(Message.READY);
    record[M.SOCKET] = this.#number;
    record[M.EVENTS] = events;
    for (let kind = 0; kind < KINDS; kind++)
      record[M.EVENTS + 1 + kind] = readiness.count(this.#number, kind);
    this.#kernel.sendBack();
  }

  /** It has no descriptor any more. Calls that are under way hold it still. */
  release(): void {
    this.#number = -1;
    this.file.waiters.remove(this);
    putFile(this.#kernel, this.file);
  }
}
