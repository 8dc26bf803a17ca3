// IPv4 addresses of devices, and the routes that come and go with them, as Linux's devinet.c and fib_frontend.c have it
// (ip-address(8)).

import { EADDRNOTAVAIL, EEXIST, EINVAL, ENOBUFS } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET } from "../../../shared/abi/socket.ts";
import type { Namespace } from "./namespace.ts";
import { type Outcome, refuse } from "./outcome.ts";
import { isSame, isWithin, isZero, isZeroNet, prefixOf } from "./prefixes.ts";
import { type Device, type DeviceAddress, FOREVER, type Route } from "./rows.ts";

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_LENGTH = 8;
const BITS = 32;
/** Networks with longer prefixes have no broadcast address. */
const BROADCAST_LENGTH_MAX = 30;
/** Addresses of a device that is removed that go one after the other, each with its routes, as on Linux. */
const ONE_BY_ONE_MAX = 64;

function keyOf(address: Uint8Array): number {
  return (address[0]! << 24) | (address[1]! << 16) | (address[2]! << 8) | address[3]!;
}

function isSecondary({ flags }: DeviceAddress): boolean {
  return (flags & N.IFA_F_SECONDARY) !== 0;
}

function isSameNetwork(a: DeviceAddress, b: DeviceAddress): boolean {
  return a.prefixLength === b.prefixLength && isWithin(a.peer, b.peer, b.prefixLength);
}

/** Addresses that all hosts of a network hear: its last, and of old its first. */
function broadcastsOf({ peer, prefixLength }: DeviceAddress): [Uint8Array, Uint8Array] {
  return [prefixOf(peer, prefixLength, 0xff), prefixOf(peer, prefixLength)];
}

function isAllOnes(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0xff);
}

/** It has a route to its network. */
function hasNetwork({ address, peer, prefixLength }: DeviceAddress): boolean {
  const network = prefixOf(peer, prefixLength);
  return !isZeroNet(network) && (prefixLength < BITS || !isSame(network, address));
}

export class InetAddresses {
  readonly #namespace: Namespace;
  /** Of secondary addresses: the primary one of their network, which they go with. */
  readonly #primaries = new WeakMap<DeviceAddress, DeviceAddress>();

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  /** What its routes prefer as a source. */
  #sourceOf(own: DeviceAddress): Uint8Array {
    return (this.#primaries.get(own) ?? own).address;
  }

  // ---- Addresses ----

  add(own: DeviceAddress, isReplacing: boolean): Outcome {
    const { device, address } = own;
    const { heap, counters } = this.#namespace.context;
    own.flags &= ~N.IFA_F_SECONDARY;
    const known = device.inet.find((other) => isSameNetwork(other, own) && isSame(other.address, address));
    if (known !== undefined) {
      if (!isReplacing) return refuse(EEXIST, "ipv4: Address already assigned");
      known.metric = own.metric;
      known.validSeconds = own.validSeconds;
      known.preferredSeconds = own.preferredSeconds;
      known.changedNs = own.changedNs;
      known.protocol = own.protocol;
      const lifetime = N.IFA_F_PERMANENT | N.IFA_F_DEPRECATED;
      known.flags = (known.flags & ~lifetime) | (own.flags & lifetime);
      this.#namespace.tell({ kind: "address", isGone: false, row: known });
      return 0;
    }
    let at = 0;
    for (const [i, other] of device.inet.entries()) {
      if (!isSecondary(other) && own.scope <= other.scope) at = i + 1;
      if (!isSameNetwork(other, own)) continue;
      if (own.scope !== other.scope) return refuse(EINVAL, "ipv4: Invalid scope value");
      own.flags |= N.IFA_F_SECONDARY;
      if (!isSecondary(other)) this.#primaries.set(own, other);
    }
    if (!heap.hasRoom("netAddresses")) return -ENOBUFS;
    counters.netAddresses++;
    device.inet.splice(isSecondary(own) ? device.inet.length : at, 0, own);
    this.#namespace.tell({ kind: "address", isGone: false, row: own });
    this.#addRoutes(own);
    return 0;
  }

  /** The first that is like that. */
  remove(device: Device, isWanted: (own: DeviceAddress) => boolean): Outcome {
    const own = device.inet.find(isWanted);
    if (own === undefined) return refuse(EADDRNOTAVAIL, "ipv4: Address not found");
    const going = isSecondary(own)
      ? [own]
      : [...device.inet.filter((other) => this.#primaries.get(other) === own), own];
    for (const one of going) this.#drop(one);
    this.#forgetSources(going);
    return 0;
  }

  #unlink(own: DeviceAddress): void {
    const { inet } = own.device;
    inet.splice(inet.indexOf(own), 1);
    this.#namespace.context.counters.netAddresses--;
    this.#namespace.tell({ kind: "address", isGone: true, row: own });
  }

  #drop(own: DeviceAddress): void {
    const { device } = own;
    this.#unlink(own);
    this.#removeRoutes(own);
    if (device.inet.length === 0)
      this.#namespace.routes.removeAll(AF_INET, false, this.#namespace.routes.ofDevice(device));
  }

  removeAll(device: Device): void {
    if (device.inet.length <= ONE_BY_ONE_MAX) {
      while (device.inet.length > 0) this.remove(device, () => true);
      return;
    }
    // Of very many the routes go at once.
    const going = [...device.inet].reverse();
    for (const own of going) this.#unlink(own);
    this.#namespace.routes.removeAll(AF_INET, true, this.#namespace.routes.ofDevice(device));
    this.#forgetSources(going);
  }

  // ---- The routes that go with them ----

  #route(
    own: DeviceAddress,
    type: number,
    destination: Uint8Array,
    prefixLength: number,
    from: DeviceAddress,
  ): Route {
    return {
      family: AF_INET,
      table: type === N.RTN_UNICAST ? N.RT_TABLE_MAIN : N.RT_TABLE_LOCAL,
      destination,
      prefixLength,
      tos: 0,
      type,
      scope: type === N.RTN_LOCAL ? N.RT_SCOPE_HOST : N.RT_SCOPE_LINK,
      protocol: N.RTPROT_KERNEL,
      flags: 0,
      source: from.address,
      gateway: null,
      device: own.device,
      metric: type === N.RTN_UNICAST ? own.metric : 0,
      metrics: new Map(),
      preference: 0,
    };
  }

  #addRoute(route: Route): void {
    const { routes } = this.#namespace;
    const others = routes.table(AF_INET, route.table)?.ofPrefix(route.destination, route.prefixLength) ?? [];
    const isThere = others.some(
      ({ type, device, source, metric }) =>
        type === route.type &&
        device === route.device &&
        metric === route.metric &&
        source !== null &&
        isSame(source, route.source!),
    );
    if (isThere) return;
    const hasAlike = others.some(({ tos, metric }) => tos === route.tos && metric === route.metric);
    routes.add(route, N.NLM_F_CREATE | (hasAlike ? N.NLM_F_APPEND : N.NLM_F_EXCL));
  }

  #networkType({ flags }: Device): number {
    return (flags & N.IFF_LOOPBACK) !== 0 ? N.RTN_LOCAL : N.RTN_UNICAST;
  }

  #addRoutes(own: DeviceAddress): void {
    const { device, address, broadcast, peer, prefixLength, flags } = own;
    const primary = this.#primaries.get(own) ?? own;
    const add = (type: number, destination: Uint8Array, length: number): void =>
      this.#addRoute(this.#route(own, type, destination, length, primary));
    add(N.RTN_LOCAL, address, BITS);
    if ((device.flags & N.IFF_UP) === 0) return;
    if (broadcast !== null && !isAllOnes(broadcast) && !isZero(broadcast))
      add(N.RTN_BROADCAST, broadcast, BITS);
    if (isSecondary(own) || !hasNetwork(own)) return;
    if ((flags & N.IFA_F_NOPREFIXROUTE) === 0)
      add(this.#networkType(device), prefixOf(peer, prefixLength), prefixLength);
    if (prefixLength <= BROADCAST_LENGTH_MAX) add(N.RTN_BROADCAST, broadcastsOf(own)[0], BITS);
  }

  #removeRoute(own: DeviceAddress, type: number, destination: Uint8Array, length: number): void {
    const { routes } = this.#namespace;
    const table = type === N.RTN_UNICAST ? N.RT_TABLE_MAIN : N.RT_TABLE_LOCAL;
    const source = this.#sourceOf(own);
    const found = routes
      .table(AF_INET, table)
      ?.ofPrefix(destination, length)
      .find(
        (route) =>
          route.type === type &&
          route.device === own.device &&
          route.protocol === N.RTPROT_KERNEL &&
          route.source !== null &&
          isSame(route.source, source),
      );
    if (found !== undefined) routes.remove(found);
  }

  /** Those that no other address of the device gives rise to. */
  #removeRoutes(own: DeviceAddress): void {
    const { device, address, broadcast, peer, prefixLength, flags } = own;
    const isNetwork = !isSecondary(own) && hasNetwork(own);
    if (isNetwork && (flags & N.IFA_F_NOPREFIXROUTE) === 0)
      this.#removeRoute(own, this.#networkType(device), prefixOf(peer, prefixLength), prefixLength);
    const source = this.#sourceOf(own);
    const others = device.inet.filter((other) => isSame(this.#sourceOf(other), source));
    const isLeft = (wanted: Uint8Array): boolean =>
      others.some(
        (other) =>
          (other.broadcast !== null && isSame(other.broadcast, wanted)) ||
          (!isSecondary(other) &&
            other.prefixLength <= BROADCAST_LENGTH_MAX &&
            broadcastsOf(other).some((one) => isSame(one, wanted))),
      );
    const gone = broadcast === null ? [] : [broadcast];
    if (isNetwork && prefixLength <= BROADCAST_LENGTH_MAX) gone.push(...broadcastsOf(own));
    for (const one of gone) if (!isLeft(one)) this.#removeRoute(own, N.RTN_BROADCAST, one, BITS);
    if (others.some((other) => isSame(other.address, address))) return;
    this.#removeRoute(own, N.RTN_LOCAL, address, BITS);
  }

  /** Routes that prefer addresses that nobody has any more. */
  #forgetSources(gone: readonly DeviceAddress[]): void {
    const { all, routes } = this.#namespace;
    const keys = new Set(gone.map(({ address }) => keyOf(address)));
    for (const { inet } of all) for (const { address } of inet) keys.delete(keyOf(address));
    if (keys.size > 0)
      routes.removeAll(AF_INET, true, ({ source }) => source !== null && keys.has(keyOf(source)));
  }

  // ---- What becomes of a device ----

  up(device: Device): void {
    if ((device.flags & N.IFF_LOOPBACK) !== 0 && device.inet.length === 0) {
      this.add(
        {
          device,
          family: AF_INET,
          address: LOOPBACK,
          peer: LOOPBACK,
          broadcast: null,
          prefixLength: LOOPBACK_LENGTH,
          scope: N.RT_SCOPE_HOST,
          flags: N.IFA_F_PERMANENT,
          label: device.name,
          protocol: 0,
          metric: 0,
          validSeconds: FOREVER,
          preferredSeconds: FOREVER,
          changedNs: 0,
          madeNs: 0,
        },
        false,
      );
      return;
    }
    for (const own of device.inet) this.#addRoutes(own);
  }

  /** Addresses stay, and are local still. */
  down(device: Device): void {
    this.#namespace.routes.removeAll(
      AF_INET,
      false,
      (route) => route.device === device && route.scope !== N.RT_SCOPE_HOST,
    );
    this.#namespace.neighbours.flush(AF_INET, device);
  }

  /** Labels go with names. */
  renamed(device: Device): void {
    for (const own of device.inet) {
      const colon = own.label.indexOf(":");
      own.label = device.name + (colon < 0 ? "" : own.label.slice(colon));
      this.#namespace.tell({ kind: "address", isGone: false, row: own });
    }
  }
}
