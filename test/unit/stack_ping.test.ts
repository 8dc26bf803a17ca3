// Ping and raw endpoints on loopback. What they answer was seen natively.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import type { DatagramEndpoint } from "../../src/workers/net/stack/datagram/endpoint.ts";
import { Message } from "../../src/workers/net/stack/datagram/message.ts";
import { NO_FAULTS } from "../../src/workers/net/stack/link/pair_link.ts";
import { PingEndpoint } from "../../src/workers/net/stack/ping/endpoint.ts";
import { RawEndpoint } from "../../src/workers/net/stack/raw/endpoint.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import { bound, drain, endpointOf, ip, makeStack, sendTo, World } from "./stack_world.ts";

function to(endpoint: DatagramEndpoint, bytes: Uint8Array | number[], address: string, port = 0): number {
  return endpoint.send(Uint8Array.from(bytes), new Message().to(ip(address), port));
}

/** What comes next, in hex; null: nothing. */
function take(endpoint: DatagramEndpoint): string | null {
  const packet = endpoint.receive();
  if (packet === null) return null;
  const hex = Buffer.from(packet.data()).toString("hex");
  packet.release();
  return hex;
}

function ends(stack: Stack, ...endpoints: DatagramEndpoint[]): void {
  for (const endpoint of endpoints) endpoint.close();
  assert.equal(
    [stack.core.pools.used, stack.datagrams.queuedPackets, stack.ping.count, stack.raw.count],
    [0, 0, 0, 0],
  );
}

for (const [address, request, reply] of [
  ["127.0.0.1", 8, "00"],
  ["::1", 128, "81"],
] as const) {
  const isV6 = request === 128;
  const echo = (...more: number[]): number[] => [request, 0, 9, 9, 1, 2, 3, 4, ...more];

  test(`${address}: an echo comes back with the endpoint's identifier`, () => {
    const stack = makeStack();
    const endpoint = new PingEndpoint(stack.ping, isV6);
    assert.is(to(endpoint, echo(5, 6), address), 10);
    drain(stack);
    const id = endpoint.localPort;
    const packet = endpoint.receive()!;
    assert.is(packet.sourceAddress.toString(), address);
    const bytes = Buffer.from(packet.data());
    assert.is(bytes.toString("hex", 0, 2), `${reply}00`);
    assert.equal([bytes.readUInt16BE(4), bytes.toString("hex", 6)], [id, "03040506"]);
    packet.release();
    const other = new PingEndpoint(stack.ping, isV6);
    assert.is(other.bind(ip(address), id), 0);
    assert.is(other.connect(ip(address), 99), 0);
    assert.is(other.send(Uint8Array.from(echo()), new Message()), 8);
    drain(stack);
    assert.is(take(endpoint), null);
    assert.ok(take(other)!.startsWith(`${reply}00`));
    ends(stack, endpoint, other);
  });

  test(`${address}: what is no echo request is refused`, () => {
    const stack = makeStack();
    const endpoint = new PingEndpoint(stack.ping, isV6);
    assert.is(to(endpoint, echo().slice(0, 7), address), -E.EINVAL);
    assert.is(to(endpoint, [isV6 ? 8 : 128, ...echo().slice(1)], address), -E.EINVAL);
    assert.is(to(endpoint, [request, 1, ...echo().slice(2)], address), -E.EINVAL);
    assert.is(endpoint.send(Uint8Array.from(echo()), new Message()), -E.EDESTADDRREQ);
    assert.is(to(endpoint, new Uint8Array(65536), address), -E.EMSGSIZE);
    assert.is(to(endpoint, echo(), isV6 ? "2001:db8::1" : "8.8.8.8"), -E.ENETUNREACH);
    ends(stack, endpoint);
  });
}

test("errors about echoes come to who sent them", () => {
  const world = new World(5, 1500, NO_FAULTS);
  const endpoint = new PingEndpoint(world.here.ping, false);
  endpoint.receivesErrors4 = true;
  // A host that says that there is no such protocol: it was made to forget ICMP.
  world.there.core.transports4[1] = null;
  world.there.core.transports4[17] = null;
  const udp = endpointOf(world.here);
  udp.receivesErrors4 = true;
  sendTo(udp, "x", "10.0.0.2", 9);
  world.pass(1000);
  assert.equal([udp.receiveError()!.code, udp.takeError()], [2, E.ENOPROTOOPT]);
  to(endpoint, [8, 0, 0, 0, 0, 0, 0, 7], "10.0.0.2");
  world.pass(1000);
  const record = endpoint.receiveError()!;
  assert.equal([record.errno, record.type, record.code], [E.ENOPROTOOPT, 3, 2]);
  assert.is(record.payload[7], 7);
  udp.close();
  ends(world.here, endpoint);
});

test("of a packet for very many raw endpoints, so many get a copy", () => {
  const stack = makeStack();
  const raws = Array.from({ length: 1200 }, () => new RawEndpoint(stack.raw, false, 99));
  to(raws[0]!, [1, 2, 3], "127.0.0.1");
  drain(stack);
  assert.is(raws.filter(({ queue }) => queue.count === 1).length, 1024);
  assert.is(raws.filter(({ drops }) => drops === 1).length, 176);
  ends(stack, ...raws);
});

test("a raw endpoint gets whole IPv4 packets of its protocol, and not those that its filter names", () => {
  const stack = makeStack();
  const raw = new RawEndpoint(stack.raw, false, 1);
  const ping = new PingEndpoint(stack.ping, false);
  to(ping, [8, 0, 0, 0, 0, 0, 0, 0], "127.0.0.1");
  drain(stack);
  const [request, reply] = [take(raw)!, take(raw)!];
  assert.ok(request.startsWith("4500001c") && request.slice(40, 42) === "08");
  assert.ok(reply.startsWith("4500001c") && reply.slice(40, 42) === "00");
  raw.icmpFilter = 1 << 8;
  to(ping, [8, 0, 0, 0, 0, 0, 0, 0], "127.0.0.1");
  drain(stack);
  assert.is(take(raw)!.slice(40, 42), "00");
  assert.is(take(raw), null);
  assert.is(raw.connect(ip("127.0.0.9"), 0), 0);
  to(ping, [8, 0, 0, 0, 0, 0, 0, 0], "127.0.0.1");
  drain(stack);
  assert.is(take(raw), null);
  ends(stack, raw, ping);
});

test("a raw endpoint of a protocol that nobody knows, of both families", () => {
  const stack = makeStack();
  const four = new RawEndpoint(stack.raw, false, 99);
  const six = new RawEndpoint(stack.raw, true, 99);
  assert.is(to(four, [1, 2, 3], "127.0.0.1"), 3);
  assert.is(to(six, [4, 5, 6], "::1"), 3);
  drain(stack);
  assert.is(take(four)!.slice(40), "010203");
  assert.is(take(six), "040506");
  assert.equal([stack.core.counters.icmp.OutMsgs, stack.core.counters.icmp6.OutMsgs], [0, 0]);
  assert.is(to(six, [1], "::1", 5), -E.EINVAL);
  assert.is(to(six, [1], "127.0.0.1"), -E.ENETUNREACH);
  assert.is(to(four, new Uint8Array(65515), "127.0.0.1"), 65515);
  assert.is(to(four, new Uint8Array(65516), "127.0.0.1"), -E.EMSGSIZE);
  assert.is(four.send(Uint8Array.of(1), new Message()), -E.EDESTADDRREQ);
  drain(stack);
  assert.is(take(four)!.length, 131070);
  assert.is(four.bind(ip("127.0.0.1"), 5), 0);
  assert.is(four.localPort, 99);
  assert.is(four.connect(ip("127.0.0.1"), 7), 0);
  assert.is(four.bind(ip("127.0.0.2"), 5), -E.EINVAL);
  ends(stack, four, six);
  const udp = bound(stack, "127.0.0.1", 5000);
  const raw = new RawEndpoint(stack.raw, false, 17);
  sendTo(udp, "abc", "127.0.0.1", 5000);
  drain(stack);
  assert.ok(take(raw)!.endsWith("616263"));
  udp.close();
  ends(stack, raw);
});

test("headers of one's own are completed, and refused where they are none", () => {
  const stack = makeStack();
  const raw = new RawEndpoint(stack.raw, false, 255);
  const listener = new RawEndpoint(stack.raw, false, 99);
  const header = [0x45, 0, 0, 0, 0, 0, 0, 0, 9, 99, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1];
  assert.is(to(raw, [...header, 0x68, 0x69], "127.0.0.1"), 22);
  drain(stack);
  const hex = take(listener)!;
  assert.ok(hex.startsWith("45000016"));
  assert.is(hex.slice(16, 20), "0963");
  assert.is(hex.slice(24), "7f0000017f0000016869");
  assert.not.equal(hex.slice(8, 12), "0000");
  assert.is(to(raw, header.slice(0, 10), "127.0.0.1"), -E.EINVAL);
  assert.is(to(raw, [0x4f, ...header.slice(1)], "127.0.0.1"), -E.EINVAL);
  assert.is(take(raw), null);
  ends(stack, raw, listener);
});

test.run();
