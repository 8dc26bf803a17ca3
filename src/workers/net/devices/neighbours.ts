// Neighbours (ip-neighbour(8)): link addresses of internet addresses on a device, as somebody has made them known, or as
// whoever has the device's link has found out.

import { EEXIST, ENOBUFS, ENOENT } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { DevicesContext } from "./devices_context.ts";
import type { Change, Device, InternetFamily, Neighbour } from "./rows.ts";

function keyOf(family: InternetFamily, device: Device, address: Uint8Array): string {
  return `${family} ${device.index} ${Buffer.from(address).toString("hex")}`;
}

export class Neighbours {
  readonly #context: DevicesContext;
  readonly #tell: (change: Change) => void;
  readonly #all = new Map<string, Neighbour>();

  constructor(context: DevicesContext, tell: (change: Change) => void) {
    this.#context = context;
    this.#tell = tell;
  }

  *all(): Generator<Neighbour> {
    for (const wanted of [AF_INET, AF_INET6])
      for (const one of this.#all.values()) if (one.family === wanted) yield one;
  }

  find(family: InternetFamily, device: Device, address: Uint8Array): Neighbour | undefined {
    return this.#all.get(keyOf(family, device, address));
  }

  /** Makes it known, or changes what is known; `flags`: NLM_F_*. */
  set(wanted: Neighbour, flags: number): number {
    const { heap, counters } = this.#context;
    const { family, device, address, linkAddress, state } = wanted;
    const known = this.find(family, device, address);
    if (known !== undefined) {
      if ((flags & N.NLM_F_EXCL) !== 0) return -EEXIST;
      if (linkAddress !== null && (flags & N.NLM_F_REPLACE) !== 0) known.linkAddress = linkAddress;
      known.state = state;
      known.flags = wanted.flags;
      known.protocol = wanted.protocol;
      this.#tell({ kind: "neighbour", isGone: false, row: known });
      return 0;
    }
    if ((flags & N.NLM_F_CREATE) === 0) return -ENOENT;
    if (!heap.hasRoom("neighbours")) return -ENOBUFS;
    counters.neighbours++;
    this.#all.set(keyOf(family, device, address), wanted);
    this.#tell({ kind: "neighbour", isGone: false, row: wanted });
    return 0;
  }

  /** What the link has found out about one: a row like that; false: there are too many. `isTold`: to whoever listens. */
  found(wanted: Neighbour, isTold: boolean): boolean {
    const { family, device, address } = wanted;
    let known = this.find(family, device, address);
    if (known === undefined) {
      const { heap, counters } = this.#context;
      if (!heap.hasRoom("neighbours")) return false;
      counters.neighbours++;
      known = wanted;
      this.#all.set(keyOf(family, device, address), known);
    } else {
      known.linkAddress = wanted.linkAddress;
      known.state = wanted.state;
      known.flags = wanted.flags;
      known.protocol = wanted.protocol;
    }
    if (isTold) this.#tell({ kind: "neighbour", isGone: false, row: known });
    return true;
  }

  /** The link knows it no more. */
  lost(family: InternetFamily, device: Device, address: Uint8Array): void {
    const known = this.find(family, device, address);
    if (known !== undefined) this.#forget(known);
  }

  /** As on Linux it fails first, which is told. */
  remove(family: InternetFamily, device: Device, address: Uint8Array): number {
    const known = this.find(family, device, address);
    if (known === undefined) return -ENOENT;
    known.linkAddress = null;
    known.state = N.NUD_FAILED;
    this.#tell({ kind: "neighbour", isGone: false, row: known });
    this.#forget(known);
    return 0;
  }

  #forget(known: Neighbour): void {
    this.#all.delete(keyOf(known.family, known.device, known.address));
    this.#context.counters.neighbours--;
    this.#tell({ kind: "neighbour", isGone: true, row: known });
  }

  /** Those of a device are gone with it, and when it goes down. */
  flush(family: InternetFamily, device: Device): void {
    for (const known of [...this.#all.values()])
      if (known.device === device && known.family === family) this.#forget(known);
  }
}
