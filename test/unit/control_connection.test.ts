// A control connection whose peer reads slowly: an answer longer than a socket's buffer comes all the same, and of one who only asks
// nothing grows.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Connection } from "../../src/main/control/connection.ts";
import { type Host, type PollHandle, READABLE, WRITABLE } from "../../src/main/host.ts";
import { EAGAIN, EPIPE } from "../../src/shared/abi/errno.ts";

/** The host's end of a connection, whose socket has `room`. */
class Peer {
  room = 0;
  isGone = false;
  received = "";
  closed = 0;
  lines: unknown[] = [];
  /** Who is polled for, and what for. */
  readonly polled = new Map<object, { events: number; ready: (events: number) => void }>();
  readonly connection: Connection;

  constructor() {
    const host: Partial<Host> = {
      sendMessage: (_fd, data) => {
        if (this.isGone) return -EPIPE;
        if (this.room === 0) return -EAGAIN;
        const sent = Math.min(this.room, data.length);
        this.room -= sent;
        this.received += Buffer.from(data.subarray(0, sent)).toString();
        return sent;
      },
      pollStart: (_fd, events, ready) => {
        const handle = {};
        this.polled.set(handle, { events, ready });
        return handle as PollHandle;
      },
      pollStop: (handle) => void this.polled.delete(handle),
      recvMessage: () => ({ data: Buffer.from("7\n"), fds: [] }),
    };
    // No descriptor that is open.
    this.connection = new Connection(host as Host, 1 << 30, {
      line: (_connection, value) => void this.lines.push(value),
      closed: () => void this.closed++,
    });
  }

  /** What it is waited for. */
  get waitsFor(): number {
    assert.is(this.polled.size, 1);
    return [...this.polled.values()][0]!.events;
  }

  ready(): void {
    for (const { events, ready } of [...this.polled.values()]) ready(events);
  }

  send(value: object): void {
    try {
      this.connection.send(value);
    } catch (error) {
      // Of its descriptor.
      if ((error as NodeJS.ErrnoException).code !== "EBADF") throw error;
    }
  }
}

test("a line that the socket has no room for is sent as it is read, and nothing is taken meanwhile", () => {
  const peer = new Peer();
  const long = { result: "x".repeat(500_000) };
  for (const room of [200_000, 0]) {
    peer.received = "";
    peer.room = room;
    peer.send(long);
    peer.send({ event: "next" });
    for (let turns = 0; turns < 4; turns++) {
      assert.is(peer.waitsFor, WRITABLE);
      peer.room = 200_000;
      peer.ready();
      if (peer.received.length > 500_000) break;
    }
    assert.is(peer.received, `${JSON.stringify(long)}\n{"event":"next"}\n`);
    assert.is(peer.waitsFor, READABLE);
  }
  assert.equal(peer.lines, []);
  peer.ready();
  assert.equal([peer.lines, peer.closed], [[7], 0]);
});

test("who does not read what he asks for is cut off, and so is who has gone", () => {
  const peer = new Peer();
  for (let i = 0; i < 3; i++) peer.send({ result: "x".repeat(300_000) });
  assert.is(peer.closed + peer.polled.size, 1);
  for (let i = 0; i < 3; i++) peer.send({ result: "x".repeat(300_000) });
  assert.is(peer.polled.size, 0);
  const gone = new Peer();
  gone.isGone = true;
  gone.send({});
  assert.is(gone.polled.size, 0);
});

test.run();
