// The multicast groups that this host listens to, by device: who asks is counted, a group ends with the last of them.
// 224.0.0.1 and ff02::1 are everybody's (RFC 1112, RFC 4291).

import { type IpAddress, isV4 } from "./ip_address.ts";
import { mix, mixAddress } from "./path_mtu.ts";

const ALL_HOSTS = 0xe0000001 | 0;

interface Membership {
  readonly group: IpAddress;
  count: number;
}

export class Memberships {
  readonly #hashKey: number;
  /** Those with the same key are told apart by comparison. */
  readonly #byKey = new Map<number, Membership[]>();
  count = 0;
  /** Told of the first who joins a group, and of the last who leaves it. */
  observer: ((device: number, group: IpAddress, isJoined: boolean) => void) | null = null;

  constructor(hashKey: number) {
    this.#hashKey = hashKey;
  }

  #keyOf(device: number, w0: number, w1: number, w2: number, w3: number): number {
    return mix(mixAddress(this.#hashKey, w0, w1, w2, w3), device);
  }

  #find(device: number, w0: number, w1: number, w2: number, w3: number): Membership | undefined {
    const memberships = this.#byKey.get(this.#keyOf(device, w0, w1, w2, w3));
    if (memberships === undefined) return undefined;
    for (let i = 0; i < memberships.length; i++) {
      const { group } = memberships[i]!;
      if (group.w0 === w0 && group.w1 === w1 && group.w2 === w2 && group.w3 === w3) return memberships[i];
    }
    return undefined;
  }

  has(device: number, w0: number, w1: number, w2: number, w3: number): boolean {
    if (isV4(w0, w1, w2) ? w3 === ALL_HOSTS : w1 === 0 && w2 === 0 && w3 === 1 && isNodeOrLink(w0))
      return true;
    return this.#find(device, w0, w1, w2, w3) !== undefined;
  }

  join(device: number, group: IpAddress): void {
    const { w0, w1, w2, w3 } = group;
    const membership = this.#find(device, w0, w1, w2, w3);
    if (membership !== undefined) {
      membership.count++;
      return;
    }
    const key = this.#keyOf(device, w0, w1, w2, w3);
    const others = this.#byKey.get(key);
    if (others === undefined) this.#byKey.set(key, [{ group, count: 1 }]);
    else others.push({ group, count: 1 });
    this.count++;
    this.observer?.(device, group, true);
  }

  leave(device: number, group: IpAddress): void {
    const { w0, w1, w2, w3 } = group;
    const membership = this.#find(device, w0, w1, w2, w3);
    if (membership === undefined || --membership.count > 0) return;
    const key = this.#keyOf(device, w0, w1, w2, w3);
    const others = this.#byKey.get(key)!;
    others.splice(others.indexOf(membership), 1);
    if (others.length === 0) this.#byKey.delete(key);
    this.count--;
    this.observer?.(device, group, false);
  }
}

/** ff01:: or ff02:: */
function isNodeOrLink(w0: number): boolean {
  return w0 === (0xff010000 | 0) || w0 === (0xff020000 | 0);
}
