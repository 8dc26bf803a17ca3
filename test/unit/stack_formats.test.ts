// What the stack is made of, by itself: addresses, checksums, pools, counters' rows.

import { isIPv4, isIPv6 } from "node:net";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as Sum from "../../src/workers/net/stack/checksum.ts";
import { Counters, snmp6Rows, snmpRows } from "../../src/workers/net/stack/counters.ts";
import { IcmpRateLimit } from "../../src/workers/net/stack/icmp/rate_limit.ts";
import { IpAddress, Prefix } from "../../src/workers/net/stack/ip_address.ts";
import * as Ip4 from "../../src/workers/net/stack/ip4/format.ts";
import { PacketPools, PacketQueue } from "../../src/workers/net/stack/packet.ts";

// ---- Addresses ----

/** Texts as inet_ntop(3) writes them. */
const TEXTS = [
  "0.0.0.0",
  "127.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::0.2.0.3",
  "::1.2.3.4",
  "1::",
  "1:2:3:4:5:6:7:8",
  "1:0:3:4:5:6:7:8",
  "1::4:5:6:7:8",
  "1:0:0:4::8",
  "1::4:0:0:8",
  "fe80::1234:abcd",
  "ff02::1",
  "2001:db8::1:0:0:1",
];

test("addresses are written as inet_ntop writes them, and read again", () => {
  for (const text of TEXTS) {
    const address = IpAddress.parse(text)!;
    assert.is(address.toString(), text);
    assert.ok(IpAddress.fromBytes(address.toBytes()).equals(address));
    assert.is(address.toBytes().length, text.includes(":") ? 16 : 4);
  }
  assert.is(IpAddress.parse("::ffff:1.2.3.4")!.toString(), "1.2.3.4");
  assert.is(IpAddress.parse("1:2:3:4:5:6:1.2.3.4")!.toString(), "1:2:3:4:5:6:102:304");
});

test("what is no address is none", () => {
  for (const text of [
    "",
    "1",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    ":",
    ":::",
    "1::2::3",
    "12345::",
    "1:2:3:4:5:6:7",
    "g::",
  ])
    assert.is(IpAddress.parse(text), null, text);
});

test("every address comes back from its text", () => {
  const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer());
  fc.assert(
    fc.property(word, word, word, word, (w0, w1, w2, w3) => {
      const address = IpAddress.fromWords(w0, w1, w2, w3);
      const text = address.toString();
      assert.ok(address.isV4 ? isIPv4(text) : isIPv6(text));
      assert.ok(IpAddress.parse(text)!.equals(address));
    }),
  );
});

test("prefixes hold what begins with them", () => {
  const prefix = new Prefix(IpAddress.parse("10.1.2.3")!, 15);
  assert.is(prefix.toString(), "10.0.0.0/15");
  assert.ok(prefix.has(IpAddress.parse("10.1.255.255")!));
  assert.not.ok(prefix.has(IpAddress.parse("10.2.0.0")!));
  assert.not.ok(prefix.has(IpAddress.parse("::a01:203")!));
  const six = new Prefix(IpAddress.parse("2001:db8::5")!, 33);
  assert.ok(six.has(IpAddress.parse("2001:db8:7fff::")!));
  assert.not.ok(six.has(IpAddress.parse("2001:db8:8000::")!));
  assert.ok(new Prefix(IpAddress.parse("::")!, 0).has(IpAddress.parse("ff::")!));
});

test("kinds of addresses", () => {
  const kinds = (text: string): readonly boolean[] => {
    const { isAny, isLoopback, isMulticast, isLinkLocal } = IpAddress.parse(text)!;
    return [isAny, isLoopback, isMulticast, isLinkLocal];
  };
  assert.equal(kinds("0.0.0.0"), [true, false, false, false]);
  assert.equal(kinds("::"), [true, false, false, false]);
  assert.equal(kinds("127.9.9.9"), [false, true, false, false]);
  assert.equal(kinds("::1"), [false, true, false, false]);
  assert.equal(kinds("239.1.1.1"), [false, false, true, false]);
  assert.equal(kinds("ff05::1"), [false, false, true, false]);
  assert.equal(kinds("169.254.1.1"), [false, false, false, true]);
  assert.equal(kinds("febf::1"), [false, false, false, true]);
  assert.equal(kinds("fec0::1"), [false, false, false, false]);
});

// ---- Checksums ----

/** RFC 1071, word by word. */
function plainSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return sum;
}

test("a known header has its checksum", () => {
  const header = Buffer.from("45000073000040004011b861c0a80001c0a800c7", "hex");
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  assert.is(Sum.sumOf(view, 0, 20), 0xffff);
  view.setUint16(Ip4.CHECKSUM, 0);
  assert.is(~Sum.sumOf(view, 0, 20) & 0xffff, 0xb861);
});

test("a known datagram has its checksum", () => {
  // RFC 768 by hand: 10.0.0.1:1000 to 10.0.0.2:2000, "hi"
  const bytes = Buffer.from("03e807d0000a00006869", "hex");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [a, b] = [IpAddress.parse("10.0.0.1")!, IpAddress.parse("10.0.0.2")!];
  const pseudo = Sum.sumOfPseudoHeader(
    Sum.sumOfAddress(a.w0, a.w1, a.w2, a.w3),
    Sum.sumOfAddress(b.w0, b.w1, b.w2, b.w3),
    17,
    10,
  );
  assert.is(pseudo, 0x0a00 + 1 + 0x0a00 + 2 + 17 + 10);
  assert.is(Sum.sumOf(view, 0, 10, pseudo), Sum.fold(pseudo + 0x03e8 + 0x07d0 + 0x000a + 0x6869));
});

test("sums of any bytes anywhere are RFC 1071's", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), fc.nat(0xffff), (bytes, offset, before) => {
      const from = Math.min(offset, bytes.length);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const expected = Sum.fold(plainSum(bytes.subarray(from)) + before);
      assert.is(Sum.sumOf(view, from, bytes.length - from, before), expected);
    }),
  );
  for (const length of [65535, 65536, 65537, 131072, 200000]) {
    const bytes = new Uint8Array(length).fill(0xff);
    bytes[length >> 1] = 0x12;
    assert.is(Sum.sumOf(new DataView(bytes.buffer), 0, length), plainSum(bytes));
  }
});

test("a checksum follows a change of what it covers", () => {
  const number = fc.nat(0xffff);
  fc.assert(
    fc.property(fc.array(number, { minLength: 2, maxLength: 20 }), number, (words, after) => {
      const bytes = new Uint8Array(words.length * 2);
      const view = new DataView(bytes.buffer);
      for (const [at, word] of words.entries()) view.setUint16(at * 2, word);
      const before = ~Sum.sumOf(view, 0, bytes.length) & 0xffff;
      view.setUint16(2, after);
      const sum = Sum.fold(Sum.updated(before, words[1]!, after) + Sum.sumOf(view, 0, bytes.length));
      // All ones and, of nothing but zeros, none: both are 0 in one's complement.
      assert.ok(sum === 0xffff || sum === 0);
    }),
  );
});

// ---- Packets ----

test("pools are bounded, give what they made, and notice a second release", () => {
  const pools = new PacketPools(3, 1);
  const small = [pools.take(10)!, pools.take(1856)!, pools.take(0)!];
  assert.is(pools.take(1), null);
  assert.is(pools.small.refused, 1);
  const large = pools.take(1857)!;
  assert.is(pools.take(65536), null);
  assert.ok(large.limit - large.head >= 65536 + 128);
  large.release();
  assert.throws(() => large.release(), /twice/);
  for (const packet of small) packet.release();
  assert.is(pools.used, 0);
  assert.is(pools.small.made + pools.large.made, 4);
});

test("a queue is first in, first out, and knows what it holds", () => {
  const pools = new PacketPools(10, 1);
  const queue = new PacketQueue();
  const [a, b, c] = [1, 2, 4].map((size) => {
    const packet = pools.take(1)!;
    packet.trueSize = size;
    return packet;
  }) as [NonNullable<typeof queue.head>, NonNullable<typeof queue.head>, NonNullable<typeof queue.head>];
  queue.push(a);
  queue.push(b);
  assert.is(queue.shift(), a);
  queue.unshift(a);
  queue.push(c);
  assert.equal([queue.count, queue.bytes], [3, 7]);
  assert.equal([queue.shift(), queue.shift(), queue.shift(), queue.shift()], [a, b, c, null]);
  queue.unshift(b);
  queue.push(c);
  assert.is(queue.shift(), b);
  queue.push(a);
  queue.push(b);
  queue.releaseAll();
  assert.equal([queue.count, queue.bytes, pools.used], [0, 0, 0]);
});

test("an IPv4 header is refused before it is read", () => {
  const pools = new PacketPools(1, 1);
  const packet = pools.take(100)!;
  const good = Buffer.from("45000073000040004011b861c0a80001c0a800c7", "hex");
  const says = (bytes: Uint8Array, length = bytes.length): number => {
    packet.bytes.set(bytes, packet.head);
    packet.end = packet.head + length;
    return Ip4.check(packet);
  };
  assert.is(says(good), Ip4.TRUNCATED);
  assert.is(says(good, 19), Ip4.BAD_HEADER);
  assert.is(says(good, 0), Ip4.BAD_HEADER);
  assert.is(says(Buffer.concat([good, Buffer.alloc(200)])), Ip4.GOOD);
  assert.is(packet.length, 0x73);
  for (const first of [0x44, 0x65, 0x4f]) {
    const bytes = Buffer.from(good);
    bytes[0] = first;
    assert.is(says(bytes), Ip4.BAD_HEADER);
  }
  const flipped = Buffer.from(good);
  flipped[15]! ^= 1;
  assert.is(says(flipped), Ip4.BAD_CHECKSUM);
});

// ---- Limits and counters ----

test("errors are told so often, in all and to one peer", () => {
  const limit = new IcmpRateLimit(5);
  const burst = (nowUs: number): number => {
    let count = 0;
    while (limit.takeGlobal(nowUs)) count++;
    return count;
  };
  assert.is(burst(0), 50);
  assert.is(burst(0), 0);
  assert.is(burst(10_000), 10);
  assert.is(burst(60_000_000), 50);
  const peer = (nowUs: number): number => {
    let count = 0;
    while (limit.takePeer(0, 0, 0xffff, 7, nowUs)) count++;
    return count;
  };
  assert.is(peer(0), 6);
  assert.is(peer(500_000), 0);
  assert.is(peer(1_000_000), 1);
  assert.is(peer(100_000_000), 6);
});

test("rows of counters are Linux's", () => {
  const counters = new Counters();
  counters.icmp.inTypes[3] = 4;
  const { Ip, Icmp, IcmpMsg, Udp } = snmpRows(counters, 64, false);
  const names = (row: readonly (readonly [string, number])[]): string => row.map(([name]) => name).join(" ");
  assert.is(
    names(Ip),
    "Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits",
  );
  assert.is(
    names(Icmp),
    "InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps",
  );
  assert.equal(IcmpMsg, [["InType3", 4]]);
  assert.is(
    names(Udp),
    "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors",
  );
  const six = names(snmp6Rows(counters)).split(" ");
  assert.is(six[0], "Ip6InReceives");
  assert.ok(six.indexOf("Icmp6InMsgs") > six.indexOf("Ip6OutTransmits"));
  assert.is(six.at(-1), "Udp6MemErrors");
});

test.run();
