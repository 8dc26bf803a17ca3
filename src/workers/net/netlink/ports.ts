// Ports of AF_NETLINK sockets, one number space a protocol, of which processes' numbers are the first choice; and who is
// told what is sent to groups.

import type { Steps } from "../../call/steps.ts";

/** A socket, as those who send to it know it. */
export interface Receiver {
  /** Queues a message; false: there is no room, and it is lost. */
  enqueue(bytes: Buffer, from: number, groups: number): boolean;
  /** It is in one of the groups (bits of its address). */
  isIn(groups: number): boolean;
}

/** Where those begin that no process has, and go on downwards (as unsigned numbers). */
const UNUSED_FIRST = 0xfffff000;
/** Sockets that are told at once. */
const TOLD_AT_ONCE = 256;

export class NetlinkPorts {
  readonly #steps: Steps;
  /** By protocol, and by port there. */
  readonly #sockets = new Map<number, Map<number, Receiver>>();
  #lastUnused = UNUSED_FIRST;

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

  /** Tells the members of groups, but for who has sent it. */
  tellGroups(protocol: number, groups: number, sender: Receiver, port: number, bytes: Buffer): void {
    const members = [...(this.#sockets.get(protocol)?.values() ?? [])].filter(
      (socket) => socket !== sender && socket.isIn(groups),
    );
    let at = 0;
    this.#steps.run(() => {
      const end = Math.min(members.length, at + TOLD_AT_ONCE);
      for (; at < end; at++) members[at]!.enqueue(bytes, port, groups);
      return at === members.length;
    });
  }
}
