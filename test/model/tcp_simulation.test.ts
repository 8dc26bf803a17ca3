// TCP between two stacks over a link that loses, delays, doubles, reorders and corrupts, with clocks that jump and readers
// that dawdle: the streams that come out are those that went in, nothing is acknowledged that did not come, and in the end
// nothing is held. Then the same with a neighbour who changes live segments as he likes.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import { MSG_MORE, MSG_PEEK, SHUT_WR } from "../../src/shared/abi/socket.ts";
import { type Faults, seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import { TCP_CLOSE, TCP_SYN_SENT } from "../../src/workers/net/stack/tcp/states.ts";
import { isEmpty } from "../unit/stack_tcp_world.ts";
import { ip, World } from "../unit/stack_world.ts";

const PORT = 7000;
/** Longer than everything that waits: retransmissions of a FIN that nobody answers, TIME_WAIT. */
const FOR_EVER_US = 4_000_000_000;

/** The byte at a place of a stream. */
function byteOf(stream: number, at: number): number {
  return (at * 31 + (at >>> 8) * 7 + (at >>> 16) + stream * 101) & 0xff;
}

function piece(stream: number, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = byteOf(stream, from + i);
  return bytes;
}

/** One end of a connection: what it sends, and what it has received of the other's stream. */
class End {
  readonly endpoint: TcpEndpoint;
  /** Numbers of its own stream, and of its peer's. */
  readonly stream: number;
  readonly peerStream: number;
  readonly total: number;
  sent = 0;
  received = 0;
  hasShut = false;
  hasEnded = false;
  error = 0;

  constructor(endpoint: TcpEndpoint, stream: number, peerStream: number, total: number) {
    this.endpoint = endpoint;
    this.stream = stream;
    this.peerStream = peerStream;
    this.total = total;
  }

  get isDone(): boolean {
    return this.error !== 0 || (this.hasShut && this.hasEnded);
  }
}

interface Plan {
  readonly connections: number;
  /** Bytes of each stream, at most. */
  readonly bytes: number;
  /** What is likely to be read at once. */
  readonly slowReaders?: boolean;
  readonly smallBuffers?: boolean;
  readonly jumps?: boolean;
  /** Somebody changes segments: streams may end otherwise. */
  readonly isHostile?: boolean;
}

function hasNumbers(state: number): boolean {
  return state !== TCP_SYN_SENT && state !== TCP_CLOSE;
}

class Simulation {
  readonly world: World;
  readonly random: () => number;
  readonly plan: Plan;
  readonly ends: End[] = [];
  readonly listeners: TcpEndpoint[] = [];
  readonly unpaired = new Map<string, End>();
  readonly scratch = new Uint8Array(1 << 17);
  #streams = 0;

  constructor(seed: number, mtu: number, faults: Faults, plan: Plan) {
    this.world = new World(seed, mtu, faults);
    this.random = seededRandom(seed * 7 + 1);
    this.plan = plan;
    for (const address of ["10.0.0.2", "fd00::2"]) {
      const listener = new TcpEndpoint(this.world.there.tcp, address.includes(":"));
      assert.is(listener.bind(ip(address), PORT), 0);
      assert.is(listener.listen(128), 0);
      this.listeners.push(listener);
    }
  }

  pick(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  #total(): number {
    return this.random() < 0.1 ? 0 : this.pick(this.plan.bytes);
  }

  #configure(endpoint: TcpEndpoint): void {
    if (this.random() < 0.5) endpoint.setNoDelay(true);
    if (this.random() < 0.3) endpoint.setCongestion("reno");
    if (this.plan.smallBuffers === true) {
      endpoint.setReceiveBuffer(2304 + this.pick(20_000));
      endpoint.setSendBuffer(4608 + this.pick(20_000));
    }
  }

  connect(): void {
    const isV6 = this.random() < 0.5;
    const endpoint = new TcpEndpoint(this.world.here.tcp, isV6);
    this.#configure(endpoint);
    const error = endpoint.connect(ip(isV6 ? "fd00::2" : "10.0.0.2"), PORT);
    assert.is(error, -E.EINPROGRESS);
    const stream = this.#streams;
    this.#streams += 2;
    const end = new End(endpoint, stream, stream + 1, this.#total());
    this.ends.push(end);
    this.unpaired.set(`${isV6} ${endpoint.localPort}`, end);
  }

  accept(): void {
    for (const listener of this.listeners)
      for (let child = listener.accept(); typeof child !== "number"; child = listener.accept()) {
        const key = `${child.isV6} ${child.remotePort}`;
        const client = this.unpaired.get(key);
        // A neighbour's invention, or a connection that came again under a port that was changed on its way.
        if (client === undefined) {
          assert.ok(this.plan.isHostile === true, "a connection that nobody made");
          child.close();
          continue;
        }
        this.unpaired.delete(key);
        this.#configure(child);
        this.ends.push(new End(child, client.stream + 1, client.stream, this.#total()));
      }
  }

  #fails(end: End, result: number): boolean {
    if (result >= 0 || result === -E.EAGAIN) return false;
    assert.ok(
      this.plan.isHostile === true ||
        result === -E.ETIMEDOUT ||
        result === -E.EPIPE ||
        result === -E.ECONNRESET,
      `an error: ${result}`,
    );
    end.error = -result;
    return true;
  }

  act(end: End): void {
    if (end.isDone) return;
    if (this.random() < 0.5) this.#send(end);
    else this.#receive(end);
  }

  #send(end: End): void {
    const { endpoint } = end;
    if (end.hasShut) return;
    if (end.sent < end.total) {
      const length = Math.min(
        end.total - end.sent,
        this.random() < 0.6 ? 1 + this.pick(100_000) : 1 + this.pick(100),
      );
      const isLast = end.sent + length === end.total;
      const flags = !isLast && this.random() < 0.1 ? MSG_MORE : 0;
      const count = endpoint.send(piece(end.stream, end.sent, length), flags);
      if (this.#fails(end, count) || count < 0) return;
      assert.ok(count > 0 && count <= length);
      end.sent += count;
      return;
    }
    // Before there is a connection, that would end it.
    if (endpoint.state === TCP_SYN_SENT) return;
    endpoint.shutdown(SHUT_WR);
    end.hasShut = true;
  }

  #receive(end: End): void {
    const { endpoint } = end;
    const { scratch } = this;
    if (end.hasEnded) return;
    const most =
      this.plan.slowReaders === true && this.random() < 0.9
        ? 1 + this.pick(300)
        : 1 + this.pick(scratch.length);
    const target = scratch.subarray(0, most);
    if (this.random() < 0.1) {
      const peeked = endpoint.receive(target, MSG_PEEK);
      if (peeked > 0) this.#compare(end, target, peeked);
    }
    const count = endpoint.receive(target);
    if (count === -E.ENOTCONN || this.#fails(end, count) || count < 0) return;
    if (count === 0) {
      end.hasEnded = true;
      return;
    }
    this.#compare(end, target, count);
    end.received += count;
  }

  #compare(end: End, bytes: Uint8Array, count: number): void {
    if (this.plan.isHostile === true) return;
    for (let i = 0; i < count; i++)
      if (bytes[i] !== byteOf(end.peerStream, end.received + i))
        assert.unreachable(`stream ${end.peerStream}: another byte at ${end.received + i}`);
  }

  /** What holds at any time. */
  check(): void {
    const { here, there } = this.world;
    for (const stack of [here, there]) {
      const { small, large } = stack.core.pools;
      assert.ok(small.used >= 0 && large.used >= 0 && stack.tcp.blocks.used >= 0);
      assert.ok(stack.tcp.blocks.used <= stack.tcp.blocks.max);
    }
    for (const { endpoint } of this.ends) {
      const c = endpoint.connection;
      if (c === null || c.state === TCP_CLOSE) continue;
      assert.ok(
        ((c.sndNxt - c.sndUna) | 0) >= 0 && ((c.writeSeq - c.sndNxt) | 0) >= 0,
        "numbers of what is sent",
      );
      assert.ok(((c.rcvNxt - c.copiedSeq) | 0) >= 0, "numbers of what came");
      const { board } = c;
      assert.ok(
        board.sackedOut >= 0 && board.lostOut >= 0 && board.retransOut >= 0,
        "counts of the scoreboard",
      );
      assert.ok(
        board.sackedOut + board.lostOut <= board.count && board.retransOut <= board.count,
        "no more than there is",
      );
      assert.ok(c.cwnd >= 1 && c.inFlight >= 0, `cwnd ${c.cwnd}, in flight ${c.inFlight}`);
      assert.ok(c.state === TCP_SYN_SENT || c.packetsOut === 0 || c.isArmed, "what is under way has a timer");
    }
    // Nothing is acknowledged that did not come.
    for (let i = 0; i < this.ends.length; i++)
      for (const other of this.ends)
        if (other.stream === this.ends[i]!.peerStream && !this.plan.isHostile) {
          const [a, b] = [this.ends[i]!.endpoint.connection, other.endpoint.connection];
          if (a === null || b === null || !hasNumbers(a.state) || !hasNumbers(b.state)) continue;
          assert.ok(((b.rcvNxt - a.sndUna) | 0) >= 0, "acknowledged before it came");
        }
  }

  run(): void {
    const { plan, world } = this;
    for (let i = 0; i < plan.connections; i++) this.connect();
    for (let turn = 0; turn < 400_000; turn++) {
      this.accept();
      const undone = this.ends.filter((end) => !end.isDone);
      if (undone.length === 0 && (this.unpaired.size === 0 || plan.isHostile === true)) break;
      if (undone.length > 0) this.act(undone[this.pick(undone.length)]!);
      const jump = plan.jumps === true && this.random() < 0.002 ? 100_000_000 : 0;
      world.pass(this.random() < 0.7 ? this.pick(500) : this.pick(20_000) + jump);
      if (turn % 7 === 0) this.check();
    }
    this.check();
  }

  /** All streams are over, whole. */
  assertWhole(): void {
    for (const end of this.ends) {
      assert.is(end.error, 0);
      assert.is(end.sent, end.total);
      const peer = this.ends.find(({ stream }) => stream === end.peerStream);
      assert.is(end.received, peer!.total);
    }
  }

  /** Nothing is held. */
  end(): void {
    for (const { endpoint } of this.ends) endpoint.close();
    for (const listener of this.listeners) listener.close();
    this.world.link.mutate = null;
    this.world.pass(FOR_EVER_US);
    for (const stack of [this.world.here, this.world.there]) {
      isEmpty(stack);
      assert.is(stack.nextDeadlineUs, Number.POSITIVE_INFINITY);
    }
  }
}

const CLEAN: Faults = { loss: 0, duplication: 0, corruption: 0, delayMinUs: 100, delayMaxUs: 100 };
const MIXED: Faults = { loss: 0.02, duplication: 0.02, corruption: 0.01, delayMinUs: 50, delayMaxUs: 3000 };

test("a good link", () => {
  const simulation = new Simulation(1, 1500, CLEAN, { connections: 10, bytes: 3_000_000 });
  simulation.run();
  simulation.assertWhole();
  // Nothing is sent again but probes of tails whose acknowledgement was delayed.
  const { tcp, tcpExt } = simulation.world.here.core.counters;
  assert.is(tcp.RetransSegs, tcpExt.TCPDSACKRecv);
  assert.is(tcpExt.TCPTimeouts, 0);
  simulation.end();
});

for (const [seed, mtu, plan] of [
  [2, 1500, { connections: 8, bytes: 800_000 }],
  [3, 1280, { connections: 20, bytes: 100_000 }],
  [4, 9000, { connections: 5, bytes: 2_000_000 }],
  [5, 65535, { connections: 5, bytes: 3_000_000 }],
  [6, 1500, { connections: 6, bytes: 150_000, slowReaders: true }],
  [7, 1500, { connections: 6, bytes: 200_000, smallBuffers: true }],
  [8, 1500, { connections: 6, bytes: 60_000, smallBuffers: true, slowReaders: true }],
  [9, 1500, { connections: 6, bytes: 300_000, jumps: true }],
] as const)
  test(`loss, duplicates, disorder, corruption, seed ${seed}, MTU ${mtu}`, () => {
    const simulation = new Simulation(seed, mtu, MIXED, plan);
    simulation.run();
    simulation.assertWhole();
    simulation.end();
  });

test("one in ten is lost", () => {
  const simulation = new Simulation(10, 1500, { ...MIXED, loss: 0.1 }, { connections: 5, bytes: 200_000 });
  simulation.run();
  simulation.assertWhole();
  simulation.end();
});

test("three in ten are lost", () => {
  const simulation = new Simulation(11, 1500, { ...CLEAN, loss: 0.3 }, { connections: 4, bytes: 30_000 });
  simulation.run();
  // Some may have given up.
  for (const end of simulation.ends) if (end.error === 0 && end.isDone) assert.is(end.sent, end.total);
  simulation.end();
});

test("the same seed gives the same run", () => {
  const outcomes = [1, 2].map(() => {
    const simulation = new Simulation(77, 1500, MIXED, { connections: 4, bytes: 100_000 });
    simulation.run();
    const { tcp, tcpExt } = simulation.world.here.core.counters;
    return JSON.stringify([simulation.world.nowUs, simulation.world.link.lost, tcp, tcpExt]);
  });
  assert.is(outcomes[0], outcomes[1]);
});

/** Changes segments so that mostly their checksums are good still. */
function mutator(random: () => number): (bytes: Uint8Array) => Uint8Array {
  const pick = (limit: number): number => Math.floor(random() * limit);
  return (bytes) => {
    if (random() < 0.8 || bytes.length < 40) return bytes;
    const isV4 = bytes[0]! >> 4 === 4;
    const at = isV4 ? (bytes[0]! & 15) * 4 : 40;
    if (bytes[isV4 ? 9 : 6] !== 6 || bytes.length < at + 20) return bytes;
    let changed = bytes;
    const view = new DataView(changed.buffer, changed.byteOffset, changed.length);
    for (let i = pick(3); i >= 0; i--)
      switch (pick(9)) {
        case 0:
          view.setUint32(at + 4, (view.getUint32(at + 4) + pick(200_000) - 100_000) >>> 0);
          break;
        case 1:
          view.setUint32(at + 8, (view.getUint32(at + 8) + pick(200_000) - 100_000) >>> 0);
          break;
        case 2:
          changed[at + 13] = pick(256);
          break;
        case 3:
          changed[at + 12] = pick(256);
          break;
        case 4:
          view.setUint16(at + 14, pick(65536));
          break;
        case 5:
          if (changed.length > at + 20)
            changed[at + 20 + pick(Math.min(40, changed.length - at - 20))] = pick(256);
          break;
        case 6:
          view.setUint32(at + (random() < 0.5 ? 4 : 8), pick(2 ** 32));
          break;
        case 7:
          view.setUint16(at + 18, pick(65536));
          break;
        default: {
          const length = at + 20 + pick(changed.length - at - 19);
          changed = changed.slice(0, length);
          return fixed(changed, isV4, at);
        }
      }
    return random() < 0.95 ? fixed(changed, isV4, at) : changed;
  };
}

function sum(bytes: Uint8Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i += 2) total += (bytes[i]! << 8) | (i + 1 < to ? bytes[i + 1]! : 0);
  return total;
}

/** Lengths and checksums as they should be. */
function fixed(bytes: Uint8Array, isV4: boolean, at: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fold = (total: number): number => {
    let folded = total;
    while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
    return folded;
  };
  if (isV4) {
    view.setUint16(2, bytes.length);
    view.setUint16(10, 0);
    view.setUint16(10, ~fold(sum(bytes, 0, at)) & 0xffff);
  } else view.setUint16(4, bytes.length - 40);
  const addresses = isV4 ? sum(bytes, 12, 20) : sum(bytes, 8, 40);
  view.setUint16(at + 16, 0);
  const total = addresses + 6 + (bytes.length - at) + sum(bytes, at, bytes.length);
  view.setUint16(at + 16, ~fold(total) & 0xffff);
  return bytes;
}

for (const seed of [21, 22, 23, 24, 25])
  test(`changed segments, seed ${seed}: nothing throws, nothing stays`, () => {
    const plan = { connections: 12, bytes: 120_000, isHostile: true, smallBuffers: seed % 2 === 0 };
    const simulation = new Simulation(seed, 1500, MIXED, plan);
    simulation.world.link.mutate = mutator(seededRandom(seed * 1000));
    simulation.run();
    simulation.end();
  });

test.run();
