// TCP on one stack's loopback: what connect, send, receive and close do, as Linux does it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import * as P from "../../src/shared/abi/poll.ts";
import { MSG_OOB, MSG_PEEK, MSG_TRUNC, SHUT_WR } from "../../src/shared/abi/socket.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import type { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import * as S from "../../src/workers/net/stack/tcp/states.ts";
import { accepted, connecting, isEmpty, listening, pattern, read, write } from "./stack_tcp_world.ts";
import { drain, ip, makeStack, pass } from "./stack_world.ts";

function pair(
  stack: Stack,
  address = "127.0.0.1",
): { client: TcpEndpoint; server: TcpEndpoint; listener: TcpEndpoint } {
  const listener = listening(stack, address, 5000);
  const client = connecting(stack, address, 5000);
  drain(stack);
  assert.is(client.connect(ip(address), 5000), 0);
  return { client, server: accepted(listener), listener };
}

for (const address of ["127.0.0.1", "::1"]) {
  test(`${address}: handshake, bytes both ways, FINs, and nothing is left`, () => {
    const stack = makeStack();
    const listener = listening(stack, address, 5000);
    const client = connecting(stack, address, 5000);
    assert.is(client.state, S.TCP_SYN_SENT);
    assert.is(client.connect(ip(address), 5000), -E.EALREADY);
    assert.is(listener.poll(), 0);
    drain(stack);
    assert.is(listener.poll(), P.POLLIN | P.POLLRDNORM);
    const server = accepted(listener);
    assert.is(client.connect(ip(address), 5000), 0);
    assert.is(client.connect(ip(address), 5000), -E.EISCONN);
    assert.equal([client.state, server.state], [S.TCP_ESTABLISHED, S.TCP_ESTABLISHED]);
    assert.equal([server.remotePort, server.localPort], [client.localPort, 5000]);
    assert.is(server.remote!.toString(), address);
    assert.is(write(client, "hello"), 5);
    drain(stack);
    assert.is(server.inQueue, 5);
    assert.is(read(server, 3, MSG_PEEK), "hel");
    assert.is(read(server), "hello");
    assert.is(read(server), -E.EAGAIN);
    assert.is(write(server, "world"), 5);
    drain(stack);
    assert.is(read(client), "world");
    assert.is(client.outQueue, 0);
    client.close();
    drain(stack);
    assert.is(server.poll() & (P.POLLIN | P.POLLRDHUP | P.POLLHUP), P.POLLIN | P.POLLRDHUP);
    assert.is(read(server), "");
    assert.is(server.state, S.TCP_CLOSE_WAIT);
    server.close();
    drain(stack);
    listener.close();
    assert.equal([stack.tcp.timeWaits, stack.tcp.orphans], [1, 0]);
    pass(stack, 70_000_000);
    isEmpty(stack);
  });
}

test("nobody there: refused, and the port is given back", () => {
  const stack = makeStack();
  const client = connecting(stack, "127.0.0.1", 5001);
  let failures = 0;
  client.observer = {
    becameReadable: () => {},
    becameWritable: () => {},
    failed: () => failures++,
    becameAcceptable: () => {},
  };
  drain(stack);
  assert.is(failures, 1);
  assert.is(
    client.poll(),
    P.POLLIN | P.POLLRDNORM | P.POLLRDHUP | P.POLLOUT | P.POLLWRNORM | P.POLLERR | P.POLLHUP,
  );
  assert.is(client.connect(ip("127.0.0.1"), 5001), -E.ECONNREFUSED);
  client.close();
  isEmpty(stack);
});

test("megabytes arrive as they were sent, however little is read at a time", () => {
  const stack = makeStack();
  const { client, server, listener } = pair(stack);
  const total = 3_000_000;
  let sent = 0;
  let received = 0;
  let turn = 0;
  while (received < total) {
    if (sent < total) {
      const piece = pattern(sent, Math.min(total - sent, 50_000));
      const count = client.send(piece);
      if (count > 0) sent += count;
      else assert.is(count, -E.EAGAIN);
    }
    drain(stack);
    const target = new Uint8Array(1 + ((turn++ * 7919) % 40_000));
    const count = server.receive(target);
    if (count > 0) {
      assert.ok(Buffer.from(target.subarray(0, count)).equals(pattern(received, count)), `at ${received}`);
      received += count;
    } else {
      assert.is(count, -E.EAGAIN);
      pass(stack, 1_000_000);
    }
  }
  for (const endpoint of [client, server, listener]) endpoint.close();
  pass(stack, 70_000_000);
  isEmpty(stack);
});

test("a reader who is gone is told by a reset", () => {
  const stack = makeStack();
  const { client, server, listener } = pair(stack);
  write(client, "unread");
  drain(stack);
  server.close();
  drain(stack);
  assert.is(stack.core.counters.tcpExt.TCPAbortOnClose, 1);
  assert.is(client.state, S.TCP_CLOSE);
  assert.is(read(client), -E.ECONNRESET);
  assert.is(read(client), "");
  assert.is(write(client, "x"), -E.EPIPE);
  client.close();
  listener.close();
  isEmpty(stack);
});

test("one side ends, the other goes on", () => {
  const stack = makeStack();
  const { client, server, listener } = pair(stack);
  assert.is(client.shutdown(SHUT_WR), 0);
  assert.is(write(client, "x"), -E.EPIPE);
  pass(stack, 50_000);
  assert.equal([client.state, server.state], [S.TCP_FIN_WAIT2, S.TCP_CLOSE_WAIT]);
  assert.is(read(server), "");
  assert.is(write(server, "still"), 5);
  drain(stack);
  assert.is(read(client), "still");
  server.close();
  drain(stack);
  assert.is(client.state, S.TCP_CLOSE);
  assert.is(read(client), "");
  client.close();
  listener.close();
  pass(stack, 70_000_000);
  isEmpty(stack);
});

test("urgent data: a mark in the stream, and a byte beside it", () => {
  const stack = makeStack();
  const { client, server, listener } = pair(stack);
  write(client, "ab");
  assert.is(write(client, "c", MSG_OOB), 1);
  write(client, "de");
  drain(stack);
  assert.ok((server.poll() & P.POLLPRI) !== 0);
  assert.is(server.isAtMark(), false);
  assert.is(read(server), "ab");
  assert.is(server.isAtMark(), true);
  assert.is(read(server, 1, MSG_OOB), "c");
  assert.is(read(server, 1, MSG_OOB), -E.EINVAL);
  assert.is(read(server), "de");
  write(client, "xyz");
  drain(stack);
  assert.is(server.receive(new Uint8Array(2), MSG_TRUNC), 2);
  assert.is(read(server), "z");
  for (const endpoint of [client, server, listener]) endpoint.close();
  pass(stack, 70_000_000);
  isEmpty(stack);
});

test.run();
