// What the network tells of the path, and what happens where memory and packets end.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import * as P from "../../src/shared/abi/poll.ts";
import { BlockPool } from "../../src/workers/net/stack/tcp/blocks.ts";
import { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import * as S from "../../src/workers/net/stack/tcp/states.ts";
import { done, HandPeer } from "./stack_tcp_peer.ts";
import {
  accepted,
  connecting,
  EINPROGRESS,
  isEmpty,
  listening,
  pattern,
  read,
  write,
} from "./stack_tcp_world.ts";
import { drain, ip, makeStack } from "./stack_world.ts";

const UNREACHABLE = 3;
const HOST = 1;
const TOO_LONG = 4;
const FULL = { sackPermitted: true, windowScale: 7, ts: [0, 0] as const, window: 30_000 };

test("a router's smaller MTU: what was too long goes again in pieces, and stays so short", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  endpoint.send(pattern(0, 1448 * 4));
  assert.is(peer.take().length, 4);
  peer.complain(UNREACHABLE, TOO_LONG, 1000, 1 + 1448);
  const again = peer.take();
  assert.ok(again.length >= 1);
  for (const { length } of again) assert.ok(length <= 948, `${length}`);
  assert.is(endpoint.connection!.mss, 948);
  const c = endpoint.connection!;
  // All of it comes, in order.
  let ack = 1;
  for (let i = 0; i < 30 && ack < 1 + 1448 * 4; i++) {
    ack = Math.min(1 + 1448 * 4, ack + 948);
    peer.stack.advance(peer.stack.core.nowUs + 10_000);
    peer.say({ ack, window: 30_000, ts: [peer.ts, 0] });
    for (const { length } of peer.take()) assert.ok(length <= 948);
  }
  assert.is(c.packetsOut, 0);
  endpoint.send(pattern(0, 2000));
  assert.equal(
    peer.take().map(({ length }) => length),
    [948, 948, 104],
  );
  done(peer, endpoint);
});

test("MTUs that fall and fall: one is believed each round trip, then the least", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected({ ...FULL, windowScale: 14 });
  const c = endpoint.connection!;
  endpoint.setSendBuffer(4 << 20);
  c.cwnd = 2000;
  peer.say({ window: 60_000 });
  while (c.packetsOut < 1000) {
    endpoint.send(pattern(0, 65536));
    drain(peer.stack);
  }
  peer.take();
  const bytes = (c.sndNxt - c.sndUna) | 0;
  let looks = 0;
  const { board } = c;
  const { bytesAt } = board;
  board.bytesAt = (index) => {
    looks++;
    return bytesAt.call(board, index);
  };
  for (let i = 0; i < 60; i++) peer.complain(UNREACHABLE, TOO_LONG, 1490 - 14 * i, 1);
  assert.is(c.pathMtu, 1490);
  // The first is all the work there is: what is under way is looked at to be marked, to be cut, and to go again.
  assert.ok(looks > 1000 && looks < 5000, `${looks}`);
  assert.ok(board.count <= Math.ceil(bytes / 1438) + 4, `${board.count}`);
  looks = 0;
  for (let i = 0; i < 60; i++) peer.complain(UNREACHABLE, TOO_LONG, 664 - (i & 1), 1);
  assert.is(looks, 0);
  peer.take();
  peer.stack.advance(peer.stack.core.nowUs + 3_000_000);
  peer.say({ ack: 1 + 1438, window: 60_000, ts: [peer.ts, 0] });
  assert.is(c.pathMtu, 663);
  assert.ok(looks < 8000, `${looks}`);
  assert.ok(board.count <= Math.ceil(bytes / 611) + 70, `${board.count}`);
  for (const { length } of peer.take()) assert.ok(length <= 611, `${length}`);
  done(peer, endpoint);
});

test("entries that are too many to be cut go again in the segments that they make", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  endpoint.send(pattern(0, 1448 * 4));
  peer.take();
  const { board } = endpoint.connection!;
  board.resegment = () => false;
  peer.complain(UNREACHABLE, TOO_LONG, 1000, 1);
  assert.equal(
    peer.take().map(({ seq, length }) => [seq - 1, length]),
    [0, 1, 2, 3].flatMap((at) => [
      [at * 1448, 948],
      [at * 1448 + 948, 500],
    ]),
  );
  assert.is(board.count, 4);
  peer.say({ ack: 1 + 1448 * 4, window: 30_000, ts: [peer.ts, 0] });
  assert.is(board.count, 0);
  done(peer, endpoint);
});

test("errors about numbers that were not sent are thrown away", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  write(endpoint, "x");
  peer.take();
  peer.complain(UNREACHABLE, TOO_LONG, 600, 5000);
  assert.is(endpoint.connection!.pathMtu, 1500);
  assert.is(peer.stack.core.counters.tcpExt.OutOfWindowIcmps, 1);
  done(peer, endpoint);
});

test("an unreachable host ends a connection that is opening; of an open one it is the reason in the end", () => {
  const peer = new HandPeer();
  const opening = new TcpEndpoint(peer.stack.tcp, false);
  assert.is(opening.connect(ip("10.0.0.2"), 7000), EINPROGRESS);
  peer.take();
  peer.complain(UNREACHABLE, HOST, 0, 0);
  assert.is(opening.connect(ip("10.0.0.2"), 7000), -E.EHOSTUNREACH);
  opening.close();
  isEmpty(peer.stack);
  const endpoint = peer.connected(FULL);
  endpoint.setOption("userTimeoutUs", 2_000_000);
  write(endpoint, "x");
  peer.complain(UNREACHABLE, HOST, 0, 1);
  assert.is(endpoint.takeError(), 0);
  peer.pass(5_000_000);
  assert.is(read(endpoint), -E.EHOSTUNREACH);
  endpoint.close();
  isEmpty(peer.stack);
});

test("who asked for errors hears of them", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  endpoint.receivesErrors4 = true;
  write(endpoint, "x");
  peer.complain(UNREACHABLE, HOST, 0, 1);
  assert.is(endpoint.takeError(), E.EHOSTUNREACH);
  assert.is(endpoint.receiveError()!.errno, E.EHOSTUNREACH);
  assert.is(endpoint.state, S.TCP_ESTABLISHED);
  done(peer, endpoint);
});

test("memory of all connections is bounded: writers wait, receivers do not take more, and all goes on", () => {
  const stack = makeStack();
  const { blocks } = stack.tcp;
  blocks.max = 64;
  blocks.pressure = 48;
  blocks.low = 32;
  const listener = listening(stack, "127.0.0.1", 5000, 100);
  const clients = Array.from({ length: 10 }, () => connecting(stack, "127.0.0.1", 5000));
  drain(stack);
  const servers = clients.map(() => accepted(listener));
  const byPort = new Map(servers.map((server) => [server.remotePort, server]));
  const sent = clients.map(() => 0);
  const received = clients.map(() => 0);
  const total = 200_000;
  const target = new Uint8Array(8192);
  for (let turn = 0; received.some((count) => count < total); turn++) {
    assert.ok(turn < 100_000);
    clients.forEach((client, at) => {
      const count = client.send(pattern(sent[at]!, Math.min(20_000, total - sent[at]!)));
      assert.ok(count >= 0 || count === -E.EAGAIN);
      if (count > 0) sent[at]! += count;
    });
    drain(stack);
    // Each that has nothing to read may have a block more.
    assert.ok(blocks.used <= 74, `${blocks.used}`);
    clients.forEach((client, at) => {
      const count = byPort.get(client.localPort)!.receive(target);
      if (count <= 0) return;
      assert.equal(target.slice(0, count), pattern(received[at]!, count));
      received[at]! += count;
    });
    stack.advance(
      Math.max(stack.core.nowUs + 1000, Math.min(stack.nextDeadlineUs, stack.core.nowUs + 50_000)),
    );
    drain(stack);
  }
  for (const one of [...clients, ...servers, listener]) one.close();
  for (let i = 0; i < 200; i++) {
    stack.advance(stack.core.nowUs + 1_000_000);
    drain(stack);
  }
  isEmpty(stack);
});

test("memory of blocks goes back when nobody has any, but for a little", () => {
  const pool = new BlockPool(64 << 20);
  const blocks = Array.from({ length: 10_000 }, () => pool.take());
  assert.is(new Set(blocks).size, 10_000);
  assert.ok(pool.madeBytes >= 10_000 * 4096);
  for (const block of blocks) pool.put(block);
  assert.equal([pool.used, pool.madeBytes], [0, 0]);
  pool.put(pool.take());
  assert.is(pool.madeBytes, 64 * 4096);
});

test("packets run out: who has none goes on when there are some", () => {
  const stack = makeStack(1, { smallPackets: 40, largePackets: 2 });
  const listener = listening(stack, "127.0.0.1", 5000);
  const client = connecting(stack, "127.0.0.1", 5000);
  drain(stack);
  const server = accepted(listener);
  const kept = Array.from({ length: 2 }, () => stack.core.pools.large.take()!);
  const data = pattern(0, 100_000);
  let sent = client.send(data);
  drain(stack);
  assert.is(server.inQueue, 0);
  for (const packet of kept) packet.release();
  const target = new Uint8Array(100_000);
  let received = 0;
  for (let i = 0; i < 100 && received < data.length; i++) {
    stack.advance(stack.core.nowUs + 20_000);
    drain(stack);
    const count = server.receive(target.subarray(received));
    if (count > 0) received += count;
    if (sent < data.length) sent += Math.max(0, client.send(data.subarray(sent)));
  }
  assert.equal(target, data);
  assert.is(stack.tcp.counters.RetransSegs, 0);
  for (const one of [client, server, listener]) one.close();
  for (let i = 0; i < 100; i++) {
    stack.advance(stack.core.nowUs + 1_000_000);
    drain(stack);
  }
  isEmpty(stack);
});

test("a writer is told when a third of the buffer is free, or little is not sent (TCP_NOTSENT_LOWAT)", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  endpoint.setSendBuffer(10_000);
  let writable = 0;
  endpoint.observer = {
    becameReadable: () => {},
    failed: () => {},
    becameAcceptable: () => {},
    becameWritable: () => writable++,
  };
  assert.is(endpoint.send(pattern(0, 20_000)), 10_000);
  assert.is(endpoint.send(pattern(0, 1)), -E.EAGAIN);
  assert.is(endpoint.poll() & P.POLLOUT, 0);
  peer.say({ ack: 1 + 1448, window: 30_000 });
  assert.equal([writable, endpoint.poll() & P.POLLOUT], [0, 0]);
  peer.say({ ack: 1 + 1448 * 3, window: 30_000 });
  assert.equal([writable, endpoint.poll() & P.POLLOUT], [1, P.POLLOUT]);
  done(peer, endpoint);
});

test("a connection in being is closed while everything waits: nothing stays", () => {
  const stack = makeStack();
  const listener = listening(stack, "127.0.0.1", 5000);
  const client = connecting(stack, "127.0.0.1", 5000);
  drain(stack);
  const server = accepted(listener);
  for (let i = 0; i < 100; i++) client.send(pattern(0, 65536));
  drain(stack);
  assert.ok(stack.tcp.blocks.used > 20);
  server.close();
  drain(stack);
  assert.is(write(client, "x"), -E.ECONNRESET);
  client.close();
  listener.close();
  drain(stack);
  isEmpty(stack);
});

test.run();
