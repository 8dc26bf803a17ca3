// Checksums and segments that are a device's business: virtio headers, and packets that stand for many.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sumOf, sumOfAddress, sumOfPseudoHeader } from "../../src/workers/net/stack/checksum.ts";
import { MAPPED } from "../../src/workers/net/stack/ip_address.ts";
import * as Ip4 from "../../src/workers/net/stack/ip4/format.ts";
import * as Ip6 from "../../src/workers/net/stack/ip6/format.ts";
import { GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, segment } from "../../src/workers/net/stack/offload/segments.ts";
import * as Virtio from "../../src/workers/net/stack/offload/virtio.ts";
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  type Packet,
  PacketPools,
} from "../../src/workers/net/stack/packet.ts";

/** A TCP or UDP packet that stands for segments of so many bytes. */
function large(pools: PacketPools, isV6: boolean, isUdp: boolean, payload: number, size: number): Packet {
  const header = isUdp ? 8 : 32;
  const packet = pools.take(header + payload)!;
  packet.end = packet.head + header + payload;
  packet.transport = packet.head;
  packet.bytes.fill(0, packet.head, packet.end);
  for (let i = 0; i < payload; i++) packet.bytes[packet.head + header + i] = (i * 7) & 0xff;
  if (!isUdp) {
    packet.view.setUint32(packet.head + 4, 0xfffffff0);
    packet.view.setUint16(packet.head + 12, 0x8000 | 0x99);
  }
  packet.isV6 = isV6;
  packet.protocol = isUdp ? 17 : 6;
  packet.hopLimit = 64;
  packet.trafficClass = 0;
  packet.setSource(isV6 ? 1 : 0, 0, isV6 ? 0 : MAPPED, 0x0a000001);
  packet.setDestination(isV6 ? 1 : 0, 0, isV6 ? 0 : MAPPED, 0x0a000002);
  packet.gsoSize = size;
  packet.gsoType = isUdp ? GSO_UDP_L4 : isV6 ? GSO_TCPV6 : GSO_TCPV4;
  packet.checksum = CHECKSUM_PARTIAL;
  packet.push(isV6 ? Ip6.HEADER : Ip4.HEADER_MIN);
  if (isV6) Ip6.write(packet, packet.protocol, 0);
  else Ip4.write(packet, 0xffff, 0);
  return packet;
}

test("segments: payload in order, good checksums, numbers, flags of first and last", () => {
  const pools = new PacketPools(4096, 16);
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 60000 }),
      fc.integer({ min: 64, max: 1460 }),
      (isV6, isUdp, payload, size) => {
        const packet = large(pools, isV6, isUdp, payload, size);
        const header = isUdp ? 8 : 32;
        const pieces: Packet[] = [];
        assert.ok(segment(packet, pools, (one) => pieces.push(one)));
        assert.is(pieces.length, Math.ceil(payload / size));
        let at = 0;
        for (const [i, piece] of pieces.entries()) {
          const { view, transport, end } = piece;
          assert.is(isV6 ? Ip6.check(piece) : Ip4.check(piece), 0);
          const length = end - transport - header;
          const pseudo = sumOfPseudoHeader(
            sumOfAddress(piece.source0, piece.source1, piece.source2, piece.source3),
            sumOfAddress(piece.destination0, piece.destination1, piece.destination2, piece.destination3),
            piece.protocol,
            end - transport,
          );
          assert.is(sumOf(view, transport, end - transport, pseudo), 0xffff);
          for (let k = 0; k < length; k += 97)
            assert.is(piece.bytes[transport + header + k], ((at + k) * 7) & 0xff);
          if (isUdp) assert.is(view.getUint16(transport + 4), end - transport);
          else {
            assert.is(view.getUint32(transport + 4), (0xfffffff0 + at) >>> 0);
            const isLast = i === pieces.length - 1;
            assert.is(view.getUint8(transport + 13), 0x10 | (isLast ? 0x09 : 0) | (i === 0 ? 0x80 : 0));
          }
          if (!isV6) assert.is(view.getUint16(piece.network + 4), (0xffff + i) & 0xffff);
          at += length;
          piece.release();
        }
        assert.is(at, payload);
        packet.release();
        assert.is(pools.used, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test("without buffers, or of another protocol, there are none", () => {
  const pools = new PacketPools(4, 2);
  const packet = large(pools, false, false, 14600, 1460);
  const pieces: Packet[] = [];
  assert.not(segment(packet, pools, (one) => pieces.push(one)));
  for (const one of pieces) one.release();
  packet.protocol = 17;
  assert.not(segment(packet, pools, () => assert.unreachable()));
  packet.release();
  assert.is(pools.used, 0);
});

function frame(pools: PacketPools, header: string, length: number): Packet {
  const packet = pools.take(length + 10)!;
  packet.bytes.set(Buffer.from(header, "hex"), packet.head);
  packet.end = packet.head + 10 + length;
  return packet;
}

test("virtio headers of frames that came: what they say must fit", () => {
  const pools = new PacketPools(16, 16);
  const said = (header: string, length: number): string => {
    const packet = frame(pools, header, length);
    const { head } = packet;
    const isGood = Virtio.read(packet);
    const { checksum, gsoType, gsoSize } = packet;
    const start = checksum === CHECKSUM_PARTIAL ? packet.checksumStart - head - 10 : 0;
    packet.release();
    return isGood ? `${checksum} ${start} ${gsoType} ${gsoSize}` : "bad";
  };
  assert.is(said("00000000000000000000", 60), `${CHECKSUM_NONE} 0 0 0`);
  assert.is(said("02000000000000000000", 60), `${CHECKSUM_VALID} 0 0 0`);
  assert.is(said("01000000000022001000", 60), `${CHECKSUM_PARTIAL} 34 0 0`);
  assert.is(said("01013600b40522001000", 3000), `${CHECKSUM_PARTIAL} 34 1 1460`);
  // The checksum beyond the frame, beyond any transport's, UFO, no size, and segments without number.
  assert.is(said("01000000000022001000", 51), "bad");
  assert.is(said("0100000000002200ffff", 60), "bad");
  assert.is(said("010000000000ffff1000", 60), "bad");
  assert.is(said("01033600b40522000600", 3000), "bad");
  assert.is(said("01013600000022001000", 3000), "bad");
  assert.is(said("01013600010022001000", 3000), "bad");
  const short = frame(pools, "0000", 0);
  short.end = short.head + 9;
  assert.not(Virtio.read(short));
  short.release();
});

test("virtio headers that are written are those that are read", () => {
  const pools = new PacketPools(16, 16);
  const packet = large(pools, true, false, 14600, 1460);
  packet.checksumStart = packet.transport;
  packet.checksumOffset = 16;
  packet.push(14);
  const { head, length } = packet;
  Virtio.write(packet);
  assert.is(Buffer.from(packet.data().subarray(0, 10)).toString("hex"), "01045600b40536001000");
  assert.ok(Virtio.read(packet));
  assert.equal(
    [packet.head, packet.length, packet.gsoSize, packet.checksumStart],
    [head, length, 1460, packet.transport],
  );
  packet.release();
});

test.run();
