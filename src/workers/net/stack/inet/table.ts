// Who gets what comes to a port: UDP endpoints by what they are bound and connected to, TCP endpoints that listen by what
// they are bound to. A lookup is a handful of probes of hash tables, however many endpoints there are and whatever they
// are bound to; it allocates nothing.
//
// Linux's order of preference (compute_score) is the order of the probes: connected before not, a local address before
// none, a device before none, an IPv4 socket before an IPv6 one that takes IPv4, the youngest before older ones; of a
// SO_REUSEPORT group, the one that the hash of the addresses chooses.

import { MAPPED } from "../ip_address.ts";
import { ENDPOINTS_MAX, REUSEPORT_GROUP_MAX } from "../limits.ts";
import { mix, mixAddress } from "../path_mtu.ts";
import type { InetEndpoint } from "./endpoint.ts";

const BUCKETS_MIN = 64;

/** Endpoints with the same key, the youngest first. */
class Place {
  next: Place | null = null;
  readonly hash: number;
  youngest: InetEndpoint | null = null;
  /** Those that share a port by SO_REUSEPORT, the oldest first. */
  readonly group: InetEndpoint[] = [];

  constructor(hash: number) {
    this.hash = hash;
  }
}

/** Whose datagrams an endpoint takes. */
const ONLY_4 = 0;
const BOTH = 1;
const ONLY_6 = 2;

function kindOf({ isV6, v6only }: InetEndpoint): number {
  return isV6 ? (v6only ? ONLY_6 : BOTH) : ONLY_4;
}

/** What a place's endpoints are alike in; for connected ones, all of it. */
function isLike(a: InetEndpoint, b: InetEndpoint): boolean {
  return (
    a.localPort === b.localPort &&
    a.local.equals(b.local) &&
    a.boundDevice === b.boundDevice &&
    kindOf(a) === kindOf(b) &&
    a.remotePort === b.remotePort &&
    (a.remote === null) === (b.remote === null) &&
    (a.remote === null || a.remote.equals(b.remote!))
  );
}

export class EndpointTable<T extends InetEndpoint> {
  readonly #key: number;
  #buckets: (Place | null)[] = new Array<Place | null>(BUCKETS_MIN).fill(null);
  #places = 0;
  /** All that have a port. */
  readonly #byPort = new Map<number, Set<T>>();
  count = 0;
  /** How many are bound to a device, IPv6 ones, and connected ones: probes that need not be made. */
  #onDevices = 0;
  #ofV6 = 0;
  #connected = 0;

  constructor(key: number) {
    this.#key = key;
  }

  /** Everybody on a port. */
  onPort(port: number): Iterable<T> {
    return this.#byPort.get(port) ?? [];
  }

  get isFull(): boolean {
    return this.count >= ENDPOINTS_MAX;
  }

  #hashOf(endpoint: InetEndpoint): number {
    const { local, remote } = endpoint;
    const hash = this.#hash(
      local.w0,
      local.w1,
      local.w2,
      local.w3,
      endpoint.localPort,
      endpoint.boundDevice,
      kindOf(endpoint),
    );
    if (remote === null) return hash;
    return mix(mixAddress(hash, remote.w0, remote.w1, remote.w2, remote.w3), endpoint.remotePort);
  }

  #hash(w0: number, w1: number, w2: number, w3: number, port: number, device: number, kind: number): number {
    return mix(mixAddress(this.#key, w0, w1, w2, w3), (port << 2) ^ Math.imul(device, 0x9e3779b1) ^ kind);
  }

  // ---- Changes ----

  add(endpoint: T): void {
    const hash = this.#hashOf(endpoint);
    let place = this.#buckets[hash & (this.#buckets.length - 1)] as Place | null;
    while (place !== null && !(place.hash === hash && isLike(place.youngest!, endpoint))) place = place.next;
    if (place === null) place = this.#newPlace(hash);
    endpoint.older = place.youngest;
    if (place.youngest !== null) place.youngest.younger = endpoint;
    place.youngest = endpoint;
    if (endpoint.reusePort && place.group.length < REUSEPORT_GROUP_MAX)
      endpoint.memberNumber = place.group.push(endpoint) - 1;
    const users = this.#byPort.get(endpoint.localPort);
    if (users === undefined) this.#byPort.set(endpoint.localPort, new Set([endpoint]));
    else users.add(endpoint);
    this.#tally(endpoint, 1);
  }

  #newPlace(hash: number): Place {
    if (this.#places >= this.#buckets.length) this.#resize(this.#buckets.length * 2);
    const place = new Place(hash);
    this.#link(place);
    this.#places++;
    return place;
  }

  #link(place: Place): void {
    const bucket = place.hash & (this.#buckets.length - 1);
    place.next = this.#buckets[bucket]!;
    this.#buckets[bucket] = place;
  }

  #resize(size: number): void {
    const before = this.#buckets;
    this.#buckets = new Array<Place | null>(size).fill(null);
    for (const first of before)
      for (let place = first; place !== null; ) {
        const { next } = place;
        this.#link(place);
        place = next;
      }
  }

  #tally(endpoint: InetEndpoint, by: number): void {
    this.count += by;
    if (endpoint.boundDevice !== 0) this.#onDevices += by;
    if (endpoint.isV6) this.#ofV6 += by;
    if (endpoint.remote !== null) this.#connected += by;
  }

  /** An endpoint that was added, and in which nothing has changed since that the table looks at. */
  remove(endpoint: T): void {
    const hash = this.#hashOf(endpoint);
    const bucket = hash & (this.#buckets.length - 1);
    let before: Place | null = null;
    let place = this.#buckets[bucket]!;
    while (place.hash !== hash || !isLike(place.youngest!, endpoint)) {
      before = place;
      place = place.next!;
    }
    const { younger, older, memberNumber } = endpoint;
    if (younger === null) place.youngest = older;
    else younger.older = older;
    if (older !== null) older.younger = younger;
    endpoint.younger = null;
    endpoint.older = null;
    if (memberNumber >= 0) {
      // As Linux does, the last one takes its place.
      const last = place.group.pop()!;
      if (last !== endpoint) {
        place.group[memberNumber] = last;
        last.memberNumber = memberNumber;
      }
      endpoint.memberNumber = -1;
    }
    if (place.youngest === null) {
      if (before === null) this.#buckets[bucket] = place.next;
      else before.next = place.next;
      this.#places--;
    }
    const users = this.#byPort.get(endpoint.localPort)!;
    users.delete(endpoint);
    if (users.size === 0) this.#byPort.delete(endpoint.localPort);
    this.#tally(endpoint, -1);
  }

  // ---- Lookups ----

  #local0 = 0;
  #local1 = 0;
  #local2 = 0;
  #local3 = 0;
  #localPort = 0;
  #remote0 = 0;
  #remote1 = 0;
  #remote2 = 0;
  #remote3 = 0;
  #remotePort = 0;

  /** Who gets a datagram to that local address from that remote one, which came in by that device; null: nobody. */
  lookup(
    isV6: boolean,
    local0: number,
    local1: number,
    local2: number,
    local3: number,
    localPort: number,
    remote0: number,
    remote1: number,
    remote2: number,
    remote3: number,
    remotePort: number,
    device: number,
  ): T | null {
    this.#local0 = local0;
    this.#local1 = local1;
    this.#local2 = local2;
    this.#local3 = local3;
    this.#localPort = localPort;
    this.#remote0 = remote0;
    this.#remote1 = remote1;
    this.#remote2 = remote2;
    this.#remote3 = remote3;
    this.#remotePort = remotePort;
    if (this.#connected > 0) {
      const found = this.#probeDevices(isV6, device, true);
      if (found !== null) return found;
    }
    const found = this.#probeDevices(isV6, device, false);
    if (found !== null) return found;
    // To any local address: of IPv4, then of both.
    this.#local0 = 0;
    this.#local1 = 0;
    this.#local3 = 0;
    this.#local2 = isV6 ? 0 : MAPPED;
    return this.#probeAny(isV6, device);
  }

  // Those on the device before those on none.
  #probeDevices(isV6: boolean, device: number, isConnected: boolean): T | null {
    if (this.#onDevices > 0) {
      const found = this.#probeFamilies(isV6, device, isConnected);
      if (found !== null) return found;
    }
    return this.#probeFamilies(isV6, 0, isConnected);
  }

  #probeFamilies(isV6: boolean, device: number, isConnected: boolean): T | null {
    const found = isV6 ? null : this.#probe(device, ONLY_4, isConnected);
    if (found !== null || this.#ofV6 === 0) return found;
    const only = isV6 ? this.#probe(device, ONLY_6, isConnected) : null;
    return only ?? this.#probe(device, BOTH, isConnected);
  }

  #probeAny(isV6: boolean, device: number): T | null {
    if (this.#onDevices > 0) {
      const found = this.#probeAnyOn(isV6, device);
      if (found !== null) return found;
    }
    return this.#probeAnyOn(isV6, 0);
  }

  #probeAnyOn(isV6: boolean, device: number): T | null {
    const found = this.#probeFamilies(isV6, device, false);
    if (found !== null || isV6 || this.#ofV6 === 0) return found;
    // An IPv6 socket that is bound to :: takes IPv4 as well, unless it is told not to.
    this.#local2 = 0;
    const dual = this.#probe(device, BOTH, false);
    this.#local2 = MAPPED;
    return dual;
  }

  #probe(device: number, kind: number, isConnected: boolean): T | null {
    let hash = this.#hash(
      this.#local0,
      this.#local1,
      this.#local2,
      this.#local3,
      this.#localPort,
      device,
      kind,
    );
    if (isConnected)
      hash = mix(
        mixAddress(hash, this.#remote0, this.#remote1, this.#remote2, this.#remote3),
        this.#remotePort,
      );
    let place = this.#buckets[hash & (this.#buckets.length - 1)] as Place | null;
    for (; place !== null; place = place.next)
      if (place.hash === hash && this.#isFor(place.youngest!, device, kind, isConnected))
        return this.#choose(place);
    return null;
  }

  #isFor(endpoint: InetEndpoint, device: number, kind: number, isConnected: boolean): boolean {
    const { local, remote } = endpoint;
    return (
      endpoint.localPort === this.#localPort &&
      endpoint.boundDevice === device &&
      kindOf(endpoint) === kind &&
      local.w0 === this.#local0 &&
      local.w1 === this.#local1 &&
      local.w2 === this.#local2 &&
      local.w3 === this.#local3 &&
      (isConnected
        ? remote !== null &&
          endpoint.remotePort === this.#remotePort &&
          remote.w0 === this.#remote0 &&
          remote.w1 === this.#remote1 &&
          remote.w2 === this.#remote2 &&
          remote.w3 === this.#remote3
        : remote === null)
    );
  }

  #choose({ youngest, group }: Place): T {
    return (youngest!.reusePort && group.length > 1 ? this.#ofGroup(group) : youngest!) as T;
  }

  #ofGroup(group: readonly InetEndpoint[]): InetEndpoint {
    let hash = mixAddress(this.#key, this.#remote0, this.#remote1, this.#remote2, this.#remote3);
    hash = mix(mix(hash, this.#remotePort), this.#localPort);
    return group[Math.floor(((hash >>> 0) / 4294967296) * group.length)]!;
  }
}
