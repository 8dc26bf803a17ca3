// Listeners and ports: backlogs, SYN cookies, TCP_DEFER_ACCEPT, who may bind where, which port a connection gets.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import * as S from "../../src/workers/net/stack/tcp/states.ts";
import { F, HandPeer } from "./stack_tcp_peer.ts";
import { accepted, connecting, EINPROGRESS, isEmpty, listening, read, write } from "./stack_tcp_world.ts";
import { drain, ip, makeStack, pass } from "./stack_world.ts";

const FULL = { sackPermitted: true, windowScale: 7 };

function named(
  stack: ReturnType<typeof makeStack>,
  address: string,
  port: number,
  more: Partial<TcpEndpoint> = {},
): number | TcpEndpoint {
  const endpoint = Object.assign(new TcpEndpoint(stack.tcp, address.includes(":")), more);
  const error = endpoint.bind(ip(address), port);
  return error < 0 ? error : endpoint;
}

test("the backlog counts connections that wait; one more than it says finds room", () => {
  const stack = makeStack();
  const listener = listening(stack, "127.0.0.1", 5000, 2);
  const clients = Array.from({ length: 6 }, () => connecting(stack, "127.0.0.1", 5000));
  drain(stack);
  assert.is(listener.listener!.queue.length, 3);
  assert.ok(stack.core.counters.tcpExt.ListenOverflows > 0);
  const first = accepted(listener);
  pass(stack, 3_000_000);
  // Those for whom there was no room had cookies: what they send brings them in, as far as there is room now.
  assert.is(listener.listener!.queue.length, 2);
  for (const client of clients) write(client, "x");
  drain(stack);
  assert.is(listener.listener!.queue.length, 3);
  first.close();
  for (const client of clients) client.close();
  listener.close();
  pass(stack, 400_000_000);
  isEmpty(stack);
});

test("cookies when requests are too many: the handshake still ends well, options come by the timestamp", () => {
  const peer = new HandPeer();
  const listener = listening(peer.stack, "10.0.0.1", 5000, 1);
  peer.remotePort = 6999;
  peer.say({ seq: 0, flags: F.SYN, mss: 1460 });
  assert.is(peer.one().flags, F.SYN | F.ACK);
  peer.remotePort = 7000;
  peer.localPort = 5000;
  peer.hasTs = true;
  peer.say({ seq: 0, flags: F.SYN, mss: 1400, ...FULL });
  const answer = peer.one();
  assert.is(answer.flags, F.SYN | F.ACK);
  assert.is(peer.stack.tcp.requests, 1);
  assert.is(peer.stack.core.counters.tcpExt.SyncookiesSent, 1);
  peer.stack.advance(peer.stack.core.nowUs + 20_000);
  peer.say({ ts: [peer.ts, answer.tsValue], window: 500 });
  const child = accepted(listener);
  const c = child.connection!;
  assert.is(child.state, S.TCP_ESTABLISHED);
  assert.equal([c.sackOk, c.tsOk, c.sndWscale, c.mssClamp], [true, true, 7, 1300]);
  write(child, "hello");
  assert.is(peer.one().text, "hello");
  peer.say({ seq: 1, ack: 6, data: "yes" });
  assert.is(read(child), "yes");
  // One that nobody made is refused.
  peer.take();
  peer.remotePort = 7001;
  peer.say({ ack: 12345 });
  assert.is(peer.one().flags, F.RST);
  assert.is(peer.stack.core.counters.tcpExt.SyncookiesFailed, 1);
  child.abort();
  child.close();
  listener.close();
  isEmpty(peer.stack);
});

test("TCP_DEFER_ACCEPT: a connection is one when bytes come", () => {
  const peer = new HandPeer();
  const listener = listening(peer.stack, "10.0.0.1", 5000);
  listener.setOption("deferAccept", 2);
  peer.say({ seq: 0, flags: F.SYN, mss: 1460 });
  peer.one();
  peer.say({});
  assert.is(listener.accept(), -E.EAGAIN);
  peer.say({ data: "GET" });
  const child = accepted(listener);
  assert.is(read(child), "GET");
  child.abort();
  child.close();
  listener.close();
  isEmpty(peer.stack);
});

test("a listener that closes resets whom nobody accepted", () => {
  const peer = new HandPeer();
  const listener = listening(peer.stack, "10.0.0.1", 5000);
  peer.say({ seq: 0, flags: F.SYN, mss: 1460 });
  peer.one();
  peer.say({});
  listener.close();
  assert.is(peer.one().flags & F.RST, F.RST);
  isEmpty(peer.stack);
});

test("a listener of whom many wait goes in parts, turn by turn", () => {
  const stack = makeStack();
  const listener = listening(stack, "127.0.0.1", 5000, 300);
  const clients = Array.from({ length: 300 }, () => {
    const client = connecting(stack, "127.0.0.1", 5000);
    drain(stack);
    return client;
  });
  listener.close();
  assert.ok(clients.length - stack.core.counters.tcp.OutRsts > 200);
  let turns = 0;
  while (stack.run(64)) turns++;
  assert.ok(turns >= 4, `${turns} turns`);
  for (const client of clients) {
    assert.is(read(client), -E.ECONNRESET);
    client.close();
  }
  isEmpty(stack);
});

test("who may bind where others are", () => {
  const stack = makeStack();
  const is = (got: number | TcpEndpoint, expected: "yes" | "no"): void => {
    assert.is(typeof got === "number" ? "no" : "yes", expected);
    if (typeof got !== "number") got.close();
  };
  const plain = named(stack, "127.0.0.1", 5000) as TcpEndpoint;
  is(named(stack, "127.0.0.1", 5000), "no");
  is(named(stack, "0.0.0.0", 5000), "no");
  is(named(stack, "127.0.0.2", 5000), "yes");
  is(named(stack, "::", 5000), "no");
  is(named(stack, "::", 5000, { v6only: true }), "yes");
  is(named(stack, "::1", 5000), "yes");
  plain.close();
  const reused = named(stack, "127.0.0.1", 5000, { reuseAddress: true }) as TcpEndpoint;
  is(named(stack, "127.0.0.1", 5000), "no");
  is(named(stack, "127.0.0.1", 5000, { reuseAddress: true }), "yes");
  const second = named(stack, "127.0.0.1", 5000, { reuseAddress: true }) as TcpEndpoint;
  assert.is(reused.listen(1), 0);
  assert.is(second.listen(1), -E.EADDRINUSE);
  is(named(stack, "127.0.0.1", 5000, { reuseAddress: true }), "no");
  for (const one of [reused, second]) one.close();
  const group = named(stack, "0.0.0.0", 5000, { reusePort: true, uid: 7 }) as TcpEndpoint;
  is(named(stack, "0.0.0.0", 5000, { reusePort: true, uid: 7 }), "yes");
  is(named(stack, "0.0.0.0", 5000, { reusePort: true, uid: 8 }), "no");
  group.close();
  isEmpty(stack);
});

test("connections are spread over the listeners of a SO_REUSEPORT group", () => {
  const stack = makeStack();
  const listeners = Array.from({ length: 4 }, () => {
    const endpoint = new TcpEndpoint(stack.tcp, false);
    endpoint.reusePort = true;
    assert.is(endpoint.bind(ip("127.0.0.1"), 5000), 0);
    assert.is(endpoint.listen(100), 0);
    return endpoint;
  });
  const clients = Array.from({ length: 80 }, () => connecting(stack, "127.0.0.1", 5000));
  drain(stack);
  const counts = listeners.map(({ listener }) => listener!.queue.length);
  assert.is(
    counts.reduce((a, b) => a + b, 0),
    80,
  );
  for (const count of counts) assert.ok(count > 5, `${counts}`);
  for (const endpoint of [...listeners, ...clients]) endpoint.close();
  drain(stack);
  isEmpty(stack);
});

test("a connection from a listener's port does not keep others from binding with SO_REUSEADDR", () => {
  const stack = makeStack();
  const listener = listening(stack, "127.0.0.1", 5000);
  listener.close();
  const first = new TcpEndpoint(stack.tcp, false);
  first.reuseAddress = true;
  first.bind(ip("127.0.0.1"), 5000);
  first.listen(4);
  const client = connecting(stack, "127.0.0.1", 5000);
  drain(stack);
  const child = accepted(first);
  first.close();
  assert.is(named(stack, "127.0.0.1", 5000), -E.EADDRINUSE);
  const again = named(stack, "127.0.0.1", 5000, { reuseAddress: true }) as TcpEndpoint;
  assert.is(again.listen(4), 0);
  for (const one of [child, client, again]) one.close();
  // Both closed at once: both keep the port for a minute.
  drain(stack);
  pass(stack, 1_000_000);
  assert.is(stack.tcp.timeWaits, 2);
  assert.is(named(stack, "127.0.0.1", 5000), -E.EADDRINUSE);
  pass(stack, 70_000_000);
  isEmpty(stack);
});

test("outgoing ports: even ones of the range, others for each peer, shared between peers; bound ones are odd", () => {
  const stack = makeStack();
  stack.core.settings.portMin = 40000;
  stack.core.settings.portMax = 40009;
  const listeners = [5000, 5001].map((port) => listening(stack, "127.0.0.1", port, 100));
  const ports = (port: number, count: number): number[] =>
    Array.from({ length: count }, () => {
      const client = connecting(stack, "127.0.0.1", port);
      all.push(client);
      return client.localPort;
    });
  const all: TcpEndpoint[] = [];
  const first = ports(5000, 5);
  assert.is(new Set(first).size, 5);
  assert.ok(
    first.every((port) => port % 2 === 0),
    `${first}`,
  );
  const rest = ports(5000, 5);
  assert.is(new Set([...first, ...rest]).size, 10);
  const last = new TcpEndpoint(stack.tcp, false);
  assert.is(last.connect(ip("127.0.0.1"), 5000), -E.EADDRNOTAVAIL);
  assert.is(last.connect(ip("127.0.0.1"), 5001), EINPROGRESS);
  all.push(last);
  assert.is(named(stack, "127.0.0.1", 0), -E.EADDRINUSE);
  for (const one of [...all, ...listeners]) one.close();
  drain(stack);
  pass(stack, 70_000_000);
  const odd = named(stack, "127.0.0.1", 0) as TcpEndpoint;
  assert.is(odd.localPort % 2, 1);
  odd.close();
  isEmpty(stack);
});

test("a dual-stack listener takes IPv4, whose names are mapped", () => {
  const stack = makeStack();
  const listener = listening(stack, "::", 5000);
  const client = connecting(stack, "127.0.0.1", 5000);
  const six = connecting(stack, "::1", 5000);
  drain(stack);
  const children = [accepted(listener), accepted(listener)];
  assert.equal(
    children.map(({ local, isV6 }) => [local.toString(), isV6]),
    [
      ["127.0.0.1", true],
      ["::1", true],
    ],
  );
  write(client, "four");
  write(six, "six");
  drain(stack);
  assert.equal([read(children[0]!), read(children[1]!)], ["four", "six"]);
  for (const one of [client, six, ...children, listener]) one.close();
  pass(stack, 70_000_000);
  isEmpty(stack);
});

test("the same ends again, from a record of an ended connection over loopback", () => {
  const stack = makeStack();
  const listener = listening(stack, "127.0.0.1", 5000);
  const connect = (): number => {
    const client = new TcpEndpoint(stack.tcp, false);
    client.reuseAddress = true;
    assert.is(client.bind(ip("127.0.0.1"), 6000), 0);
    const error = client.connect(ip("127.0.0.1"), 5000);
    drain(stack);
    if (error !== EINPROGRESS) {
      client.close();
      return error;
    }
    const child = accepted(listener);
    client.close();
    drain(stack);
    child.close();
    drain(stack);
    pass(stack, 100_000);
    return 0;
  };
  assert.is(connect(), 0);
  assert.is(stack.tcp.timeWaits, 1);
  assert.is(connect(), -E.EADDRNOTAVAIL);
  pass(stack, 2_000_000);
  assert.is(connect(), 0);
  listener.close();
  pass(stack, 70_000_000);
  isEmpty(stack);
});

test("connecting to AF_UNSPEC makes it as new", () => {
  const stack = makeStack();
  const listener = listening(stack, "127.0.0.1", 5000);
  const client = connecting(stack, "127.0.0.1", 5000);
  drain(stack);
  const child = accepted(listener);
  client.disconnect();
  drain(stack);
  assert.is(read(child), -E.ECONNRESET);
  assert.equal([client.localPort, client.state], [0, S.TCP_CLOSE]);
  client.takeError();
  assert.is(client.connect(ip("127.0.0.1"), 5000), EINPROGRESS);
  drain(stack);
  assert.is(client.connect(ip("127.0.0.1"), 5000), 0);
  const again = accepted(listener);
  write(client, "x");
  drain(stack);
  assert.is(read(again), "x");
  for (const one of [client, child, again, listener]) one.close();
  pass(stack, 70_000_000);
  isEmpty(stack);
});

test("who stands aside is in nobody's way, nor are his connections, and is found at his address", () => {
  const stack = makeStack();
  const aside = named(stack, "127.0.0.11", 53, { isAside: true }) as TcpEndpoint;
  assert.is(aside.listen(4), 0);
  const client = connecting(stack, "127.0.0.11", 53);
  drain(stack);
  const child = accepted(aside);
  const any = named(stack, "0.0.0.0", 53) as TcpEndpoint;
  assert.is(any.listen(4), 0);
  const [again, other] = [connecting(stack, "127.0.0.11", 53), connecting(stack, "127.0.0.1", 53)];
  drain(stack);
  assert.is(aside.listener!.queue.length, 1);
  assert.is(any.listener!.queue.length, 1);
  // What has ended a moment ago is in nobody's way either.
  any.close();
  child.close();
  client.close();
  pass(stack, 1_000_000);
  const third = named(stack, "0.0.0.0", 53) as TcpEndpoint;
  assert.is(third.listen(4), 0);
  for (const endpoint of [again, other, third, aside]) endpoint.close();
  pass(stack, 400_000_000);
  isEmpty(stack);
});

test.run();
