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
import { RTN_BROADCAST } from "../../../../shared/abi/netlink.ts";
import { SHUT_RD, SHUT_RDWR, SHUT_WR } from "../../../../shared/abi/socket.ts";
import { type EndpointObserver, InetEndpoint, isOfLink } from "../inet/endpoint.ts";
import { routeTo } from "../inet/way.ts";
import { IpAddress, MAPPED } from "../ip_address.ts";
import { BUFFER_DEFAULT, MEMBERSHIPS_MAX4, MEMBERSHIPS_MAX6 } from "../limits.ts";
import { type Packet, PacketQueue } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import type { Datagrams } from "./datagrams.ts";
import { EXCLUDE, INCLUDE, Membership } from "./membership.ts";
import type { Message } from "./message.ts";

/** What tells a membership from others. */
export function membershipKey(device: number, w0: number, w1: number, w2: number, w3: number): string {
  return `${device} ${w0} ${w1} ${w2} ${w3}`;
}

export abstract class DatagramEndpoint extends InetEndpoint {
  readonly shared: Datagrams;
  override observer: EndpointObserver | null = null;

  // ---- Options ----

  mayBroadcast = false;
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
  /** SO_ATTACH_FILTER: whether a packet is wanted, which it may cut off. */
  filter: ((packet: Packet) => boolean) | null = null;
  /** UDP_GRO: what was sent as one is received as one. */
  gathersSegments = false;
  /** SO_NO_CHECK */
  sendsNoChecksum = false;
  /** SO_RCVBUF, as getsockopt tells it. */
  receiveBuffer = BUFFER_DEFAULT;

  // ---- State ----

  readonly queue = new PacketQueue();
  /** By membershipKey, in the order in which they were joined. */
  readonly memberships = new Map<string, Membership>();
  #isClosed = false;

  constructor(shared: Datagrams, isV6: boolean) {
    super(shared.core, isV6);
    this.shared = shared;
  }

  /** It is in no table any more. */
  protected abstract unhash(): void;

  abstract send(data: Uint8Array, message: Message): number;

  override wayToGroup(flow: Flow, isBound: boolean): void {
    flow.outputDevice ||= flow.isV6 ? this.multicastDevice6 : this.multicastDevice4;
    const { multicastSource } = this;
    if (!isBound && !flow.isV6 && multicastSource !== null) flow.setSource(0, 0, MAPPED, multicastSource.w3);
  }

  // ---- Names ----

  /**
   * connect(2) to an address and port (0 is none to send to). The device is that of a link-local address's scope.
   * -ENETUNREACH, -EACCES and their like; a connection that was there stays then.
   */
  connect(address: IpAddress, port: number, scopeDevice = 0): number {
    const bound = this.autobind();
    if (bound < 0) return bound;
    const scope = address.isMulticast ? scopeDevice || this.multicastDevice6 : scopeDevice;
    if (isOfLink(address) && this.boundDevice === 0 && scope === 0) return -E.EINVAL;
    const flow = this.core.outputFlow;
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
      if (!this.portIsBound && this.localPort !== 0) this.localPort = 0;
      this.remote = null;
      this.remotePort = 0;
      this.boundDevice = 0;
      if (!this.addressIsBound) this.local = this.any;
    });
  }

  // ---- Data ----

  /** A packet for it, if its filter lets it by: false if it found no room, or no more than its share; it is gone then. */
  deliver(packet: Packet): boolean {
    if (this.filter !== null && !this.filter(packet)) {
      this.drops++;
      packet.release();
      return true;
    }
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
    this.observer?.becameReadable();
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

  // ---- Groups ----

  // The device by which a group is joined where none is named.
  #deviceOf(group: IpAddress): number {
    const { core } = this;
    const flow = core.outputFlow;
    flow.reset(!group.isV4);
    flow.setSource(0, 0, group.isV4 ? MAPPED : 0, 0);
    flow.setDestination(group.w0, group.w1, group.w2, group.w3);
    return core.tables.lookup(flow) === 0 ? flow.device!.index : 0;
  }

  /** IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP: from whom at first (EXCLUDE: from all); device 0: by its route. */
  join(group: IpAddress, device: number, mode = EXCLUDE): number {
    if (!group.isMulticast) return -E.EINVAL;
    const index = device === 0 ? this.#deviceOf(group) : device;
    if (this.core.devices.byIndex(index) === null) return -E.ENODEV;
    const key = membershipKey(index, group.w0, group.w1, group.w2, group.w3);
    if (this.memberships.has(key)) return -E.EADDRINUSE;
    const max = group.isV4 ? MEMBERSHIPS_MAX4 : MEMBERSHIPS_MAX6;
    if (this.memberships.size >= max) return -E.ENOBUFS;
    this.memberships.set(key, new Membership(group, index, mode));
    this.core.memberships.join(index, group);
    return 0;
  }

  /** Its membership on a device (0: by the group's route), or a negative errno. */
  membershipOf(group: IpAddress, device: number): Membership | number {
    if (!group.isMulticast) return -E.EINVAL;
    const index = device === 0 ? this.#deviceOf(group) : device;
    if (this.core.devices.byIndex(index) === null) return -E.ENODEV;
    const { w0, w1, w2, w3 } = group;
    return this.memberships.get(membershipKey(index, w0, w1, w2, w3)) ?? -E.EINVAL;
  }

  /**
   * One source more or less in the list of a mode: 0, or -EINVAL where there is a list of the other mode; -EADDRNOTAVAIL
   * where it is so already. Without the last source from whom it takes something it is in the group no more.
   */
  changeSource(
    membership: Membership,
    source: IpAddress,
    mode: number,
    isAdding: boolean,
    most: number,
  ): number {
    const { sources } = membership;
    if (membership.hasList && membership.mode !== mode) return -E.EINVAL;
    membership.mode = mode;
    if (membership.lists(source) === isAdding) return -E.EADDRNOTAVAIL;
    if (isAdding) {
      if (sources.length >= most) return -E.ENOBUFS;
      membership.sources = [...sources, source];
      membership.hasList = true;
      return 0;
    }
    if (sources.length === 1 && mode === INCLUDE) return this.leave(membership.group, membership.device);
    membership.sources = sources.filter((one) => !one.equals(source));
    return 0;
  }

  /** Groups, and sources of theirs. */
  get membershipCount(): number {
    let count = 0;
    for (const { sources } of this.memberships.values()) count += 1 + sources.length;
    return count;
  }

  /** IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP. */
  leave(group: IpAddress, device: number): number {
    for (const [key, left] of this.memberships) {
      if ((device !== 0 && left.device !== device) || !left.group.equals(group)) continue;
      this.memberships.delete(key);
      this.core.memberships.leave(left.device, left.group);
      return 0;
    }
    return -E.EADDRNOTAVAIL;
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
    this.dropErrors();
    for (const { group, device } of this.memberships.values()) this.core.memberships.leave(device, group);
    this.memberships.clear();
    this.observer = null;
  }
}
