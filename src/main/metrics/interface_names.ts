// Which network devices of a sandbox are told by their names. Guests name devices, and may name new ones for ever; a time
// series is for as long as a Prometheus keeps it. So a sandbox has a few, and those that come later are left out.

import { type NetworkInterface, networkInterfaces } from "../usage/network_interfaces.ts";

const NAMES_MAX = 8;
const NAME = /^[\w.@:-]{1,15}$/;

export class InterfaceNames {
  readonly #names = new Set<string>();

  /** Of the sandbox's /proc/net/dev. */
  told(netDev: string): NetworkInterface[] {
    const seen = new Set<string>();
    return networkInterfaces(netDev).filter(({ name, counts }) => {
      const isOdd = !NAME.test(name) || seen.has(name) || !Object.values(counts).every((n) => n >= 0);
      seen.add(name);
      if (isOdd || (!this.#names.has(name) && this.#names.size >= NAMES_MAX)) return false;
      this.#names.add(name);
      return true;
    });
  }
}
