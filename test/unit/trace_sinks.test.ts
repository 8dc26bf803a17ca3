// Sinks by lines and by packets, whose host answers as each test wants: what a line or a message that finds no room becomes.

import fs, { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, EMSGSIZE } from "../../src/shared/abi/errno.ts";
import { EPOLLIN, EPOLLOUT } from "../../src/shared/abi/poll.ts";
import type { TraceSink } from "../../src/shared/trace/session.ts";
import { readHeader } from "../../src/shared/trace/wire.ts";
import type { LongTurns } from "../../src/workers/call/long_turns.ts";
import { PassEnd } from "../../src/workers/call/pass_end.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Counters } from "../../src/workers/counters.ts";
import type { ThreadGroup } from "../../src/workers/process/task.ts";
import { LineSink } from "../../src/workers/trace/line_sink.ts";
import { PacketSink } from "../../src/workers/trace/packet_sink.ts";
import { QueueRoom } from "../../src/workers/trace/queue_room.ts";
import type { SinkContext } from "../../src/workers/trace/sink.ts";
import { Tracing, type TracingContext } from "../../src/workers/trace/tracing.ts";

const TURNS = { nr: 0, isFull: false, end: () => 0 } as unknown as LongTurns;
const STAMP = { seconds: 17, nanoseconds: 5 };

function config(type: TraceSink["type"]): TraceSink {
  return { type, queue: 64, onGone: "drop", backoffMs: [1, 1], label: "it" };
}

function world() {
  const closed: number[] = [];
  const logged: string[] = [];
  const messages: Buffer[] = [];
  const ready = new Map<number, (events: number) => void>();
  const clock = { ns: 0 };
  /** What the next sends give; absent: all has left. */
  const sends: number[] = [];
  const native = {
    close: (fd: number) => closed.push(fd),
    clockGettime: () => 0,
    scratchView: new DataView(new ArrayBuffer(16)),
    monotonicNs: () => clock.ns,
    fcntlGetFlags: () => 0,
    socketSend(_fd: number, bytes: Buffer) {
      const sent = sends.shift() ?? bytes.length;
      if (sent > 0) messages.push(Buffer.from(bytes));
      return sent;
    },
    socketReceive: (_fd: number, into: Uint8Array) => Buffer.from('{"version":1}').copy(into),
  };
  const kernel = {
    native,
    timers: new Timers(),
    passEnd: new PassEnd(),
    counters: new Counters(),
    sleep: {
      add(fd: number, _events: number, told: () => void) {
        ready.set(fd, told);
        return 1;
      },
      modify() {},
      remove() {},
    },
    log: (_level: string, what: string) => logged.push(what),
    config: { id: "x" },
  };
  return { kernel: kernel as unknown as SinkContext, clock, closed, logged, messages, ready, sends };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !holds(); i++) await setTimeout(5);
  assert.ok(holds());
}

test("a file system that is full for a while costs no line that the queue has room for", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sinks-"));
  const path = join(directory, "lines");
  const { kernel, clock, closed, logged } = world();
  const fd = openSync(path, "a");
  const sink = new LineSink(kernel, config("lines"), new QueueRoom(), fd);
  const real = fs.write;
  let room = 20;
  let failures = 0;
  // As a file system with so many bytes left: what goes in goes in, and then nothing does.
  const full = (
    of: number,
    bytes: Buffer,
    _at: number,
    length: number,
    _position: null,
    then: (error: NodeJS.ErrnoException | null, written: number, bytes: Buffer) => void,
  ) => {
    const fits = Math.min(length, room);
    room -= fits;
    if (fits > 0) real(of, bytes, 0, fits, null, then);
    else {
      failures++;
      queueMicrotask(() => then(Object.assign(new Error(), { code: "ENOSPC" }), 0, bytes));
    }
  };
  fs.write = full as unknown as typeof fs.write;
  syncBuiltinESMExports();
  try {
    for (let i = 0; i < 10; i++) sink.put(4, `{"line":${i}}`, i, STAMP);
    kernel.passEnd.run(true);
    await until(() => failures === 1);
    assert.equal([sink.state, sink.report().sent, sink.report().waiting], ["open", 1, 9]);
    clock.ns += 1e9;
    kernel.timers.expire(clock.ns, TURNS);
    await until(() => failures === 2);
    room = 1e6;
    for (let i = 10; i < 20; i++) sink.put(4, `{"line":${i}}`, i, STAMP);
    clock.ns += 1e9;
    kernel.timers.expire(clock.ns, TURNS);
    await until(() => sink.isIdle);
    const lines = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).line);
    assert.equal(
      lines,
      Array.from({ length: 20 }, (_none, i) => i),
    );
    assert.equal([sink.report().sent, kernel.counters.traceLost, logged.length], [20, 0, 1]);
    // Where it never passes, what has not left is lost.
    room = 7;
    sink.put(4, '{"line":20}', 20, STAMP);
    kernel.passEnd.run(true);
    await until(() => failures === 3);
    sink.end();
    assert.equal([sink.report().sent, sink.report().lost, closed], [20, 1, [fd]]);
  } finally {
    fs.write = real;
    syncBuiltinESMExports();
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
});

test("a message that is longer than its socket takes is lost, and its reader stays", () => {
  const { kernel, messages, ready, sends } = world();
  const sink = new PacketSink(
    kernel,
    config("packets"),
    new QueueRoom(),
    { sandbox: "x", session: "s" },
    9,
    null,
    0,
  );
  ready.get(9)!(EPOLLIN);
  assert.is(sink.state, "open");
  sends.push(20, -EMSGSIZE);
  for (let i = 1; i <= 3; i++) sink.put(4, `{"n":${i}}`, i, STAMP);
  kernel.passEnd.run(true);
  const told = messages.slice(1).map((message) => JSON.parse(readHeader(message)!.text));
  assert.equal(told, [{ n: 1 }, { n: 3 }, { point: "lost", lost: 1, total: 1 }]);
  assert.equal([sink.state, sink.report().sent, kernel.counters.traceLost], ["open", 3, 1]);
});

test("a sink that cannot be written to is an answer, and no descriptor is left", () => {
  const { kernel, closed } = world();
  const tracing = new Tracing(kernel as unknown as TracingContext, null);
  const sinks = [config("packets"), config("lines"), config("packets")];
  const session = { name: "s", points: [{ name: "open" }], filter: {}, sinks };
  assert.match(tracing.create({ session, descriptors: [7, -1, 8], connector: -1 })!, /no descriptor/);
  assert.equal([closed.sort(), tracing.size], [[7, 8], 0]);
  const gone = tracing.create({ session, descriptors: [7, 1 << 30, 8], connector: -1 })!;
  assert.match(gone, /EBADF/);
});

test("two who wait for readers are both told", () => {
  const { kernel, ready, sends } = world();
  const context = kernel as unknown as TracingContext;
  const tracing = new Tracing(context, null);
  const session = { name: "s", points: [{ name: "container_end" }], filter: {}, sinks: [config("packets")] };
  assert.is(tracing.create({ session, descriptors: [7], connector: -1 }), null);
  ready.get(7)!(EPOLLIN);
  sends.push(-EAGAIN, -EAGAIN);
  const task = { container: { id: "" }, credentials: {}, comm: "x", group: { leader: { comm: "x" } } };
  context.tracer!.containerEnded({ leader: task, exitStatus: 0 } as unknown as ThreadGroup);
  const told: string[] = [];
  tracing.settle(() => told.push("first"));
  tracing.settle(() => told.push("second"));
  assert.equal(told, []);
  ready.get(7)!(EPOLLOUT);
  assert.equal(told, ["first", "second"]);
});

test.run();
