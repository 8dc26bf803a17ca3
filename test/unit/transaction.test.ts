// What a call asks of remote mounts (src/workers/gofer): answers stay until the call ends, what nobody takes is given back,
// names that are being changed keep others waiting, and lanes keep their order.

import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, EBADF, EIO, ENOENT, ESTALE } from "../../src/shared/abi/errno.ts";
import { type Asked, NOT_AT_HAND } from "../../src/workers/call/asked.ts";
import { Counters } from "../../src/workers/counters.ts";
import { Gofer } from "../../src/workers/gofer/gofer.ts";
import { JobOperation } from "../../src/workers/gofer/job_record.ts";
import { Loan, type Question } from "../../src/workers/gofer/transaction.ts";
import { HeapBudget } from "../../src/workers/heap_budget.ts";
import { loadNative } from "../../src/workers/native.ts";

const LIBRARY = join(import.meta.dirname, "../../build/native/host.node");
const native = await loadNative(LIBRARY);
const directory = mkdtempSync(join(tmpdir(), "ringfence-jobs-"));
writeFileSync(join(directory, "file"), "0123456789");

test.after(() => rmSync(directory, { recursive: true, force: true }));

interface FakeCall {
  nr: number;
  sequence: number;
  coroutine: object | null;
  asked: Asked | null;
}

/** A kernel as far as the Gofer knows it; `settle` waits until jobs are done. */
function makeKernel() {
  const counters = new Counters();
  let onReady = () => {};
  const timers: (() => void)[] = [];
  const kernel = {
    native,
    counters,
    timers: { add: (_deadlineNs: number, onExpire: () => void) => timers.push(onExpire) },
    heap: new HeapBudget(counters, {}, 1 << 20),
    limits: { idleFiles: 0 },
    sleep: {
      add(_fd: number, _events: number, ready: () => void) {
        onReady = ready;
        return 0;
      },
    },
    log() {},
    nowNs: 0,
    owesAnswer: false,
    current: null as { call: FakeCall } | null,
  };
  const gofer = new Gofer(kernel as unknown as ConstructorParameters<typeof Gofer>[0]);
  const settle = async () => {
    for (let tries = 0; counters.hostJobsWaiting > 0; tries++) {
      assert.ok(tries < 1000, "jobs are done");
      await new Promise((resolve) => setTimeout(resolve, 1));
      onReady();
    }
  };
  return { kernel, gofer, counters, settle, timers, ready: () => onReady() };
}

// The doorbell of the library is the last kernel's that has begun to use it.
const { kernel, gofer, counters, settle, timers, ready } = makeKernel();

function newCall(): { call: FakeCall } {
  return { call: { nr: 0, sequence: 1, coroutine: null, asked: null } };
}

const root = openSync(directory, 0o200000);

const open = (name: string, undone: number[] = []): Question<number> => ({
  lane: 3,
  args: { operation: JobOperation.LOOKUP, a: root, name },
  read: (record) => record.result,
  undo: (fd) => {
    undone.push(fd);
    if (fd >= 0) closeSync(fd);
  },
});

test("an answer comes later, and stays until the call ends; what nobody took is given back then", async () => {
  const task = newCall();
  kernel.current = task;
  const undone: number[] = [];
  const ask = () => gofer.ask("file", () => open("file", undone));
  assert.is(ask(), NOT_AT_HAND);
  assert.is(ask(), NOT_AT_HAND);
  let told = 0;
  task.call.asked!.whenAnswered(() => {
    told++;
  }, true);
  assert.is(counters.hostJobs, 1);
  await settle();
  assert.is(told, 1);
  const fd = ask();
  assert.ok(fd >= 0);
  assert.is(ask(), fd);
  assert.is(
    gofer.ask("none", () => open("none")),
    NOT_AT_HAND,
  );
  await settle();
  assert.is(
    gofer.ask("none", () => open("none")),
    -ENOENT,
  );
  task.call.asked!.end();
  assert.equal(undone, [fd]);
  assert.is(counters.hostAnswers, 0);
  assert.is(gofer.transactions, 0);
});

test("what comes for a call that is over is given back when it comes", async () => {
  const task = newCall();
  kernel.current = task;
  const undone: number[] = [];
  assert.is(
    gofer.ask("file", () => open("file", undone)),
    NOT_AT_HAND,
  );
  task.call.asked!.end();
  await settle();
  assert.is(undone.length, 1);
  assert.is(native.fstat(undone[0]!), -EBADF);
});

test("a descriptor that is closed because its handler begins anew is had again", async () => {
  const task = newCall();
  kernel.current = task;
  assert.is(
    gofer.ask("file", () => open("file")),
    NOT_AT_HAND,
  );
  await settle();
  const fd = gofer.ask("file", () => open("file"));
  gofer.take("file");
  const closed: number[] = [];
  const loan = new Loan(fd, gofer.transaction, "file", (gone) => closed.push(gone));
  loan.close();
  loan.close();
  assert.equal(closed, []);
  const jobs = counters.hostJobs;
  assert.is(
    gofer.ask("file", () => open("file")),
    fd,
  );
  assert.is(counters.hostJobs, jobs);
  gofer.take("file");
  const kept = new Loan(fd, gofer.transaction, "file", (gone) => closed.push(gone));
  task.call.asked!.end();
  assert.equal(closed, []);
  kept.close();
  assert.equal(closed, [fd]);
  closeSync(fd);
});

test("a lane does its jobs in their order", async () => {
  const task = newCall();
  kernel.current = task;
  const order: number[] = [];
  for (let i = 0; i < 20; i++)
    gofer.ask(`stat ${i}`, () => ({
      lane: 1,
      args: { operation: JobOperation.STAT, a: root },
      read: (record) => order.push(record.result + i),
    }));
  await settle();
  assert.equal(order, [...Array(20).keys()]);
  task.call.asked!.end();
});

test("who looks a name up that another call changes waits, and forgets what it has found; forty times, then ESTALE", async () => {
  const [maker, reader] = [newCall(), newCall()];
  for (let round = 0; round <= 41; round++) {
    kernel.current = reader;
    const found = gofer.ask("lookup", () => open("file"));
    if (round === 41) {
      assert.is(found, -ESTALE);
      break;
    }
    assert.is(found, NOT_AT_HAND);
    await settle();
    kernel.current = maker;
    gofer.ask(`anything ${round}`, () => open("file"));
    gofer.beginChange("d/file", "lookup");
    kernel.current = reader;
    assert.ok(gofer.isChanging("d/file"));
    reader.call.asked!.whenAnswered(() => {}, true);
    await settle();
    kernel.current = maker;
    assert.not(gofer.isChanging("d/file"));
    gofer.changeEnded("d/file");
    gofer.changeKnown("d/file");
    kernel.current = reader;
    assert.not(gofer.isChanging("d/file"));
  }
  maker.call.asked!.end();
  reader.call.asked!.end();
  await settle();
  assert.is(counters.hostAnswers, 0);
});

test("calls that come and go leave nothing in a lane that stands still, and other lanes go on", async () => {
  const fifo = join(directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  const [place, proc] = [openSync(fifo, 0o10000000), openSync("/proc", 0o200000)];
  const stuck = newCall();
  kernel.current = stuck;
  // Who opens a FIFO to read waits for who writes.
  gofer.ask("stuck", () => ({
    lane: 2,
    args: { operation: JobOperation.REOPEN, a: place, b: proc },
    read: (record) => record.result,
    undo: closeSync,
  }));
  for (let i = 0; i < 1000; i++) {
    const task = newCall();
    kernel.current = task;
    gofer.ask("file", () => ({ ...open("file"), lane: 2 }));
    task.call.asked!.end();
  }
  assert.ok(counters.hostJobsWaiting <= 4, "what has a record, and no more");
  const other = newCall();
  kernel.current = other;
  gofer.ask("file", () => open("file"));
  for (let tries = 0; gofer.ask("file", () => open("file")) === NOT_AT_HAND; tries++) {
    assert.ok(tries < 1000, "the other lane answers");
    await new Promise((resolve) => setTimeout(resolve, 1));
    ready();
  }
  other.call.asked!.end();
  stuck.call.asked!.end();
  closeSync(openSync(fifo, "w"));
  await settle();
  assert.is(counters.hostAnswers, 0);
  for (const fd of [place, proc]) closeSync(fd);
});

test("what nobody could wait for is waited for on the spot", () => {
  kernel.current = null;
  const fd = gofer.ask("file", () => open("file"));
  assert.ok(fd >= 0);
  closeSync(fd);
  const task = newCall();
  task.call.nr = -1;
  kernel.current = task;
  assert.is(
    gofer.ask("file", () => open("file")),
    -EIO,
  );
  // A core dump is no call, and waits all the same.
  task.call.coroutine = {};
  assert.is(
    gofer.ask("file", () => open("file")),
    NOT_AT_HAND,
  );
  task.call.asked!.end();
});

test("however many questions nobody answers, the kernel thread waits for two seconds", async () => {
  const fifo = join(directory, "silent");
  execFileSync("mkfifo", [fifo]);
  const [place, proc] = [openSync(fifo, 0o10000000), openSync("/proc", 0o200000)];
  kernel.current = null;
  const began = performance.now();
  for (let i = 0; i < 5; i++)
    assert.is(
      gofer.ask("silent", () => ({
        lane: 6,
        args: { operation: JobOperation.REOPEN, a: place, b: proc },
        read: (record) => record.result,
        undo: closeSync,
      })),
      -EIO,
    );
  const tookMs = performance.now() - began;
  assert.ok(tookMs >= 1900 && tookMs < 4000, String(tookMs));
  const writer = openSync(fifo, "w");
  await settle();
  for (const fd of [place, proc, writer]) closeSync(fd);
});

test("what the kernel does on its own account begins anew", async () => {
  kernel.current = null;
  const attempt = gofer.attempt(
    () => gofer.ask("file", () => open("file")),
    (result) => result === NOT_AT_HAND,
  );
  await settle();
  const fd = await attempt;
  assert.ok(fd >= 0);
  assert.is(counters.hostAnswers, 0);
});

test("contents go by the record", async () => {
  const task = newCall();
  kernel.current = task;
  const fd = openSync(join(directory, "file"), "r+");
  const bytes = Buffer.from("abc");
  gofer.ask("write", () => ({
    lane: 0,
    args: {
      operation: JobOperation.WRITE,
      a: fd,
      c: -1,
      length: 3,
      position: 4,
      fill: ({ data }) => data.set(bytes),
    },
    read: (record) => record.result,
  }));
  await settle();
  assert.is(readFileSync(join(directory, "file"), "latin1"), "0123abc789");
  const read = () =>
    gofer.ask("read", () => ({
      lane: 0,
      args: { operation: JobOperation.READ, a: fd, length: 100, position: 2 },
      read: (record) => record.text(record.result),
    }));
  read();
  await settle();
  assert.is(read(), "23abc789");
  task.call.asked!.end();
  closeSync(fd);
});

test("look-ups of a local mount whose disk takes long go to threads, unless the call has changed something", async () => {
  const task = newCall();
  kernel.current = task;
  gofer.slow.heed(7);
  assert.not(gofer.isSlow(7));
  native.tookLong[0] = 1;
  kernel.nowNs = native.monotonicNs();
  gofer.slow.heed(7);
  assert.is(native.tookLong[0], 0);
  assert.ok(gofer.isSlow(7));
  assert.not(gofer.isSlow(8));
  // What others have found under that name counts no more.
  const other = newCall();
  kernel.current = other;
  gofer.ask("lookup", () => open("file"));
  await settle();
  kernel.current = task;
  gofer.changesAtOnce("lookup");
  assert.not(other.call.asked === null);
  assert.not(gofer.isSlow(7));
  kernel.current = other;
  assert.is(
    gofer.ask("lookup", () => open("file")),
    NOT_AT_HAND,
  );
  assert.ok(gofer.isSlow(7));
  kernel.current = null;
  assert.not(gofer.isSlow(7));
  kernel.nowNs += 2e9;
  kernel.current = other;
  assert.not(gofer.isSlow(7));
  other.call.asked!.end();
  await settle();
});

test("where there is no thread who asks is told, and what is to be closed is closed when there is one", async () => {
  kernel.native = Object.create(native, { jobSubmit: { value: () => -EAGAIN } });
  const task = newCall();
  kernel.current = task;
  const fd = openSync(join(directory, "file"), "r");
  gofer.close(5, fd);
  assert.is(
    gofer.ask("stat", () => ({
      lane: 5,
      args: { operation: JobOperation.STAT, a: fd },
      read: (record) => record.result,
    })),
    -EIO,
  );
  assert.is(timers.length, 1);
  timers.pop()!();
  assert.is(counters.hostJobsWaiting, 1);
  assert.is(native.fstat(fd), 0);
  kernel.native = native;
  timers.pop()!();
  assert.is(timers.length, 0);
  await settle();
  assert.is(native.fstat(fd), -EBADF);
  task.call.asked!.end();
});

test.run();
