// What the options of iptables hold for a guest that takes its time to copy, or never does, is charged; all of it is given
// back at the end.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ENOMEM } from "../../src/shared/abi/errno.ts";
import { WINDOW, WINDOW_SIZE } from "../../src/shared/ring/layout.ts";
import type { Coroutine } from "../../src/workers/call/call.ts";
import { Counters } from "../../src/workers/counters.ts";
import { initialCredentials } from "../../src/workers/credentials/credentials.ts";
import { UserNamespace } from "../../src/workers/credentials/user_namespace.ts";
import { HeapBudget } from "../../src/workers/heap_budget.ts";
import type { NetCaller } from "../../src/workers/net/caller.ts";
import { FILTER_OPTIONS4 } from "../../src/workers/net/inet/filter_options.ts";
import type { InetOptions } from "../../src/workers/net/inet/inet_options.ts";
import { entriesOf } from "./filter_rules.ts";
import { makeStack } from "./stack_world.ts";

const [REPLACE, COUNTERS] = [64, 65];
const ROOM = 1 << 20;

/** A guest whose memory begins at 0, and options that it sets; each round of a copy waits until it goes on. */
function world() {
  const memory = Buffer.alloc(ROOM);
  const counters = new Counters();
  const heap = new HeapBudget(counters, {}, ROOM);
  const users = new UserNamespace(null);
  const kernel = {
    heap,
    counters,
    users,
    longTurns: { isFull: false },
  };
  const bytes = Buffer.alloc(WINDOW + WINDOW_SIZE);
  let [at, length] = [0, 0];
  function* round(): Generator<void, number, void> {
    yield;
    memory.copy(bytes, WINDOW, at, at + length);
    return length;
  }
  const call = {
    base: 0,
    bytes,
    outAt: (address: number, count: number) => {
      [at, length] = [address, count];
    },
    out: (_address: number, count: number) => {
      length = count;
      return WINDOW;
    },
    copyInRound: round,
    copyOutRound: round,
    start: (coroutine: Coroutine) => coroutine,
  };
  const credentials = initialCredentials(0, 0, [], users);
  const task = { kernel, credentials, call } as unknown as NetCaller;
  const network = { inet: { stack: makeStack() }, owner: users };
  const options = { inet: { kernel, network } } as unknown as InetOptions;
  const set = (name: number, size: number): Coroutine =>
    FILTER_OPTIONS4.get(name)!.set(options, task, 0, size) as unknown as Coroutine;
  return { memory, counters, heap, set };
}

/** A struct ipt_replace of so many rules, of a table that has so many entries; its length. */
function writeReplace(memory: Buffer, rules: number, entries: number): number {
  const { bytes, replacement } = entriesOf("filter", {
    rules: { INPUT: Array.from({ length: rules }, () => ({ does: "ACCEPT" })) },
  });
  memory.fill(0, 0, 96);
  memory.write("filter", 0, "latin1");
  memory.writeUInt32LE(replacement.hooks, 32);
  memory.writeUInt32LE(replacement.count, 36);
  memory.writeUInt32LE(bytes.length, 40);
  for (let hook = 0; hook < 5; hook++) {
    memory.writeUInt32LE(replacement.hookEntries[hook]!, 44 + hook * 4);
    memory.writeUInt32LE(replacement.underflows[hook]!, 64 + hook * 4);
  }
  memory.writeUInt32LE(entries, 84);
  bytes.copy(memory, 96);
  return 96 + bytes.length;
}

function finish(coroutine: Coroutine): number {
  for (;;) {
    const { done, value } = coroutine.next();
    if (done === true) return value;
  }
}

const FIRST_ENTRIES = 4;

test("rules that were replaced are charged until their counts are told", () => {
  const { memory, counters, set } = world();
  assert.is(finish(set(REPLACE, writeReplace(memory, 100, FIRST_ENTRIES))), 0);
  const [one, entries] = [counters.socketMemory, FIRST_ENTRIES + 100];
  assert.ok(one > 0);
  const second = set(REPLACE, writeReplace(memory, 100, entries));
  let most = 0;
  for (let step = second.next(); step.done !== true; step = second.next())
    most = Math.max(most, counters.socketMemory);
  assert.is(most, 2 * one);
  assert.is(counters.socketMemory, one);
  // Nor are they forgotten where the guest ends before it has taken their counts.
  const third = set(REPLACE, writeReplace(memory, 100, entries));
  for (let i = 0; i < 3; i++) third.next();
  assert.is(counters.socketMemory, 2 * one);
  third.return(0);
  assert.is(counters.socketMemory, one);
});

test("counts that are on their way are charged, and refused where there is no room", () => {
  const { memory, counters, heap, set } = world();
  assert.is(finish(set(REPLACE, writeReplace(memory, 1000, FIRST_ENTRIES))), 0);
  const before = counters.socketMemory;
  const count = FIRST_ENTRIES + 1000;
  memory.fill(0);
  memory.write("filter", 0, "latin1");
  memory.writeUInt32LE(count, 32);
  const length = 40 + count * 16;
  heap.limit = 0;
  assert.is(finish(set(COUNTERS, length)), -ENOMEM);
  heap.limit = ROOM;
  const adding = set(COUNTERS, length);
  adding.next();
  adding.next();
  assert.is(counters.socketMemory, before + count * 16);
  assert.is(finish(adding), 0);
  assert.is(counters.socketMemory, before);
});

test.run();
