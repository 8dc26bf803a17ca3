// The ports of TCP (Linux's bhash): endpoints that are bound, listen or are connected have them, and records of ended
// connections; and which port somebody gets who asks for none.

import { EADDRINUSE, EADDRNOTAVAIL } from "../../../../shared/abi/errno.ts";
import type { StackCore } from "../core.ts";
import { PortGroups, type PortUser } from "../inet/port_groups.ts";
import { SipHash } from "../siphash.ts";
import { type Ends, hashAddresses } from "./isn.ts";

/** Counters of outgoing ports, for those that a hash tells apart (RFC 6056, algorithm 4). */
const PERTURB = 256;

export class BoundPorts extends PortGroups {
  readonly #core: StackCore;
  readonly #hash: SipHash;
  readonly #perturb = new Int32Array(PERTURB);

  constructor(core: StackCore) {
    super(core.hashKey);
    this.#core = core;
    const random = (): number => core.host.random32();
    this.#hash = new SipHash(random);
    for (let i = 0; i < PERTURB; i++) this.#perturb[i] = random();
  }

  /** bind(2): the wanted port, or for 0 one that is free; -EADDRINUSE. */
  choose(user: PortUser, wanted: number): number {
    if (wanted !== 0)
      return this.#core.isHostPort(wanted) || this.isTaken(user, wanted) ? -EADDRINUSE : wanted;
    const { portMin, portMax } = this.#core.settings;
    const count = portMax - portMin + 1;
    // Odd ones first: connections take even ones.
    const start = ((this.#core.host.random32() >>> 0) % count) | 1;
    for (let parity = 0; parity < 2; parity++)
      for (let i = parity; i < count + 1; i += 2) {
        const port = portMin + ((start + i) % count);
        if (!this.#core.isReserved(port) && !this.isTaken(user, port, true)) return port;
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
    hashAddresses(hash, ends);
    hash.word(ends.remotePort);
    const offset = hash.end() >>> 0;
    const place = hash.high & (PERTURB - 1);
    const { portMin, portMax } = this.#core.settings;
    const count = portMax - portMin + 1;
    const start = ((offset + (this.#perturb[place]! >>> 0)) % count) & ~1;
    for (let parity = 0; parity < 2; parity++)
      for (let i = parity; i < count; i += 2) {
        const port = portMin + ((start + i) % count);
        if (this.#core.isReserved(port)) continue;
        // A port that somebody bound is his.
        if (this.isBound(port)) continue;
        ends.localPort = port;
        if (!this.isFree(port) && !isFree()) continue;
        this.#perturb[place] = (this.#perturb[place]! + i + 2) | 0;
        return port;
      }
    return -EADDRNOTAVAIL;
  }
}
