// Sleep under every interleaving: a kernel thread that blocks on its doorbell, a stub that waits on
// its futex, and no wake-up lost in either direction. Each flag is cleared by its owner alone.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { chunkWord, slotWord } from "../../src/shared/ring/guest_memory.ts";
import { KernelPage } from "../../src/shared/ring/kernel_page.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Outcome, type Process } from "./explorer.ts";
import {
  activeBits,
  allStubsEnded,
  claimWords,
  countersExact,
  disown,
  futexWait,
  futexWake,
  guest,
  type Handle,
  honestStub,
  type KernelThread,
  kernelThread,
  limit,
  openSlots,
  own,
  type Parts,
  pendingIndex,
  pollingStub,
  realParts,
  runnable,
  stubPost,
} from "./system.ts";

function model(stubs: Process[], threads: Process[]): Model {
  return {
    processes: [...stubs, ...threads],
    initial: (memory) => openSlots(memory, stubs.length),
    constant: [limit],
    atRest: (memory, ended) =>
      allStubsEnded(stubs.length)(memory, ended) ?? countersExact(memory, stubs.length),
    goal: (_memory, ended) => ended.slice(0, stubs.length).every((end) => end),
  };
}

function passes(outcome: Outcome): void {
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
}

test("one kernel thread, one stub, three requests", () => {
  passes(explore(model([honestStub(0, [0, 0, 0])], [kernelThread(0)])));
});

test("one kernel thread, two stubs of one chunk", () => {
  passes(explore(model([honestStub(0, [0]), honestStub(1, [0, 0])], [kernelThread(0)])));
});

test("two kernel threads, two stubs of one chunk", () => {
  passes(explore(model([honestStub(0, [0]), honestStub(1, [1])], [kernelThread(0), kernelThread(1)])));
});

test("two kernel threads, two stubs that poll, one of them twice", () => {
  passes(explore(model([pollingStub(0, [0, 0]), pollingStub(1, [1])], [kernelThread(0), kernelThread(1)])));
});

/** Tells the stub to sleep, and answers for good only then. */
const blockFirst: Handle = (steps, parts, slot, request) => {
  const sequence = request >>> 4;
  own(steps, slot, sequence);
  parts.slots.replyBlocked(slot, sequence);
  disown(steps, slot, "REPLY_FINAL");
  if (parts.slots.replyFinal(slot, sequence, Reply.RESUME)) futexWake(steps, slot);
};

test("a stub that is told to sleep first", () => {
  passes(explore(model([honestStub(0, [0, 0])], [kernelThread(0, { handle: blockFirst })])));
});

// ---- Wrong on purpose ----

class ClearsTheStubsFlag extends Slots {
  override replyFinal(number: number, sequence: number, code: number): boolean {
    const due = super.replyFinal(number, sequence, code as 10);
    if (due) Atomics.store(guest, slotWord(number) + (L.SLEEPING >>> 2), 0);
    return due;
  }
}

class ReadsTheFlagFirst extends Slots {
  override replyFinal(number: number, sequence: number, code: number): boolean {
    const due = Atomics.load(guest, slotWord(number) + (L.SLEEPING >>> 2)) !== 0;
    super.replyFinal(number, sequence, code as 10);
    return due;
  }
}

class RaisesLast extends Slots {
  override replyFinal(number: number, sequence: number, code: number): boolean {
    Atomics.store(claimWords, number, 0);
    Atomics.store(guest, slotWord(number) + (L.REPLY >>> 2), sequence * 16 + code);
    new ActiveChunks(runnable, activeBits, limit).raise(0);
    return Atomics.load(guest, slotWord(number) + (L.SLEEPING >>> 2)) !== 0;
  }
}

function withSlots(Wrong: typeof Slots): KernelThread {
  return {
    parts: (): Parts => {
      const { claims, active, page } = realParts();
      return { claims, active, page, slots: new Wrong(guest, claims, active) };
    },
  };
}

const looksFirst: KernelThread = {
  fallAsleep(_steps, parts, thread, look) {
    const awake = look();
    parts.page.setSleeping(thread);
    return awake;
  },
};

const noLastLook: KernelThread = {
  fallAsleep(_steps, parts, thread) {
    parts.page.setSleeping(thread);
    return false;
  },
};

/** The last look goes by the active bits, which can be clear for a moment. */
const looksByBits: KernelThread = {
  fallAsleep(_steps, parts, thread) {
    parts.page.setSleeping(thread);
    if ((parts.active.bits(0) & 1) === 0) return false;
    return Atomics.load(guest, chunkWord(0) + pendingIndex(thread)) !== 0;
  },
};

/** A stub that clears the kernel thread's flag when it rings; its own page is writable here. */
function clearingStub(routes: number[]): Process {
  const honest = honestStub(0, routes);
  return {
    ...honest,
    run(local, steps) {
      const rung = Atomics.load(guest, chunkWord(L.KERNEL_PAGE_CHUNK) + (L.KP_THREAD >>> 2)) !== 0;
      if (rung) new KernelPage(guest).clearSleeping(0);
      return honest.run(local, steps);
    },
  };
}

/** A stub that sets its flag and waits without looking at the reply word again. */
function hastyStub(): Process {
  return {
    name: "stub 0",
    start: 1,
    run(local, steps) {
      const sequence = local as number;
      if (sequence === 3) return undefined;
      stubPost(steps, 0, sequence, 0);
      const before = Atomics.load(guest, slotWord(0) + (L.REPLY >>> 2));
      if (before >>> 4 === sequence) return sequence + 1;
      const word = Atomics.load(guest, slotWord(0) + (L.REPLY >>> 2));
      futexWait(steps, 0, word);
      Atomics.exchange(guest, slotWord(0) + (L.SLEEPING >>> 2), 1);
      return sequence + 1;
    },
  };
}

/** Sets its flag once and waits until it is answered, as the stub does when it never polls. */
function sleepingStub(): Process {
  return {
    name: "stub 0",
    start: 1,
    run(local, steps) {
      const sequence = local as number;
      if (sequence === 3) return undefined;
      stubPost(steps, 0, sequence, 0);
      Atomics.exchange(guest, slotWord(0) + (L.SLEEPING >>> 2), 1);
      for (;;) {
        const word = Atomics.load(guest, slotWord(0) + (L.REPLY >>> 2));
        if (word >>> 4 === sequence && (word & 15) !== Reply.BLOCKED) break;
        futexWait(steps, 0, word);
      }
      Atomics.store(guest, slotWord(0) + (L.SLEEPING >>> 2), 0);
      return sequence + 1;
    },
  };
}

const twoThreads = (options: KernelThread) => [kernelThread(0, options), kernelThread(1, options)];

const mutants: [string, () => Model][] = [
  [
    "the kernel thread clears the stub's flag",
    () => model([sleepingStub()], [kernelThread(0, withSlots(ClearsTheStubsFlag))]),
  ],
  [
    "the stub's flag read before the reply word is stored",
    () => model([honestStub(0, [0])], [kernelThread(0, withSlots(ReadsTheFlagFirst))]),
  ],
  [
    "runnable raised after the reply word",
    () => model([honestStub(0, [0, 1])], [kernelThread(0, withSlots(RaisesLast)), kernelThread(1)]),
  ],
  ["sleeping set after the last look", () => model([honestStub(0, [0])], [kernelThread(0, looksFirst)])],
  ["no last look", () => model([honestStub(0, [0])], [kernelThread(0, noLastLook)])],
  [
    "the last look goes by the active bits",
    () => model([pollingStub(0, [0, 0]), pollingStub(1, [1])], twoThreads(looksByBits)),
  ],
  ["the stub clears the kernel thread's flag", () => model([clearingStub([0, 0])], [kernelThread(0)])],
  ["the stub waits before it says so", () => model([hastyStub()], [kernelThread(0)])],
];

for (const [name, make] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(make());
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
