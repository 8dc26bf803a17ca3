// The heap budget: room by kind and by the sum of all kinds, and what is given back is there again.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Counters } from "../../src/workers/counters.ts";
import { HeapBudget } from "../../src/workers/heap_budget.ts";
import { MemoryBudget } from "../../src/workers/memory_budget.ts";
import type { VfsContext } from "../../src/workers/vfs/context.ts";
import { closeLarge } from "../../src/workers/vfs/memory/file_data.ts";

const LIMIT = 1 << 20;

test("a kind's own limit", () => {
  const counters = new Counters();
  const heap = new HeapBudget(counters, { epollItems: 10 }, LIMIT);
  assert.ok(heap.hasRoom("epollItems", 10));
  counters.epollItems = 10;
  assert.not.ok(heap.hasRoom("epollItems"));
  counters.epollItems--;
  assert.ok(heap.hasRoom("epollItems"));
});

test("all kinds together: never more than the limit, and all of it", () => {
  const counters = new Counters();
  const heap = new HeapBudget(counters, {}, LIMIT);
  const kinds = ["sockets", "openFiles", "dentries", "posixTimers"] as const;
  const made: (typeof kinds)[number][] = [];
  for (let i = 0; heap.hasRoom(kinds[i % 4]!); i++) {
    counters[kinds[i % 4]!]++;
    made.push(kinds[i % 4]!);
  }
  assert.ok(heap.used <= LIMIT && heap.used > LIMIT - 4096);
  assert.not.ok(heap.hasRoom("strings", LIMIT - heap.used + 1));
  assert.ok(heap.hasRoom("strings", LIMIT - heap.used));
  for (const kind of made) counters[kind]--;
  assert.is(heap.used, 0);
  assert.ok(heap.hasRoom("strings", LIMIT));
});

test("room that was not used after all is found again", () => {
  const heap = new HeapBudget(new Counters(), {}, LIMIT);
  for (let i = 0; i < 100; i++) assert.ok(heap.hasRoom("strings", LIMIT));
  assert.not.ok(heap.hasRoom("strings", LIMIT + 1));
});

test("memory that no process owns: files, pipes and sockets share one half", () => {
  const counters = new Counters();
  const memory = new MemoryBudget(counters, 2 * LIMIT);
  counters.memoryFileBytes = LIMIT / 2;
  counters.pipePages = LIMIT / 4 / 4096;
  counters.socketMemory = LIMIT / 8;
  assert.is(memory.left, LIMIT / 8);
  assert.ok(memory.hasRoom(LIMIT / 8));
  assert.not.ok(memory.hasRoom(LIMIT / 8 + 1));
});

test("what the host still frees of removed files may be used again, up to an eighth", () => {
  const counters = new Counters();
  const memory = new MemoryBudget(counters, 2 * LIMIT);
  counters.memoryFileBytes = LIMIT;
  counters.goingFileBytes = LIMIT / 16;
  assert.is(memory.left, LIMIT / 16);
  counters.goingFileBytes = LIMIT / 2;
  assert.is(memory.left, LIMIT / 8);
});

test("a large file that nobody has any more is on its way until the host has freed it", () => {
  const counters = new Counters();
  const closed: number[] = [];
  let freed = () => {};
  const native = {
    close: (fd: number) => closed.push(fd),
    background: (_name: string, [fd]: number[], then: () => void) => {
      closed.push(fd!);
      freed = then;
    },
  };
  const kernel = { counters, native } as unknown as VfsContext;
  let uncharged = 0;
  closeLarge(kernel, 3, 1 << 20, () => uncharged++);
  assert.equal([closed, counters.goingFileBytes, uncharged], [[3], 0, 1]);
  closeLarge(kernel, 4, 64 << 20, () => uncharged++);
  assert.equal([closed, counters.goingFileBytes, uncharged], [[3, 4], 64 << 20, 1]);
  freed();
  assert.equal([counters.goingFileBytes, uncharged], [0, 2]);
});

test.run();
