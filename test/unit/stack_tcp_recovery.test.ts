// Losses and what looks like them, with a peer made by hand that acknowledges as the test says: what is sent again and when,
// what becomes of the window, and what is taken back when nothing had been lost.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import { tcpInfo } from "../../src/workers/net/stack/tcp/info.ts";
import { done, F, HandPeer, type Sent } from "./stack_tcp_peer.ts";
import { pattern } from "./stack_tcp_world.ts";

const MSS = 1448;
const FULL = { sackPermitted: true, windowScale: 7, ts: [0, 0] as const, window: 30_000 };
const OPEN = 0;
const DISORDER = 1;
const CWR = 2;
const RECOVERY = 3;
const LOSS = 4;

/** The number of the first byte of a segment, counted from 0. */
const at = (segment: number): number => 1 + segment * MSS;
const numbers = (sent: readonly Sent[]): number[] => sent.map(({ seq }) => Math.round((seq - 1) / MSS));

/** A connection with so many full segments under way, which were sent at once. */
function flight(
  segments: number,
  said: object = FULL,
): { peer: HandPeer; endpoint: TcpEndpoint; sent: Sent[] } {
  const peer = new HandPeer();
  const endpoint = peer.connected(said);
  const c = endpoint.connection!;
  c.cwnd = Math.max(c.cwnd, segments);
  if (segments > 20) peer.say({ window: 60_000 });
  endpoint.setSendBuffer(8 << 20);
  endpoint.send(pattern(0, segments * c.mss));
  // Many go in parts, turn by turn.
  assert.ok(peer.sent.length <= 128);
  peer.pass(0);
  const sent = peer.take();
  assert.is(sent.length, segments);
  return { peer, endpoint, sent };
}

/** Acknowledges with ranges of segments that came beyond. */
function ack(
  peer: HandPeer,
  sent: Sent,
  segment: number,
  ranges: readonly (readonly [number, number])[] = [],
): void {
  peer.say({
    ack: at(segment),
    window: 30_000,
    ts: [peer.ts, sent.tsValue],
    sacks: ranges.map(([from, to]) => [at(from), at(to)] as const),
  });
}

test("three segments beyond a hole: it goes again at once, and the window is cut to 0.7 in the end", () => {
  const { peer, endpoint, sent } = flight(20);
  const c = endpoint.connection!;
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  ack(peer, sent[1]!, 0, [[1, 2]]);
  assert.is(c.caState, DISORDER);
  ack(peer, sent[2]!, 0, [[1, 3]]);
  assert.equal(numbers(peer.take()), []);
  ack(peer, sent[3]!, 0, [[1, 4]]);
  assert.is(c.caState, RECOVERY);
  const again = peer.take();
  assert.equal(numbers(again), [0]);
  assert.is(c.ssthresh, 14);
  for (let i = 5; i <= 20; i++) ack(peer, sent[i - 1]!, 0, [[1, i]]);
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  ack(peer, again[0]!, 20);
  assert.is(c.caState, OPEN);
  const { tcpExt } = peer.stack.core.counters;
  assert.equal([tcpExt.TCPSackRecovery, tcpExt.TCPFastRetrans], [1, 1]);
  assert.ok(c.cwnd <= 20);
  done(peer, endpoint);
});

test("several holes go again as the window lets them, what is whole does not", () => {
  const { peer, endpoint, sent } = flight(20);
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  ack(peer, sent[19]!, 0, [
    [2, 5],
    [7, 10],
    [12, 20],
  ]);
  const again = numbers(peer.take());
  assert.equal(again.slice(0, 2), [0, 1]);
  peer.stack.advance(peer.stack.core.nowUs + 10_000);
  ack(peer, sent[19]!, 2, [
    [2, 5],
    [7, 10],
    [12, 20],
  ]);
  const all = [...again, ...numbers(peer.take())];
  peer.stack.advance(peer.stack.core.nowUs + 10_000);
  ack(peer, sent[19]!, 7, [
    [7, 10],
    [12, 20],
  ]);
  all.push(...numbers(peer.take()));
  assert.equal(
    [...new Set(all)].sort((a, b) => a - b),
    [0, 1, 5, 6, 10, 11],
  );
  assert.is(all.length, 6);
  done(peer, endpoint);
});

test("what was sent again and lost again is found by what was sent later (RACK)", () => {
  const { peer, endpoint, sent } = flight(20);
  endpoint.send(pattern(20 * MSS, 20 * MSS));
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  ack(peer, sent[19]!, 0, [[1, 12]]);
  const first = peer.take();
  assert.is(numbers(first)[0], 0);
  // New ones go out behind it; one of them is delivered, the other is not.
  peer.stack.advance(peer.stack.core.nowUs + 5_000);
  ack(peer, sent[19]!, 0, [[1, 18]]);
  const later = peer.take();
  assert.ok(later.length > 0 && numbers(later)[0]! >= 20, `${numbers(later)}`);
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  ack(peer, later[0]!, 0, [
    [20, 21],
    [1, 20],
  ]);
  peer.pass(8_000);
  assert.ok(numbers(peer.take()).includes(0));
  assert.ok(peer.stack.core.counters.tcpExt.TCPLostRetransmit > 0);
  done(peer, endpoint);
});

test("the end of a flight is lost: a probe after two round trips finds it", () => {
  const { peer, endpoint, sent } = flight(10);
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  ack(peer, sent[5]!, 6);
  peer.take();
  const begun = peer.stack.core.nowUs;
  peer.pass(120_000);
  const probe = peer.take();
  assert.equal(numbers(probe), [9]);
  const waited = probe[0]!.atUs - begun;
  assert.ok(waited > 20_000 && waited < 60_000, `${waited}`);
  assert.is(peer.stack.core.counters.tcpExt.TCPLossProbes, 1);
  ack(peer, probe[0]!, 6, [[9, 10]]);
  peer.pass(20_000);
  assert.equal(numbers(peer.take()).slice(0, 1), [6]);
  done(peer, endpoint);
});

test("a timeout: one segment, then slow start over what was lost", () => {
  const { peer, endpoint } = flight(10, { ...FULL, sackPermitted: false });
  const c = endpoint.connection!;
  peer.pass(190_000);
  peer.none();
  peer.pass(60_000);
  const first = peer.take();
  assert.equal(numbers(first), [0]);
  assert.is(c.caState, LOSS);
  assert.is(tcpInfo(endpoint).lost, 10);
  peer.stack.advance(peer.stack.core.nowUs + 10_000);
  ack(peer, first[0]!, 1);
  assert.equal(numbers(peer.take()), [1, 2]);
  ack(peer, first[0]!, 3);
  assert.equal(numbers(peer.take()), [3, 4, 5, 6]);
  assert.is(peer.stack.core.counters.tcpExt.TCPTimeouts, 1);
  done(peer, endpoint);
});

test("each timeout doubles the time of the next", () => {
  const { peer, endpoint } = flight(1, { ...FULL, sackPermitted: false });
  const begun = peer.stack.core.nowUs;
  peer.pass(4_000_000);
  const times = peer.take().map(({ atUs }) => Math.round((atUs - begun) / 1000));
  assert.ok(times.length >= 4, `${times}`);
  for (let i = 2; i < times.length; i++) {
    const factor = (times[i]! - times[i - 1]!) / (times[i - 1]! - times[i - 2]!);
    assert.ok(factor > 1.7 && factor < 2.4, `${times}`);
  }
  done(peer, endpoint);
});

test("an acknowledgement of the first sending after a timeout takes it back (Eifel)", () => {
  const { peer, endpoint, sent } = flight(10);
  const c = endpoint.connection!;
  c.tcp.settings.tailLossProbe = false;
  peer.pass(10_000);
  const { cwnd } = c;
  peer.pass(400_000);
  assert.is(c.caState, LOSS);
  peer.take();
  ack(peer, sent[0]!, 1);
  assert.is(c.caState, OPEN);
  assert.is(c.board.lostOut, 0);
  assert.ok(c.cwnd >= cwnd, `${c.cwnd} after ${cwnd}`);
  assert.is(peer.stack.core.counters.tcpExt.TCPLossUndo, 1);
  done(peer, endpoint);
});

test("without timestamps, what comes after the timeout shows that it was none (F-RTO)", () => {
  const { peer, endpoint } = flight(10, { sackPermitted: true, windowScale: 7, window: 30_000 });
  const c = endpoint.connection!;
  const mss = c.mss;
  c.tcp.settings.tailLossProbe = false;
  const acked = (bytes: number, sacks: readonly (readonly [number, number])[] = []): void =>
    peer.say({ ack: 1 + bytes, window: 30_000, sacks });
  endpoint.send(pattern(10 * mss, 4 * mss));
  peer.pass(300_000);
  peer.take();
  assert.is(c.caState, LOSS);
  // The first goes on: new segments are tried.
  acked(2 * mss);
  assert.ok(peer.take().some(({ seq }) => seq >= 1 + 10 * mss));
  // An original comes: nothing had been lost.
  acked(3 * mss, [[1 + 5 * mss, 1 + 6 * mss]]);
  assert.is(peer.stack.core.counters.tcpExt.TCPSpuriousRTOs, 1);
  assert.ok(c.caState <= DISORDER);
  done(peer, endpoint);
});

test("D-SACKs for all that was sent again: the cut is taken back", () => {
  const { peer, endpoint } = flight(10, { sackPermitted: true, windowScale: 7, window: 30_000 });
  const c = endpoint.connection!;
  const { mss } = c;
  const place = (segment: number): number => 1 + segment * mss;
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  peer.say({ ack: 1, window: 30_000, sacks: [[place(1), place(4)]] });
  assert.is(c.caState, RECOVERY);
  assert.is(peer.take().filter(({ seq }) => seq === 1).length, 1);
  const { cwnd } = c;
  // The original was late; then what was sent again comes too.
  peer.say({ ack: place(4), window: 30_000 });
  peer.say({ ack: place(4), window: 30_000, sacks: [[1, place(1)]] });
  const { tcpExt } = peer.stack.core.counters;
  assert.is(tcpExt.TCPDSACKUndo, 1);
  assert.is(tcpExt.TCPDSACKOldSent + tcpExt.TCPDSACKRecv, 1);
  assert.ok(c.cwnd >= cwnd && c.caState <= DISORDER);
  done(peer, endpoint);
});

test("a peer without SACK: three duplicates, and partial acknowledgements (NewReno)", () => {
  const { peer, endpoint, sent } = flight(10, { windowScale: 7, window: 30_000, ts: [0, 0] });
  const c = endpoint.connection!;
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  // The first tells a window.
  for (let i = 0; i < 4; i++) ack(peer, sent[1]!, 0);
  assert.is(c.caState, RECOVERY);
  assert.equal(numbers(peer.take()), [0]);
  for (let i = 0; i < 5; i++) ack(peer, sent[1]!, 0);
  peer.take();
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  peer.say({ ack: at(4), window: 30_000, ts: [peer.ts, peer.ts - 500_000 + 0] });
  assert.ok(numbers(peer.take()).includes(4));
  peer.say({ ack: at(10), window: 30_000, ts: [peer.ts, sent[1]!.tsValue + 30] });
  assert.is(peer.stack.core.counters.tcpExt.TCPRenoRecovery, 1);
  assert.is(c.board.count, 0);
  done(peer, endpoint);
});

test("a peer that takes its selective acknowledgements back gets all again", () => {
  const { peer, endpoint, sent } = flight(10);
  const c = endpoint.connection!;
  c.tcp.settings.tailLossProbe = false;
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  ack(peer, sent[5]!, 0, [[2, 6]]);
  peer.take();
  ack(peer, sent[5]!, 2); // What it had told of is not acknowledged with it.
  peer.pass(300_000);
  assert.is(peer.stack.core.counters.tcpExt.TCPSACKReneging, 1);
  assert.ok(numbers(peer.take()).includes(2));
  assert.is(c.board.sackedOut, 0);
  done(peer, endpoint);
});

test("selective acknowledgements of nonsense are not believed", () => {
  const { peer, endpoint } = flight(10);
  const c = endpoint.connection!;
  const say = (start: number, end: number): void =>
    peer.say({
      ack: at(1),
      window: 30_000,
      sacks: [
        [at(5), at(6)],
        [start, end],
      ],
    });
  say(at(20), at(30));
  say(at(7), at(6));
  say(-50_000, at(3));
  assert.is(c.board.sackedOut, 1);
  assert.ok(peer.stack.core.counters.tcpExt.TCPSACKDiscard >= 3);
  done(peer, endpoint);
});

test("an echo of congestion cuts the window once a round trip, and is answered (ECN)", () => {
  const peer = new HandPeer();
  peer.stack.tcp.settings.ecn = 1;
  const endpoint = peer.connected({ ...FULL, flags: F.SYN | F.ACK | F.ECE });
  const c = endpoint.connection!;
  assert.is(c.ecnOk, true);
  endpoint.setSendBuffer(1 << 20);
  endpoint.send(pattern(0, 20 * MSS));
  const sent = peer.take();
  assert.is(sent.length, 10);
  assert.ok(sent.every(({ ecn }) => ecn === 2));
  peer.stack.advance(peer.stack.core.nowUs + 10_000);
  peer.say({ ack: at(2), window: 30_000, ts: [peer.ts, sent[1]!.tsValue], flags: F.ACK | F.ECE });
  assert.is(c.caState, CWR);
  assert.is(c.ssthresh, 7);
  assert.equal([tcpInfo(endpoint).delivered, tcpInfo(endpoint).deliveredCe], [2, 2]);
  const next = peer.take();
  assert.ok(next.length > 0 && (next[0]!.flags & F.CWR) !== 0);
  // What comes marked is told until the peer says that it has heard.
  peer.say({ seq: 1, ack: at(2), data: "x", ecn: 3, ts: [peer.ts, 0] });
  assert.ok((peer.take().at(-1)!.flags & F.ECE) !== 0);
  peer.say({ seq: 2, ack: at(2), data: "y", ecn: 2, flags: F.ACK | F.CWR, ts: [peer.ts, 0] });
  peer.pass(50_000);
  assert.is(peer.take().at(-1)!.flags & F.ECE, 0);
  peer.say({ seq: 3, ack: at(5), window: 30_000, ts: [peer.ts, 0] });
  assert.equal([c.delivered, c.deliveredCe, peer.stack.core.counters.tcpExt.TCPDeliveredCE], [5, 2, 2]);
  done(peer, endpoint);
});

test("many segments at once for a device that cuts them up", () => {
  const peer = new HandPeer({ segments: -1 });
  const endpoint = peer.connected(FULL);
  endpoint.send(pattern(0, 30 * MSS));
  const sent = peer.take();
  assert.equal(
    sent.map(({ length, gsoSize }) => [length, gsoSize]),
    [[10 * MSS, MSS]],
  );
  assert.is(tcpInfo(endpoint).unacked, 10);
  peer.stack.advance(peer.stack.core.nowUs + 10_000);
  // One of them is missing: it alone goes again.
  peer.say({ ack: at(4), window: 30_000, ts: [peer.ts, sent[0]!.tsValue], sacks: [[at(5), at(10)]] });
  const again = peer.take();
  assert.ok(again.some(({ seq, length, gsoSize }) => seq === at(4) && length === MSS && gsoSize === 0));
  assert.is(peer.stack.tcp.counters.RetransSegs, 1);
  done(peer, endpoint);
});

test("a thousand ranges cost no more than they tell", () => {
  const { peer, endpoint, sent } = flight(4000, { ...FULL, window: 60_000 });
  const c = endpoint.connection!;
  const begun = process.cpuUsage().user;
  for (let i = 0; i < 1500; i++) ack(peer, sent[0]!, 0, [[i * 2 + 1, i * 2 + 2]]);
  for (let i = 0; i < 3000; i++)
    ack(peer, sent[0]!, 0, [
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
    ]);
  peer.take();
  assert.ok(c.board.sackedOut <= 1024);
  const us = process.cpuUsage().user - begun;
  assert.ok(us < 5_000_000, `${us} µs`);
  done(peer, endpoint);
});

test.run();
