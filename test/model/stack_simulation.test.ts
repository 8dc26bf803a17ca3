// Two stacks over a link that loses, delays, doubles, reorders and corrupts: what arrives is byte by byte what somebody
// sent, and in the end nothing is held. Then the same with a neighbour who changes live packets as he likes.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Faults, seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { RawEndpoint } from "../../src/workers/net/stack/raw/endpoint.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import type { UdpEndpoint } from "../../src/workers/net/stack/udp/endpoint.ts";
import { UdpMessage } from "../../src/workers/net/stack/udp/send.ts";
import { endpointOf, ip, World } from "../unit/stack_world.ts";

const HEADER = 8;

/** A datagram whose bytes follow from its number: one that arrives can be told from any other. */
function contents(number: number, length: number): Uint8Array {
  const data = new Uint8Array(Math.max(HEADER, length));
  const view = new DataView(data.buffer);
  view.setUint32(0, number);
  view.setUint32(4, data.length);
  for (let at = HEADER; at < data.length; at++) data[at] = (number * 13 + at * 7 + (at >> 8)) & 0xff;
  return data;
}

class Simulation {
  readonly world: World;
  readonly random: () => number;
  readonly ends: UdpEndpoint[] = [];
  sent = 0;
  arrived = 0;
  readonly seen = new Map<number, number>();

  constructor(seed: number, mtu: number, faults: Faults) {
    this.world = new World(seed, mtu, faults);
    this.random = seededRandom(seed);
    for (const [stack, four, six] of [
      [this.world.here, "10.0.0.1", "fd00::1"],
      [this.world.there, "10.0.0.2", "fd00::2"],
    ] as const)
      for (const address of [four, six]) {
        const endpoint = endpointOf(stack, address.includes(":"));
        assert.is(endpoint.bind(ip(address), 5000), 0);
        endpoint.receivesErrors4 = true;
        endpoint.receivesErrors6 = true;
        this.ends.push(endpoint);
      }
  }

  #pick(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** One datagram from somebody to the other side, or to himself, or to a port that nobody has. */
  send(): void {
    const from = this.ends[this.#pick(4)]!;
    const to = this.ends[this.ends.indexOf(from) ^ (this.random() < 0.9 ? 2 : 0)]!;
    const length =
      this.random() < 0.5 ? this.#pick(1500) : this.random() < 0.8 ? this.#pick(9000) : this.#pick(65507);
    const port = this.random() < 0.95 ? 5000 : 6000;
    const number = ++this.sent;
    from.takeError();
    const result = from.send(contents(number, length), new UdpMessage().to(to.local, port));
    assert.ok(result > 0 || result === -105, `send: ${result}`);
  }

  /** Everything that has come, looked at. `isStrict`: nobody may have changed it. */
  receive(isStrict: boolean): void {
    for (const endpoint of this.ends) {
      while (endpoint.receiveError() !== null);
      for (let packet = endpoint.receive(); packet !== null; packet = endpoint.receive()) {
        const data = packet.data();
        if (isStrict) {
          const number = packet.view.getUint32(packet.head);
          assert.ok(number > 0 && number <= this.sent);
          assert.ok(Buffer.from(contents(number, data.length)).equals(data), `datagram ${number}`);
          assert.is(packet.view.getUint32(packet.head + 4), data.length);
          assert.is(packet.sourcePort, 5000);
          this.seen.set(number, (this.seen.get(number) ?? 0) + 1);
        }
        this.arrived++;
        packet.release();
      }
    }
  }

  /** What holds at any time. */
  check(): void {
    for (const stack of [this.world.here, this.world.there]) {
      const { small, large } = stack.core.pools;
      assert.ok(small.used >= 0 && small.used <= small.made && small.made <= small.max);
      assert.ok(large.used >= 0 && large.used <= large.made && large.made <= large.max);
      for (const { reassembler } of [stack.ip4Input, stack.ip6Input]) {
        assert.ok(reassembler.bytes >= 0 && reassembler.bytes <= (4 << 20) + 65536 + 1024);
        assert.is(reassembler.count === 0, reassembler.nextDeadlineUs === Number.POSITIVE_INFINITY);
      }
    }
  }

  run(count: number, isStrict: boolean): void {
    for (let i = 0; i < count; i++) {
      this.send();
      this.world.pass(this.#pick(400));
      this.receive(isStrict);
      this.check();
    }
    // Until what is in parts is given up.
    this.world.pass(61_000_000);
    this.receive(isStrict);
    this.check();
  }

  /** Nothing is held, and after the end of the endpoints nothing is known of them. */
  end(): void {
    for (const endpoint of this.ends) endpoint.close();
    for (const stack of [this.world.here, this.world.there]) isEmpty(stack);
    assert.is(this.world.link.count, 0);
  }
}

function isEmpty(stack: Stack): void {
  assert.is(stack.core.pools.used, 0);
  assert.is(stack.datagrams.queuedPackets, 0);
  assert.is(stack.udp.table.count, 0);
  assert.is(stack.core.memberships.count, 0);
  assert.is(stack.core.hasBacklog, false);
  assert.is(stack.nextDeadlineUs, Number.POSITIVE_INFINITY);
  for (const { reassembler } of [stack.ip4Input, stack.ip6Input])
    assert.equal([reassembler.count, reassembler.bytes], [0, 0]);
}

const CLEAN: Faults = { loss: 0, duplication: 0, corruption: 0, delayMinUs: 10, delayMaxUs: 10 };
const MIXED: Faults = { loss: 0.02, duplication: 0.05, corruption: 0, delayMinUs: 10, delayMaxUs: 3000 };

test("a good link: each datagram that somebody waits for arrives once", () => {
  const simulation = new Simulation(11, 1500, CLEAN);
  simulation.run(1000, true);
  const lost = [...Array(simulation.sent).keys()].filter((i) => !simulation.seen.has(i + 1)).length;
  // To ports that nobody has: about a twentieth.
  assert.ok(lost > 0 && lost < 100, `${lost} of ${simulation.sent}`);
  for (const count of simulation.seen.values()) assert.is(count, 1);
  simulation.end();
});

for (const [seed, mtu] of [
  [1, 1500],
  [2, 1280],
  [3, 9000],
  [4, 65535],
] as const)
  test(`loss, duplicates, disorder, seed ${seed}, MTU ${mtu}: what arrives was sent`, () => {
    const simulation = new Simulation(seed, mtu, MIXED);
    simulation.run(1000, true);
    assert.ok(simulation.arrived > 400);
    // Put together again, in disorder.
    const { here, there } = simulation.world;
    if (mtu < 9000) assert.ok(here.core.counters.ip.ReasmOKs + there.core.counters.ip6.ReasmOKs > 100);
    simulation.end();
  });

test("the same seed gives the same run", () => {
  const outcomes = [1, 2].map(() => {
    const simulation = new Simulation(77, 1500, { ...MIXED, loss: 0.3 });
    simulation.run(200, true);
    const { counters } = simulation.world.there.core;
    return JSON.stringify([
      simulation.arrived,
      simulation.world.link.lost,
      counters.ip,
      counters.udp6,
      counters.icmp,
    ]);
  });
  assert.is(outcomes[0], outcomes[1]);
});

/** Changes a packet: bits, lengths, pieces of it, and mostly so that its IPv4 header is still believed. */
function mutator(random: () => number): (bytes: Uint8Array) => Uint8Array {
  const pick = (limit: number): number => Math.floor(random() * limit);
  return (bytes) => {
    if (random() < 0.3 || bytes.length === 0) return bytes;
    let changed = bytes;
    const headers = Math.min(bytes.length, 80);
    for (let i = pick(4); i >= 0; i--)
      switch (pick(6)) {
        case 0:
          changed[pick(headers)] = pick(256);
          break;
        case 1:
          changed[pick(changed.length)]! ^= 1 << pick(8);
          break;
        case 2:
          changed = changed.slice(0, 1 + pick(changed.length));
          break;
        case 3: {
          // Lengths, fragments and protocols, the fields that lead elsewhere.
          const fields = [2, 3, 4, 5, 6, 7, 9, 20, 24, 25, 40, 41, 42, 43, 44];
          changed[Math.min(fields[pick(fields.length)]!, changed.length - 1)] = [0, 1, 8, 44, 58, 60, 255][
            pick(7)
          ]!;
          break;
        }
        case 4:
          changed = Uint8Array.from([...changed.subarray(0, 100), ...changed]);
          break;
        default:
          changed[0] = (random() < 0.5 ? 0x40 : 0x60) | pick(16);
      }
    if (changed[0]! >> 4 === 4 && changed.length >= 20 && random() < 0.9) fixHeader(changed);
    return changed;
  };
}

function fixHeader(bytes: Uint8Array): void {
  const length = (bytes[0]! & 0xf) * 4;
  if (length < 20 || length > bytes.length) return;
  bytes.fill(0, 10, 12);
  let sum = 0;
  for (let at = 0; at < length; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  bytes[10] = sum >> 8;
  bytes[11] = sum & 0xff;
}

for (const seed of [5, 6, 7])
  test(`changed packets, seed ${seed}: nothing throws, nothing stays`, () => {
    const simulation = new Simulation(seed, 1500, { ...MIXED, corruption: 0.1 });
    simulation.world.link.mutate = mutator(seededRandom(seed * 1000));
    const { there } = simulation.world;
    const listeners = [
      new RawEndpoint(there.raw, false, 1),
      new RawEndpoint(there.raw, false, 17),
      new RawEndpoint(there.raw, true, 17),
      new RawEndpoint(there.raw, true, 58),
      new RawEndpoint(there.raw, true, 0),
    ];
    simulation.run(1500, false);
    assert.ok(simulation.arrived > 50);
    assert.ok(listeners[1]!.drops > 0 && listeners[2]!.queue.count > 0);
    for (const listener of listeners) listener.close();
    const { ip, ip6 } = simulation.world.there.core.counters;
    assert.ok(ip.InHdrErrors > 0 && ip6.InHdrErrors > 0 && ip.ReasmFails > 0);
    simulation.end();
  });

test.run();
