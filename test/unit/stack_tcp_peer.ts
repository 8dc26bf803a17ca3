// A peer made by hand: a stack whose only device keeps what is sent, and takes what the test says. Numbers are counted from
// each side's initial one: what the stack sends first after its SYN is 1, and so is what the peer does.

import * as assert from "uvu/assert";
import { IFF_RUNNING, IFF_UP } from "../../src/shared/abi/netlink.ts";
import { NetDevice } from "../../src/workers/net/stack/device.ts";
import * as Ip4 from "../../src/workers/net/stack/ip4/format.ts";
import type { Packet } from "../../src/workers/net/stack/packet.ts";
import { CHECKSUM_VALID } from "../../src/workers/net/stack/packet.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import * as F from "../../src/workers/net/stack/tcp/format.ts";
import { Header } from "../../src/workers/net/stack/tcp/header.ts";
import { Segment } from "../../src/workers/net/stack/tcp/segment.ts";
import { EINPROGRESS, isEmpty } from "./stack_tcp_world.ts";
import { addAddress, drain, ip, makeStack, pass } from "./stack_world.ts";

export { F };

/** What was sent. */
export interface Sent {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly length: number;
  readonly text: string;
  readonly atUs: number;
  readonly urgent: number;
  readonly mss: number;
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  readonly tsValue: number;
  readonly tsEcho: number;
  readonly hasTimestamp: boolean;
  readonly sacks: readonly (readonly [number, number])[];
  readonly ecn: number;
  readonly gsoSize: number;
}

class KeptDevice extends NetDevice {
  readonly keep: (packet: Packet) => void;

  constructor(keep: (packet: Packet) => void, mtu: number) {
    super({ index: 2, name: "hand0", flags: IFF_UP | IFF_RUNNING, mtu }, true);
    this.keep = keep;
  }

  override output(packet: Packet): void {
    this.countSent(packet);
    this.keep(packet);
    packet.release();
  }
}

/** What the peer says; numbers as above. */
export interface Said {
  readonly seq?: number;
  readonly ack?: number;
  readonly flags?: number;
  readonly window?: number;
  readonly data?: string | Uint8Array;
  readonly urgent?: number;
  readonly mss?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  /** Timestamps: value, echo. */
  readonly ts?: readonly [number, number];
  readonly sacks?: readonly (readonly [number, number])[];
  readonly ecn?: number;
}

const PEER_ISN = 1_000_000;

export class HandPeer {
  readonly stack: Stack;
  readonly device: KeptDevice;
  readonly sent: Sent[] = [];
  /** Of the stack. */
  iss = 0;
  localPort = 5000;
  remotePort = 7000;
  hasTs = false;
  /** What timestamps count in the peer's: ms. */
  tsBase = 500_000;

  constructor({ mtu = 1500, segments = 0, seed = 1 } = {}) {
    this.stack = makeStack(seed);
    this.device = new KeptDevice((packet) => this.#keep(packet), mtu);
    this.device.segments = segments;
    this.stack.addDevice(this.device);
    addAddress(this.stack, this.device, "10.0.0.1/24");
  }

  #keep(packet: Packet): void {
    const segment = new Segment();
    const head = packet.head;
    packet.head = packet.transport;
    assert.ok(segment.read(packet));
    packet.head = head;
    if (segment.isSyn) this.iss = segment.seq;
    this.localPort = packet.sourcePort;
    const text = Buffer.from(packet.bytes.subarray(segment.at, segment.at + segment.length)).toString(
      "latin1",
    );
    const sacks: [number, number][] = [];
    for (let i = 0; i < segment.sackCount; i++)
      sacks.push([segment.sackStart[i]! - PEER_ISN, segment.sackEnd[i]! - PEER_ISN]);
    this.sent.push({
      seq: (segment.seq - this.iss) | 0,
      ack: segment.hasAck ? segment.ack - PEER_ISN : 0,
      flags: segment.flags,
      window: segment.window,
      length: segment.length,
      text,
      atUs: this.stack.core.nowUs,
      urgent: segment.urgent,
      mss: segment.mss,
      windowScale: segment.windowScale,
      sackPermitted: segment.sackPermitted,
      tsValue: segment.tsValue,
      tsEcho: segment.tsEcho,
      hasTimestamp: segment.hasTimestamp,
      sacks,
      ecn: packet.trafficClass & 3,
      gsoSize: packet.gsoSize,
    });
  }

  /** What was sent since it was asked last. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  /** The one segment that was sent since. */
  one(): Sent {
    const all = this.take();
    assert.is(
      all.length,
      1,
      `one segment: ${JSON.stringify(all.map(({ seq, length, flags }) => [seq, length, flags]))}`,
    );
    return all[0]!;
  }

  none(): void {
    const all = this.take();
    assert.is(
      all.length,
      0,
      `nothing: ${JSON.stringify(all.map(({ seq, length, flags }) => [seq, length, flags]))}`,
    );
  }

  get ts(): number {
    return this.tsBase + Math.floor(this.stack.core.nowUs / 1000);
  }

  /** The peer's segment arrives. */
  say(said: Said): void {
    const { core } = this.stack;
    const packet = core.pools.take(2000)!;
    const data =
      typeof said.data === "string" ? Buffer.from(said.data, "latin1") : (said.data ?? new Uint8Array(0));
    packet.bytes.set(data, packet.head);
    packet.end = packet.head + data.length;
    const header = new Header();
    const flags = said.flags ?? F.ACK;
    header.reset(
      this.remotePort,
      this.localPort,
      (PEER_ISN + (said.seq ?? 1)) | 0,
      (flags & F.ACK) === 0 ? 0 : (this.iss + (said.ack ?? 1)) | 0,
      flags,
    );
    header.window = said.window ?? 65535;
    header.urgent = said.urgent ?? 0;
    header.mss = said.mss ?? 0;
    header.windowScale = said.windowScale ?? -1;
    header.sackPermitted = said.sackPermitted ?? false;
    if (said.ts !== undefined) header.timestamp(said.ts[0], said.ts[1]);
    else if (this.hasTs) header.timestamp(this.ts, 0);
    for (const [start, end] of said.sacks ?? []) {
      header.sackStart[header.sackCount] = (this.iss + start) | 0;
      header.sackEnd[header.sackCount++] = (this.iss + end) | 0;
    }
    const flow = core.outputFlow;
    flow.reset(false);
    flow.setSource(0, 0, 0xffff, ip("10.0.0.2").w3);
    flow.setDestination(0, 0, 0xffff, ip("10.0.0.1").w3);
    header.write(packet, flow);
    packet.setSource(0, 0, 0xffff, ip("10.0.0.2").w3);
    packet.setDestination(0, 0, 0xffff, ip("10.0.0.1").w3);
    packet.protocol = 6;
    packet.hopLimit = 64;
    packet.trafficClass = said.ecn ?? 0;
    packet.push(Ip4.HEADER_MIN);
    Ip4.write(packet, 0, 0);
    packet.checksum = CHECKSUM_VALID;
    core.receive(packet, this.device);
    drain(this.stack);
  }

  /** A router's error about a segment of the stack's with that number; `info` is the MTU of one that was too long. */
  complain(type: number, code: number, info: number, seq: number): void {
    const { core } = this.stack;
    const packet = core.pools.take(200)!;
    const { view, head } = packet;
    packet.end = head + 20 + 8 + 20 + 8;
    packet.bytes.fill(0, head, packet.end);
    const writeIp = (at: number, length: number, protocol: number, from: string, to: string): void => {
      view.setUint8(at, 0x45);
      view.setUint16(at + 2, length);
      view.setUint8(at + 8, 64);
      view.setUint8(at + 9, protocol);
      view.setInt32(at + 12, ip(from).w3);
      view.setInt32(at + 16, ip(to).w3);
      Ip4.writeChecksum(view, at, Ip4.HEADER_MIN);
    };
    writeIp(head, 56, 1, "10.0.0.3", "10.0.0.1");
    view.setUint8(head + 20, type);
    view.setUint8(head + 21, code);
    view.setUint16(head + 26, info);
    writeIp(head + 28, 1500, 6, "10.0.0.1", "10.0.0.2");
    view.setUint16(head + 48, this.localPort);
    view.setUint16(head + 50, this.remotePort);
    view.setInt32(head + 52, (this.iss + seq) | 0);
    packet.checksum = CHECKSUM_VALID;
    core.receive(packet, this.device);
    drain(this.stack);
  }

  /** Time goes on, from deadline to deadline. */
  pass(us: number): void {
    pass(this.stack, us);
  }

  /** The stack connects to the peer, which grants what is said. */
  connected(
    said: Said = {},
    rttUs = 10_000,
    prepare: (endpoint: TcpEndpoint) => void = () => {},
  ): TcpEndpoint {
    const endpoint = new TcpEndpoint(this.stack.tcp, false);
    prepare(endpoint);
    assert.is(endpoint.connect(ip("10.0.0.2"), this.remotePort), EINPROGRESS);
    const syn = this.one();
    assert.is(syn.flags & ~(F.ECE | F.CWR), F.SYN);
    this.stack.advance(this.stack.core.nowUs + rttUs);
    this.hasTs = said.ts !== undefined;
    this.say({
      seq: 0,
      ack: 1,
      flags: F.SYN | F.ACK,
      mss: 1460,
      ...said,
      ...(this.hasTs ? { ts: [this.ts, syn.tsValue] as const } : {}),
    });
    const ack = this.one();
    assert.equal([ack.flags, ack.seq, ack.ack], [F.ACK, 1, 1]);
    assert.is(endpoint.connect(ip("10.0.0.2"), this.remotePort), 0);
    return endpoint;
  }

  /** The peer connects to the stack's listener. */
  accepted(listener: TcpEndpoint, said: Said = {}, rttUs = 10_000): TcpEndpoint {
    this.localPort = listener.localPort;
    this.hasTs = said.ts !== undefined;
    this.say({
      seq: 0,
      flags: F.SYN,
      mss: 1460,
      ...said,
      ...(this.hasTs ? { ts: [this.ts, 0] as const } : {}),
    });
    const answer = this.one();
    assert.equal([answer.flags & ~F.ECE, answer.ack], [F.SYN | F.ACK, 1]);
    this.stack.advance(this.stack.core.nowUs + rttUs);
    this.say({ ...(this.hasTs ? { ts: [this.ts, answer.tsValue] as const } : {}) });
    const child = listener.accept();
    assert.is.not(typeof child, "number");
    return child as TcpEndpoint;
  }
}

/** The connection ends at once, and nothing is left of it. */
export function done(peer: HandPeer, endpoint: TcpEndpoint): void {
  endpoint.abort();
  endpoint.close();
  isEmpty(peer.stack);
}
