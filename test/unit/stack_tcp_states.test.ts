// The state machine of TCP with a peer made by hand: openings and ends in every order, what is accepted and what is not.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import { SHUT_WR } from "../../src/shared/abi/socket.ts";
import { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import * as S from "../../src/workers/net/stack/tcp/states.ts";
import { done, F, HandPeer } from "./stack_tcp_peer.ts";
import { EINPROGRESS, isEmpty, listening, read, write } from "./stack_tcp_world.ts";
import { ip } from "./stack_world.ts";

const FULL = { sackPermitted: true, windowScale: 7, ts: [0, 0] as const };

test("the SYN announces what Linux's does, and what is not granted is not used", () => {
  const peer = new HandPeer();
  const endpoint = new TcpEndpoint(peer.stack.tcp, false);
  assert.is(endpoint.connect(ip("10.0.0.2"), 7000), EINPROGRESS);
  const syn = peer.one();
  assert.equal(
    [syn.flags, syn.mss, syn.windowScale, syn.sackPermitted, syn.window],
    [F.SYN, 1460, 10, true, 64240],
  );
  assert.ok(syn.hasTimestamp);
  peer.say({ seq: 0, ack: 1, flags: F.SYN | F.ACK, mss: 1000 });
  const ack = peer.one();
  assert.is(ack.hasTimestamp, false);
  const c = endpoint.connection!;
  assert.equal([c.sackOk, c.tsOk, c.wscaleOk, c.mss], [false, false, false, 1000]);
  endpoint.close();
  peer.pass(1000);
  endpoint.abort();
});

test("SYNs are repeated, then the time is over", () => {
  const peer = new HandPeer();
  const endpoint = new TcpEndpoint(peer.stack.tcp, false);
  assert.is(endpoint.connect(ip("10.0.0.2"), 7000), EINPROGRESS);
  peer.pass(300_000_000);
  const sent = peer.take();
  // Ten retransmissions: four one second after the other, then at doubling distances.
  assert.is(sent.length, 11);
  const seconds = sent.map(({ atUs }) => Math.round(atUs / 1_000_000));
  assert.equal(seconds.slice(0, 6), [0, 1, 2, 3, 4, 5]);
  assert.ok(seconds[10]! > 60 && seconds[10]! < 80, `${seconds}`);
  assert.is(endpoint.connect(ip("10.0.0.2"), 7000), -E.ETIMEDOUT);
  endpoint.close();
  isEmpty(peer.stack);
});

test("both open at once", () => {
  const peer = new HandPeer();
  const endpoint = new TcpEndpoint(peer.stack.tcp, false);
  assert.is(endpoint.connect(ip("10.0.0.2"), 7000), EINPROGRESS);
  peer.take();
  peer.say({ seq: 0, flags: F.SYN, mss: 1460 });
  const answer = peer.one();
  assert.equal([answer.flags, answer.seq, answer.ack], [F.SYN | F.ACK, 0, 1]);
  assert.is(endpoint.state, S.TCP_SYN_RECV);
  peer.say({ seq: 0, ack: 1, flags: F.SYN | F.ACK, mss: 1460 });
  assert.is(endpoint.state, S.TCP_ESTABLISHED);
  write(endpoint, "x");
  assert.is(peer.take().at(-1)!.text, "x");
  endpoint.close();
  peer.say({ ack: 3, flags: F.ACK | F.RST });
  isEmpty(peer.stack);
});

test("both end at once", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  endpoint.close();
  const fin = peer.one();
  assert.equal([fin.flags & F.FIN, fin.seq], [F.FIN, 1]);
  peer.say({ seq: 1, ack: 1, flags: F.FIN | F.ACK });
  assert.equal([peer.one().ack, peer.stack.tcp.orphans], [2, 1]);
  peer.say({ seq: 2, ack: 2 });
  assert.equal([peer.stack.tcp.orphans, peer.stack.tcp.timeWaits], [0, 1]);
  peer.pass(70_000_000);
  isEmpty(peer.stack);
});

test("a reset is believed at the next number alone; in the window it is asked for again", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  peer.say({ seq: 100, flags: F.RST });
  const challenge = peer.one();
  assert.equal([challenge.flags, challenge.ack], [F.ACK, 1]);
  assert.is(peer.stack.core.counters.tcpExt.TCPChallengeACK, 1);
  peer.say({ seq: 100, flags: F.RST });
  peer.none(); // Half a second has not passed.
  peer.say({ seq: 100_000, flags: F.RST });
  peer.none();
  assert.is(endpoint.state, S.TCP_ESTABLISHED);
  peer.say({ seq: 1, flags: F.RST });
  assert.is(endpoint.state, S.TCP_CLOSE);
  assert.is(read(endpoint), -E.ECONNRESET);
  endpoint.close();
  isEmpty(peer.stack);
});

test("a SYN in the window is challenged, an acknowledgement of what was not sent thrown away", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  peer.say({ seq: 50, flags: F.SYN });
  assert.is(peer.one().flags, F.ACK);
  assert.is(peer.stack.core.counters.tcpExt.TCPSYNChallenge, 1);
  peer.say({ seq: 1, ack: 5000, data: "no" });
  assert.is(read(endpoint), -E.EAGAIN);
  done(peer, endpoint);
});

test("an acknowledgement that is too old, or of what was before all, is challenged, and its bytes are thrown away", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  const { tcpExt } = peer.stack.core.counters;
  peer.say({ seq: 1, ack: -1, data: "no" });
  const challenge = peer.one();
  assert.equal([challenge.flags, challenge.seq, challenge.ack], [F.ACK, 1, 1]);
  assert.is(tcpExt.TCPChallengeACK, 1);
  assert.is(read(endpoint), -E.EAGAIN);
  for (let ack = 1; ack < 100_001; ack += 1000) {
    write(endpoint, "x".repeat(1000));
    peer.say({ ack: ack + 1000 });
  }
  peer.take();
  peer.pass(1_000_000);
  peer.say({ seq: 1, ack: 100_001 - 65_536, data: "no" });
  assert.equal([peer.one().flags, tcpExt.TCPChallengeACK], [F.ACK, 2]);
  assert.is(read(endpoint), -E.EAGAIN);
  peer.say({ seq: 1, ack: 100_001 - 65_535, data: "yes" });
  assert.is(read(endpoint), "yes");
  done(peer, endpoint);
});

test("old timestamps: a segment is a duplicate (PAWS)", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected(FULL);
  peer.say({ seq: 1, data: "ab", ts: [peer.ts + 10, 0] });
  assert.is(read(endpoint), "ab");
  peer.take();
  peer.say({ seq: 3, data: "cd", ts: [peer.ts - 1000, 0] });
  assert.is(peer.one().ack, 3);
  assert.is(read(endpoint), -E.EAGAIN);
  assert.is(peer.stack.core.counters.tcpExt.PAWSEstab, 1);
  peer.say({ seq: 3, data: "cd", ts: [peer.ts + 11, 0] });
  assert.is(read(endpoint), "cd");
  done(peer, endpoint);
});

test("FIN_WAIT2 without anybody lasts a minute; bytes that come then are answered by a reset", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  endpoint.close();
  peer.take();
  peer.say({ seq: 1, ack: 2 });
  assert.equal([peer.stack.tcp.orphans, peer.stack.tcp.timeWaits], [0, 1]);
  peer.say({ seq: 1, ack: 2, data: "late" });
  assert.is(peer.one().flags, F.RST);
  isEmpty(peer.stack);
  const other = peer.connected();
  other.close();
  peer.take();
  peer.say({ seq: 1, ack: 2 });
  peer.pass(70_000_000);
  isEmpty(peer.stack);
  peer.say({ seq: 1, ack: 2, flags: F.FIN | F.ACK });
  assert.is(peer.one().flags, F.RST);
});

test("a reset beyond the window does not end the record of who waits for a FIN", () => {
  for (const windowScale of [-1, 7]) {
    const peer = new HandPeer();
    const endpoint = peer.connected({ windowScale });
    const window = endpoint.connection!.receiveWindow;
    endpoint.close();
    peer.take();
    peer.say({ seq: 1, ack: 2 });
    peer.say({ seq: 1 + window + 1, flags: F.RST });
    assert.equal([peer.one().flags, peer.stack.tcp.timeWaits], [F.ACK, 1]);
    peer.say({ seq: 1 + window, flags: F.RST });
    isEmpty(peer.stack);
  }
});

test("bytes for who has closed: a reset", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  endpoint.close();
  peer.take();
  peer.say({ seq: 1, ack: 1, data: "more" });
  assert.is(peer.one().flags & F.RST, F.RST);
  isEmpty(peer.stack);
});

test("the record of an ended connection answers its FIN, ends by a reset, and makes room for a new SYN", () => {
  const peer = new HandPeer();
  const listener = listening(peer.stack, "10.0.0.1", 5000);
  const end = (): void => {
    const child = peer.accepted(listener);
    peer.take();
    child.shutdown(SHUT_WR);
    assert.is(peer.one().flags & F.FIN, F.FIN);
    peer.say({ seq: 1, ack: 2 });
    peer.say({ seq: 1, ack: 2, flags: F.FIN | F.ACK });
    assert.is(peer.one().ack, 2);
    assert.is(child.state, S.TCP_CLOSE);
    child.close();
    assert.is(peer.stack.tcp.timeWaits, 1);
  };
  end();
  peer.pass(1_000_000);
  peer.say({ seq: 1, ack: 2, flags: F.FIN | F.ACK });
  assert.equal([peer.one().ack], [2]);
  peer.say({ seq: 2, flags: F.RST });
  assert.is(peer.stack.tcp.timeWaits, 0);
  end();
  peer.say({ seq: 1, flags: F.SYN, mss: 1460 }); // An old one is no new connection.
  assert.is(peer.take().filter(({ flags }) => (flags & F.SYN) !== 0).length, 0);
  peer.say({ seq: 100_000, flags: F.SYN, mss: 1460 });
  assert.is(peer.one().flags, F.SYN | F.ACK);
  assert.is(peer.stack.tcp.timeWaits, 0);
  listener.close();
  isEmpty(peer.stack);
});

test("a request ends by a reset at its number, and is answered again when its SYN comes again", () => {
  const peer = new HandPeer();
  const listener = listening(peer.stack, "10.0.0.1", 5000);
  peer.say({ seq: 0, flags: F.SYN, mss: 1460 });
  assert.is(peer.one().flags, F.SYN | F.ACK);
  peer.say({ seq: 0, flags: F.SYN, mss: 1460 });
  assert.is(peer.one().flags, F.SYN | F.ACK);
  peer.say({ seq: 1, ack: 77 });
  assert.is(peer.one().flags, F.RST);
  assert.is(peer.stack.tcp.requests, 1);
  peer.say({ seq: 1, flags: F.RST });
  assert.is(peer.stack.tcp.requests, 0);
  peer.say({ seq: 0, flags: F.SYN, mss: 1460 });
  peer.take();
  peer.pass(120_000_000);
  const again = peer.take();
  assert.is(again.length, 5);
  assert.is(peer.stack.tcp.requests, 0);
  listener.close();
  isEmpty(peer.stack);
});

test("linger of no time: a reset instead of a FIN", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  write(endpoint, "lost");
  peer.take();
  endpoint.setOption("lingerUs", 0);
  endpoint.close();
  assert.is(peer.one().flags & F.RST, F.RST);
  isEmpty(peer.stack);
});

test("linger with a time: it is seen when all is acknowledged", () => {
  const peer = new HandPeer();
  const endpoint = peer.connected();
  write(endpoint, "x");
  endpoint.setOption("lingerUs", 5_000_000);
  endpoint.beginClose();
  assert.is(endpoint.isLingering, true);
  peer.say({ seq: 1, ack: 3 });
  assert.is(endpoint.isLingering, false);
  endpoint.close();
  peer.pass(70_000_000);
  isEmpty(peer.stack);
});

test.run();
