// Addresses that many endpoints have, the host's own above all: one object each, as long as it was asked for of late.

import { IpAddress } from "./ip_address.ts";
import { mixAddress } from "./path_mtu.ts";

/** Part of what a network is charged with (heap_budget.ts). */
const PLACES = 64;

export class SharedAddresses {
  readonly #key: number;
  readonly #places: (IpAddress | undefined)[] = new Array<IpAddress | undefined>(PLACES).fill(undefined);

  constructor(key: number) {
    this.#key = key;
  }

  fromWords(w0: number, w1: number, w2: number, w3: number): IpAddress {
    const place = mixAddress(this.#key, w0, w1, w2, w3) & (PLACES - 1);
    const known = this.#places[place];
    if (known?.hasWords(w0, w1, w2, w3) === true) return known;
    const address = IpAddress.fromWords(w0, w1, w2, w3);
    this.#places[place] = address;
    return address;
  }
}
