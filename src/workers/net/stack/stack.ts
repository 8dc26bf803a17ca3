// A TCP/IP stack: protocols joined together, without a clock, randomness or descriptor of its own. Several may live in
// one process, in tests joined by links of their own making (link/pair_link.ts).
//
// What its owner does:
// - adds devices, and keeps their addresses and the routes and rules in step with its own model (tables.load,
//   tables.addRoute, device.setAddresses, tables.changed).
// - makes endpoints for sockets (datagram/endpoint.ts and tcp/endpoint.ts say how; udp/, ping/, raw/ and tcp/ have them).
// - tells the time by advance(nowUs), before it does anything that depends on it (a turn of its loop will do), and wakes
//   up for nextDeadlineUs.
// - calls run(max) after packets came in or went out, until it says that nothing is left: that is when what was sent over
//   loopback arrives and endpoints' observers are told. Max bounds a turn: one packet takes a few microseconds, a 64 KiB
//   one in fragments up to a hundred.

import { IFF_LOOPBACK, IFF_RUNNING, IFF_UP } from "../../../shared/abi/netlink.ts";
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "../../../shared/abi/socket.ts";
import { StackCore, type StackHost } from "./core.ts";
import { Datagrams } from "./datagram/datagrams.ts";
import { LoopbackDevice, type NetDevice, seeLooped } from "./device.ts";
import type { EthernetDevice } from "./eth/device.ts";
import { Filter } from "./filter/filter.ts";
import { IPPROTO_IGMP } from "./groups/igmp.ts";
import { Icmp4 } from "./icmp/icmp4.ts";
import { Icmp6 } from "./icmp/icmp6.ts";
import { Ip4Input } from "./ip4/input.ts";
import { Ip4Output } from "./ip4/output.ts";
import { Ip6Input } from "./ip6/input.ts";
import { Ip6Output } from "./ip6/output.ts";
import { EXTRA_WORK_OF_SENDER } from "./limits.ts";
import { StackMemory } from "./memory.ts";
import { Links } from "./neigh/link_layer.ts";
import { Ping } from "./ping/ping.ts";
import { Raw } from "./raw/raw.ts";
import { Tcp } from "./tcp/tcp.ts";
import { Udp } from "./udp/udp.ts";

/** Datagrams whose time is over that one turn drops. */
const EXPIRED_A_TURN = 64;
/** Timers that one turn looks at. */
const TIMERS_A_TURN = 256;

export class Stack {
  readonly core: StackCore;
  readonly ip4Output: Ip4Output;
  readonly ip6Output: Ip6Output;
  readonly icmp4: Icmp4;
  readonly icmp6: Icmp6;
  readonly ip4Input: Ip4Input;
  readonly ip6Input: Ip6Input;
  readonly filter: Filter;
  readonly links: Links;
  readonly datagrams: Datagrams;
  readonly tcp: Tcp;
  readonly udp: Udp;
  readonly ping: Ping;
  readonly raw: Raw;

  constructor(host: StackHost, memory = new StackMemory()) {
    const core = new StackCore(host, memory);
    this.core = core;
    this.ip4Output = new Ip4Output(core);
    this.ip6Output = new Ip6Output(core);
    this.icmp4 = new Icmp4(core, this.ip4Output);
    this.icmp6 = new Icmp6(core, this.ip6Output);
    this.filter = new Filter(core, this.icmp4, this.icmp6, this.ip4Output, this.ip6Output);
    this.ip4Input = new Ip4Input(core, this.icmp4);
    this.ip6Input = new Ip6Input(core, this.icmp6);
    this.links = new Links(core, this.ip4Output, this.ip6Output, this.icmp4, this.icmp6);
    this.icmp6.linkReceiver = (packet, type) => this.links.icmp6Came(packet, type);
    this.datagrams = new Datagrams(core, this.ip4Output, this.ip6Output);
    this.tcp = new Tcp(core, this.ip4Output, this.ip6Output);
    this.udp = new Udp(this.datagrams, this.icmp4, this.icmp6);
    this.ping = new Ping(this.datagrams);
    this.raw = new Raw(this.datagrams);
    this.icmp4.echoReceiver = this.ping;
    this.icmp6.echoReceiver = this.ping;
    this.icmp4.rawErrors = this.raw.error;
    this.icmp6.rawErrors = this.raw.error;
    this.ip4Input.rawInput = this.raw.input;
    this.ip6Input.rawInput = this.raw.input;
    core.transports4[IPPROTO_ICMP] = this.icmp4;
    core.transports4[IPPROTO_IGMP] = {
      input: (packet) => {
        this.links.igmpCame(packet);
        packet.release();
      },
      error: () => {},
    };
    core.transports4[IPPROTO_TCP] = this.tcp;
    core.transports4[IPPROTO_UDP] = this.udp;
    core.transports6[IPPROTO_ICMPV6] = this.icmp6;
    core.transports6[IPPROTO_TCP] = this.tcp;
    core.transports6[IPPROTO_UDP] = this.udp;
  }

  /** The loopback device, lo, of index 1, which every stack has; its addresses and routes are the owner's to set. */
  addLoopback(mtu: number): LoopbackDevice {
    const flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    const device = new LoopbackDevice({ index: 1, name: "lo", flags, mtu }, this.core);
    this.addDevice(device);
    return device;
  }

  addDevice(device: NetDevice): void {
    this.core.devices.add(device);
    this.core.tables.changed();
  }

  removeDevice(device: NetDevice): void {
    device.close();
    this.links.removed(device);
    this.core.devices.remove(device);
    this.core.tables.changed();
  }

  /** It is that late, on a clock of the owner's that never goes back. Work that falls due is done by run(). */
  advance(nowUs: number): void {
    this.core.nowUs = Math.max(this.core.nowUs, nowUs);
  }

  /** When run() has something to do though nothing comes in; infinity: never. */
  get nextDeadlineUs(): number {
    return Math.min(
      this.core.timers.nextDeadlineUs,
      this.ip4Input.reassembler.nextDeadlineUs,
      this.ip6Input.reassembler.nextDeadlineUs,
    );
  }

  /**
   * Its owner needs it no more, and has removed its devices but lo: some of what it has of its memory goes back. True:
   * there is more.
   */
  endPart(): boolean {
    this.core.dropReceived();
    this.ip4Input.reassembler.clear();
    this.ip6Input.reassembler.clear();
    if (this.tcp.endPart()) return true;
    this.filter.conntrack.end();
    return false;
  }

  /**
   * Looks at up to so many packets that came in, fewer of those that cost more than usual (many listeners, many rules),
   * and does what is due. True: there is more. Where what was sent before has cost very much, they wait for another run.
   */
  run(maxPackets: number): boolean {
    const { core } = this;
    core.turns++;
    const begin = core.extraWork >= EXTRA_WORK_OF_SENDER ? maxPackets : 0;
    core.extraWork = 0;
    for (let work = begin; work < maxPackets; work += 1 + core.extraWork) {
      core.extraWork = 0;
      const frame = core.nextFrame();
      if (frame !== null) {
        (frame.device as EthernetDevice).frameCame(frame);
        continue;
      }
      const packet = core.nextReceived();
      if (packet === null) break;
      // What came by other devices was seen when it came.
      if (core.tap !== null && packet.device!.isLoopback) seeLooped(core.tap, packet);
      const version = packet.length > 0 ? packet.view.getUint8(packet.head) >> 4 : 0;
      if (version === 6) this.ip6Input.input(packet);
      else this.ip4Input.input(packet);
    }
    let isLate = false;
    const { nowUs } = core;
    if (nowUs >= this.nextDeadlineUs) {
      const isLate4 = this.ip4Input.reassembler.expire(nowUs, EXPIRED_A_TURN);
      const isLate6 = this.ip6Input.reassembler.expire(nowUs, EXPIRED_A_TURN);
      const isLateTimer = core.timers.expire(TIMERS_A_TURN);
      isLate = isLate4 || isLate6 || isLateTimer;
    }
    const hasMore = this.tcp.finishTurn();
    return isLate || hasMore || core.hasBacklog;
  }
}
