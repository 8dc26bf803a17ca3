// Who has which port (Linux's bhash): endpoints that are bound, listen or are connected, and records of ended connections;
// who may have it besides, and which port somebody gets who asks for none.

import { EADDRINUSE, EADDRNOTAVAIL } from "../../../../shared/abi/errno.ts";
import type { StackCore } from "../core.ts";
import { overlaps } from "../inet/conflicts.ts";
import type { IpAddress } from "../ip_address.ts";
import { SipHash } from "../siphash.ts";
import type { Ends } from "./isn.ts";

/** Who has a port, as conflicts look at it. */
export interface PortUser {
  readonly local: IpAddress;
  readonly boundDevice: number;
  readonly isV6: boolean;
  readonly v6only: boolean;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly uid: number;
  readonly isListening: boolean;
  readonly isTimeWait: boolean;
}

/** Counters of outgoing ports, for those that a hash tells apart (RFC 6056, algorithm 4). */
const PERTURB = 256;

class PortUse {
  readonly users = new Set<PortUser>();
  /** Of them, those that asked for the port, or for any of their own. */
  bound = 0;
}

/** Whether two may not both have a port (inet_bind_conflict); `isAny`: neither asked for that one. */
function conflicts(one: PortUser, other: PortUser, isAny: boolean): boolean {
  if (one === other) return false;
  if (one.boundDevice !== 0 && other.boundDevice !== 0 && one.boundDevice !== other.boundDevice) return false;
  if (!overlaps(one, other)) return false;
  if (isAny) return true;
  if (one.reuseAddress && other.reuseAddress && !other.isListening) return false;
  return !(one.reusePort && other.reusePort && (other.isTimeWait || one.uid === other.uid));
}

export class BoundPorts {
  readonly #core: StackCore;
  readonly #hash: SipHash;
  readonly #byPort = new Map<number, PortUse>();
  readonly #perturb = new Int32Array(PERTURB);

  constructor(core: StackCore) {
    this.#core = core;
    const random = (): number => core.host.random32();
    this.#hash = new SipHash(random);
    for (let i = 0; i < PERTURB; i++) this.#perturb[i] = random();
  }

  add(user: PortUser, port: number, isBound: boolean): void {
    let use = this.#byPort.get(port);
    if (use === undefined) {
      use = new PortUse();
      this.#byPort.set(port, use);
    }
    use.users.add(user);
    if (isBound) use.bound++;
  }

  remove(user: PortUser, port: number, isBound: boolean): void {
    const use = this.#byPort.get(port);
    if (use?.users.delete(user) !== true) return;
    if (isBound) use.bound--;
    if (use.users.size === 0) this.#byPort.delete(port);
  }

  get count(): number {
    return this.#byPort.size;
  }

  #isHosts(port: number): boolean {
    const { hostPortMin, hostPortMax } = this.#core.settings;
    return port >= hostPortMin && port <= hostPortMax;
  }

  /** Whether somebody who has the port, or gets it, may not. */
  isTaken(user: PortUser, port: number, isAny = false): boolean {
    const use = this.#byPort.get(port);
    if (use === undefined) return false;
    for (const other of use.users) if (conflicts(user, other, isAny)) return true;
    return false;
  }

  /** bind(2): the wanted port, or for 0 one that is free; -EADDRINUSE. */
  choose(user: PortUser, wanted: number): number {
    if (wanted !== 0) return this.#isHosts(wanted) || this.isTaken(user, wanted) ? -EADDRINUSE : wanted;
    const { portMin, portMax } = this.#core.settings;
    const count = portMax - portMin + 1;
    // Odd ones first: connections take even ones.
    const start = ((this.#core.host.random32() >>> 0) % count) | 1;
    for (let parity = 0; parity < 2; parity++)
      for (let i = parity; i < count + 1; i += 2) {
        const port = portMin + ((start + i) % count);
        if (!this.#isHosts(port) && !this.isTaken(user, port, true)) return port;
      }
    return -EADDRINUSE;
  }

  /**
   * connect(2): a port by which the ends differ from those of all others (RFC 6056, __inet_hash_connect); `ends` has no
   * local port yet. `isFree` says whether the ends with a port that others connect from too are nobody's.
   */
  chooseOutgoing(ends: Ends & { localPort: number }, isFree: () => boolean): number {
    const hash = this.#hash;
    hash.begin();
    hash.word(ends.local0);
    hash.word(ends.local1);
    hash.word(ends.local2);
    hash.word(ends.local3);
    hash.word(ends.remote0);
    hash.word(ends.remote1);
    hash.word(ends.remote2);
    hash.word(ends.remote3);
    hash.word(ends.remotePort);
    const offset = hash.end() >>> 0;
    const place = hash.high & (PERTURB - 1);
    const { portMin, portMax } = this.#core.settings;
    const count = portMax - portMin + 1;
    const start = ((offset + (this.#perturb[place]! >>> 0)) % count) & ~1;
    for (let parity = 0; parity < 2; parity++)
      for (let i = parity; i < count; i += 2) {
        const port = portMin + ((start + i) % count);
        if (this.#isHosts(port)) continue;
        const use = this.#byPort.get(port);
        // A port that somebody bound is his.
        if (use !== undefined && use.bound > 0) continue;
        ends.localPort = port;
        if (use !== undefined && !isFree()) continue;
        this.#perturb[place] = (this.#perturb[place]! + i + 2) | 0;
        return port;
      }
    return -EADDRNOTAVAIL;
  }
}
