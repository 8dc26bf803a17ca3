// Blocks that both ends of a connection by loopback hold, and bytes that are written and read in place: the same stream
// comes out, whoever else reads it, and every block is given back.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPPROTO_TCP } from "../../src/shared/abi/socket.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { Pieces } from "../../src/workers/net/stack/pieces.ts";
import { RawEndpoint } from "../../src/workers/net/stack/raw/endpoint.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import { BLOCK, BlockPool } from "../../src/workers/net/stack/tcp/blocks.ts";
import { ByteBuffer } from "../../src/workers/net/stack/tcp/byte_buffer.ts";
import type { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import { accepted, connecting, EAGAIN, isEmpty, listening, pattern } from "./stack_tcp_world.ts";
import { drain, makeStack } from "./stack_world.ts";

function pair(stack: Stack): [TcpEndpoint, TcpEndpoint, TcpEndpoint] {
  const listener = listening(stack, "127.0.0.1", 5000);
  const client = connecting(stack, "127.0.0.1", 5000);
  drain(stack);
  return [listener, client, accepted(listener)];
}

/** Lets go of everything. */
function end(stack: Stack, endpoints: readonly TcpEndpoint[]): void {
  for (const endpoint of endpoints) {
    endpoint.setOption("lingerUs", 0);
    endpoint.close();
    drain(stack);
  }
  isEmpty(stack);
}

function writeIn(pieces: Pieces, bytes: Uint8Array): void {
  let at = 0;
  for (let i = 0; i < pieces.count; i++) {
    const length = pieces.lengths[i]!;
    pieces.arrays[i]!.set(bytes.subarray(at, at + length), pieces.offsets[i]!);
    at += length;
  }
  assert.is(at, bytes.length);
}

function readFrom(pieces: Pieces): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < pieces.count; i++) {
    const from = pieces.offsets[i]!;
    parts.push(pieces.arrays[i]!.slice(from, from + pieces.lengths[i]!));
  }
  return Buffer.concat(parts);
}

for (const seed of [1, 2, 3, 4])
  test(`a stream by loopback, written and read in turns of any length and kind (${seed})`, () => {
    const random = seededRandom(seed);
    const upTo = (most: number) => 1 + Math.floor(random() * most);
    const stack = makeStack(seed);
    const [listener, client, server] = pair(stack);
    const pieces = new Pieces();
    const total = 3_000_000;
    let sent = 0;
    let got = 0;
    const target = new Uint8Array(200_000);
    while (got < total) {
      const part = upTo(random() < 0.3 ? 100 : 150_000);
      const data = pattern(sent, Math.min(part, total - sent));
      if (data.length > 0 && random() < 0.5) {
        pieces.clear();
        const room = client.reserve(data.length, pieces);
        if (room > 0) {
          writeIn(pieces, data.subarray(0, room));
          if (random() < 0.1) client.forgetReserved();
          else {
            client.sendReserved(room);
            sent += room;
          }
        }
      } else if (data.length > 0) {
        const n = client.send(data);
        if (n !== EAGAIN) sent += n;
      }
      stack.advance(stack.core.nowUs + upTo(50));
      drain(stack);
      const most = upTo(random() < 0.3 ? 100 : 150_000);
      let n = 0;
      let came: Uint8Array;
      if (random() < 0.5) {
        pieces.clear();
        n = server.look(most, pieces);
        came = readFrom(pieces);
        assert.is(came.length, n);
        n = Math.floor(n * (random() < 0.5 ? 1 : random()));
        if (n > 0) server.take(n);
      } else {
        n = Math.max(0, server.receive(target.subarray(0, most)));
        came = target;
      }
      assert.equal(Buffer.compare(came.subarray(0, n), pattern(got, n)), 0);
      got += n;
      drain(stack);
    }
    end(stack, [client, server, listener]);
  });

test("while both ends hold a block, it is one; it stays for the other when one lets go of it", () => {
  const stack = makeStack();
  const [listener, client, server] = pair(stack);
  const { blocks } = stack.tcp;
  const data = pattern(0, 16 * BLOCK);
  client.setSendBuffer(1 << 20);
  server.setReceiveBuffer(1 << 20);
  assert.is(client.send(data), data.length);
  const held = blocks.used;
  assert.ok(held <= 17);
  drain(stack);
  // The reader's first and last ones are copies; all that is under way or acknowledged is held once.
  assert.ok(blocks.used <= 19, String(blocks.used));
  client.setOption("lingerUs", 0);
  const target = new Uint8Array(data.length);
  assert.is(server.receive(target), data.length);
  assert.equal(Buffer.compare(target, data), 0);
  end(stack, [client, server, listener]);
});

test("who listens to all of TCP sees every byte of what is lent", () => {
  const stack = makeStack();
  const [listener, client, server] = pair(stack);
  const raw = new RawEndpoint(stack.raw, false, IPPROTO_TCP);
  raw.receiveBuffer = 1 << 24;
  const data = pattern(7, 300_000);
  let sent = 0;
  const target = new Uint8Array(65536);
  let got = 0;
  const seen = new Map<number, Uint8Array>();
  let first: number | null = null;
  while (got < data.length) {
    const n = client.send(data.subarray(sent));
    if (n > 0) sent += n;
    drain(stack);
    for (let packet = raw.receive(); packet !== null; packet = raw.receive()) {
      const bytes = packet.data();
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const tcp = (bytes[0]! & 15) * 4;
      const payload = bytes.slice(tcp + (bytes[tcp + 12]! >> 4) * 4);
      if (payload.length > 0) {
        const seq = view.getUint32(tcp + 4);
        first ??= seq;
        seen.set((seq - first) >>> 0, payload);
      }
      packet.release();
    }
    const m = server.receive(target);
    if (m > 0) {
      assert.equal(Buffer.compare(target.subarray(0, m), data.subarray(got, got + m)), 0);
      got += m;
    }
    drain(stack);
  }
  let length = 0;
  for (const [at, payload] of seen) {
    assert.equal(Buffer.compare(payload, data.subarray(at, at + payload.length)), 0);
    length += payload.length;
  }
  assert.is(length, data.length);
  raw.close();
  end(stack, [client, server, listener]);
});

test("what is written where a shared block stands leaves the other's bytes alone", () => {
  const pool = new BlockPool(1 << 20);
  const stack = makeStack();
  const packet = stack.core.pools.take(4 * BLOCK)!;
  const start = -100; // on its way over zero
  const sender = new ByteBuffer(pool);
  const receiver = new ByteBuffer(pool);
  sender.reset(start);
  receiver.reset(start);
  const data = pattern(0, 3 * BLOCK);
  assert.is(sender.write(start, data, 0, data.length), data.length);
  sender.lend(start, packet, data.length);
  packet.end = packet.head + data.length;
  receiver.write(start, packet.bytes, packet.head, data.length, false, packet.lent);
  const used = pool.used;
  const other = new Uint8Array(10).fill(1);
  receiver.write(start + BLOCK, other, 0, 10);
  assert.is(pool.used, used + 1);
  const is = new Uint8Array(data.length);
  sender.read(start, is, 0, data.length);
  assert.equal(Buffer.compare(is, data), 0);
  receiver.read(start, is, 0, data.length);
  data.fill(1, BLOCK, BLOCK + 10);
  assert.equal(Buffer.compare(is, data), 0);
  // What the packet has of it is what was sent.
  packet.own();
  assert.equal(Buffer.compare(packet.data(), pattern(0, 3 * BLOCK)), 0);
  sender.releaseAll();
  receiver.releaseAll();
  packet.release();
  assert.is(pool.used, 0);
});

test.run();
