// A stub that does not wait behind a list (OPS_RETURN), under every interleaving: it posts the outcome, goes back to
// its guest, and posts its next request over the outcome, which a kernel thread may have seen, may have in hand, or
// may never see. The request is served once, and never lost.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { recordWord } from "../../src/shared/ring/claims.ts";
import { slotWord } from "../../src/shared/ring/guest_memory.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply, Request } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Process, type Steps, violation } from "./explorer.ts";
import {
  allMarked,
  allStubsEnded,
  futexWake,
  guest,
  type Handle,
  handled,
  kernelThread,
  limit,
  type MakeParts,
  openSlots,
  realParts,
  ring,
  seen,
  sequenceAt,
  stubWait,
  widths,
} from "./system.ts";

const SLEEPING = slotWord(L.KERNEL_PAGE_CHUNK * L.CHUNK_SLOTS) + (L.KP_THREAD >>> 2);

function post(steps: Steps, sequence: number, kind: number): void {
  steps.atomic("post: exchange the record", (memory) => {
    memory.set(guest, recordWord(0, 0), sequence * 16 + kind);
    return 0;
  });
  if (Atomics.load(guest, SLEEPING) !== 0) ring(steps, 0);
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

const serve: Handle = (steps, parts, slot, request) => {
  const sequence = request >>> 4;
  steps.note(`handle request ${sequence}`, (memory) => {
    if (memory.get(handled, sequence) !== 0) violation(`request ${sequence} was handled twice`);
    memory.set(handled, sequence, 1);
    return 0;
  });
  if ((request & 15) === Request.OPS_DONE) parts.slots.letGo(slot, sequence);
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
  override letGo(number: number, sequence: number): void {
    seen[number] = Atomics.load(guest, recordWord(number, 0));
    super.letGo(number, sequence);
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
