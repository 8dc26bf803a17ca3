// When TCP sends and acknowledges: windows, small segments, delayed acknowledgements, timers that end a connection. A peer
// made by hand sees what goes out and when.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import { MSG_MORE } from "../../src/shared/abi/socket.ts";
import { RECEIVE_WINDOW_MAX } from "../../src/workers/net/stack/limits.ts";
import * as S from "../../src/workers/net/stack/tcp/states.ts";
import { done, F, HandPeer } from "./stack_tcp_peer.ts";
import { isEmpty, pattern, read, write } from "./stack_tcp_world.ts";

const FULL = { sackPermitted: true, windowScale: 7, ts: [0, 0] as const };

test("small segments wait while one is not acknowledged, unless the user wants none of that", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  write(endpoint, "a");
  assert.is(peer.one().text, "a");
  write(endpoint, "b");
  write(endpoint, "c");
  peer.none();
  peer.say({ ack: 2 });
  assert.is(peer.one().text, "bc");
  write(endpoint, "d");
  peer.none();
  endpoint.setNoDelay(true);
  assert.is(peer.one().text, "d");
  write(endpoint, "e");
  assert.is(peer.one().text, "e");
  done(peer, endpoint);
});

test("a small segment behind full ones goes at once, the next waits for it (Minshall)", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  const lengths = (): number[] => peer.take().map(({ length }) => length);
  endpoint.send(pattern(0, 2000));
  assert.equal(lengths(), [1460, 540]);
  endpoint.send(pattern(2000, 1000));
  assert.equal(lengths(), []);
  peer.say({ ack: 1461 });
  assert.equal(lengths(), []);
  peer.say({ ack: 2001 });
  assert.equal(lengths(), [1000]);
  done(peer, endpoint);
});

test("cork and MSG_MORE hold what is not full back", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  endpoint.setCork(true);
  write(endpoint, "head");
  write(endpoint, "er");
  peer.none();
  endpoint.setCork(false);
  assert.is(peer.one().text, "header");
  peer.say({ ack: 7 });
  write(endpoint, "one", MSG_MORE);
  peer.none();
  write(endpoint, "two");
  assert.is(peer.one().text, "onetwo");
  done(peer, endpoint);
});

test("the first segments are acknowledged at once, later ones in pairs or after 40 ms", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected({ ...FULL, windowScale: 0 });
  let seq = 1;
  const say = (length: number): void => {
    peer.say({ seq, data: pattern(seq - 1, length) });
    seq += length;
  };
  say(1448);
  assert.is(peer.one().ack, seq);
  // It answers: from now on it goes back and forth, and acknowledgements wait for answers.
  write(endpoint, "answer");
  peer.take();
  peer.say({ seq, ack: 7 });
  say(1448);
  peer.none();
  peer.pass(39_000);
  peer.none();
  peer.pass(10_000);
  assert.is(peer.one().ack, seq);
  assert.is(peer.stack.core.counters.tcpExt.DelayedACKs, 1);
  done(peer, endpoint);
});

test("every second full segment is acknowledged", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  const target = new Uint8Array(65536);
  let seq = 1;
  let acks = 0;
  for (let i = 0; i < 200; i++) {
    peer.say({ seq, data: pattern(seq - 1, 1448) });
    seq += 1448;
    acks += peer.take().length;
    endpoint.receive(target);
    acks += peer.take().length;
    peer.stack.advance(peer.stack.core.nowUs + 100);
  }
  assert.ok(acks >= 100 && acks < 140, `${acks}`);
  done(peer, endpoint);
});

test("a shut window is probed at doubling distances, and opens", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected({ window: 1000 });
  endpoint.setNoDelay(true);
  endpoint.send(pattern(0, 3000));
  // Halves of a window that is smaller than a segment.
  assert.equal(
    peer.take().map(({ length }) => length),
    [500, 500],
  );
  peer.say({ ack: 1001, window: 0 });
  peer.none();
  const begun = peer.stack.core.nowUs;
  peer.pass(3_000_000);
  const probes = peer.take();
  assert.ok(probes.length >= 3, `${probes.length} probes`);
  for (const { seq, length } of probes) assert.equal([seq, length], [1000, 0]);
  const times = probes.map(({ atUs }) => (atUs - begun) / 1000);
  assert.ok(times[0]! >= 200 && times[0]! < 260, `${times}`);
  assert.ok(times[1]! >= 580 && times[1]! < 720, `${times}`);
  peer.say({ seq: 1, ack: 1001, window: 60000 });
  assert.is(
    peer.take().reduce((sum, { length }) => sum + length, 0),
    2000,
  );
  done(peer, endpoint);
});

test("the window shuts when nobody reads, and opens when somebody does", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  endpoint.setReceiveBuffer(20_000);
  let seq = 1;
  for (let i = 0; i < 100 && endpoint.connection!.receiveWindow > 0; i++) {
    const length = Math.min(1000, endpoint.connection!.receiveWindow);
    peer.say({ seq, data: pattern(seq - 1, length) });
    seq += length;
  }
  peer.pass(300_000);
  assert.is(peer.take().at(-1)!.window, 0);
  peer.say({ seq, data: "x" });
  peer.pass(300_000);
  assert.is(peer.take().at(-1)!.ack, seq);
  assert.ok(peer.stack.core.counters.tcpExt.TCPZeroWindowDrop > 0);
  const target = new Uint8Array(100_000);
  const count = endpoint.receive(target);
  assert.is(count, seq - 1);
  assert.equal(target.subarray(0, count), pattern(0, count));
  assert.ok(peer.take().at(-1)!.window > 0);
  done(peer, endpoint);
});

test("nobody answers: doubling times, then ETIMEDOUT after those of tcp_retries2", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  write(endpoint, "x");
  const begun = peer.stack.core.nowUs;
  peer.pass(1_200_000_000);
  assert.is(endpoint.state, S.TCP_CLOSE);
  assert.is(read(endpoint), -E.ETIMEDOUT);
  const sent = peer.take();
  assert.ok(sent.length >= 15 && sent.length <= 19, `${sent.length}`);
  assert.is(peer.stack.core.counters.tcpExt.TCPAbortOnTimeout, 1);
  const last = (sent.at(-1)!.atUs - begun) / 1e6;
  assert.ok(last > 700 && last < 1100, `${last} s`);
  endpoint.close();
  isEmpty(peer.stack);
});

test("TCP_USER_TIMEOUT ends it sooner", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  endpoint.setOption("userTimeoutUs", 3_000_000);
  write(endpoint, "x");
  peer.pass(2_500_000);
  assert.is(endpoint.state, S.TCP_ESTABLISHED);
  peer.pass(2_000_000);
  assert.is(read(endpoint), -E.ETIMEDOUT);
  endpoint.close();
  isEmpty(peer.stack);
});

test("keepalive: probes of an old number, answered or not", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  endpoint.setOption("keepaliveIdleUs", 10_000_000);
  endpoint.setOption("keepaliveIntervalUs", 1_000_000);
  endpoint.setOption("keepaliveProbes", 3);
  endpoint.setKeepalive(true);
  peer.pass(9_500_000);
  peer.none();
  peer.pass(2_500_000);
  const probe = peer.take()[0]!;
  assert.equal([probe.seq, probe.length, probe.flags], [0, 0, F.ACK]);
  peer.say({});
  peer.pass(8_000_000);
  peer.none();
  peer.pass(20_000_000);
  const sent = peer.take();
  assert.is(sent.filter(({ flags }) => flags === F.ACK).length, 3);
  assert.is(sent.at(-1)!.flags & F.RST, F.RST);
  assert.is(read(endpoint), -E.ETIMEDOUT);
  endpoint.close();
  isEmpty(peer.stack);
});

test("out of order: duplicates are acknowledged at once with what came, and the hole is filled", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  peer.say({ seq: 101, data: pattern(100, 100) });
  assert.equal(
    [peer.one()].map(({ ack, sacks }) => [ack, sacks]),
    [[1, [[101, 201]]]],
  );
  peer.say({ seq: 301, data: pattern(300, 100) });
  assert.equal(peer.one().sacks, [
    [301, 401],
    [101, 201],
  ]);
  peer.say({ seq: 201, data: pattern(200, 100) });
  assert.equal(peer.one().sacks, [[101, 401]]);
  // It comes again: that is told (D-SACK).
  peer.say({ seq: 301, data: pattern(300, 100) });
  assert.equal(peer.one().sacks, [
    [301, 401],
    [101, 401],
  ]);
  peer.say({ seq: 1, data: pattern(0, 100) });
  const filled = peer.one();
  assert.equal([filled.ack, filled.sacks], [401, []]);
  peer.say({ seq: 51, data: pattern(50, 100) });
  assert.equal(peer.one().sacks, [[51, 151]]);
  const target = new Uint8Array(1000);
  assert.is(endpoint.receive(target), 400);
  assert.equal(target.subarray(0, 400), pattern(0, 400));
  done(peer, endpoint);
});

test("a FIN that comes early waits for what is before it", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  peer.say({ seq: 6, data: "world", flags: F.FIN | F.ACK });
  assert.is(read(endpoint), -E.EAGAIN);
  peer.say({ seq: 1, data: "hello" });
  assert.is(endpoint.state, S.TCP_CLOSE_WAIT);
  assert.is(peer.take().at(-1)!.ack, 12);
  assert.is(read(endpoint), "helloworld");
  assert.is(read(endpoint), "");
  done(peer, endpoint);
});

test("out of order without end: ranges and bytes are bounded, and all is given back", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  for (let i = 0; i < 5000; i++) peer.say({ seq: 3 + i * 12, data: "x" });
  peer.take();
  const c = endpoint.connection!;
  assert.ok(c.disorder.ranges!.count <= 512);
  assert.ok(peer.stack.tcp.blocks.used * 4096 <= 70_000);
  assert.ok(peer.stack.core.counters.tcpExt.TCPOFODrop > 0);
  done(peer, endpoint);
});

test("urgent data at a FIN's place, and more beyond: nothing is stepped over", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  const c = endpoint.connection!;
  // Both urgent pointers count from their segment: the first one's place is the number of the FIN that comes.
  peer.say({ seq: 1, urgent: 1, flags: F.ACK | F.URG });
  peer.say({ seq: 1, flags: F.ACK | F.FIN });
  peer.say({ seq: 2, urgent: 5, flags: F.ACK | F.URG });
  assert.is(c.available, 0);
  assert.is(endpoint.inQueue, 0);
  assert.is(read(endpoint), "");
  done(peer, endpoint);
});

test("a byte at the end of a great window: the hole is counted as memory, and no greater than the bound", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL, 10_000, (one) => {
    one.setReceiveBuffer(1 << 30);
  });
  const c = endpoint.connection!;
  const { blocks } = peer.stack.tcp;
  assert.is(c.fullSpace, RECEIVE_WINDOW_MAX);
  c.rcvWnd = RECEIVE_WINDOW_MAX;
  peer.say({ seq: RECEIVE_WINDOW_MAX, data: "x" });
  assert.is(c.disorder.ranges!.count, 1);
  // A block, and 8 bytes for each that the hole would have, in a power of two.
  assert.is(blocks.used, 1 + (64 << 20) / 4096 / 512);
  // Where memory ends, the byte is dropped and what is in order is taken.
  endpoint.abort();
  peer.take();
  blocks.max = 8;
  const other = peer.connected(FULL, 10_000, (one) => {
    one.setReceiveBuffer(1 << 30);
  });
  other.connection!.rcvWnd = RECEIVE_WINDOW_MAX;
  peer.say({ seq: RECEIVE_WINDOW_MAX, data: "x" });
  assert.is(other.connection!.disorder.ranges!.count, 0);
  peer.say({ seq: 1, data: "in order" });
  assert.is(read(other), "in order");
  endpoint.close();
  done(peer, other);
});

test("sending after a pause begins with a small window again", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected({ ...FULL, window: 30000 });
  const c = endpoint.connection!;
  c.cwnd = 100;
  c.ssthresh = 100;
  peer.pass(10_000_000);
  endpoint.send(pattern(0, 1448 * 40));
  assert.is(peer.take().length, 10);
  assert.is(c.cwnd, 10);
  done(peer, endpoint);
});

test.run();
