// What every protocol of a stack shares: time, randomness, buffers, counters, devices, routes, the packets that came in
// and were not looked at yet, and who takes what is for this host. It knows no protocol.

import { Counters } from "./counters.ts";
import type { NetDevice, Receiver } from "./device.ts";
import type { PacketHooks } from "./hooks.ts";
import { BACKLOG_MAX, EXTRA_WORK_MAX, HOP_LIMIT_DEFAULT, LOOPBACK_BACKLOG_MAX } from "./limits.ts";
import { Memberships } from "./memberships.ts";
import type { StackMemory } from "./memory.ts";
import { type Packet, type PacketPools, PacketQueue } from "./packet.ts";
import { PathMtus } from "./path_mtu.ts";
import { Flow } from "./route/flow.ts";
import { Redirects } from "./route/redirects.ts";
import { type DeviceTable, RoutingTables } from "./route/tables.ts";
import { Ways } from "./route/ways.ts";
import { SharedAddresses } from "./shared_addresses.ts";
import type { Tap } from "./tap.ts";
import { TimerWheel } from "./timer_wheel.ts";

/** What a stack asks of its owner. */
export interface StackHost {
  /** 32 random bits that nobody can guess. */
  random32(): number;
}

/** What an ICMP message tells about a packet that this host had sent. */
export interface IcmpError {
  /** Of its family's ICMP. */
  readonly type: number;
  readonly code: number;
  /** The MTU of a packet that was too big, the pointer of a parameter problem; else 0. */
  readonly info: number;
  /** What it means, as a positive errno. */
  readonly errno: number;
  /** It ends a connection's hopes (icmp_err_convert's "fatal"), and is told to those who did not ask for errors. */
  readonly isHard: boolean;
}

/** A protocol above IP. */
export interface Transport {
  /** A packet for it, its head at the protocol's header; it is the transport's now. */
  input(packet: Packet): void;
  /**
   * About a packet that was sent: `packet` is the ICMP message, whose head stands at what it quotes of the protocol's
   * header, with the quoted addresses as its source and destination, and whoever sent the message as
   * its next hop. It stays its owner's.
   */
  error(packet: Packet, error: IcmpError): void;
}

const PROTOCOLS = 256;

class Devices implements DeviceTable {
  readonly #byIndex = new Map<number, NetDevice>();
  #loopback: NetDevice | null = null;

  get loopback(): NetDevice {
    return this.#loopback!;
  }

  get all(): Iterable<NetDevice> {
    return this.#byIndex.values();
  }

  byIndex(index: number): NetDevice | null {
    return this.#byIndex.get(index) ?? null;
  }

  add(device: NetDevice): void {
    this.#byIndex.set(device.index, device);
    if (device.isLoopback) this.#loopback ??= device;
  }

  remove(device: NetDevice): void {
    this.#byIndex.delete(device.index);
  }
}

/** What sysctls set, as far as the stack's core goes. */
export interface Settings {
  /** net.ipv4.ip_default_ttl, net.ipv6.conf.default.hop_limit */
  hopLimit4: number;
  hopLimit6: number;
  /** net.ipv4.icmp_echo_ignore_all, icmp_echo_ignore_broadcasts */
  ignoresEchos: boolean;
  ignoresBroadcastEchos: boolean;
  /** net.ipv4.ip_nonlocal_bind */
  bindsNonlocal: boolean;
  /** net.ipv4.ip_local_port_range: ports that are given to who asks for none. */
  portMin: number;
  portMax: number;
  /** net.ipv4.ip_local_reserved_ports: of those the ones that nobody is given; a bit each. Null: there are none. */
  reservedPorts: Uint8Array | null;
  /** net.ipv4.ip_forward, net.ipv6.conf.all.forwarding: what is for others is passed on, and no router is listened to. */
  forwards4: boolean;
  forwards6: boolean;
  /** net.ipv4.conf.all.accept_redirects, net.ipv6.conf.all.accept_redirects */
  acceptsRedirects4: boolean;
  acceptsRedirects6: boolean;
  /** Ports that the host's side of the link keeps: nobody may have one. None: the minimum is the greater. */
  hostPortMin: number;
  hostPortMax: number;
}

export class StackCore implements Receiver {
  readonly host: StackHost;
  readonly memory: StackMemory;
  readonly pools: PacketPools;
  readonly counters = new Counters();
  readonly devices = new Devices();
  readonly tables = new RoutingTables(this.devices);
  readonly pathMtus: PathMtus;
  readonly redirects: Redirects;
  readonly memberships: Memberships;
  readonly transports4: (Transport | null)[] = new Array<Transport | null>(PROTOCOLS).fill(null);
  readonly transports6: (Transport | null)[] = new Array<Transport | null>(PROTOCOLS).fill(null);
  readonly settings: Settings = {
    hopLimit4: HOP_LIMIT_DEFAULT,
    hopLimit6: HOP_LIMIT_DEFAULT,
    ignoresEchos: false,
    ignoresBroadcastEchos: true,
    bindsNonlocal: false,
    portMin: 32768,
    portMax: 60999,
    reservedPorts: null,
    forwards4: false,
    forwards6: false,
    acceptsRedirects4: true,
    acceptsRedirects6: true,
    hostPortMin: 1,
    hostPortMax: 0,
  };
  /** Lookups of what comes in, and of what goes out: each is filled and read before another of its kind. */
  readonly inputFlow = new Flow();
  outputFlow = new Flow();
  /** What endpoints have in common. */
  readonly ways: Ways;
  readonly addresses: SharedAddresses;
  /** Who looks at packets on their way; null: nobody does. */
  hooks: PacketHooks | null = null;
  /** Keys of hashes. */
  readonly hashKey: number;
  nowUs = 0;
  readonly timers = new TimerWheel(this);
  /** Work beyond that of usual packets and timers, in packets' worth, since run() last looked. */
  extraWork = 0;
  /** Turns that run() has begun. */
  turns = 0;
  /** Who sees frames; null: nobody does. */
  tap: Tap | null = null;
  readonly #backlog = new PacketQueue();
  /** Frames of cables that were not looked at yet. */
  readonly #frames = new PacketQueue();
  /** Frames came in from another stack: there is something for run() to do. */
  onFrames: () => void = () => {};

  constructor(host: StackHost, memory: StackMemory) {
    this.host = host;
    this.memory = memory;
    this.pools = memory.pools;
    this.hashKey = host.random32();
    this.memberships = new Memberships(this.hashKey);
    this.pathMtus = new PathMtus(host.random32());
    this.redirects = new Redirects(host.random32());
    this.ways = new Ways(this.hashKey);
    this.addresses = new SharedAddresses(this.hashKey);
  }

  /** Takes a packet from a device, to be looked at by run(). */
  receive(packet: Packet, device: NetDevice): void {
    const most = device.isLoopback ? LOOPBACK_BACKLOG_MAX : BACKLOG_MAX;
    if (!device.isUp || this.#backlog.count >= most) {
      if (device.isUp) this.counters.backlogDrops++;
      device.rxDropped++;
      packet.release();
      return;
    }
    device.rxPackets++;
    device.rxBytes += packet.length;
    packet.device = device;
    packet.arrivalUs = this.nowUs;
    this.#backlog.push(packet);
  }

  /** So much that connections wait with what they have to send. */
  get isOverworked(): boolean {
    return this.extraWork >= EXTRA_WORK_MAX;
  }

  /** Takes a frame that another stack has sent, its header at its head, to be looked at by run(). */
  receiveFrame(frame: Packet, device: NetDevice): void {
    if (this.#frames.count >= BACKLOG_MAX) {
      this.counters.backlogDrops++;
      device.rxDropped++;
      frame.release();
      return;
    }
    frame.device = device;
    this.#frames.push(frame);
    if (this.#frames.count === 1) this.onFrames();
  }

  /** What is sent over loopback would be dropped. */
  get isBacklogFull(): boolean {
    return this.#backlog.count >= LOOPBACK_BACKLOG_MAX;
  }

  /** What came in is for the host's side of the link, which has a port of its own there: nobody here answers it. */
  isForHost({ device, destinationPort }: Packet): boolean {
    return this.isHostPort(destinationPort) && !device!.isLoopback;
  }

  /** The host's side of the link keeps that port. */
  isHostPort(port: number): boolean {
    const { hostPortMin, hostPortMax } = this.settings;
    return port >= hostPortMin && port <= hostPortMax;
  }

  /** Who asks for no port does not get that one. */
  isReserved(port: number): boolean {
    const { reservedPorts } = this.settings;
    return (
      this.isHostPort(port) ||
      (reservedPorts !== null && (reservedPorts[port >> 3]! & (1 << (port & 7))) !== 0)
    );
  }

  get hasBacklog(): boolean {
    return this.#backlog.head !== null || this.#frames.head !== null;
  }

  dropReceived(): void {
    this.#backlog.releaseAll();
    this.#frames.releaseAll();
  }

  nextFrame(): Packet | null {
    return this.#frames.shift();
  }

  nextReceived(): Packet | null {
    return this.#backlog.shift();
  }
}
