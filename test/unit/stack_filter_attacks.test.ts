// The packet filter under forged packets: errors that quote what was never sent, headers that lie, more flows and
// translations than there is room for. Nothing is thrown, nothing leaks, and who was known before is served.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import { sumOf } from "../../src/workers/net/stack/checksum.ts";
import { ASSURED } from "../../src/workers/net/stack/filter/tracked.ts";
import * as Ip4 from "../../src/workers/net/stack/ip4/format.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { CHECKSUM_NONE, CHECKSUM_VALID } from "../../src/workers/net/stack/packet.ts";
import { ACCEPT, DROP, ports, reject, setRules, state, translation, words } from "./filter_rules.ts";
import { bound, drain, ip, makeStack, sendTo, take, World } from "./stack_world.ts";

const [ICMP, TCP, UDP, ICMP6] = [1, 6, 17, 58];
const FAULTS = { loss: 0, duplication: 0, corruption: 0, delayMinUs: 10, delayMaxUs: 20 };
const [HERE, THERE] = ["10.0.0.1", "10.0.0.2"];
const [HERE6, THERE6] = ["fd00::1", "fd00::2"];

// ---- Frames ----

function packet4(from: string, to: string, protocol: number, data: Buffer, fragment = 0): Buffer {
  const bytes = Buffer.alloc(20 + data.length);
  bytes[0] = 0x45;
  bytes.writeUInt16BE(bytes.length, 2);
  bytes.writeUInt16BE(7, 4);
  bytes.writeUInt16BE(fragment, 6);
  bytes[8] = 64;
  bytes[9] = protocol;
  bytes.writeInt32BE(ip(from).w3, 12);
  bytes.writeInt32BE(ip(to).w3, 16);
  Ip4.writeChecksum(viewOf(bytes), 0, 20);
  data.copy(bytes, 20);
  return bytes;
}

function packet6(from: string, to: string, next: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(40 + data.length);
  bytes[0] = 0x60;
  bytes.writeUInt16BE(data.length, 4);
  bytes[6] = next;
  bytes[7] = 64;
  Buffer.from(ip(from).toBytes()).copy(bytes, 8);
  Buffer.from(ip(to).toBytes()).copy(bytes, 24);
  data.copy(bytes, 40);
  return bytes;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Ports, and zeros as far as a header goes. */
function transport(source: number, destination: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt16BE(source, 0);
  bytes.writeUInt16BE(destination, 2);
  return bytes;
}

function udp(source: number, destination: number): Buffer {
  const bytes = transport(source, destination, 12);
  bytes.writeUInt16BE(bytes.length, 4);
  return bytes;
}

function segment(source: number, destination: number, flags: number): Buffer {
  const bytes = transport(source, destination, 20);
  bytes[12] = 0x50;
  bytes[13] = flags;
  return bytes;
}

/** An ICMP message with its checksum, behind which something is quoted. */
function message(type: number, code: number, quoted: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.of(type, code, 0, 0, 0, 0, 0, 0), quoted]);
  bytes.writeUInt16BE(~sumOf(viewOf(bytes), 0, bytes.length) & 0xffff, 2);
  return bytes;
}

function inject(world: World, bytes: Buffer, checksum: number): void {
  const { core } = world.here;
  const packet = core.pools.take(bytes.length);
  if (packet === null) return;
  packet.bytes.set(bytes, packet.head);
  packet.end = packet.head + bytes.length;
  packet.checksum = checksum;
  core.receive(packet, world.link.first);
  drain(world.here);
}

// ---- Tests ----

/** here translates what it sends to there, and looks at all of it. */
function translating(seed: number): World {
  const world = new World(seed, 1500, FAULTS);
  const { here } = world;
  const mark = { name: "CONNMARK", revision: 1, data: words(1, -1, -1, 1 << 8) };
  for (const isV6 of [false, true]) {
    const snat = translation("MASQUERADE", isV6, null, 7000, 7100);
    const away = translation("DNAT", isV6, isV6 ? THERE6 : THERE, 5000);
    assert.is(
      setRules(
        here,
        "nat",
        {
          rules: {
            PREROUTING: [{ protocol: TCP, matches: [ports("tcp", 90)], does: away }],
            OUTPUT: [{ protocol: UDP, matches: [ports("udp", 4000)], does: away }],
            POSTROUTING: [
              { protocol: UDP, does: snat },
              { protocol: TCP, does: snat },
            ],
          },
        },
        isV6,
      ),
      0,
    );
    assert.is(setRules(here, "mangle", { rules: { PREROUTING: [{ does: mark }] } }, isV6), 0);
    const INPUT = [
      { protocol: TCP, does: reject(isV6 ? 6 : 7) },
      { protocol: UDP, matches: [ports("udp", 9)], does: reject(isV6 ? 4 : 3) },
      { matches: [state("INVALID")], does: DROP },
    ];
    assert.is(setRules(here, "filter", { rules: { INPUT } }, isV6), 0);
  }
  return world;
}

/** One that sends by a translated port, and what answers it. */
function talks(world: World, isV6: boolean): () => number {
  const client = bound(world.here, isV6 ? HERE6 : HERE, 6000);
  const server = bound(world.there, isV6 ? THERE6 : THERE, 5000);
  return () => {
    // What was forged well has arrived.
    while (take(client) !== null);
    while (take(server) !== null);
    client.takeError();
    assert.is(sendTo(client, "asked", isV6 ? THERE6 : THERE, 4000), 5);
    world.pass(1000);
    const asked = server.receive()!;
    assert.is(Buffer.from(asked.data()).toString(), "asked");
    const { sourcePort } = asked;
    asked.release();
    assert.is(sendTo(server, "answered", isV6 ? HERE6 : HERE, sourcePort), 8);
    world.pass(1000);
    assert.is(take(client), "answered");
    return sourcePort;
  };
}

for (const isV6 of [false, true])
  test(`forged packets of IPv${isV6 ? 6 : 4} do no harm`, () => {
    const world = translating(11);
    const { here } = world;
    const talk = talks(world, isV6);
    const port = talk();
    const make = (from: string, to: string, protocol: number, data: Buffer): Buffer =>
      isV6 ? packet6(from, to, protocol, data) : packet4(from, to, protocol, data);
    const [us, them] = isV6 ? [HERE6, THERE6] : [HERE, THERE];
    const sent = make(us, them, UDP, udp(port, 5000));
    const icmp = isV6 ? ICMP6 : ICMP;
    const unreachable = message(isV6 ? 1 : 3, 1, sent);
    const frames = [
      make(them, us, icmp, unreachable),
      make(them, us, icmp, message(isV6 ? 2 : 3, isV6 ? 0 : 4, sent)),
      make(them, us, icmp, message(isV6 ? 3 : 11, 0, make(us, them, TCP, segment(port, 5000, 2)))),
      make(them, us, icmp, message(isV6 ? 1 : 3, 1, make(them, us, icmp, unreachable))),
      make(them, us, icmp, message(isV6 ? 128 : 8, 0, Buffer.from("echo"))),
      make(them, us, UDP, udp(5000, port)),
      make(them, us, UDP, udp(5000, 9)),
      make(them, us, TCP, segment(5000, 80, 2)),
      make(them, us, TCP, segment(5000, 90, 2)),
      make(them, us, TCP, segment(5000, 80, 18)),
      isV6
        ? packet6(them, us, 44, Buffer.concat([Buffer.of(UDP, 0, 0, 1, 0, 0, 0, 9), udp(5000, port)]))
        : packet4(them, us, UDP, udp(5000, port), 0x2000),
      isV6
        ? packet6(them, us, 0, Buffer.concat([Buffer.of(UDP, 0, 1, 4, 0, 0, 0, 0), udp(5000, port)]))
        : packet4(them, us, UDP, udp(5000, port), 0x0001),
    ];
    const random = seededRandom(9);
    const any = (below: number): number => Math.floor(random() * below);
    for (let round = 0; round < 20_000; round++) {
      let bytes = Buffer.from(frames[any(frames.length)]!);
      for (let k = any(4); k > 0; k--) {
        const at = any(bytes.length);
        bytes[at] = any(2) === 0 ? bytes[at]! ^ (1 << any(8)) : any(256);
      }
      if (any(8) === 0) bytes = bytes.subarray(0, any(bytes.length));
      // Headers whose lengths lie get by the checks of IP where these can be repaired.
      if (!isV6 && bytes.length >= 20) {
        bytes.writeUInt16BE(bytes.length, 2);
        bytes.writeUInt16BE(0, 10);
        const header = Math.min((bytes[0]! & 15) * 4, bytes.length);
        bytes.writeUInt16BE(~sumOf(viewOf(bytes), 0, header) & 0xffff, 10);
      } else if (isV6 && bytes.length >= 40) bytes.writeUInt16BE(bytes.length - 40, 4);
      inject(world, bytes, any(2) === 0 ? CHECKSUM_VALID : CHECKSUM_NONE);
      if (round % 1000 === 0) world.pass(1000);
    }
    assert.is(talk(), port, "its flow is as it was");
    const { conntrack } = here.filter;
    for (const flow of conntrack.flows) {
      if (flow === null) continue;
      assert.is(conntrack.find(flow.original)!.flow, flow);
      assert.is(conntrack.find(flow.reply)!.flow, flow);
    }
    world.pass(1_000_000_000);
    assert.is(conntrack.count, 0);
    assert.is(here.core.pools.used + world.there.core.pools.used, 0);
  });

test("an error with a wrong checksum is not made good by its translation", () => {
  const world = translating(12);
  const client = bound(world.here, HERE, 6000);
  assert.is(client.connect(ip(THERE), 4000), 0);
  bound(world.there, THERE, 5000);
  assert.is(sendTo(client, "x", THERE, 4000), 1);
  const { sourcePort } = [...world.here.filter.conntrack.flows][0]!.reply;
  const flow = world.here.filter.conntrack.flows[0]!;
  assert.is(sourcePort, 5000);
  const quoted = packet4(HERE, THERE, UDP, udp(flow.reply.destinationPort, 5000));
  const error = packet4(THERE, HERE, ICMP, message(3, 3, quoted));
  const wrong = Buffer.from(error);
  wrong[22]! ^= 1;
  inject(world, wrong, CHECKSUM_NONE);
  assert.is(client.takeError(), 0);
  inject(world, error, CHECKSUM_NONE);
  assert.is(client.takeError(), E.ECONNREFUSED);
});

test("what has a wrong checksum is refused without a word", () => {
  const world = new World(14, 1500, FAULTS);
  const { here } = world;
  const refusing = [{ protocol: TCP, matches: [ports("tcp", 5000)], does: reject(7) }, { does: reject(3) }];
  assert.is(setRules(here, "filter", { rules: { INPUT: refusing } }), 0);
  const { filter } = here.core.counters;
  const pseudo = (protocol: number, size: number): number => {
    const bytes = Buffer.alloc(12);
    bytes.writeInt32BE(ip(THERE).w3, 0);
    bytes.writeInt32BE(ip(HERE).w3, 4);
    bytes[9] = protocol;
    bytes.writeUInt16BE(size, 10);
    return sumOf(viewOf(bytes), 0, 12);
  };
  for (const [protocol, data, at] of [
    [UDP, udp(6000, 5000), 6],
    [TCP, segment(6000, 5000, 2), 16],
    [TCP, segment(6000, 5001, 2), 16],
  ] as const) {
    const sum = ~sumOf(viewOf(data), 0, data.length, pseudo(protocol, data.length)) & 0xffff;
    const [before, right, wrong] = [filter.refused, Buffer.from(data), Buffer.from(data)];
    right.writeUInt16BE(sum, at);
    wrong.writeUInt16BE(sum ^ 0x100, at);
    inject(world, packet4(THERE, HERE, protocol, wrong), CHECKSUM_NONE);
    assert.is(filter.refused, before);
    inject(world, packet4(THERE, HERE, protocol, right), CHECKSUM_NONE);
    assert.is(filter.refused, before + 1);
  }
  // Of UDP it may be left out.
  const before = filter.refused;
  inject(world, packet4(THERE, HERE, UDP, udp(6000, 5000)), CHECKSUM_NONE);
  assert.is(filter.refused, before + 1);
});

test("without a port for its translation a flow is refused, and others go on", () => {
  const world = new World(13, 1500, FAULTS);
  const { here, there } = world;
  const snat = translation("MASQUERADE", false, null, 7000, 7003);
  assert.is(setRules(here, "nat", { rules: { POSTROUTING: [{ protocol: UDP, does: snat }] } }), 0);
  const server = bound(there, THERE, 5000);
  const clients = Array.from({ length: 8 }, (_, i) => bound(here, HERE, 6000 + i));
  const results = clients.map((client) => sendTo(client, "x", THERE, 5000));
  assert.equal(results, [1, 1, 1, 1, -E.EPERM, -E.EPERM, -E.EPERM, -E.EPERM]);
  assert.is(here.filter.conntrack.counters.insertFailed, 4);
  world.pass(1000);
  const seen: number[] = [];
  for (let packet = server.receive(); packet !== null; packet = server.receive()) {
    seen.push(packet.sourcePort);
    packet.release();
  }
  assert.equal(seen.sort(), [7000, 7001, 7002, 7003]);
  // The same ports serve who goes elsewhere.
  assert.is(sendTo(clients[7]!, "x", THERE, 5001), 1);
  assert.is(sendTo(clients[0]!, "x", THERE, 5000), 1);
  world.pass(1000);
  assert.is(take(server), "x");
  world.pass(1_000_000_000);
  assert.is(here.filter.conntrack.count, 0);
});

test("rules are counted in all tables of a hook, and who sent by very many has what comes back in another turn", () => {
  const rules = (count: number) => Array.from({ length: count }, () => ({ source: "10.9.9.9", does: DROP }));
  const sends = (
    first: number,
    second: number,
  ): [result: number, now: string | null, later: string | null] => {
    const stack = makeStack();
    assert.is(setRules(stack, "raw", { rules: { OUTPUT: rules(first) } }), 0);
    assert.is(setRules(stack, "filter", { rules: { OUTPUT: rules(second) } }), 0);
    const server = bound(stack, "127.0.0.1", 5000);
    const result = sendTo(bound(stack, "127.0.0.1"), "x", "127.0.0.1", 5000);
    stack.run(64);
    const now = take(server);
    drain(stack);
    return [result, now, take(server)];
  };
  assert.equal(sends(4000, 4000), [1, "x", null]);
  assert.equal(sends(6000, 6000), [1, null, "x"]);
  assert.equal(sends(9000, 9000), [-E.EPERM, null, null]);
});

test("a flood of flows leaves those that were answered", () => {
  const stack = makeStack();
  assert.is(setRules(stack, "filter", { rules: { OUTPUT: [{ matches: [state("NEW")], does: ACCEPT }] } }), 0);
  const { conntrack } = stack.filter;
  conntrack.settings.max = 256;
  const server = bound(stack, "127.0.0.1", 5000);
  const known = Array.from({ length: 32 }, (_, i) => bound(stack, "127.0.0.1", 6000 + i));
  const talk = (): void => {
    for (const client of known) {
      assert.is(sendTo(client, "x", "127.0.0.1", 5000), 1);
      drain(stack);
      const packet = server.receive()!;
      const { sourcePort } = packet;
      packet.release();
      assert.is(sendTo(server, "y", "127.0.0.1", sourcePort), 1);
      drain(stack);
      assert.is(take(client), "y");
    }
  };
  // Datagrams both ways for over two seconds are a stream.
  for (let i = 0; i < 3; i++) {
    talk();
    stack.advance(stack.core.nowUs + 2_000_001);
  }
  const assured = conntrack.flows.filter((flow) => flow?.has(ASSURED) === true);
  assert.is(assured.length, 32);
  const flood = bound(stack, "127.0.0.1", 9000);
  for (let i = 0; i < 60_000; i++) {
    sendTo(flood, "x", `127.0.0.${1 + (i % 3)}`, 10_000 + (i % 50_000));
    if (i % 64 === 0) drain(stack);
    assert.ok(conntrack.count <= 256);
  }
  for (const flow of assured) assert.is.not(flow!.place, -1);
  talk();
});

test.run();
