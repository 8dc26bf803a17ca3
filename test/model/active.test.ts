// Active chunks under every interleaving: two slots of one chunk go to two kernel threads and back.
// At every moment a runnable chunk is marked, or a thread inside raise() or lower() is about to
// mark it; when nothing moves, counter and bit are exact.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { explore, type Model, type Process, type Steps, shared } from "./explorer.ts";
import { activeBits, countersExact, limit, runnable } from "./system.ts";

/** 1 while a kernel thread is inside raise() or lower(). */
const inside = shared("inside");

function within(steps: Steps, thread: number, change: () => void): void {
  steps.atomic("begins to change", (memory) => {
    memory.set(inside, thread, 1);
    return 0;
  });
  change();
  steps.note("has changed", (memory) => {
    memory.set(inside, thread, 0);
    return 0;
  });
}

/** Claims and replies: lower, then raise, a number of times. */
function handler(thread: number, times: number, make: () => ActiveChunks): Process {
  return {
    name: `kernel thread ${thread}`,
    start: 0,
    run(local, steps) {
      if (local === times) return undefined;
      const active = make();
      within(steps, thread, () => active.lower(0));
      within(steps, thread, () => active.raise(0));
      return (local as number) + 1;
    },
  };
}

function model(make: () => ActiveChunks): Model {
  return {
    processes: [handler(0, 2, make), handler(1, 2, make)],
    initial(memory) {
      memory.set(runnable, 0, 2);
      memory.set(activeBits, 0, 1);
    },
    invariant(memory) {
      if (memory.get(runnable, 0) === 0 || memory.get(activeBits, 0) !== 0) return undefined;
      const moving = memory.get(inside, 0) + memory.get(inside, 1) > 0;
      return moving ? undefined : "a runnable chunk is not marked, and nobody is about to mark it";
    },
    atRest: (memory) => countersExact(memory, 2),
  };
}

test("two kernel threads lower and raise one chunk", () => {
  const outcome = explore(model(() => new ActiveChunks(runnable, activeBits, limit)));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

class NoSecondLook extends ActiveChunks {
  override lower(chunk: number): void {
    if (Atomics.sub(runnable, chunk, 1) === 1) Atomics.and(activeBits, 0, ~1);
  }
}

class ClearsAlways extends ActiveChunks {
  override lower(chunk: number): void {
    Atomics.sub(runnable, chunk, 1);
    Atomics.and(activeBits, 0, ~1);
  }
}

class LoadsThenStores extends ActiveChunks {
  override raise(chunk: number): void {
    const before = Atomics.load(runnable, chunk);
    Atomics.store(runnable, chunk, before + 1);
    if (before === 0) Atomics.or(activeBits, 0, 1);
  }
}

class MarksBeforeCounting extends ActiveChunks {
  override raise(chunk: number): void {
    if (Atomics.load(runnable, chunk) === 0) Atomics.or(activeBits, 0, 1);
    Atomics.add(runnable, chunk, 1);
  }
}

for (const [name, Wrong] of [
  ["no second look after clearing the bit", NoSecondLook],
  ["the bit cleared whatever the counter says", ClearsAlways],
  ["a counter that is loaded and stored", LoadsThenStores],
  ["marked before counted", MarksBeforeCounting],
] as const) {
  test(`found: ${name}`, () => {
    const outcome = explore(model(() => new Wrong(runnable, activeBits, limit)));
    assert.ok(outcome.violation, "the mistake was not found");
  });
}

test.run();
