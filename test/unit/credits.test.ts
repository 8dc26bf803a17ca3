// Budgets that kernel threads draw from one total (credits.ts): what one does not use the other finds, and bounds are
// those of one thread that has all. With one thread there is no total: heap_budget.test.ts.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Credit } from "../../src/shared/ring/credit.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { Counters } from "../../src/workers/counters.ts";
import { Credits, openCredits } from "../../src/workers/credits.ts";
import { HEAP_BUDGET_MAX, HeapBudget, heapLimitFor, limitMemory } from "../../src/workers/heap_budget.ts";
import { makeLimits } from "../../src/workers/limits.ts";
import { MemoryBudget } from "../../src/workers/memory_budget.ts";

const MEMORY = 2 * 1024 ** 3;
const PAGE = 4096;
const BATCH = 8;
const MIB = 1 << 20;

class Thread {
  readonly counters = new Counters();
  readonly limits = makeLimits(0);
  readonly heap = new HeapBudget(this.counters, this.limits, heapLimitFor(MEMORY));
  readonly commonMemory = new MemoryBudget(this.counters, MEMORY);
  readonly credits: Credits;

  constructor(sab: PrivateSab) {
    this.credits = new Credits(sab, this);
  }

  /** Sockets' bytes, as many as there is room for, in pieces. */
  fill(piece: number): number {
    const before = this.counters.packetRingBytes;
    while (this.commonMemory.hasRoom(piece)) this.counters.packetRingBytes += piece;
    return this.counters.packetRingBytes - before;
  }

  fillFiles(piece: number): number {
    const before = this.counters.memoryFileBytes;
    while (this.commonMemory.hasRoomForFiles(piece)) this.counters.memoryFileBytes += piece;
    return this.counters.memoryFileBytes - before;
  }

  make(kind: "sockets" | "socketMemory" | "strings", count: number): number {
    const before = this.counters[kind];
    while (this.heap.hasRoom(kind, count)) this.counters[kind] += count;
    return this.counters[kind] - before;
  }
}

function threads(): [Thread, Thread] {
  const sab = new PrivateSab();
  openCredits(sab, { memory: MEMORY, of: (whole) => whole });
  return [new Thread(sab), new Thread(sab)];
}

function credits(total: number): [Credit, Credit] {
  const { credit } = new PrivateSab();
  const made = [new Credit(credit, 0, BATCH), new Credit(credit, 0, BATCH)] as [Credit, Credit];
  made[0].limit = total;
  return made;
}

test("a draw takes a batch more, less where there is little, and what is needed in the end", () => {
  const [a, b] = credits(100);
  assert.ok(a.draw(10));
  assert.equal([a.drawn, a.left], [18, 82]);
  assert.ok(b.draw(70));
  assert.equal([b.drawn, b.left], [73, 9]); // a quarter of what is left
  assert.ok(a.draw(27));
  assert.equal([a.drawn, a.left], [27, 0]);
  assert.not.ok(a.draw(28));
});

test("what is left to others is not drawn", () => {
  const [a, b] = credits(20);
  assert.not.ok(a.draw(11, 10));
  assert.ok(a.draw(10, 10));
  assert.ok(b.draw(10));
});

test("more than two batches that nobody uses go back but for one, and all before a sleep", () => {
  const [a] = credits(1000);
  assert.ok(a.draw(100));
  a.settle(100 - BATCH, false);
  assert.is(a.drawn, 100 + BATCH);
  a.settle(100 - BATCH - 1, false);
  assert.is(a.drawn, 100 - 1);
  a.settle(50, true);
  assert.equal([a.drawn, a.left], [50, 950]);
});

test("a smaller total takes nothing from anybody, and nothing is drawn before enough came back", () => {
  const [a, b] = credits(100);
  assert.ok(a.draw(60));
  a.settle(60, true);
  a.limit = 50;
  assert.is(a.left, -10);
  assert.not.ok(b.draw(1));
  assert.is(a.drawn, 60);
  a.settle(50, true);
  assert.not.ok(b.draw(1));
  a.settle(49, true);
  assert.ok(b.draw(1));
  a.limit = 200;
  assert.is(a.left, 150);
});

test("what is used without asking is drawn all the same", () => {
  const [a, b] = credits(10);
  a.settle(15, false);
  assert.equal([a.drawn, a.left], [15, -5]);
  assert.not.ok(b.draw(1));
});

test("either thread may have all of the memory, and the other finds it again", () => {
  const [zero, net] = threads();
  const limit = MEMORY / 2;
  assert.is(zero.commonMemory.limit, limit);
  assert.is(net.commonMemory.limit, limit);
  for (const [one, other] of [
    [zero, net],
    [net, zero],
  ] as const) {
    assert.is(one.fill(64 << 10), limit);
    assert.not.ok(other.commonMemory.hasRoom(1));
    assert.is(other.commonMemory.left, 0);
    one.counters.packetRingBytes = 0;
    one.credits.settle(true);
    assert.is(other.commonMemory.left, limit);
  }
});

test("threads that go on hold two batches at most that they do not use", () => {
  const [zero, net] = threads();
  net.fill(64 << 10);
  net.counters.packetRingBytes = 0;
  net.credits.settle(false);
  assert.ok(zero.fill(64 << 10) >= MEMORY / 2 - 512 * 1024);
});

test("files leave a mebibyte of what all have", () => {
  const [zero, net] = threads();
  assert.is(net.fill(MIB / 2), MEMORY / 2);
  net.counters.packetRingBytes -= 10 * MIB;
  net.credits.settle(true);
  assert.is(zero.commonMemory.leftToFiles, 9 * MIB);
  assert.is(zero.fillFiles(PAGE), 9 * MIB);
  assert.is(zero.commonMemory.leftToFiles, 0);
  assert.is(zero.fill(PAGE) + net.fill(PAGE), MIB);
});

test("what all use is told with what they have drawn ahead", () => {
  const [zero, net] = threads();
  net.counters.packetRingBytes = 5 * MIB;
  zero.counters.memoryFileBytes = MIB;
  zero.credits.settle(true);
  net.credits.settle(true);
  assert.ok(zero.commonMemory.hasRoom(1)); // draws a batch
  assert.is(zero.commonMemory.usedByAll, 6 * MIB);
});

test("a container's limit is set by one thread for all", () => {
  const [zero, net] = threads();
  zero.commonMemory.available = MEMORY / 4;
  zero.heap.limit = heapLimitFor(MEMORY / 4);
  assert.is(net.commonMemory.limit, MEMORY / 8);
  assert.is(net.heap.limit, heapLimitFor(MEMORY / 4));
  assert.is(net.fill(64 << 10), MEMORY / 8);
  zero.commonMemory.available = MEMORY / 8;
  assert.not.ok(net.commonMemory.hasRoom(1));
  assert.is(zero.commonMemory.left, 0);
  zero.commonMemory.available = MEMORY;
  assert.ok(net.commonMemory.hasRoom(MEMORY / 4));
});

test("sockets of both threads are of one bound, and so is what they hold", () => {
  const [zero, net] = threads();
  const { sockets, socketMemory } = makeLimits(0);
  assert.is(zero.make("sockets", 1) + net.make("sockets", 1), sockets);
  zero.counters.sockets = net.counters.sockets = 0;
  zero.credits.settle(true);
  net.credits.settle(true);
  // As much as the heap has room for.
  const most = Math.min(socketMemory, heapLimitFor(MEMORY));
  const held = net.make("socketMemory", PAGE);
  assert.is(held, most);
  assert.not.ok(zero.heap.hasRoom("socketMemory", 1));
  net.counters.socketMemory -= MIB;
  net.credits.settle(true);
  assert.is(zero.make("socketMemory", PAGE), MIB);
});

test("the heap budget is one for all threads", () => {
  const [zero, net] = threads();
  const limit = heapLimitFor(MEMORY);
  const half = limit / 2;
  assert.ok(net.heap.hasRoom("strings", half));
  net.counters.strings = half;
  assert.ok(zero.heap.hasRoom("strings", half - (2 << 20)));
  zero.counters.strings = half - (2 << 20);
  net.credits.settle(true);
  zero.credits.settle(true);
  assert.not.ok(zero.heap.hasRoom("strings", (2 << 20) + 1));
  assert.ok(zero.heap.hasRoom("strings", 2 << 20));
  // Room that was not used after all is found again, here and there.
  zero.credits.settle(true);
  assert.ok(net.heap.hasRoom("strings", 2 << 20));
});

test("the sum of all that a thread has made is made seldom, whatever it had drawn when it slept", () => {
  const [a] = threads();
  let sums = 0;
  const counted = Object.getOwnPropertyDescriptor(HeapBudget.prototype, "used")!;
  Object.defineProperty(a.heap, "used", {
    get: () => {
      sums++;
      return counted.get!.call(a.heap);
    },
  });
  assert.ok(a.heap.hasRoom("openFiles"));
  a.counters.openFiles++;
  a.credits.settle(true); // it sleeps while a file is open, which is closed then
  a.counters.openFiles--;
  sums = 0;
  for (let i = 0; i < 100; i++) assert.ok(a.heap.hasRoom("openFiles"));
  assert.ok(sums <= 1, `${sums} sums`);
});

test("of several kernels each has its part of the heap, whatever the host's memory is and a container's limit", () => {
  const share = { memory: 64 * MEMORY, of: (whole: number) => whole / 4 };
  const sab = new PrivateSab();
  openCredits(sab, share);
  const [zero, net] = [new Thread(sab), new Thread(sab)];
  const part = HEAP_BUDGET_MAX / 4;
  assert.is(net.heap.limit, part);
  assert.ok(zero.make("strings", MIB) + net.make("strings", MIB) <= part);
  for (const bytes of [32 * MEMORY, 0]) {
    limitMemory(zero.commonMemory, zero.heap, bytes, share);
    assert.is(net.heap.limit, part);
  }
});

test("a total that was made smaller refuses nobody what is drawn", () => {
  const [a, b] = threads();
  a.make("strings", MIB);
  const { limit } = a.heap;
  for (let i = 0; i < 4; i++) a.counters.strings -= MIB;
  a.heap.limit = limit / 2;
  assert.not.ok(b.heap.hasRoom("strings"));
  assert.ok(a.heap.hasRoom("strings", 2 * MIB));
});

test.run();
