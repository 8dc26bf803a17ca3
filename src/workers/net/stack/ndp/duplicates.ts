// Looking for duplicates of an address before it is used (RFC 4862 5.4): one question to those who might have it, a second
// of silence, and it is this host's. Who else has it, or wants it, makes that it is nobody's here.

import { IFA_F_TENTATIVE } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { EthernetDevice } from "../eth/device.ts";
import type { IpAddress } from "../ip_address.ts";
import { DAD_TRANSMITS, NEIGHBOUR_RETRANSMIT_US, ROUTER_ASK_DELAY_US } from "../limits.ts";
import { Timer } from "../timer_wheel.ts";

/** Who gave the address, and takes it back. */
export interface AddressOwner {
  /** Nobody else has it; or somebody has. */
  addressVerified(device: EthernetDevice, address: IpAddress, isDuplicate: boolean): void;
}

class Tentative extends Timer {
  readonly #expired: (one: Tentative) => void;
  readonly device: EthernetDevice;
  readonly address: IpAddress;
  left = DAD_TRANSMITS;

  constructor(device: EthernetDevice, address: IpAddress, expired: (one: Tentative) => void) {
    super();
    this.device = device;
    this.address = address;
    this.#expired = expired;
  }

  override expired(): void {
    this.#expired(this);
  }
}

export class Duplicates {
  readonly #core: StackCore;
  /** Of each device, by their text. */
  readonly #all = new Map<EthernetDevice, Map<string, Tentative>>();
  /** Asks whether anybody has an address. */
  ask: (device: EthernetDevice, address: IpAddress) => void = () => {};
  owner: AddressOwner | null = null;

  constructor(core: StackCore) {
    this.#core = core;
  }

  get count(): number {
    let count = 0;
    for (const { size } of this.#all.values()) count += size;
    return count;
  }

  /** The device has these addresses now: those that are tentative are looked at, once. */
  changed(device: EthernetDevice): void {
    const known = this.#all.get(device);
    const wanted = new Set<string>();
    if (device.isUp)
      for (const { address, flags } of device.addresses) {
        if ((flags & IFA_F_TENTATIVE) === 0 || address.isV4) continue;
        const key = String(address);
        wanted.add(key);
        if (known?.has(key) === true) continue;
        const one = new Tentative(device, address, this.#expired);
        this.#add(key, one);
        // Hosts that start together do not ask at once.
        const delay = ((this.#core.host.random32() >>> 0) / 2 ** 32) * ROUTER_ASK_DELAY_US;
        this.#core.timers.schedule(one, this.#core.nowUs + delay);
      }
    if (known !== undefined) for (const [key, one] of known) if (!wanted.has(key)) this.#end(one);
  }

  #add(key: string, one: Tentative): void {
    const known = this.#all.get(one.device);
    if (known === undefined) this.#all.set(one.device, new Map([[key, one]]));
    else known.set(key, one);
  }

  #end(one: Tentative): void {
    const known = this.#all.get(one.device)!;
    known.delete(String(one.address));
    if (known.size === 0) this.#all.delete(one.device);
    this.#core.timers.remove(one);
  }

  readonly #expired = (one: Tentative): void => {
    const { device, address } = one;
    if (one.left > 0) {
      one.left--;
      this.ask(device, address);
      this.#core.timers.schedule(one, this.#core.nowUs + NEIGHBOUR_RETRANSMIT_US);
      return;
    }
    this.#end(one);
    this.owner?.addressVerified(device, address, false);
  };

  /** Somebody else has the address, or wants it. */
  found(device: EthernetDevice, address: IpAddress): void {
    const one = this.#all.get(device)?.get(String(address));
    if (one === undefined) return;
    this.#end(one);
    this.owner?.addressVerified(device, address, true);
  }
}
