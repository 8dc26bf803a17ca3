// What is received of a host socket, with a host and guest memory that do as they are told: nothing of a stream is lost or comes
// twice, an error that is told once is told, and memory is taken for what came.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, ECONNRESET } from "../../src/shared/abi/errno.ts";
import { FIONREAD } from "../../src/shared/abi/ioctl.ts";
import { MSG_PEEK } from "../../src/shared/abi/socket.ts";
import { WaitQueue } from "../../src/workers/call/wait_queue.ts";
import type { NetCaller } from "../../src/workers/net/caller.ts";
import type { HostNetwork } from "../../src/workers/net/host/host_network.ts";
import type { HostSocket } from "../../src/workers/net/host/host_socket.ts";
import { Incoming, PEEK_MAX } from "../../src/workers/net/host/incoming.ts";
import { KeptReads } from "../../src/workers/net/inet/kept_reads.ts";
import { UNREAD_MAX } from "../../src/workers/net/unread.ts";
import { NOT_AT_ONCE } from "../../src/workers/vfs/file.ts";

const ROOM = 1 << 20;

/** A socket whose host has these bytes, and then that result; of what is read directly so much arrives. */
class Double {
  readonly keepsBounds: boolean;
  readonly waiters = new WaitQueue();
  readonly options = { receiveLow: 1, peekOffset: -1 };
  readonly low = { tell: () => {} };
  readonly endsPeek = false;
  hasRoom = true;
  bytes: Buffer;
  after = -EAGAIN;
  arrives = ROOM;
  delivered = "";
  untold = 0;
  readonly scratchWords = new Int32Array(1);

  constructor(text: string, keepsBounds = false) {
    this.bytes = Buffer.from(text);
    this.keepsBounds = keepsBounds;
  }

  #take(into: Uint8Array, room: number): number {
    if (this.bytes.length === 0) {
      const result = this.after;
      if (result !== -EAGAIN) this.after = 0;
      return result;
    }
    const n = Math.min(room, this.bytes.length);
    into.set(this.bytes.subarray(0, n));
    this.bytes = this.bytes.subarray(n);
    return n;
  }

  readonly host = {
    fd: 7,
    count: (request: number) => (request === FIONREAD ? this.bytes.length : 0),
    receive: (into: Uint8Array, room: number) => {
      const length = this.#take(into, room);
      return length < 0 ? length : { length, flags: 0, address: "", control: Buffer.alloc(0) };
    },
    peek: (into: Uint8Array, room: number, _flags: number, _control: number, skip: number) => {
      const bytes = this.bytes.subarray(skip, skip + room);
      into.set(bytes);
      return bytes.length === 0
        ? -EAGAIN
        : { length: bytes.length, flags: 0, address: "", control: Buffer.alloc(0) };
    },
  };

  readonly counters = { socketMemory: 0, lostReads: 0 };
  readonly kernel = {
    counters: this.counters,
    heap: { hasRoom: () => this.hasRoom },
    directMemory: {
      mayDeliver: () => true,
      receive: (_task: unknown, _fd: number, _address: number, length: number, by: Uint8Array) => {
        const n = this.#take(by, length);
        const arrived = Math.max(0, Math.min(n, this.arrives));
        this.scratchWords[0] = arrived;
        this.delivered += Buffer.from(by.subarray(0, arrived)).toString();
        return n;
      },
    },
  };

  get task(): NetCaller {
    return { kernel: { native: { scratchWords: this.scratchWords } } } as unknown as NetCaller;
  }

  neverWaits(): boolean {
    return true;
  }

  get hasUntold(): boolean {
    return this.untold !== 0;
  }

  errorComesLater(error: number): void {
    this.untold = error;
  }

  takeUntold(): number {
    const { untold } = this;
    this.untold = 0;
    return untold;
  }
}

/** Who receives. */
const TASK = { call: { progress: { serial: 0 } } } as unknown as NetCaller;

function incomingOf(socket: Double): { incoming: Incoming; passing: Uint8Array } {
  const passing = new Uint8Array(1 << 17);
  const network = { passing, keptReads: new KeptReads() } as unknown as HostNetwork;
  return { incoming: new Incoming(socket as unknown as HostSocket, network), passing };
}

function textOf(incoming: Incoming, room: number): string {
  const received = incoming.receive(TASK, room, 0, 0);
  return typeof received === "number" ? String(received) : Buffer.from(received.data).toString();
}

test("what has not arrived is the next, and then what is behind it", () => {
  const socket = new Double("abcdefgh");
  const { incoming } = incomingOf(socket);
  socket.arrives = 3;
  assert.is(incoming.readDirectly(socket.task, 0, 6), 3);
  assert.is(socket.delivered, "abc");
  assert.is(incoming.unread, 3);
  assert.is(incoming.readDirectly(socket.task, 0, 6), NOT_AT_ONCE);
  assert.is(textOf(incoming, 2), "de");
  assert.is(textOf(incoming, 2), "fg");
  assert.is(textOf(incoming, 2), "h");
  assert.is(incoming.unread, 0);
});

test("what has not arrived is charged until it does, or the socket ends", () => {
  const socket = new Double("abcdefgh");
  const { incoming } = incomingOf(socket);
  socket.arrives = 2;
  incoming.readDirectly(socket.task, 0, 8);
  assert.is(socket.counters.socketMemory, 6);
  const received = incoming.receive(TASK, 4, 0, 0);
  assert.is(socket.counters.socketMemory, 2);
  if (typeof received !== "number") received.putBack();
  assert.is(socket.counters.socketMemory, 6);
  incoming.end();
  if (typeof received !== "number") received.putBack();
  assert.is(socket.counters.socketMemory, 0);
});

test("where nothing has arrived all of it is there", () => {
  const socket = new Double("abc");
  const { incoming } = incomingOf(socket);
  socket.arrives = 0;
  assert.is(incoming.readDirectly(socket.task, 0, 100), NOT_AT_ONCE);
  assert.is(textOf(incoming, 100), "abc");
});

test("an error that a read told of is the next's, behind all bytes, and once", () => {
  const socket = new Double("abc");
  const { incoming } = incomingOf(socket);
  socket.after = -ECONNRESET;
  socket.arrives = 1;
  assert.is(incoming.readDirectly(socket.task, 0, 100), 1);
  assert.is(textOf(incoming, 100), "bc");
  socket.arrives = ROOM;
  assert.is(incoming.readDirectly(socket.task, 0, 100), NOT_AT_ONCE);
  assert.is(textOf(incoming, 100), String(-ECONNRESET));
  assert.is(textOf(incoming, 100), "");
});

function givenBack(incoming: Incoming, room: number): () => void {
  const received = incoming.receive(TASK, room, 0, 0);
  if (typeof received === "number") throw new Error(String(received));
  return () => received.putBack();
}

test("what is put back is what came", () => {
  const socket = new Double("abcdef");
  const { incoming, passing } = incomingOf(socket);
  const putBack = givenBack(incoming, 3);
  passing.fill(0);
  putBack();
  assert.is(textOf(incoming, 100), "abcdef");
});

test("where somebody has read since it is lost: nothing comes behind what is later", () => {
  for (const hasComeBack of [false, true]) {
    const socket = new Double("abcdef");
    const { incoming } = incomingOf(socket);
    if (hasComeBack) givenBack(incoming, 3)();
    const putBack = givenBack(incoming, 3);
    assert.is(textOf(incoming, 1), "d");
    putBack();
    assert.is(textOf(incoming, 100), "ef");
    assert.is(socket.counters.lostReads, 1);
    assert.is(socket.counters.socketMemory, 0);
  }
});

test("what two have got comes back in its order", () => {
  const socket = new Double("abcdef");
  const { incoming } = incomingOf(socket);
  const [first, second] = [givenBack(incoming, 2), givenBack(incoming, 2)];
  second();
  first();
  assert.is(textOf(incoming, 100), "abcdef");
});

test("what there is no memory for does not come back", () => {
  const socket = new Double("abcdef");
  const { incoming } = incomingOf(socket);
  const putBack = givenBack(incoming, 3);
  socket.hasRoom = false;
  putBack();
  assert.is(incoming.unread, 0);
  assert.is(textOf(incoming, 100), "def");
  assert.is(socket.counters.lostReads, 1);
  assert.is(socket.counters.socketMemory, 0);
});

test("no more comes back than one socket may hold", () => {
  const piece = 1 << 14;
  const count = UNREAD_MAX / piece + 1;
  const socket = new Double("x".repeat(count * piece));
  const { incoming } = incomingOf(socket);
  const given = Array.from({ length: count }, () => givenBack(incoming, piece));
  for (const putBack of given.reverse()) putBack();
  assert.is(incoming.unread, UNREAD_MAX);
  assert.is(socket.counters.socketMemory, UNREAD_MAX);
  assert.is(socket.counters.lostReads, 1);
});

test("who was given a few of many bytes holds no more memory than for those", () => {
  const socket = new Double("x".repeat(4 << 14));
  const { incoming } = incomingOf(socket);
  const given = Array.from({ length: 4 }, () => givenBack(incoming, 1 << 14));
  for (const putBack of given.reverse()) putBack();
  const received = incoming.receive(TASK, 10, 0, 0);
  assert.ok(typeof received !== "number" && received.data.buffer.byteLength <= 1 << 14);
});

test("a peek ends where the host would have to copy too much that stands before", () => {
  const socket = new Double("x".repeat(PEEK_MAX + 2));
  const { incoming } = incomingOf(socket);
  for (const [skip, length] of [
    [PEEK_MAX - 1, 2],
    [PEEK_MAX, 0],
  ] as const) {
    const received = incoming.receive(TASK, 2, MSG_PEEK, skip);
    assert.is(typeof received === "number" ? received : received.length, length);
  }
});

test("nothing is received that could not come back, and whose loss nobody would be told of", () => {
  const socket = new Double("abcdef");
  const { incoming } = incomingOf(socket);
  socket.hasRoom = false;
  socket.arrives = 2;
  assert.is(incoming.readDirectly(socket.task, 0, 6), NOT_AT_ONCE);
  assert.is(textOf(incoming, 100), "abcdef");
});

test("a peek for nothing asks whether there is something", () => {
  const socket = new Double("abc");
  const { incoming } = incomingOf(socket);
  givenBack(incoming, 3)();
  assert.ok(typeof incoming.receive(TASK, 0, MSG_PEEK, 0) !== "number");
});

test("nothing of a connection before comes back in the next", () => {
  const socket = new Double("abcdef");
  const { incoming } = incomingOf(socket);
  const putBack = givenBack(incoming, 3);
  incoming.forget();
  putBack();
  assert.is(textOf(incoming, 100), "def");
});

test("a peek sees what came back and what is behind it, from any place", () => {
  const socket = new Double("abcdef");
  const { incoming } = incomingOf(socket);
  givenBack(incoming, 3)();
  for (let skip = 0; skip < 6; skip++) {
    const received = incoming.receive(TASK, 2, MSG_PEEK, skip);
    const text = typeof received === "number" ? received : Buffer.from(received.data).toString();
    assert.is(text, "abcdef".slice(skip, skip + 2));
  }
  assert.is(incoming.receive(TASK, 2, MSG_PEEK, 6), -EAGAIN);
  assert.is(textOf(incoming, 100), "abcdef");
});

test("memory is taken for what came", () => {
  const memory = new Set<unknown>();
  for (let i = 0; i < 1000; i++) {
    const { incoming } = incomingOf(new Double("a few bytes", true));
    const received = incoming.receive(TASK, 65536, 0, 0);
    assert.ok(typeof received !== "number" && received.data.length === 11);
    if (typeof received !== "number") memory.add(received.data.buffer);
  }
  assert.ok(memory.size < 10, `${memory.size} arrays`);
});

test.run();
