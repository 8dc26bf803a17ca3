// IPv6 addresses of devices, those that devices get by themselves, and the routes that come and go with them, as Linux's
// addrconf.c has it (ip-address(8)). Duplicates are looked for on devices with a link, by whoever has the link.

import { EACCES, EADDRNOTAVAIL, EEXIST, ENOBUFS } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET6 } from "../../../shared/abi/socket.ts";
import type { Namespace } from "./namespace.ts";
import { type Outcome, refuse } from "./outcome.ts";
import { isLinkLocal6, isMulticast, isSame, isWithin, isZero, prefixOf } from "./prefixes.ts";
import { type Device, type DeviceAddress, FOREVER, type Route } from "./rows.ts";

export const MTU_MIN = 1280;
const BITS = 128;
const PREFIX_METRIC = 256;
const LINK_LOCAL_LENGTH = 64;
const MULTICAST_LENGTH = 8;
const LOOPBACK = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const MULTICAST = Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
/** What may be asked for of an address. */
const CHOSEN =
  N.IFA_F_HOMEADDRESS |
  N.IFA_F_NODAD |
  N.IFA_F_MANAGETEMPADDR |
  N.IFA_F_NOPREFIXROUTE |
  N.IFA_F_MCAUTOJOIN |
  N.IFA_F_OPTIMISTIC;

/** RT_SCOPE_* of an address, by what it is. */
export function scopeOf6(address: Uint8Array): number {
  if (isLinkLocal6(address)) return N.RT_SCOPE_LINK;
  if (isSame(address, LOOPBACK)) return N.RT_SCOPE_HOST;
  return address[0] === 0xfe && (address[1]! & 0xc0) === 0xc0 ? N.RT_SCOPE_SITE : N.RT_SCOPE_UNIVERSE;
}

/** fe80:: and the interface identifier that a MAC address makes (RFC 4291, appendix A). */
function linkLocalOf({ address }: Device): Uint8Array {
  const [a, b, c, d, e, f] = address as unknown as [number, number, number, number, number, number];
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f);
}

function isDisabled({ mtu }: Device): boolean {
  return mtu < MTU_MIN;
}

export class Inet6Addresses {
  readonly #namespace: Namespace;
  /** net.ipv6.conf.NAME.disable_ipv6 */
  readonly #isOff: (device: Device) => boolean;

  constructor(namespace: Namespace, isOff: (device: Device) => boolean) {
    this.#namespace = namespace;
    this.#isOff = isOff;
  }

  // ---- Addresses ----

  add(own: DeviceAddress, isReplacing: boolean): Outcome {
    const { device, address } = own;
    const known = device.inet6.find((other) => isSame(other.address, address));
    if (known !== undefined) {
      if (!isReplacing) return refuse(EEXIST, "ipv6: address already assigned");
      known.metric = own.metric;
      known.validSeconds = own.validSeconds;
      known.preferredSeconds = own.preferredSeconds;
      known.changedNs = own.changedNs;
      const lifetime = N.IFA_F_PERMANENT | N.IFA_F_DEPRECATED;
      known.flags = (known.flags & ~lifetime) | (own.flags & lifetime);
      this.#namespace.tell({ kind: "address", isGone: false, row: known });
      return 0;
    }
    if (isDisabled(device)) return -ENOBUFS;
    if (this.#isOff(device)) return refuse(EACCES, "ipv6: IPv6 is disabled on this device");
    const isStrange =
      isZero(address) ||
      isMulticast(AF_INET6, address) ||
      (isSame(address, LOOPBACK) && (device.flags & N.IFF_LOOPBACK) === 0);
    if (isStrange) return refuse(EADDRNOTAVAIL, "ipv6: Invalid address");
    own.flags &= CHOSEN | N.IFA_F_PERMANENT | N.IFA_F_DEPRECATED;
    const isTentative = (own.flags & (N.IFA_F_NODAD | N.IFA_F_OPTIMISTIC)) === 0;
    if (!this.#link(own)) return -ENOBUFS;
    if ((device.flags & N.IFF_UP) !== 0) this.#addPrefixRoute(own);
    if (isTentative && device.hasLink) {
      own.flags |= N.IFA_F_TENTATIVE;
      this.#namespace.tell({ kind: "address", isGone: false, row: own });
      return 0;
    }
    if (isTentative) {
      own.flags |= N.IFA_F_TENTATIVE;
      this.#namespace.tell({ kind: "address", isGone: false, row: own });
      own.flags &= ~N.IFA_F_TENTATIVE;
    }
    this.#complete(own);
    return 0;
  }

  /** Wide scopes first, of those the newest. */
  #link(own: DeviceAddress): boolean {
    const { heap, counters } = this.#namespace.context;
    if (!heap.hasRoom("netAddresses")) return false;
    counters.netAddresses++;
    const { inet6 } = own.device;
    const at = inet6.findIndex(({ scope }) => scope >= own.scope);
    inet6.splice(at < 0 ? inet6.length : at, 0, own);
    return true;
  }

  /** It may be used. */
  #complete(own: DeviceAddress): void {
    this.#namespace.tell({ kind: "address", isGone: false, row: own });
    this.#addLocalRoute(own);
  }

  /** Nobody else on the link has a tentative address; or somebody has, and it is used no more. */
  verified(device: Device, address: Uint8Array, isDuplicate: boolean): void {
    const own = device.inet6.find((other) => isSame(other.address, address));
    if (own === undefined || (own.flags & N.IFA_F_TENTATIVE) === 0) return;
    if (!isDuplicate) {
      own.flags &= ~N.IFA_F_TENTATIVE;
      this.#complete(own);
    } else if ((own.flags & N.IFA_F_PERMANENT) === 0) this.#unlink(own);
    else {
      own.flags |= N.IFA_F_DADFAILED;
      this.#namespace.tell({ kind: "address", isGone: false, row: own });
    }
  }

  /** An address of its own in a prefix that a router advertises, for so many seconds from now on (RFC 4862 5.5.3). */
  learned(
    device: Device,
    address: Uint8Array,
    prefixLength: number,
    validSeconds: number,
    preferredSeconds: number,
  ): void {
    const nowNs = this.#namespace.context.native.monotonicNs();
    const known = device.inet6.find((other) => isSame(other.address, address));
    if (known !== undefined) {
      if (known.protocol !== N.IFAPROT_KERNEL_RA) return;
      known.validSeconds = validSeconds;
      known.preferredSeconds = preferredSeconds;
      known.changedNs = nowNs;
      known.flags &= ~N.IFA_F_DEPRECATED;
      if (preferredSeconds === 0) known.flags |= N.IFA_F_DEPRECATED;
      this.#namespace.tell({ kind: "address", isGone: false, row: known });
      return;
    }
    if (isDisabled(device) || this.#isOff(device)) return;
    const flags = N.IFA_F_TENTATIVE | (preferredSeconds === 0 ? N.IFA_F_DEPRECATED : 0);
    const own: DeviceAddress = {
      device,
      family: AF_INET6,
      address,
      peer: address,
      broadcast: null,
      prefixLength,
      scope: scopeOf6(address),
      flags,
      label: "",
      protocol: N.IFAPROT_KERNEL_RA,
      metric: 0,
      validSeconds,
      preferredSeconds,
      changedNs: nowNs,
      madeNs: nowNs,
    };
    if (this.#link(own)) this.#namespace.tell({ kind: "address", isGone: false, row: own });
  }

  remove(device: Device, address: Uint8Array, prefixLength: number): Outcome {
    const own = device.inet6.find(
      (other) => other.prefixLength === prefixLength && isSame(other.address, address),
    );
    if (own === undefined) return refuse(EADDRNOTAVAIL, "ipv6: address not found");
    this.#unlink(own);
    this.#removeRoute(N.RT_TABLE_LOCAL, address, BITS, device);
    const { flags } = own;
    if ((flags & N.IFA_F_PERMANENT) === 0 || (flags & N.IFA_F_NOPREFIXROUTE) !== 0) return 0;
    const isLeft = device.inet6.some(
      (other) =>
        (other.flags & N.IFA_F_NOPREFIXROUTE) === 0 &&
        other.prefixLength === prefixLength &&
        isWithin(other.peer, own.peer, prefixLength),
    );
    if (!isLeft) this.#removeRoute(N.RT_TABLE_MAIN, prefixOf(own.peer, prefixLength), prefixLength, device);
    return 0;
  }

  #unlink(own: DeviceAddress): void {
    const { inet6 } = own.device;
    inet6.splice(inet6.indexOf(own), 1);
    this.#namespace.context.counters.netAddresses--;
    this.#namespace.tell({ kind: "address", isGone: true, row: own });
  }

  // ---- The routes that go with them ----

  #addRoute(
    device: Device,
    table: number,
    type: number,
    destination: Uint8Array,
    prefixLength: number,
    metric: number,
  ): void {
    const { routes } = this.#namespace;
    const isThere = routes
      .table(AF_INET6, table)
      ?.ofPrefix(destination, prefixLength)
      .some((route) => route.device === device && route.metric === metric && route.gateway === null);
    if (isThere === true) return;
    const route: Route = {
      family: AF_INET6,
      table,
      destination,
      prefixLength,
      tos: 0,
      type,
      scope: N.RT_SCOPE_UNIVERSE,
      protocol: N.RTPROT_KERNEL,
      flags: 0,
      source: null,
      gateway: null,
      device,
      metric,
      metrics: new Map(),
      preference: 0,
    };
    routes.add(route, N.NLM_F_CREATE);
  }

  #addLocalRoute({ device, address }: DeviceAddress): void {
    this.#addRoute(device, N.RT_TABLE_LOCAL, N.RTN_LOCAL, address, BITS, 0);
  }

  #addPrefixRoute({ device, peer, address, prefixLength, flags, metric }: DeviceAddress): void {
    if ((flags & N.IFA_F_NOPREFIXROUTE) !== 0 || isSame(address, LOOPBACK)) return;
    const network = prefixOf(peer, prefixLength);
    const asked = metric === 0 ? PREFIX_METRIC : metric;
    this.#addRoute(device, N.RT_TABLE_MAIN, N.RTN_UNICAST, network, prefixLength, asked);
  }

  #removeRoute(table: number, destination: Uint8Array, prefixLength: number, device: Device): void {
    const { routes } = this.#namespace;
    const found = routes
      .table(AF_INET6, table)
      ?.ofPrefix(destination, prefixLength)
      .find((route) => route.device === device && route.protocol === N.RTPROT_KERNEL);
    if (found !== undefined) routes.remove(found);
  }

  // ---- What becomes of a device ----

  up(device: Device): void {
    if (isDisabled(device) || this.#isOff(device)) return;
    const isLoopback = (device.flags & N.IFF_LOOPBACK) !== 0;
    for (const own of [...device.inet6].reverse()) {
      this.#addPrefixRoute(own);
      if ((own.flags & N.IFA_F_TENTATIVE) === 0) this.#addLocalRoute(own);
    }
    if (isLoopback) {
      if (!device.inet6.some(({ address }) => isSame(address, LOOPBACK)))
        this.#give(device, LOOPBACK, BITS, N.IFAPROT_KERNEL_LO);
      return;
    }
    this.#addRoute(device, N.RT_TABLE_LOCAL, N.RTN_MULTICAST, MULTICAST, MULTICAST_LENGTH, PREFIX_METRIC);
    if (this.#namespace.isHosts) return;
    const address = linkLocalOf(device);
    const [main, metric] = [N.RT_TABLE_MAIN, PREFIX_METRIC];
    this.#addRoute(
      device,
      main,
      N.RTN_UNICAST,
      prefixOf(address, LINK_LOCAL_LENGTH),
      LINK_LOCAL_LENGTH,
      metric,
    );
    if (!device.inet6.some((own) => isSame(own.address, address)))
      this.#give(device, address, LINK_LOCAL_LENGTH, N.IFAPROT_KERNEL_LL);
  }

  #give(device: Device, address: Uint8Array, prefixLength: number, protocol: number): void {
    const own: DeviceAddress = {
      device,
      family: AF_INET6,
      address,
      peer: address,
      broadcast: null,
      prefixLength,
      scope: scopeOf6(address),
      flags: N.IFA_F_PERMANENT,
      label: "",
      protocol,
      metric: 0,
      validSeconds: FOREVER,
      preferredSeconds: FOREVER,
      changedNs: 0,
      madeNs: 0,
    };
    if (!this.#link(own)) return;
    if (device.hasLink) {
      own.flags |= N.IFA_F_TENTATIVE;
      this.#namespace.tell({ kind: "address", isGone: false, row: own });
    } else this.#complete(own);
  }

  /** Addresses go with it. */
  down(device: Device): void {
    const { routes, neighbours } = this.#namespace;
    routes.removeAll(AF_INET6, true, routes.ofDevice(device));
    neighbours.flush(AF_INET6, device);
    for (const own of [...device.inet6]) this.#unlink(own);
  }

  /** Its MTU is another. */
  resized(device: Device): void {
    if (isDisabled(device)) this.down(device);
    else if ((device.flags & N.IFF_UP) !== 0) this.up(device);
  }
}
