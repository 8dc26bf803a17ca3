// Ports of AF_NETLINK sockets, one number space a protocol, of which processes' numbers are the first choice; and who is
// told what is sent to groups.

import type { Steps } from "../../call/steps.ts";

/** A socket, as those who send to it know it. */
export interface Receiver {
  readonly port: number;
  /** Queues a message of the kernel, or one to groups; where there is no room, it is lost. */
  enqueue(bytes: Buffer, from: number, groups: number): void;
  /** Queues a message of another socket: 0, -EAGAIN if there is no room, which it is told of later, or a negative errno. */
  receiveFrom(sender: Receiver, bytes: Buffer, groups: number): number;
  /** There is room again where it found none. */
  mayGoOn(at: Receiver): void;
  /** One that waited for room is no more. */
  forgetSender(sender: Receiver): void;
  /** It is in one of the groups (bits of its address). */
  isIn(groups: number): boolean;
}

/** Who sends a message to groups, and from which port; and the port of one that is not told. */
export interface Telling {
  readonly sender: Receiver | null;
  readonly port: number;
  readonly except: number;
}

/** Where those begin that no process has, and go on downwards (as unsigned numbers). */
const UNUSED_FIRST = 0xfffff000;
/** Groups that an address names. */
const GROUPS = 32;
/** Sockets that are told at once. */
const TOLD_AT_ONCE = 32;
/** Messages to groups that more sockets are to be told of, in later turns; beyond that those are not told. */
const PENDING_MAX = 64;

export class NetlinkPorts {
  readonly #steps: Steps;
  /** By protocol, and by port there. */
  readonly #sockets = new Map<number, Map<number, Receiver>>();
  /** By protocol and group: who is in it. */
  readonly #members = new Map<number, Set<Receiver>>();
  #lastUnused = UNUSED_FIRST;
  #pending = 0;

  constructor({ steps }: { steps: Steps }) {
    this.#steps = steps;
  }

  at(protocol: number, port: number): Receiver | undefined {
    return this.#sockets.get(protocol)?.get(port);
  }

  isFree(protocol: number, port: number): boolean {
    return this.at(protocol, port) === undefined;
  }

  /** Whether the socket has the port now. */
  take(protocol: number, port: number, socket: Receiver): boolean {
    if (!this.isFree(protocol, port)) return false;
    const ports = this.#sockets.get(protocol) ?? new Map<number, Receiver>();
    this.#sockets.set(protocol, ports);
    ports.set(port, socket);
    return true;
  }

  /** A port that nobody has. */
  unused(protocol: number): number {
    do this.#lastUnused--;
    while (!this.isFree(protocol, this.#lastUnused));
    return this.#lastUnused;
  }

  release(protocol: number, port: number): void {
    this.#sockets.get(protocol)?.delete(port);
  }

  // ---- Groups ----

  #membersOf(protocol: number, group: number): Set<Receiver> {
    const key = protocol * GROUPS + group;
    const members = this.#members.get(key) ?? new Set<Receiver>();
    this.#members.set(key, members);
    return members;
  }

  /** A socket is in other groups than before (bits of its address). */
  moved(protocol: number, socket: Receiver, before: number, after: number): void {
    for (let group = 0; group < GROUPS; group++) {
      if ((((before ^ after) >>> group) & 1) === 0) continue;
      const members = this.#membersOf(protocol, group);
      if (((after >>> group) & 1) !== 0) members.add(socket);
      else members.delete(socket);
    }
  }

  hasMembers(protocol: number, group: number): boolean {
    return (this.#members.get(protocol * GROUPS + group - 1)?.size ?? 0) > 0;
  }

  /** Each member of any of the groups, once. */
  *#inAny(protocol: number, groups: number): Generator<Receiver> {
    for (let group = 0; group < GROUPS; group++) {
      if (((groups >>> group) & 1) === 0) continue;
      const earlier = groups & ((1 << group) - 1);
      for (const socket of this.#membersOf(protocol, group)) if (!socket.isIn(earlier)) yield socket;
    }
  }

  /**
   * Tells the members of groups, but for the sender and one more. True: all of them now; false: the rest in later turns,
   * behind which `after` is called. What has none is lost to some where much is still to be told.
   */
  tellGroups(
    protocol: number,
    groups: number,
    { sender, except, port }: Telling,
    bytes: Buffer,
    after: (() => void) | null = null,
  ): boolean {
    const members = this.#inAny(protocol, groups);
    const tell = (): boolean => {
      for (let i = 0; i < TOLD_AT_ONCE; i++) {
        const next = members.next();
        if (next.done === true) return true;
        if (next.value !== sender && next.value.port !== except) next.value.enqueue(bytes, port, groups);
      }
      return false;
    };
    if (tell()) return true;
    if (after === null && this.#pending >= PENDING_MAX) return true;
    this.#pending++;
    this.#steps.later(() => {
      const isDone = tell();
      if (!isDone) return false;
      this.#pending--;
      after?.();
      return true;
    });
    return false;
  }
}
