// What UDP, ping and raw endpoints have in common: what a SOCK_DGRAM or SOCK_RAW socket of AF_INET or AF_INET6 is to the
// stack. It has the state and the semantics of Linux's socket, without descriptors, waiting or memory of the guest's:
// results are 0, a count, or a negative errno, and nothing here waits.
//
// How a socket uses one:
// - `new UdpEndpoint(stack.udp, isV6)` and its like; options are fields, to be set as setsockopt(2) does (their values are
//   taken as they are: clamps and privileges are the socket's). boundDevice, v6only, reuseAddress and reusePort are looked
//   at by bind: setBoundDevice() and setReusePort() for a bound one. After others of a connected one: optionsChanged().
// - An AF_INET6 endpoint takes IPv4 addresses too, unless v6only: IpAddress has both.
// - send() and receive() move whole datagrams. After sends, the stack's run() delivers what went over loopback.
// - `observer` hears of datagrams and errors that come, from within run(). Readable: `queue.head !== null`. Always
//   writable: nothing queues on the way out.
// - A received packet is the caller's: what it has is packet.data(), from packet.sourceAddress and sourcePort, to
//   destinationAddress, by packet.device, with hopLimit and trafficClass. release() it, or putBack() it unread.
// - close() at the end.

import * as E from "../../../../shared/abi/errno.ts";
import { RTN_BROADCAST, RTN_UNICAST } from "../../../../shared/abi/netlink.ts";
import { SHUT_RD, SHUT_RDWR, SHUT_WR } from "../../../../shared/abi/socket.ts";
import { ANY4, ANY6, IpAddress, MAPPED } from "../ip_address.ts";
import { BUFFER_DEFAULT, ERROR_QUEUE_MAX, MEMBERSHIPS_MAX4, MEMBERSHIPS_MAX6 } from "../limits.ts";
import { PMTUDISC_WANT } from "../mtu_discovery.ts";
import { type Packet, PacketQueue } from "../packet.ts";
import { Flow } from "../route/flow.ts";
import type { Datagrams } from "./datagrams.ts";
import type { Message } from "./message.ts";
import { routeTo } from "./way.ts";

/** Who hears of what comes: a socket. */
export interface EndpointObserver {
  /** There is one datagram more. */
  readable(): void;
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
  /** Who sent the ICMP message; null: this host itself. */
  readonly offender: IpAddress | null;
  /** Whom the datagram was for. */
  readonly destination: IpAddress;
  readonly port: number;
  /** What is known of its payload. */
  readonly payload: Uint8Array;
}

export const ORIGIN_LOCAL = 1;
export const ORIGIN_ICMP = 2;
export const ORIGIN_ICMP6 = 3;

interface Membership {
  readonly group: IpAddress;
  readonly device: number;
}

/** IPv6 addresses that mean nothing without a device: fe80::/10 and ff02::/16. */
function isOfLink({ isV4, isLinkLocal, w0 }: IpAddress): boolean {
  return !isV4 && (isLinkLocal || w0 >>> 16 === 0xff02);
}

export abstract class DatagramEndpoint {
  readonly shared: Datagrams;
  /** IPPROTO_* of what it sends. */
  abstract readonly protocol: number;
  readonly isV6: boolean;
  observer: EndpointObserver | null = null;

  // ---- Options ----

  /** Who made it: endpoints of one SO_REUSEPORT group are one user's. */
  uid = 0;
  v6only = false;
  reuseAddress = false;
  reusePort = false;
  /** SO_BINDTODEVICE's index; 0: none. */
  boundDevice = 0;
  mayBroadcast = false;
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
  /** IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, IP_MULTICAST_LOOP, IP_MULTICAST_IF. */
  multicastHopLimit4 = 1;
  multicastHopLimit6 = 1;
  loopsMulticast4 = true;
  loopsMulticast6 = true;
  multicastDevice4 = 0;
  multicastDevice6 = 0;
  multicastSource: IpAddress | null = null;
  /** IP_MULTICAST_ALL, IPV6_MULTICAST_ALL */
  takesAllGroups4 = true;
  takesAllGroups6 = true;
  /** IP_MTU_DISCOVER, IPV6_MTU_DISCOVER */
  discovery4 = PMTUDISC_WANT;
  discovery6 = PMTUDISC_WANT;
  /** IP_RECVERR, IPV6_RECVERR */
  receivesErrors4 = false;
  receivesErrors6 = false;
  /** IPV6_AUTOFLOWLABEL */
  labelsFlows = false;
  /** SO_NO_CHECK */
  sendsNoChecksum = false;
  /** SO_RCVBUF, as getsockopt tells it. */
  receiveBuffer = BUFFER_DEFAULT;

  // ---- State ----

  local: IpAddress;
  /** 0: not bound. */
  localPort = 0;
  /** Null: not connected. */
  remote: IpAddress | null = null;
  remotePort = 0;
  readonly queue = new PacketQueue();
  /** Datagrams that found the queue full (SO_RXQ_OVFL). */
  drops = 0;
  /** A positive errno for the next call; 0: none. */
  pendingError = 0;
  readonly errors: ErrorRecord[] = [];
  readonly memberships: Membership[] = [];
  hasShutRead = false;
  hasShutWrite = false;
  /** Where the route of its connection is remembered. */
  readonly connection = new Flow();
  /** The tables' generation that it was found in; 0: none is. */
  connectionGeneration = 0;
  #addressIsBound = false;
  #portIsBound = false;
  #isClosed = false;

  constructor(shared: Datagrams, isV6: boolean) {
    this.shared = shared;
    this.isV6 = isV6;
    this.local = isV6 ? ANY6 : ANY4;
  }

  // ---- Names ----

  /**
   * bind(2). The device is that of a link-local address's scope, else 0. -EINVAL, -EADDRNOTAVAIL, -EADDRINUSE, -ENODEV;
   * whether low ports may be bound is the caller's question.
   */
  bind(address: IpAddress, port: number, scopeDevice = 0): number {
    const { core } = this.shared;
    if (!this.mayBind) return -E.EINVAL;
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
    this.#addressIsBound = !address.isAny;
    this.#portIsBound = port !== 0;
    return 0;
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

  /** It is in no table any more. */
  protected abstract unhash(): void;

  abstract send(data: Uint8Array, message: Message): number;

  // ---- Names ----

  /** Options other than those that have a call of their own were changed: its way may be another. */
  optionsChanged(): void {
    this.connectionGeneration = 0;
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

  /**
   * connect(2) to an address and port (0 is none to send to). The device is that of a link-local address's scope.
   * -ENETUNREACH, -EACCES and their like; a connection that was there stays then.
   */
  connect(address: IpAddress, port: number, scopeDevice = 0): number {
    const bound = this.autobind();
    if (bound < 0) return bound;
    const scope = address.isMulticast ? scopeDevice || this.multicastDevice6 : scopeDevice;
    if (isOfLink(address) && this.boundDevice === 0 && scope === 0) return -E.EINVAL;
    const flow = this.shared.core.outputFlow;
    const error = routeTo(this, flow, address, scopeDevice);
    if (error < 0) return error;
    if (flow.type === RTN_BROADCAST && !this.mayBroadcast) return -E.EACCES;
    const remote = IpAddress.fromWords(
      flow.destination0,
      flow.destination1,
      flow.destination2,
      flow.destination3,
    );
    const source = IpAddress.fromWords(flow.source0, flow.source1, flow.source2, flow.source3);
    this.rehash(() => {
      if (isOfLink(address) && scope !== 0) this.boundDevice = scope;
      this.remote = remote;
      this.remotePort = port;
      if (this.local.isAny) this.local = source;
    });
    return 0;
  }

  /** connect(2) to AF_UNSPEC. */
  disconnect(): void {
    this.rehash(() => {
      if (!this.#portIsBound && this.localPort !== 0) this.localPort = 0;
      this.remote = null;
      this.remotePort = 0;
      this.boundDevice = 0;
      if (!this.#addressIsBound) this.local = this.isV6 ? ANY6 : ANY4;
    });
  }

  // ---- Data ----

  /** A packet for it: false if it found no room, or no more than its share; it is gone then. */
  deliver(packet: Packet): boolean {
    const { queue } = this;
    // An empty queue takes one of any size.
    const isFull = queue.count > 0 && queue.bytes + packet.trueSize > this.receiveBuffer;
    if (isFull || this.shared.isShort(packet)) {
      this.drops++;
      packet.release();
      return false;
    }
    packet.drops = this.drops;
    queue.push(packet);
    this.shared.queued(packet, 1);
    this.observer?.readable();
    return true;
  }

  /** The next datagram, or null; with an error pending, that comes first: see takeError. */
  receive(): Packet | null {
    const packet = this.queue.shift();
    if (packet !== null) this.shared.queued(packet, -1);
    return packet;
  }

  /** The next datagram, which stays. */
  peek(): Packet | null {
    return this.queue.head;
  }

  /** A received packet, as it was received, is the next one again. */
  putBack(packet: Packet): void {
    this.queue.unshift(packet);
    this.shared.queued(packet, 1);
  }

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
    if (this.errors.length < ERROR_QUEUE_MAX) this.errors.push(record);
    else this.drops++;
    this.observer?.failed();
  }

  /** The oldest record of the error queue (MSG_ERRQUEUE), or null. */
  receiveError(): ErrorRecord | null {
    return this.errors.shift() ?? null;
  }

  // ---- Groups ----

  // The device by which a group is joined where none is named.
  #deviceOf(group: IpAddress): number {
    const { core } = this.shared;
    const flow = core.outputFlow;
    flow.reset(!group.isV4);
    flow.setSource(0, 0, group.isV4 ? MAPPED : 0, 0);
    flow.setDestination(group.w0, group.w1, group.w2, group.w3);
    return core.tables.lookup(flow) === 0 ? flow.device!.index : 0;
  }

  /** IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP; device 0: by its route. */
  join(group: IpAddress, device: number): number {
    if (!group.isMulticast) return -E.EINVAL;
    const index = device === 0 ? this.#deviceOf(group) : device;
    if (this.shared.core.devices.byIndex(index) === null) return -E.ENODEV;
    if (this.memberships.some((one) => one.device === index && one.group.equals(group))) return -E.EADDRINUSE;
    const max = group.isV4 ? MEMBERSHIPS_MAX4 : MEMBERSHIPS_MAX6;
    if (this.memberships.length >= max) return -E.ENOBUFS;
    this.memberships.push({ group, device: index });
    this.shared.core.memberships.join(index, group);
    return 0;
  }

  /** IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP. */
  leave(group: IpAddress, device: number): number {
    const at = this.memberships.findIndex(
      (one) => (device === 0 || one.device === device) && one.group.equals(group),
    );
    if (at < 0) return -E.EADDRNOTAVAIL;
    const [left] = this.memberships.splice(at, 1);
    this.shared.core.memberships.leave(left!.device, left!.group);
    return 0;
  }

  // ---- Ends ----

  shutdown(how: number): void {
    if (how === SHUT_RD || how === SHUT_RDWR) this.hasShutRead = true;
    if (how === SHUT_WR || how === SHUT_RDWR) this.hasShutWrite = true;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.unhash();
    for (let packet = this.queue.shift(); packet !== null; packet = this.queue.shift()) {
      this.shared.queued(packet, -1);
      packet.release();
    }
    this.errors.length = 0;
    for (const { group, device } of this.memberships) this.shared.core.memberships.leave(device, group);
    this.memberships.length = 0;
    this.observer = null;
  }
}
