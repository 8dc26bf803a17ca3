// A list whose outcome wakes nobody (REP_QUIET), under every interleaving: its stub goes back to its guest, and a kernel thread
// that sleeps sleeps on. Where somebody waits for what the list holds, it is told, however late that is known.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { recordWord } from "../../src/shared/ring/claims.ts";
import { slotWord } from "../../src/shared/ring/guest_memory.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply, Request } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Process, type Steps, violation } from "./explorer.ts";
import {
  allStubsEnded,
  futexWake,
  guest,
  type Handle,
  handled,
  type KernelThread,
  kernelThread,
  limit,
  type MakeParts,
  openSlots,
  realParts,
  ring,
  sequenceAt,
  stubWait,
  widths,
} from "./system.ts";

const THREAD = 0;
const [HOLDER, WAITER] = [0, 1];
/** What the kernel remembers, in `handled`: the list is under way; what came of it is known; the sequence of who waits. */
const [UNDER_WAY, KNOWN, WAITS] = [1, 2, 3];

const SLEEPING =
  slotWord(L.KERNEL_PAGE_CHUNK * L.CHUNK_SLOTS) + ((L.KP_THREAD + THREAD * L.KP_THREAD_STRIDE) >>> 2);
const FLAGS = slotWord(HOLDER) + (L.REP_FLAGS >>> 2);

function publish(steps: Steps, slot: number, sequence: number, kind: number): void {
  steps.atomic(`slot ${slot}: exchange the record`, (memory) => {
    memory.set(guest, recordWord(slot, THREAD), sequence * 16 + kind);
    return 0;
  });
}

function wake(steps: Steps): void {
  if (Atomics.load(guest, SLEEPING) !== 0) ring(steps, THREAD);
}

/** Posts a call and waits for the reply: its code. */
function calls(steps: Steps, slot: number): number {
  const sequence = sequenceAt(1, THREAD);
  publish(steps, slot, sequence, Request.SYSCALL);
  wake(steps);
  return stubWait(steps, slot, sequence);
}

const isQuiet = () => (Atomics.load(guest, FLAGS) & L.REP_QUIET) !== 0;

/** Publishes what came of the list, and wakes who is to be told. */
type Tells = (steps: Steps, sequence: number) => void;

const tells: Tells = (steps, sequence) => {
  publish(steps, HOLDER, sequence, Request.OPS_DONE);
  if (!isQuiet()) wake(steps);
};

function holder(told: Tells): Process {
  return {
    name: "holder",
    start: 0,
    run(local, steps) {
      if (local === 1) return undefined;
      if (calls(steps, HOLDER) !== Reply.OPS_RETURN) violation("another reply than what is due");
      told(steps, sequenceAt(2, THREAD));
      return 1;
    },
  };
}

const waiter: Process = {
  name: "waiter",
  start: 0,
  run(local, steps) {
    if (local === 1) return undefined;
    calls(steps, WAITER);
    return 1;
  },
};

const serve: Handle = (steps, { slots }, slot, request) => {
  const sequence = request >>> 4;
  const remembers = (what: number): number => steps.note("remembers", (memory) => memory.get(handled, what));
  const remember = (what: number, value: number): number =>
    steps.note("writes down", (memory) => {
      memory.set(handled, what, value);
      return 0;
    });
  const answer = (to: number): void => {
    if (slots.replyFinal(WAITER, to, Reply.RESUME)) futexWake(steps, WAITER);
  };
  if (slot === WAITER) {
    if (remembers(UNDER_WAY) === 0 || remembers(KNOWN) !== 0) answer(sequence);
    else {
      slots.replyBlocked(slot, sequence);
      remember(WAITS, sequence);
      slots.endQuiet(HOLDER);
    }
  } else if ((request & 15) === Request.SYSCALL) {
    remember(UNDER_WAY, 1);
    if (slots.replyListAndResult(slot, sequence, 1, 0, true)) futexWake(steps, slot);
  } else {
    remember(KNOWN, 1);
    slots.letGo(slot);
    const waits = remembers(WAITS);
    if (waits !== 0) answer(waits);
  }
};

function model(told: Tells = tells, options: KernelThread = {}): Model {
  return {
    processes: [holder(told), waiter, kernelThread(THREAD, { handle: serve, ...options })],
    constant: [limit, widths],
    initial: (memory) => openSlots(memory, 2, 1),
    atRest: allStubsEnded(2),
    goal: (_memory, ended) => ended[HOLDER]! && ended[WAITER]!,
  };
}

test("one list, and one who waits for it", () => {
  const outcome = explore(model());
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** Leaves it quiet. */
class StaysQuiet extends Slots {
  override endQuiet(): void {}
}

const stayingQuiet: MakeParts = (thread, threads) => {
  const parts = realParts(thread, threads);
  return { ...parts, slots: new StaysQuiet(guest, parts.claims, parts.active, thread) };
};

const looksAtFlagFirst: Tells = (steps, sequence) => {
  const wakes = !isQuiet();
  publish(steps, HOLDER, sequence, Request.OPS_DONE);
  if (wakes) wake(steps);
};

const noLastLook: KernelThread = {
  fallAsleep(_steps, parts, thread) {
    parts.page.setSleeping(thread);
    return false;
  },
};

for (const [name, wrong] of [
  ["who waits tells nobody", model(tells, { parts: stayingQuiet })],
  ["the stub looks at the flag before it has told", model(looksAtFlagFirst)],
  ["the kernel thread does not look before it sleeps", model(tells, noLastLook)],
] as const) {
  test(`found: ${name}`, () => {
    const outcome = explore(wrong);
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
