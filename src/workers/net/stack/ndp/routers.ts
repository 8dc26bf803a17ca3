// Routers of a link (RFC 4861 6.3, RFC 4862 5.5): they are asked for, and what they advertise is believed as Linux does by
// default: default routes, prefixes on the link, addresses made of prefixes, hop limit, MTU and the times of neighbours.
// What was learned ends when its time is over, and is bounded. A host that forwards listens to none.

import { NUD_STALE, RTPROT_KERNEL, RTPROT_RA } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { EthernetDevice } from "../eth/device.ts";
import { isHostAddress } from "../eth/format.ts";
import * as Icmp from "../icmp/format.ts";
import { ANY6, IpAddress, isLinkLocal, Prefix } from "../ip_address.ts";
import * as L from "../limits.ts";
import { IS_ROUTER, type NeighbourCache, OVERRIDE, SETS_ROUTER, WEAK_OVERRIDE } from "../neigh/cache.ts";
import type { Packet } from "../packet.ts";
import { Timer } from "../timer_wheel.ts";
import * as F from "./format.ts";
import { type LinkMessages, linkLocalOf } from "./send.ts";

const FOREVER = 0xffffffff;
const US_PER_S = 1_000_000;
const ALL_ROUTERS = IpAddress.fromWords(0xff020000, 0, 0, 2);
const MTU_MIN = 1280;
const IDENTIFIER_BITS = 64;
/** IP6_RT_PRIO_ADDRCONF and IP6_RT_PRIO_USER. */
const PREFIX_METRIC = 256;
const DEFAULT_METRIC = 1024;
/** How short a router may make the life of an address that it once gave longer (RFC 4862 5.5.3 e). */
const VALID_LEAST_S = 7200;
/** Times of neighbours beyond these are not believed, in ms. */
const REACHABLE_MAX_MS = 3_600_000;
const RETRANSMIT_MIN_MS = 10;
const PREFERENCE_LOW = 3;

/** Who has the configuration, and is told what routers say of it. */
export interface ConfigurationOwner {
  /** A route that was not there, or has another preference; and one whose time is over. */
  routeLearned(route: LearnedRoute): void;
  routeLost(route: LearnedRoute): void;
  /** The device's own address in a prefix, for so many seconds (0xffffffff: for ever). */
  addressLearned(
    device: EthernetDevice,
    address: IpAddress,
    prefixLength: number,
    validS: number,
    preferredS: number,
  ): void;
}

export class LearnedRoute extends Timer {
  readonly #expired: (route: LearnedRoute) => void;
  readonly device: EthernetDevice;
  readonly prefix: Prefix;
  /** Null: the prefix is on the link. */
  readonly gateway: IpAddress | null;
  /** RTPROT_*, and ICMPV6_ROUTER_PREF_*. */
  readonly protocol: number;
  readonly metric: number;
  preference = 0;

  constructor(
    device: EthernetDevice,
    prefix: Prefix,
    gateway: IpAddress | null,
    expired: (route: LearnedRoute) => void,
  ) {
    super();
    this.device = device;
    this.prefix = prefix;
    this.gateway = gateway;
    this.protocol = gateway === null ? RTPROT_KERNEL : RTPROT_RA;
    this.metric = gateway === null ? PREFIX_METRIC : DEFAULT_METRIC;
    this.#expired = expired;
  }

  override expired(): void {
    this.#expired(this);
  }
}

/** Until when an address is valid that was made of a prefix; by its text. */
interface LearnedAddress {
  readonly address: IpAddress;
  untilUs: number;
}

/** What routers said to one device, and how long nobody has. */
class Link extends Timer {
  readonly #expired: (link: Link) => void;
  readonly device: EthernetDevice;
  readonly routes: LearnedRoute[] = [];
  addresses: LearnedAddress[] = [];
  /** Until the next question; 0: none was asked yet. */
  intervalUs = 0;
  hasHeard = false;

  constructor(device: EthernetDevice, expired: (link: Link) => void) {
    super();
    this.device = device;
    this.#expired = expired;
  }

  override expired(): void {
    this.#expired(this);
  }
}

/** The device's own interface identifier below a prefix (RFC 2464 4). */
function addressIn(prefix: Prefix, [a, b, c, d, e, f]: Uint8Array): IpAddress {
  const high = ((a! ^ 2) << 24) | (b! << 16) | (c! << 8) | 0xff;
  const low = (0xfe << 24) | (d! << 16) | (e! << 8) | f!;
  return IpAddress.fromWords(prefix.first.w0, prefix.first.w1, high, low);
}

export class Routers {
  readonly #core: StackCore;
  readonly #messages: LinkMessages;
  readonly #neighbours: NeighbourCache;
  readonly #links = new Map<EthernetDevice, Link>();
  owner: ConfigurationOwner | null = null;

  constructor(core: StackCore, messages: LinkMessages, neighbours: NeighbourCache) {
    this.#core = core;
    this.#messages = messages;
    this.#neighbours = neighbours;
  }

  #linkOf(device: EthernetDevice): Link {
    let link = this.#links.get(device);
    if (link === undefined) {
      link = new Link(device, this.#ask);
      this.#links.set(device, link);
    }
    return link;
  }

  // ---- Asking ----

  /** A device that is up and has an address to ask from begins to. */
  changed(device: EthernetDevice): void {
    const { timers, nowUs, host, settings } = this.#core;
    if (!device.isUp) {
      const link = this.#links.get(device);
      if (link !== undefined) this.#forget(link);
      return;
    }
    if (settings.forwards6 || device.ignoresRouters || linkLocalOf(device) === null) return;
    const link = this.#linkOf(device);
    if (link.intervalUs !== 0 || link.hasHeard) return;
    link.intervalUs = L.ROUTER_ASK_US;
    timers.schedule(link, nowUs + ((host.random32() >>> 0) / 2 ** 32) * L.ROUTER_ASK_DELAY_US);
  }

  readonly #ask = (link: Link): void => {
    const { device } = link;
    const source = linkLocalOf(device);
    if (link.hasHeard || !device.isUp || source === null || this.#core.settings.forwards6) return;
    if (device.ignoresRouters) return;
    const packet = this.#messages.begin(Icmp.ROUTER_SOLICITATION, F.SOLICITATION_SIZE, 64);
    if (packet !== null) {
      F.addMac(packet, F.SOURCE_MAC, device.mac);
      this.#messages.send(packet, device, source, ALL_ROUTERS, F.HOP_LIMIT);
    }
    this.#core.timers.schedule(link, this.#core.nowUs + link.intervalUs);
    link.intervalUs = Math.min(link.intervalUs * 2, L.ROUTER_ASK_MAX_US);
  };

  // ---- Forgetting ----

  /** The device is down: what was learned is gone with its addresses and routes. */
  #forget(link: Link): void {
    this.#links.delete(link.device);
    link.device.mtu6 = 0;
    link.device.hopLimit6 = 0;
    this.#core.timers.remove(link);
    for (const route of link.routes) this.#core.timers.remove(route);
  }

  readonly #lost = (route: LearnedRoute): void => {
    const routes = this.#links.get(route.device)?.routes ?? [];
    const at = routes.indexOf(route);
    if (at < 0) return;
    routes.splice(at, 1);
    this.#core.timers.remove(route);
    this.owner?.routeLost(route);
  };

  /** A neighbour says that it is no router: its default route is gone. */
  routerGone(device: EthernetDevice, address: IpAddress): void {
    const routes = this.#links.get(device)?.routes ?? [];
    for (const route of routes.filter(({ gateway }) => gateway?.equals(address))) this.#lost(route);
  }

  // ---- Advertisements ----

  /** An advertisement that came in, whose hop limit and code were looked at; the packet stays the caller's. */
  advertised(packet: Packet, device: EthernetDevice): void {
    const { view, head } = packet;
    const { source0, source1, source2, source3 } = packet;
    const options = head + F.RA_SIZE;
    if (packet.length < F.RA_SIZE || !F.checkOptions(packet, options)) return;
    if (!isLinkLocal(source0, source1, source2, source3)) return;
    if (this.#core.settings.forwards6 || device.ignoresRouters || !device.isUp) return;
    const link = this.#linkOf(device);
    link.hasHeard = true;
    this.#core.timers.cancel(link);
    const mac = F.findMac(packet, options, F.SOURCE_MAC);
    if (mac !== null && isHostAddress(mac)) {
      const how = WEAK_OVERRIDE | OVERRIDE | SETS_ROUTER | IS_ROUTER;
      this.#neighbours.learn(device, source0, source1, source2, source3, mac, NUD_STALE, how);
    }
    this.#default(
      link,
      packet.sourceAddress,
      view.getUint16(head + F.RA_LIFETIME),
      view.getUint8(head + F.RA_FLAGS),
    );
    const hopLimit = view.getUint8(head + F.RA_HOP_LIMIT);
    if (hopLimit !== 0) device.hopLimit6 = hopLimit;
    this.#times(view.getUint32(head + F.RA_REACHABLE_MS), view.getUint32(head + F.RA_RETRANSMIT_MS));
    for (let at = options; at < packet.end; at += view.getUint8(at + 1) * 8) {
      const size = view.getUint8(at + 1) * 8;
      if (view.getUint8(at) === F.PREFIX && size >= F.PREFIX_OPTION_SIZE) this.#prefix(link, packet, at);
    }
    const mtuAt = F.findOption(packet, options, F.MTU, F.MTU_OPTION_SIZE);
    if (mtuAt < 0) return;
    const mtu = view.getUint32(mtuAt + F.MTU_VALUE);
    if (mtu >= MTU_MIN && mtu <= device.mtu) device.mtu6 = mtu;
  }

  #times(reachableMs: number, retransmitMs: number): void {
    const neighbours = this.#neighbours;
    const isOther = reachableMs * 1000 !== neighbours.baseReachableUs;
    if (reachableMs !== 0 && reachableMs <= REACHABLE_MAX_MS && isOther)
      neighbours.setBaseReachable(reachableMs * 1000);
    if (retransmitMs >= RETRANSMIT_MIN_MS && retransmitMs <= REACHABLE_MAX_MS)
      neighbours.retransmitUs = retransmitMs * 1000;
  }

  #default(link: Link, router: IpAddress, lifetimeS: number, flags: number): void {
    // Medium is 0, high 1, low 3; 2 is no preference (RFC 4191 2.1).
    const said = (flags >> 3) & 3;
    const preference = said === 2 ? 0 : said;
    const route = this.#route(link, new Prefix(ANY6, 0), router, lifetimeS);
    if (route === null || route.preference === preference) return;
    route.preference = preference === PREFERENCE_LOW ? PREFERENCE_LOW : preference;
    this.owner?.routeLearned(route);
  }

  /** The route is there for so many seconds from now on; 0: it is gone. Null: it is not there. */
  #route(link: Link, prefix: Prefix, gateway: IpAddress | null, seconds: number): LearnedRoute | null {
    const { timers, nowUs } = this.#core;
    let route = link.routes.find(
      (one) =>
        one.prefix.equals(prefix) && (gateway === null ? one.gateway === null : one.gateway?.equals(gateway)),
    );
    if (seconds === 0) {
      if (route !== undefined) this.#lost(route);
      return null;
    }
    const isNew = route === undefined;
    if (route === undefined) {
      if (link.routes.length >= L.LEARNED_ROUTES_MAX) return null;
      route = new LearnedRoute(link.device, prefix, gateway, this.#lost);
      link.routes.push(route);
    }
    if (seconds === FOREVER) timers.cancel(route);
    else timers.schedule(route, nowUs + seconds * US_PER_S);
    if (isNew) this.owner?.routeLearned(route);
    return route;
  }

  #prefix(link: Link, packet: Packet, at: number): void {
    const { view } = packet;
    const length = view.getUint8(at + F.PREFIX_LENGTH);
    const flags = view.getUint8(at + F.PREFIX_FLAGS);
    const validS = view.getUint32(at + F.PREFIX_VALID);
    const preferredS = view.getUint32(at + F.PREFIX_PREFERRED);
    const first = IpAddress.fromBytes(packet.bytes, at + F.PREFIX_BYTES, 16);
    if (length > 128 || first.isMulticast || first.isLinkLocal || first.isV4 || preferredS > validS) return;
    const prefix = new Prefix(first, length);
    if ((flags & F.ON_LINK) !== 0) this.#route(link, prefix, null, validS);
    if ((flags & F.AUTONOMOUS) !== 0 && length === IDENTIFIER_BITS)
      this.#address(link, prefix, validS, preferredS);
  }

  #address(link: Link, prefix: Prefix, validS: number, preferredS: number): void {
    const { nowUs } = this.#core;
    const address = addressIn(prefix, link.device.mac);
    let known = link.addresses.find((one) => one.address.equals(address));
    let lifetimeS = validS;
    if (known === undefined) {
      link.addresses = link.addresses.filter(({ untilUs }) => untilUs > nowUs);
      if (validS === 0 || link.addresses.length >= L.LEARNED_ADDRESSES_MAX) return;
      known = { address, untilUs: 0 };
      link.addresses.push(known);
    } else {
      // A stranger's advertisement does not take an address away at once.
      const leftS = Math.max(0, (known.untilUs - nowUs) / US_PER_S);
      if (validS <= VALID_LEAST_S && validS <= leftS) lifetimeS = Math.min(leftS, VALID_LEAST_S);
    }
    known.untilUs = lifetimeS === FOREVER ? Number.POSITIVE_INFINITY : nowUs + lifetimeS * US_PER_S;
    const wholeS = Math.min(FOREVER, Math.ceil(lifetimeS));
    this.owner?.addressLearned(link.device, address, prefix.length, wholeS, Math.min(preferredS, wholeS));
  }
}
