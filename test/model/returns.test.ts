// A stub that does not wait behind a list (OPS_RETURN), under every interleaving: it posts the outcome, goes back to
// its guest, and posts its next request over the outcome, which a kernel thread may have seen, may have in hand, or
// may never see. The request is served once, and never lost. Where it is another kernel thread's, whose line is another,
// that one serves it behind the outcome.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Claims, recordWord } from "../../src/shared/ring/claims.ts";
import { chunkOfSlot, slotWord } from "../../src/shared/ring/guest_memory.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply, Request } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Process, type Steps, violation } from "./explorer.ts";
import {
  allMarked,
  allStubsEnded,
  claimWords,
  futexWake,
  guest,
  type Handle,
  handled,
  kernelThread,
  limit,
  type MakeParts,
  openSlots,
  type Parts,
  pollingThread,
  realParts,
  ring,
  seen,
  sequenceAt,
  stubWait,
  widths,
} from "./system.ts";

const [SUPERVISOR, OTHER] = [0, 1];

function sleepingWord(thread: number): number {
  return slotWord(L.KERNEL_PAGE_CHUNK * L.CHUNK_SLOTS) + ((L.KP_THREAD + thread * L.KP_THREAD_STRIDE) >>> 2);
}

function post(steps: Steps, sequence: number, kind: number, thread = SUPERVISOR): void {
  steps.atomic("post: exchange the record", (memory) => {
    memory.set(guest, recordWord(0, thread), sequence * 16 + kind);
    return 0;
  });
  if (Atomics.load(guest, sleepingWord(thread)) !== 0) ring(steps, thread);
}

/** So many calls, each answered by a list that it returns behind. */
function returningStub(calls: number): Process {
  return {
    name: "stub",
    start: 0,
    run(local, steps) {
      const call = local as number;
      if (call === calls) return undefined;
      const sequence = sequenceAt(2 * call + 1, 0);
      post(steps, sequence, Request.SYSCALL);
      if (stubWait(steps, 0, sequence) !== Reply.OPS_RETURN) violation("another reply than what is due");
      post(steps, sequenceAt(2 * call + 2, 0), Request.OPS_DONE);
      return call + 1;
    },
  };
}

/** Polls for an answer, as what sleeps would be one thing more to explore. */
function poll(steps: Steps, sequence: number, code: number): void {
  steps.atomic("polls until it is answered", (memory) =>
    memory.get(guest, slotWord(0) + (L.REPLY >>> 2)) === sequence * 16 + code ? 0 : undefined,
  );
}

/** So many times a list that it returns behind, then a call that another kernel thread answers. */
function stubOfTwo(rounds: number): Process {
  return {
    name: "stub",
    start: 0,
    run(local, steps) {
      const round = local as number;
      if (round === rounds) return undefined;
      const listed = sequenceAt(2 * round + 1, SUPERVISOR);
      post(steps, listed, Request.SYSCALL);
      poll(steps, listed, Reply.OPS_RETURN);
      post(steps, sequenceAt(2 * round + 2, SUPERVISOR), Request.OPS_DONE);
      const next = sequenceAt(round + 1, OTHER);
      post(steps, next, Request.SYSCALL, OTHER);
      poll(steps, next, Reply.RET);
      return round + 1;
    },
  };
}

const serve: Handle = (steps, parts, slot, request) => {
  const sequence = request >>> 4;
  steps.note(`handle request ${sequence}`, (memory) => {
    if (memory.get(handled, sequence) !== 0) violation(`request ${sequence} was handled twice`);
    memory.set(handled, sequence, 1);
    return 0;
  });
  if ((request & 15) === Request.OPS_DONE) parts.slots.letGo(slot);
  else if (parts.slots.replyList(slot, sequence, Reply.OPS_RETURN, 1)) futexWake(steps, slot);
};

function model(calls: number, parts: MakeParts = realParts): Model {
  return {
    processes: [returningStub(calls), kernelThread(0, { parts, handle: serve })],
    constant: [limit, widths],
    initial: (memory) => openSlots(memory, 1, 1),
    atRest: (memory, ended) => {
      const last = memory.get(guest, recordWord(0, 0));
      if (last !== 0 && memory.get(handled, last >>> 4) !== 1) return "what was posted last was not handled";
      return allStubsEnded(1)(memory, ended) ?? allMarked(memory, 1, 1);
    },
    goal: (_memory, ended) => ended[0]!,
  };
}

/** The other thread: what was posted before must have been seen by then. */
const serveBehind: Handle = (steps, parts, slot, request) => {
  steps.note("handle a request of the other thread", (memory) => {
    const before = memory.get(guest, recordWord(0, SUPERVISOR));
    if (memory.get(handled, before >>> 4) !== 1) violation("it is served before the outcome");
    return 0;
  });
  if (parts.slots.replyFinal(slot, request >>> 4, Reply.RET)) futexWake(steps, slot);
};

/** What thread 0 does behind letting go: src/workers/pool/net_thread.ts. */
function lookAtOther(steps: Steps, { claims, page }: Parts, slot: number): void {
  steps.atomic("a locked instruction", () => 0);
  if (claims.hasNew(slot, OTHER) && page.isSleeping(OTHER)) ring(steps, OTHER);
}

function modelOfTwo(rounds: number, parts: MakeParts = realParts, look = lookAtOther): Model {
  const serveFirst: Handle = (steps, made, slot, request) => {
    serve(steps, made, slot, request);
    if ((request & 15) === Request.OPS_DONE) look(steps, made, slot);
  };
  return {
    processes: [
      stubOfTwo(rounds),
      pollingThread(SUPERVISOR, 2, parts, serveFirst),
      kernelThread(OTHER, { parts, threads: 2, handle: serveBehind }),
    ],
    constant: [limit, widths],
    initial: (memory) => openSlots(memory, 1, 2),
    atRest: allStubsEnded(1),
    goal: (_memory, ended) => ended[0]!,
  };
}

test("two lists and calls elsewhere, two kernel threads of which the other sleeps", () => {
  const outcome = explore(modelOfTwo(2));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** Does not look into the line of thread 0. */
class LooksAway extends Claims {
  override hasNew(number: number, thread: number): boolean {
    return thread !== SUPERVISOR && super.hasNew(number, thread);
  }
}

const lookingAway: MakeParts = (thread, threads) => {
  const parts = realParts(thread, threads);
  return thread === OTHER ? { ...parts, claims: new LooksAway(claimWords, seen, guest, threads) } : parts;
};

/** What a processor makes of a plain store before mark()'s look: others see it later. */
class LooksFirst extends Slots {
  readonly #parts: Parts;

  constructor(parts: Parts, thread: number) {
    super(guest, parts.claims, parts.active, thread);
    this.#parts = parts;
  }

  override letGo(number: number): void {
    this.#parts.active.mark(chunkOfSlot(number));
    this.#parts.claims.letGo(number);
  }
}

const lookingFirst: MakeParts = (thread, threads) => {
  const parts = realParts(thread, threads);
  return { ...parts, slots: new LooksFirst(parts, thread) };
};

for (const [name, wrong] of [
  ["the slot is let go behind the look at its mark", modelOfTwo(1, lookingFirst)],
  ["the other thread does not wait for the outcome", modelOfTwo(1, lookingAway)],
  ["nobody tells the other thread that the slot was let go", modelOfTwo(1, realParts, () => {})],
] as const) {
  test(`found: ${name}`, () => {
    const outcome = explore(wrong);
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test("three calls, one kernel thread that sleeps", () => {
  const outcome = explore(model(3));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** Gives nothing back. */
class Keeps extends Slots {
  override letGo(): void {}
}

/** Counts what stands in the record when it lets go as seen. */
class CountsAsSeen extends Slots {
  override letGo(number: number): void {
    seen[number] = Atomics.load(guest, recordWord(number, 0));
    super.letGo(number);
  }
}

function withSlots(Wrong: typeof Slots): MakeParts {
  return (thread, threads) => {
    const parts = realParts(thread, threads);
    return { ...parts, slots: new Wrong(guest, parts.claims, parts.active, thread) };
  };
}

const mutants: [string, typeof Slots][] = [
  ["the slot is kept", Keeps],
  ["what was posted meanwhile counts as seen", CountsAsSeen],
];

for (const [name, Wrong] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(model(2, withSlots(Wrong)));
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
