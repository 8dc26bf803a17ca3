// Three hosts on one Ethernet that loses, doubles, delays and reorders frames: what arrives was sent, neighbours are found
// all the same, and in the end nothing is held. Then the same with somebody on it who changes live frames of ARP, neighbour
// discovery, IGMP and MLD as he likes, with good checksums.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { sumOf, sumOfPseudoHeader } from "../../src/workers/net/stack/checksum.ts";
import { type Faults, seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import type { UdpEndpoint } from "../../src/workers/net/stack/udp/endpoint.ts";
import { UdpMessage } from "../../src/workers/net/stack/udp/send.ts";
import { type Host, LinkWorld } from "../unit/link_world.ts";
import { endpointOf, ip } from "../unit/stack_world.ts";

const SECOND = 1_000_000;
const HOSTS = 3;

class Simulation {
  readonly world: LinkWorld;
  readonly random: () => number;
  readonly ends: UdpEndpoint[] = [];
  sent = 0;
  arrived = 0;

  constructor(seed: number, faults: Faults) {
    this.random = seededRandom(seed);
    this.world = new LinkWorld(HOSTS, faults, seed);
    for (const [at, host] of this.world.hosts.entries()) {
      host.up();
      host.add(`10.0.0.${at + 1}/24`);
      host.add(`fd00::${at + 1}/64`, 2);
    }
    this.world.pass(5 * SECOND);
    for (const [at, { stack, row }] of this.world.hosts.entries())
      for (const [address, group] of [
        [`10.0.0.${at + 1}`, "239.0.0.1"],
        [`fd00::${at + 1}`, "ff05::7"],
      ] as const) {
        const endpoint = endpointOf(stack, address.includes(":"));
        assert.is(endpoint.bind(ip(address), 5000), 0);
        assert.is(endpoint.join(ip(group), row.index), 0);
        this.ends.push(endpoint);
      }
  }

  pick(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** From somebody to another, now and then to nobody. */
  send(): void {
    const from = this.ends[this.pick(this.ends.length)]!;
    const isV6 = from.isV6;
    const host = this.random() < 0.9 ? 1 + this.pick(HOSTS) : 50 + this.pick(100);
    const data = Buffer.alloc(8 + this.pick(3000), this.sent & 0xff);
    data.writeUInt32BE(this.sent++);
    from.takeError();
    const result = from.send(data, new UdpMessage().to(ip(isV6 ? `fd00::${host}` : `10.0.0.${host}`), 5000));
    assert.ok(result > 0 || result === -105 || result === -101 || result === -113, `send: ${result}`);
  }

  receive(): void {
    for (const endpoint of this.ends)
      for (let packet = endpoint.receive(); packet !== null; packet = endpoint.receive()) {
        const number = packet.view.getUint32(packet.head);
        const data = Buffer.from(packet.data());
        assert.ok(number < this.sent);
        assert.ok(data.subarray(4).every((byte) => byte === (number & 0xff)));
        this.arrived++;
        packet.release();
      }
  }

  /** What holds at any time: bounds, and that the namespace shows the neighbours that the stack has. */
  check(): void {
    for (const { stack, devices } of this.world.hosts) {
      const { arp, discovery } = stack.links;
      const all = [...arp.neighbours.all(), ...discovery.neighbours.all()];
      assert.ok(arp.neighbours.count <= 1024 && discovery.neighbours.count <= 1024);
      const rows = [...devices.neighbours.all()];
      assert.is(rows.length, all.length);
      const states = (list: readonly { state: number }[]): number[] => list.map(({ state }) => state).sort();
      assert.equal(states(rows), states(all));
      for (const one of all) assert.is(one.pending.count > 0, one.pendingBytes > 0);
    }
  }

  run(count: number): void {
    for (let i = 0; i < count; i++) {
      this.send();
      this.world.pass(this.random() < 0.02 ? this.pick(40 * SECOND) : this.pick(20_000));
      this.receive();
      if (i % 20 === 0) this.check();
      this.world.seen.length = 0;
    }
    this.world.pass(90 * SECOND);
    this.receive();
    this.check();
  }

  end(): void {
    for (const endpoint of this.ends) endpoint.close();
    for (const host of this.world.hosts) host.down();
    this.world.pass(5000 * SECOND);
    assert.ok(this.world.isEmpty());
    for (const host of this.world.hosts) isEmpty(host);
  }
}

function isEmpty({ stack, devices }: Host): void {
  assert.is(stack.core.memberships.count, 0);
  assert.is(stack.links.duplicates.count, 0);
  assert.equal([stack.links.arp.neighbours.count, stack.links.discovery.neighbours.count], [0, 0]);
  assert.is([...devices.neighbours.all()].length, 0);
  assert.is(stack.nextDeadlineUs, Number.POSITIVE_INFINITY);
}

const MIXED: Faults = { loss: 0.05, duplication: 0.05, corruption: 0, delayMinUs: 20, delayMaxUs: 4000 };

for (const seed of [1, 2, 3])
  test(`loss, duplicates, disorder, seed ${seed}: what arrives was sent, and neighbours are found`, () => {
    const simulation = new Simulation(seed, { ...MIXED, loss: seed === 3 ? 0.3 : 0.05 });
    simulation.run(600);
    assert.ok(simulation.arrived > 100, `${simulation.arrived}`);
    simulation.end();
  });

test("the same seed gives the same run", () => {
  const outcomes = [1, 2].map(() => {
    const simulation = new Simulation(77, MIXED);
    simulation.run(150);
    const { counters } = simulation.world.hosts[0]!.stack.core;
    return JSON.stringify([simulation.arrived, simulation.world.segment.lost, counters.ip, counters.icmp6]);
  });
  assert.is(outcomes[0], outcomes[1]);
});

const ARP = 0x0806;
const IP = 0x0800;
const IP6 = 0x86dd;

/** Writes the checksum of an ICMPv6 or IGMP message again; false: it is neither. */
function seal(frame: Buffer): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const type = frame.readUInt16BE(12);
  if (type === IP6 && frame.length >= 62) {
    const at = frame[20] === 0 ? 62 : 54;
    if (at === 54 && frame[20] !== 58) return false;
    const length = Math.min(frame.readUInt16BE(18) - (at - 54), frame.length - at);
    if (length < 8) return false;
    frame.writeUInt16BE(0, at + 2);
    const addresses = sumOf(view, 22, 32);
    frame.writeUInt16BE(
      ~sumOf(view, at, length, sumOfPseudoHeader(addresses, 0, 58, length)) & 0xffff,
      at + 2,
    );
    return true;
  }
  if (type === IP && frame.length >= 46 && frame[23] === 2 && frame[14] === 0x46) {
    frame.writeUInt16BE(0, 40);
    frame.writeUInt16BE(~sumOf(view, 38, frame.length - 38) & 0xffff, 40);
    return true;
  }
  return type === ARP;
}

/** Changes frames of the link's own protocols, mostly so that they are still believed. */
function mutator(random: () => number): (bytes: Uint8Array) => Uint8Array {
  const pick = (limit: number): number => Math.floor(random() * limit);
  return (bytes) => {
    let frame = Buffer.from(bytes);
    if (frame.length < 42 || random() < 0.3) return frame;
    const type = frame.readUInt16BE(12);
    const isControl =
      type === ARP ||
      (type === IP6 && (frame[20] === 58 || frame[20] === 0)) ||
      (type === IP && frame[23] === 2);
    if (!isControl) return frame;
    const start = type === ARP ? 14 : type === IP ? 38 : frame[20] === 0 ? 62 : 54;
    for (let i = pick(4); i >= 0; i--)
      switch (pick(7)) {
        case 0:
          frame[start + pick(Math.max(1, frame.length - start))] = pick(256);
          break;
        case 1:
          frame[pick(frame.length)]! ^= 1 << pick(8);
          break;
        case 2:
          frame = frame.subarray(0, 14 + pick(frame.length - 14));
          break;
        case 3:
          // Another message of the same family.
          if (type === IP6) frame[start] = [130, 131, 132, 133, 134, 135, 136, 137, 143][pick(9)]!;
          else if (type === IP) frame[start] = [0x11, 0x12, 0x16, 0x17, 0x22][pick(5)]!;
          else frame[start + 7] = 1 + pick(2);
          break;
        case 4:
          // Addresses of hosts and groups in place of others.
          frame.set(
            [10, 0, 0, 1 + pick(4)],
            Math.max(0, Math.min(frame.length - 4, start + [14, 24, 4, 8][pick(4)]!)),
          );
          break;
        case 5:
          if (type === IP6 && frame.length > 80) {
            frame = Buffer.concat([frame, frame.subarray(start + 8), Buffer.alloc(8, pick(256))]);
            frame.writeUInt16BE(frame.length - 54, 18);
          }
          break;
        default:
          if (frame.length > start + 28) frame.fill(pick(2) * 0xff, start + 8, start + 24);
      }
    if (frame.length >= 46 && random() < 0.9) seal(frame);
    return frame;
  };
}

for (const seed of [5, 6, 7])
  test(`changed frames of the link's own protocols, seed ${seed}: nothing throws, nothing stays`, () => {
    const simulation = new Simulation(seed, { ...MIXED, corruption: 0.02 });
    simulation.world.segment.mutate = mutator(seededRandom(seed * 1000));
    for (let round = 0; round < 4; round++) {
      simulation.run(200);
      const host = simulation.world.hosts[round % HOSTS]!;
      host.down();
      host.up();
      host.add(`fd00::${1 + (round % HOSTS)}/64`, round < 2 ? 2 : 0);
      host.add(`fd00::77/64`);
      simulation.world.pass(3 * SECOND);
    }
    for (const { row } of simulation.world.hosts) assert.ok(row.inet6.length <= 24);
    simulation.end();
  });

test.run();
