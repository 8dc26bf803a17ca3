// What the endpoints of all protocols above IP have in common, as far as IP goes (Linux's inet_sock): names and what may be
// bound, the options that choose a way and what IP headers say, the way of a connected one, pending errors. What a
// protocol does with them, its endpoint adds.

import * as E from "../../../../shared/abi/errno.ts";
import { RTN_UNICAST } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import { ANY4, ANY6, type IpAddress } from "../ip_address.ts";
import { ERROR_QUEUE_MAX } from "../limits.ts";
import { PMTUDISC_WANT } from "../mtu_discovery.ts";
import type { Flow } from "../route/flow.ts";
import type { PortGroup } from "./port_groups.ts";

/** Who hears of what comes: a socket. */
export interface EndpointObserver {
  /** There is something more to receive. */
  becameReadable(): void;
  /** There is a pending error, or one in the error queue. */
  failed(): void;
}

/** struct sock_extended_err, and what goes with it (IP_RECVERR, IPV6_RECVERR). */
export interface ErrorRecord {
  readonly errno: number;
  /** SO_EE_ORIGIN_* */
  readonly origin: number;
  readonly type: number;
  readonly code: number;
  readonly info: number;
  readonly data: number;
  /** Who sent the ICMP message; null: this host itself. */
  readonly offender: IpAddress | null;
  /** Whom the datagram was for. */
  readonly destination: IpAddress;
  readonly port: number;
  /** What is known of its payload. */
  readonly payload: Uint8Array;
}

const NO_ERRORS: readonly ErrorRecord[] = [];

export const ORIGIN_LOCAL = 1;
export const ORIGIN_ICMP = 2;
export const ORIGIN_ICMP6 = 3;
/** Of what was sent with MSG_ZEROCOPY, by the numbers from info to data. */
export const ORIGIN_ZEROCOPY = 5;

/** IPv6 addresses that mean nothing without a device: fe80::/10 and ff02::/16. */
export function isOfLink({ isV4, isLinkLocal, w0 }: IpAddress): boolean {
  return !isV4 && (isLinkLocal || w0 >>> 16 === 0xff02);
}

export abstract class InetEndpoint {
  readonly core: StackCore;
  readonly isV6: boolean;
  /** IPPROTO_* of what it sends. */
  abstract readonly protocol: number;
  abstract observer: EndpointObserver | null;

  // ---- Options ----

  /** A number of its owner's. */
  ownersNumber = -1;
  /** Who made it: endpoints of one SO_REUSEPORT group are one user's. */
  uid = 0;
  /** With uid, whose it is to filters. */
  gid = 0;
  v6only = false;
  /** See conflicts.ts: of the sandbox's own. */
  isAside = false;
  reuseAddress = false;
  reusePort = false;
  /** SO_BINDTODEVICE's index; 0: none. */
  boundDevice = 0;
  /** IP_FREEBIND or IP_TRANSPARENT: local addresses need not be this host's. */
  bindsAnywhere = false;
  /** SO_DONTROUTE */
  staysOnLink = false;
  mark = 0;
  /** IP_TTL, IPV6_UNICAST_HOPS; -1: the stack's. */
  hopLimit4 = -1;
  hopLimit6 = -1;
  tos = 0;
  trafficClass = 0;
  /** IP_MTU_DISCOVER, IPV6_MTU_DISCOVER */
  discovery4 = PMTUDISC_WANT;
  discovery6 = PMTUDISC_WANT;
  /** IP_RECVERR, IPV6_RECVERR */
  receivesErrors4 = false;
  receivesErrors6 = false;
  /** IPV6_AUTOFLOWLABEL */
  labelsFlows = false;

  // ---- State ----

  local: IpAddress;
  /** 0: not bound. */
  localPort = 0;
  /** Null: not connected. */
  remote: IpAddress | null = null;
  remotePort = 0;
  /** A positive errno for the next call; 0: none. */
  pendingError = 0;
  /** The error queue. */
  errors = NO_ERRORS;
  /** What found a queue full (SO_RXQ_OVFL). */
  drops = 0;
  hasShutRead = false;
  hasShutWrite = false;
  /** The way of its connection, which others may have too, as it was found; null: it has to be. */
  way: Flow | null = null;
  protected addressIsBound = false;
  protected portIsBound = false;

  /** Its place in a table of endpoints (table.ts): those of the same key, and its number in a SO_REUSEPORT group. */
  younger: InetEndpoint | null = null;
  older: InetEndpoint | null = null;
  memberNumber = -1;
  /** Its place among those who have its port. */
  portGroup: PortGroup | null = null;

  constructor(core: StackCore, isV6: boolean) {
    this.core = core;
    this.isV6 = isV6;
    this.local = this.any;
  }

  /** Somebody has asked for its port. */
  get hasChosenPort(): boolean {
    return this.portIsBound;
  }

  /** The any address of its family. */
  get any(): IpAddress {
    return this.isV6 ? ANY6 : ANY4;
  }

  // ---- What kinds of endpoint differ in ----

  /** Whether bind may be called (again). */
  protected abstract get mayBind(): boolean;

  /** Gives it that port, or for 0 one that is free; from within rehash. */
  protected abstract takePort(wanted: number): number;

  /** It has a port, if its kind needs one: what connect and send begin with. -EAGAIN: there is none. */
  abstract autobind(): number;

  /** Says nobody's it is, does what changes that, and says whose it is then. */
  protected abstract rehash(change: () => void): void;

  /** A flow to a group, whose source is the one that it is bound to, if any: what it says of those is added. */
  wayToGroup(_flow: Flow, _isBound: boolean): void {}

  // ---- Names ----

  /**
   * bind(2). The device is that of a link-local address's scope, else 0. -EINVAL, -EADDRNOTAVAIL, -EADDRINUSE, -ENODEV;
   * whether low ports may be bound is the caller's question.
   */
  bind(address: IpAddress, port: number, scopeDevice = 0): number {
    if (!this.mayBind) return -E.EINVAL;
    const device = this.#deviceToBind(address, scopeDevice);
    if (device < 0) return device;
    const { local, boundDevice } = this;
    let error = 0;
    this.rehash(() => {
      this.local = address;
      this.boundDevice = device;
      error = this.takePort(port);
      if (error === 0) return;
      this.local = local;
      this.boundDevice = boundDevice;
    });
    if (error < 0) return error;
    this.addressIsBound = !address.isAny;
    this.portIsBound = port !== 0;
    return 0;
  }

  // Whether the address may be bound: the device that it then is bound to, or a negative errno.
  #deviceToBind(address: IpAddress, scopeDevice: number): number {
    const { core } = this;
    if (!this.isV6 && !address.isV4) return -E.EINVAL;
    if (this.isV6 && address.isV4 && this.v6only) return -E.EINVAL;
    let device = this.boundDevice;
    if (isOfLink(address)) {
      device ||= scopeDevice;
      if (device === 0) return -E.EINVAL;
      if (core.devices.byIndex(device) === null) return -E.ENODEV;
    }
    const { w0, w1, w2, w3 } = address;
    if (!address.isAny && !this.bindsAnywhere && !core.settings.bindsNonlocal) {
      if (core.tables.addressType(w0, w1, w2, w3) === RTN_UNICAST) return -E.EADDRNOTAVAIL;
    }
    return device;
  }

  /** Options other than those that have a call of their own were changed: its way may be another, or who shares its port. */
  optionsChanged(): void {
    this.way = null;
  }

  /** SO_BINDTODEVICE */
  setBoundDevice(index: number): void {
    this.rehash(() => {
      this.boundDevice = index;
    });
  }

  /** SO_REUSEPORT, which may be set on a bound one too. */
  setReusePort(isOn: boolean): void {
    this.rehash(() => {
      this.reusePort = isOn;
    });
  }

  // ---- Errors ----

  /** The pending error, as a positive errno, which is no more (SO_ERROR; what calls return); 0: none. */
  takeError(): number {
    const error = this.pendingError;
    this.pendingError = 0;
    return error;
  }

  /** An error came: for the next call, and as a record where those are wanted. */
  fail(errno: number, record: ErrorRecord | null): void {
    this.pendingError = errno;
    if (record === null) this.observer?.failed();
    else this.tell(record);
  }

  /** A record more in the error queue. */
  tell(record: ErrorRecord): void {
    if (this.errors.length < ERROR_QUEUE_MAX) this.errors = [...this.errors, record];
    else this.drops++;
    this.observer?.failed();
  }

  /** The oldest record of the error queue (MSG_ERRQUEUE), or null. */
  receiveError(): ErrorRecord | null {
    const [oldest = null, ...others] = this.errors;
    this.errors = others;
    return oldest;
  }

  /** There is no memory for the last record. */
  dropNewestError(): void {
    this.errors = this.errors.slice(0, -1);
    this.drops++;
  }

  dropErrors(): void {
    this.errors = NO_ERRORS;
  }

  /** What the last record told is this now. */
  retell(record: ErrorRecord): void {
    this.errors = [...this.errors.slice(0, -1), record];
    this.observer?.failed();
  }
}
