// Fragments and ICMP between two stacks: what is cut is put together again, hostile overlaps are dropped, errors and
// path MTUs arrive where they belong, and everything that was held is let go.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import * as Sum from "../../src/workers/net/stack/checksum.ts";
import type { IpAddress } from "../../src/workers/net/stack/ip_address.ts";
import { NO_FAULTS, type PairDevice } from "../../src/workers/net/stack/link/pair_link.ts";
import { bound, endpointOf, ip, send, sendTo, take, World } from "./stack_world.ts";

/** A frame as a hostile neighbour writes it: an IPv4 packet from 10.0.0.1 to 10.0.0.2. */
function packet4(
  payload: Uint8Array,
  {
    id = 7,
    offset = 0,
    more = false,
    protocol = 17,
    source = "10.0.0.1",
    destination = "10.0.0.2",
    options = [] as number[],
  } = {},
): Uint8Array {
  const header = 20 + options.length;
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x40 | (header / 4);
  view.setUint16(2, bytes.length);
  view.setUint16(4, id);
  view.setUint16(6, (offset >> 3) | (more ? 0x2000 : 0));
  bytes[8] = 64;
  bytes[9] = protocol;
  bytes.set(ip(source).toBytes(), 12);
  bytes.set(ip(destination).toBytes(), 16);
  bytes.set(options, 20);
  bytes.set(payload, header);
  view.setUint16(10, ~Sum.sumOf(view, 0, header) & 0xffff);
  return bytes;
}

/** An IPv6 packet from fd00::1 to fd00::2. */
function packet6(payload: Uint8Array, next: number, source = "fd00::1", destination = "fd00::2"): Uint8Array {
  const bytes = new Uint8Array(40 + payload.length);
  bytes[0] = 0x60;
  new DataView(bytes.buffer).setUint16(4, payload.length);
  bytes[6] = next;
  bytes[7] = 64;
  bytes.set(ip(source).toBytes(), 8);
  bytes.set(ip(destination).toBytes(), 24);
  bytes.set(payload, 40);
  return bytes;
}

function fragment6(payload: Uint8Array, id: number, offset: number, more: boolean, next = 17): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = next;
  const view = new DataView(bytes.buffer);
  view.setUint16(2, offset | (more ? 1 : 0));
  view.setUint32(4, id);
  bytes.set(payload, 8);
  return packet6(bytes, 44);
}

function pseudo(source: string, destination: string, protocol: number, length: number): number {
  const sumOf = ({ w0, w1, w2, w3 }: IpAddress): number => Sum.sumOfAddress(w0, w1, w2, w3);
  return Sum.sumOfPseudoHeader(sumOf(ip(source)), sumOf(ip(destination)), protocol, length);
}

/** A datagram from port 1000 to 5000. */
function datagram(data: Uint8Array, source = "10.0.0.1", destination = "10.0.0.2"): Uint8Array {
  const bytes = new Uint8Array(8 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 1000);
  view.setUint16(2, 5000);
  view.setUint16(4, bytes.length);
  bytes.set(data, 8);
  const sum = ~Sum.sumOf(view, 0, bytes.length, pseudo(source, destination, 17, bytes.length)) & 0xffff;
  view.setUint16(6, sum === 0 ? 0xffff : sum);
  return bytes;
}

function echo6(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + data.length);
  bytes[0] = type;
  bytes.set(data, 8);
  const view = new DataView(bytes.buffer);
  view.setUint16(
    2,
    ~Sum.sumOf(view, 0, bytes.length, pseudo("fd00::1", "fd00::2", 58, bytes.length)) & 0xffff,
  );
  return bytes;
}

const world = (): World => new World(1, 1500, NO_FAULTS);

function arrive(at: World, ...packets: readonly Uint8Array[]): void {
  for (const bytes of packets) at.link.second.arrive(bytes);
  at.settle();
}

/** All packets that this stack sends from now on, as they leave. */
function recorded(device: PairDevice): Uint8Array[] {
  const sent: Uint8Array[] = [];
  device.output = (packet) => {
    sent.push(packet.data().slice());
    packet.release();
  };
  return sent;
}

function isEmpty(at: World): void {
  for (const { core, ip4Input, ip6Input } of [at.here, at.there]) {
    assert.is(core.pools.used, 0);
    assert.is(ip4Input.reassembler.count + ip6Input.reassembler.count, 0);
    assert.is(ip4Input.reassembler.bytes + ip6Input.reassembler.bytes, 0);
  }
}

const FAMILIES = [
  { name: "IPv4", there: "10.0.0.2", longest: 65507 },
  { name: "IPv6", there: "fd00::2", longest: 65527 },
];

for (const { name, there, longest } of FAMILIES) {
  test(`${name}: datagrams of all sizes go over a narrow link`, () => {
    for (const mtu of [1280, 1500, 9000]) {
      const at = new World(mtu, mtu, NO_FAULTS);
      const server = bound(at.there, there, 5000);
      const client = endpointOf(at.here, name === "IPv6");
      for (const length of [
        0,
        1,
        7,
        8,
        mtu - 48,
        mtu - 28,
        mtu - 27,
        mtu - 20,
        mtu,
        2 * mtu,
        5000,
        30001,
        longest,
      ]) {
        const data = new Uint8Array(length).map((_, i) => i * 31 + length);
        assert.is(sendTo(client, data, there, 5000), length);
        at.pass(1000);
        const packet = server.receive()!;
        assert.ok(Buffer.from(packet.data()).equals(data), `${length} of ${mtu}`);
        packet.release();
      }
      isEmpty(at);
    }
  });

  test(`${name}: who does not want fragments is told, and of the path's MTU`, () => {
    const at = world();
    const client = endpointOf(at.here, name === "IPv6");
    client.discovery4 = 2;
    client.discovery6 = 2;
    client.receivesErrors4 = true;
    client.receivesErrors6 = true;
    assert.is(sendTo(client, new Uint8Array(1500), there, 5000), -E.EMSGSIZE);
    const record = client.receiveError()!;
    assert.equal([record.errno, record.origin, record.info], [E.EMSGSIZE, 1, 1500]);
    assert.is(record.destination.toString(), there);
    isEmpty(at);
  });

  test(`${name}: a closed port there is told here`, () => {
    const at = world();
    const client = endpointOf(at.here, name === "IPv6");
    assert.is(client.connect(ip(there), 5000), 0);
    assert.is(send(client, "x"), 1);
    at.pass(1000);
    assert.is(client.takeError(), E.ECONNREFUSED);
    isEmpty(at);
  });
}

test("fragments in any order, and again, make one datagram", () => {
  const at = world();
  const server = bound(at.there, "10.0.0.2", 5000);
  const data = new Uint8Array(100).map((_, i) => i);
  const whole = datagram(data);
  const parts = [0, 24, 48, 72].map((offset) =>
    packet4(whole.slice(offset, Math.min(offset + 24, whole.length)), { offset, more: offset < 72 }),
  );
  // The last part: of 36 bytes.
  parts[3] = packet4(whole.slice(72), { offset: 72 });
  arrive(at, parts[3]!, parts[1]!, parts[1]!, parts[2]!, parts[3]!);
  assert.is(server.queue.count, 0);
  arrive(at, parts[0]!);
  const packet = server.receive()!;
  assert.equal(packet.data().slice(), data);
  packet.release();
  const { ReasmReqds, ReasmOKs, ReasmFails } = at.there.core.counters.ip;
  assert.equal([ReasmReqds, ReasmOKs, ReasmFails], [6, 1, 0]);
  isEmpty(at);
});

test("hostile fragments: overlaps, ends that differ, too long, empty", () => {
  const whole = datagram(new Uint8Array(200));
  const part = (from: number, to: number, more: boolean): Uint8Array =>
    packet4(whole.slice(from, to), { offset: from, more });
  const cases: readonly (readonly Uint8Array[])[] = [
    [part(0, 64, true), part(56, 120, true)],
    [part(64, 128, true), part(0, 72, true)],
    [part(64, 72, true), part(0, 128, true)],
    [part(104, 208, false), part(104, 200, false)],
    [part(104, 208, false), packet4(new Uint8Array(64), { offset: 208, more: true })],
    [part(0, 64, true), packet4(new Uint8Array(64), { offset: 65528 })],
    [part(0, 64, true), packet4(new Uint8Array(0), { offset: 64, more: true })],
    [part(0, 64, true), packet4(new Uint8Array(7), { offset: 64, more: true })],
    [packet4(new Uint8Array(1400), { offset: 65528 - 8, more: true })],
  ];
  for (const [number, packets] of cases.entries()) {
    const at = world();
    const server = bound(at.there, "10.0.0.2", 5000);
    arrive(at, ...packets);
    assert.is(at.there.ip4Input.reassembler.count, 0, `case ${number}`);
    assert.is(server.queue.count, 0);
    assert.ok(at.there.core.counters.ip.ReasmFails >= 1);
    isEmpty(at);
  }
});

test("IPv6's hostile fragments: overlaps, uneven ones, too long, atomic ones", () => {
  const whole = datagram(new Uint8Array(200), "fd00::1", "fd00::2");
  const at = world();
  const server = bound(at.there, "fd00::2", 5000);
  const sent = recorded(at.link.second);
  arrive(at, fragment6(whole.slice(0, 64), 1, 0, true), fragment6(whole.slice(56, 120), 1, 56, true));
  assert.is(at.there.ip6Input.reassembler.count, 0);
  assert.is(sent.length, 0);
  arrive(at, fragment6(whole.slice(0, 63), 2, 0, true));
  assert.equal([sent.length, sent[0]![40], sent[0]![41], sent[0]![47]], [1, 4, 0, 4]);
  arrive(at, fragment6(new Uint8Array(64), 3, 65528, false));
  assert.equal([sent.length, sent[1]![40], sent[1]![47]], [2, 4, 42]);
  arrive(at, fragment6(whole, 4, 0, false));
  assert.is(server.queue.count, 1);
  // Its own id is taken by nobody: another is made whole beside it.
  arrive(at, fragment6(whole.slice(0, 64), 4, 0, true), fragment6(whole.slice(64), 4, 64, false));
  assert.is(server.queue.count, 2);
  server.close();
  isEmpty(at);
});

test("datagrams that are not whole in time are dropped, and their sender is told", () => {
  const at = world();
  const sent = recorded(at.link.second);
  arrive(
    at,
    packet4(datagram(new Uint8Array(56)), { more: true, id: 1 }),
    packet4(new Uint8Array(64), { offset: 64, more: true, id: 2 }),
    fragment6(datagram(new Uint8Array(56)), 3, 0, true),
  );
  assert.is(at.there.nextDeadlineUs, 30_000_000);
  at.pass(29_999_999);
  assert.is(at.there.ip4Input.reassembler.count, 2);
  at.pass(1);
  assert.is(at.there.ip4Input.reassembler.count, 0);
  assert.is(sent.length, 1);
  assert.equal([sent[0]![20], sent[0]![21]], [11, 1]);
  assert.is(at.there.nextDeadlineUs, 60_000_000);
  at.pass(30_000_000);
  assert.equal([sent.length, sent[1]![40], sent[1]![41]], [2, 3, 1]);
  assert.is(at.there.nextDeadlineUs, Number.POSITIVE_INFINITY);
  const { ip: ip4, ip6 } = at.there.core.counters;
  assert.equal([ip4.ReasmTimeout, ip4.ReasmFails, ip6.ReasmTimeout, ip6.ReasmFails], [2, 2, 1, 1]);
  isEmpty(at);
});

test("fragments without end are bounded, in number and in bytes", () => {
  const at = world();
  for (let id = 0; id < 5000; id++) {
    arrive(at, packet4(new Uint8Array(64), { id, more: true }));
    assert.ok(at.there.ip4Input.reassembler.count <= 1024);
  }
  assert.is(at.there.ip4Input.reassembler.count, 1024);
  assert.is(at.there.core.counters.ip.ReasmFails, 5000 - 1024);
  for (let offset = 64; offset < 40000; offset += 8)
    arrive(at, packet4(new Uint8Array(8), { id: 0, offset, more: true }));
  assert.ok(at.there.ip4Input.reassembler.bytes <= (4 << 20) + 2048);
  at.pass(30_000_000);
  isEmpty(at);
});

test("echoes are answered as they came, of any size", () => {
  const at = world();
  const sent = recorded(at.link.second);
  const request = new Uint8Array(100).map((_, i) => i);
  request[0] = 8;
  request[1] = 0;
  request.fill(0, 2, 4);
  const view = new DataView(request.buffer);
  view.setUint16(2, ~Sum.sumOf(view, 0, 100) & 0xffff);
  arrive(at, packet4(request, { protocol: 1 }));
  const reply = sent[0]!;
  assert.is(reply.length, 120);
  assert.equal(reply.slice(12, 20), Uint8Array.of(10, 0, 0, 2, 10, 0, 0, 1));
  assert.is(reply[20], 0);
  assert.equal(reply.slice(24), request.slice(4));
  const replyView = new DataView(reply.buffer, reply.byteOffset);
  assert.is(Sum.sumOf(replyView, 20, 100), 0xffff);
  assert.is(Sum.sumOf(replyView, 0, 20), 0xffff);

  arrive(at, packet6(echo6(128, request.slice(4)), 58));
  const reply6 = sent[1]!;
  assert.is(reply6[40], 129);
  assert.equal(reply6.slice(48), request.slice(4));
  const length = reply6.length - 40;
  const sum = Sum.sumOf(new DataView(reply6.buffer), 40, length, pseudo("fd00::2", "fd00::1", 58, length));
  assert.is(sum, 0xffff);

  // To all nodes: IPv6 answers with its own address, IPv4 does not.
  request[0] = 8;
  arrive(at, packet4(request, { protocol: 1, destination: "224.0.0.1" }));
  assert.is(sent.length, 2);
  const { icmp, icmp6 } = at.there.core.counters;
  assert.equal([icmp.inTypes[8], icmp.outTypes[0], icmp6.inTypes[128], icmp6.outTypes[129]], [2, 1, 1, 1]);
  isEmpty(at);
});

/** An ICMP error of 10.0.0.99 about a packet from here. */
function error4(type: number, code: number, info: number, quoted: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + quoted.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = type;
  bytes[1] = code;
  view.setUint32(4, info);
  bytes.set(quoted, 8);
  view.setUint16(2, ~Sum.sumOf(view, 0, bytes.length) & 0xffff);
  return packet4(bytes, { protocol: 1, source: "10.0.0.99", destination: "10.0.0.2" });
}

test("a router's word on the MTU is believed of a packet that was sent, and forgotten in time", () => {
  const at = world();
  const sent = recorded(at.link.second);
  const client = endpointOf(at.there);
  assert.is(client.bind(ip("10.0.0.2"), 5000), 0);
  const data = new Uint8Array(1400);
  const lengths = (): number[] => {
    sent.length = 0;
    sendTo(client, data, "10.0.0.1", 1000);
    return sent.map(({ length }) => length);
  };
  assert.equal(lengths(), [1428]);
  const quoted = sent[0]!.slice(0, 28);
  // About a port that nobody has: it is not believed.
  const foreign = quoted.slice();
  foreign[21] = 9;
  arrive(at, error4(3, 4, 1000, foreign));
  assert.equal(lengths(), [1428]);
  arrive(at, error4(3, 4, 1000, quoted));
  assert.equal(lengths(), [996, 452]);
  assert.is(client.takeError(), 0);
  // Less than Linux believes.
  arrive(at, error4(3, 4, 68, quoted));
  assert.equal(lengths(), [548, 548, 372]);
  at.pass(600_000_000);
  assert.equal(lengths(), [1428]);
  assert.is(client.connect(ip("10.0.0.1"), 1000), 0);
  arrive(at, error4(3, 4, 1200, quoted));
  assert.is(client.takeError(), E.EMSGSIZE);
  for (const [type, code, errno] of [
    [3, 0, 0],
    [3, 1, 0],
    [3, 2, E.ENOPROTOOPT],
    [3, 3, E.ECONNREFUSED],
    [3, 13, E.EHOSTUNREACH],
    [11, 0, 0],
    [12, 0, E.EPROTO],
    [3, 99, 0],
  ] as const) {
    arrive(at, error4(type, code, 0, quoted));
    assert.is(client.takeError(), errno, `${type}/${code}`);
  }
  // Too little of it is quoted.
  arrive(
    at,
    error4(3, 3, 0, quoted.slice(0, 27)),
    error4(3, 3, 0, quoted.slice(0, 10)),
    error4(3, 3, 0, new Uint8Array(0)),
  );
  assert.is(client.takeError(), 0);
  isEmpty(at);
});

test("errors are not answered, nor what came to many, nor what is no first fragment", () => {
  const at = world();
  const sent = recorded(at.link.second);
  const toNobody = datagram(new Uint8Array(10));
  arrive(at, packet4(toNobody));
  assert.is(sent.length, 1);
  assert.equal([sent[0]![20], sent[0]![21]], [3, 3]);
  arrive(
    at,
    sent[0]!,
    packet4(datagram(new Uint8Array(10), "10.0.0.1", "10.0.0.255"), { destination: "10.0.0.255" }),
    packet4(datagram(new Uint8Array(10), "10.0.0.1", "224.0.0.1"), { destination: "224.0.0.1" }),
    packet4(new Uint8Array(10), { protocol: 99, source: "10.0.0.255" }),
    error4(3, 77, 0, new Uint8Array(40)),
  );
  assert.is(sent.length, 1);
  arrive(at, packet4(new Uint8Array(10), { protocol: 99 }));
  assert.equal([sent.length, sent[1]![20], sent[1]![21]], [2, 3, 2]);
  arrive(at, packet6(new Uint8Array(10), 99));
  assert.equal([sent.length, sent[2]![40], sent[2]![41], sent[2]![47]], [3, 4, 1, 6]);
  isEmpty(at);
});

test("who is not for this host, or lies about its source, is not heard", () => {
  const at = world();
  const server = bound(at.there, "::", 5000);
  const sent = recorded(at.link.second);
  for (const [source, destination] of [
    ["10.0.0.1", "10.0.0.3"],
    ["10.0.0.1", "8.8.8.8"],
    ["10.0.0.2", "10.0.0.2"],
    ["127.0.0.1", "10.0.0.2"],
    ["10.0.0.1", "127.0.0.1"],
    ["224.0.0.5", "10.0.0.2"],
    ["255.255.255.255", "10.0.0.2"],
    ["0.1.2.3", "10.0.0.2"],
    ["10.0.0.1", "0.0.0.0"],
    ["10.0.0.1", "224.0.0.77"],
  ] as const)
    arrive(at, packet4(datagram(new Uint8Array(4), source, destination), { source, destination }));
  for (const [source, destination] of [
    ["fd00::1", "fd00::3"],
    ["::1", "fd00::2"],
    ["fd00::1", "::1"],
    ["fd00::2", "fd00::2"],
    ["ff02::1", "fd00::2"],
    ["fd00::1", "ff02::77"],
  ] as const)
    arrive(at, packet6(datagram(new Uint8Array(4), source, destination), 17, source, destination));
  const mapped = packet6(datagram(new Uint8Array(4)), 17);
  mapped.fill(0, 8, 18);
  mapped.fill(255, 18, 20);
  arrive(at, mapped);
  assert.is(server.queue.count, 0);
  assert.is(sent.length, 0);
  // A source route is refused, an unknown option is not, a broken one is told of.
  const good = datagram(new Uint8Array(4));
  arrive(at, packet4(good, { options: [131, 7, 4, 10, 0, 0, 9, 0] }));
  assert.is(sent.length, 0);
  arrive(at, packet4(good, { options: [7, 9, 4, 0] }));
  assert.equal([sent.length, sent[0]![20], sent[0]![24]], [1, 12, 20]);
  arrive(at, packet4(good, { options: [30, 3, 1, 0] }));
  assert.is(server.queue.count, 1);
  server.close();
  isEmpty(at);
});

test("extension headers are gone through, so many, and what is wrong is told", () => {
  const at = world();
  const server = bound(at.there, "fd00::2", 5000);
  const sent = recorded(at.link.second);
  const whole = datagram(Buffer.from("data"), "fd00::1", "fd00::2");
  const header = (next: number, ...body: number[]): Uint8Array =>
    Uint8Array.from([next, 0, ...body, ...new Array<number>(6 - body.length).fill(0)]);
  const chain = (first: number, ...headers: Uint8Array[]): Uint8Array =>
    packet6(Buffer.concat([...headers, whole]), first);
  const padded = [1, 4, 0, 0, 0, 0];
  arrive(at, chain(0, header(60, ...padded), header(43, ...padded), header(17, 0, 0)));
  assert.is(take(server), "data");
  // An unknown option whose two highest bits ask for an error, or for nothing, or for silence.
  arrive(at, chain(60, header(17, 0x3e, 4)));
  assert.is(take(server), "data");
  arrive(at, chain(60, header(17, 0x7e, 4)));
  assert.equal([take(server), sent.length], [null, 0]);
  arrive(at, chain(60, header(17, 0xbe, 4)));
  assert.equal([take(server), sent.length, sent[0]![40], sent[0]![41], sent[0]![47]], [null, 1, 4, 2, 42]);
  // Segments left.
  arrive(at, chain(43, header(17, 0, 1)));
  assert.equal([sent.length, sent[1]![41], sent[1]![47]], [2, 0, 42]);
  // Hop-by-hop options that are not the first.
  arrive(at, chain(60, header(0, ...padded), header(17, ...padded)));
  assert.equal([sent.length, sent[2]![41], sent[2]![47]], [3, 1, 40]);
  // Longer than the packet, an option longer than its header, too many.
  const long = header(17, ...padded);
  long[1] = 200;
  arrive(at, chain(60, long), chain(60, header(17, 5, 9)));
  arrive(at, chain(60, ...Array.from({ length: 17 }, (_, i) => header(i < 16 ? 60 : 17, ...padded))));
  arrive(at, packet6(Uint8Array.of(17, 0, 0), 60));
  assert.equal([take(server), sent.length], [null, 3]);
  arrive(at, chain(60, ...Array.from({ length: 16 }, (_, i) => header(i < 15 ? 60 : 17, ...padded))));
  assert.is(take(server), "data");
  isEmpty(at);
});

test("a frame that is longer than any buffer is dropped", () => {
  const at = world();
  arrive(at, new Uint8Array(70000), new Uint8Array(1 << 20));
  assert.is(at.link.second.rxDropped, 2);
  isEmpty(at);
});

test("a wrong checksum is counted, none is taken in IPv4 alone", () => {
  const at = world();
  const server = bound(at.there, "::", 5000);
  const wrong = datagram(new Uint8Array(4));
  wrong[7]! ^= 1;
  arrive(at, packet4(wrong));
  const none = datagram(Buffer.from("none"));
  none[6] = 0;
  none[7] = 0;
  arrive(at, packet4(none), packet6(none, 17));
  assert.is(take(server), "none");
  assert.is(take(server), null);
  const { udp, udp6 } = at.there.core.counters;
  assert.equal([udp.InCsumErrors, udp6.InCsumErrors], [1, 1]);
  // Lengths that are not what came.
  const long = datagram(new Uint8Array(4));
  long[5]!++;
  const short = datagram(new Uint8Array(4));
  short[5] = 7;
  arrive(at, packet4(long), packet4(short), packet4(short.slice(0, 7)), packet4(new Uint8Array(0)));
  assert.is(udp.InErrors, 5);
  isEmpty(at);
});

test.run();
