// Sleep under every interleaving: a kernel thread that blocks on its doorbell, a stub that waits on
// its futex, and no wake-up lost in either direction. Each flag is cleared by its owner alone.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { GUEST } from "../../src/shared/ring/claims.ts";
import { chunkWord, slotWord } from "../../src/shared/ring/guest_memory.ts";
import { KernelPage } from "../../src/shared/ring/kernel_page.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Outcome, type Process } from "./explorer.ts";
import {
  activeBits,
  allMarked,
  allStubsEnded,
  claimWords,
  disown,
  futexWait,
  futexWake,
  guest,
  type Handle,
  honestStub,
  type KernelThread,
  kernelThread,
  limit,
  type MakeParts,
  openSlots,
  own,
  pollingStub,
  realParts,
  sequenceAt,
  stubPost,
  widths,
} from "./system.ts";

function model(stubs: Process[], threads: Process[]): Model {
  return {
    processes: [...stubs, ...threads],
    initial: (memory) => openSlots(memory, stubs.length, threads.length),
    constant: [limit, widths],
    atRest: (memory, ended) =>
      allStubsEnded(stubs.length)(memory, ended) ?? allMarked(memory, stubs.length, threads.length),
    goal: (_memory, ended) => ended.slice(0, stubs.length).every((end) => end),
  };
}

const twoThreads = (options: KernelThread) =>
  [0, 1].map((thread) => kernelThread(thread, { ...options, threads: 2 }));

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
  passes(explore(model([honestStub(0, [0]), pollingStub(1, [1])], twoThreads({}))));
});

test("two kernel threads, two stubs that poll, one of them twice", () => {
  passes(explore(model([pollingStub(0, [0, 0]), pollingStub(1, [1])], twoThreads({}))));
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

/** slot.ts that stores the reply word before it gives the claim back. */
class RepliesBeforeRelease extends Slots {
  override replyFinal(number: number, sequence: number, code: number): boolean {
    Atomics.exchange(guest, slotWord(number) + (L.REPLY >>> 2), sequence * 16 + code);
    const sleeping = guest[slotWord(number) + (L.SLEEPING >>> 2)] !== 0;
    Atomics.store(claimWords, number, GUEST);
    realParts(0, 2).active.mark(0);
    return sleeping;
  }
}

function withSlots(Wrong: typeof Slots): KernelThread {
  const parts: MakeParts = (thread, threads) => {
    const all = realParts(thread, threads);
    return { ...all, slots: new Wrong(guest, all.claims, all.active, thread) };
  };
  return { parts };
}

function withActive(Wrong: typeof ActiveChunks): KernelThread {
  const parts: MakeParts = (thread, threads) => {
    const { claims, page } = realParts(thread, threads);
    const active = new Wrong(claims, activeBits, widths, limit, threads);
    return { claims, active, page, slots: new Slots(guest, claims, active, thread) };
  };
  return { parts };
}

/** active.ts that marks for the first kernel thread alone. */
class MarksForOne extends ActiveChunks {
  override mark(chunk: number): void {
    Atomics.or(activeBits, chunk >>> 5, 1 << (chunk & 31));
  }
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
    if ((parts.active.bits(0, thread) & 1) === 0) return false;
    return parts.claims.hasNew(0, thread);
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
      const count = local as number;
      if (count === 3) return undefined;
      const sequence = sequenceAt(count, 0);
      stubPost(steps, 0, sequence, 0);
      const before = Atomics.load(guest, slotWord(0) + (L.REPLY >>> 2));
      if (before >>> 4 === sequence) return count + 1;
      const word = Atomics.load(guest, slotWord(0) + (L.REPLY >>> 2));
      futexWait(steps, 0, word);
      Atomics.exchange(guest, slotWord(0) + (L.SLEEPING >>> 2), 1);
      return count + 1;
    },
  };
}

/** Sets its flag once and waits until it is answered, as the stub does when it never polls. */
function sleepingStub(): Process {
  return {
    name: "stub 0",
    start: 1,
    run(local, steps) {
      const count = local as number;
      if (count === 3) return undefined;
      const sequence = sequenceAt(count, 0);
      stubPost(steps, 0, sequence, 0);
      Atomics.exchange(guest, slotWord(0) + (L.SLEEPING >>> 2), 1);
      for (;;) {
        const word = Atomics.load(guest, slotWord(0) + (L.REPLY >>> 2));
        if (word >>> 4 === sequence && (word & 15) !== Reply.BLOCKED) break;
        futexWait(steps, 0, word);
      }
      Atomics.store(guest, slotWord(0) + (L.SLEEPING >>> 2), 0);
      return count + 1;
    },
  };
}

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
    "reply word before the claim is given back",
    () => model([honestStub(0, [0, 1])], twoThreads(withSlots(RepliesBeforeRelease))),
  ],
  [
    "marked for one kernel thread alone",
    () => model([pollingStub(0, [0, 1])], twoThreads(withActive(MarksForOne))),
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
