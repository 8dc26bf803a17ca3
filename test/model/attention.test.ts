// Attention under every interleaving (ring/attention.ts): a call is served by a kernel thread of its own while thread 0
// gets something for its task. Whatever the order, the task is told: its call comes back to thread 0, or its guest is
// kicked. And a slot that thread 0 closes meanwhile gets no reply, and is nobody's. The same with code that is wrong on
// purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Attention, INTERRUPT } from "../../src/shared/ring/attention.ts";
import { Claims, GUEST, recordWord, sequenceOf } from "../../src/shared/ring/claims.ts";
import { slotWord } from "../../src/shared/ring/guest_memory.ts";
import { REPLY } from "../../src/shared/ring/layout.ts";
import { CONTROL_PASSES, CONTROL_WORDS, SEEN_WORDS } from "../../src/shared/ring/private_sab.ts";
import { Passes, Quiescence } from "../../src/shared/ring/quiescence.ts";
import { Scanner } from "../../src/shared/ring/scan.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply, Request } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Process, type Steps, shared, violation } from "./explorer.ts";
import {
  allStubsEnded,
  claimWords,
  futexWake,
  guest,
  honestStub,
  limit,
  type MakeParts,
  openSlots,
  type Parts,
  pollingThread,
  realParts,
  seen,
  sequenceAt,
  widths,
} from "./system.ts";

const SUPERVISOR = 0;
const NET = 1;
const THREADS = 2;
const SLOT = 0;
const REPLY_WORD = slotWord(SLOT) + (REPLY >>> 2);

const attentionWords = shared("attention");
/** What one thread says to the other: set by its sender, taken by its receiver. */
const mail = shared("mail");
const CANCEL = 0;
const RESULT = 1;
const KICK = 2;
/** The task has been told, and what it was told of has come. */
const told = shared("told");

function post(steps: Steps, message: number, value: number): void {
  steps.atomic(`post ${message}`, (memory) => {
    memory.set(mail, message, value);
    return 0;
  });
}

function tell(steps: Steps, how: string): void {
  steps.note(how, (memory) => {
    memory.set(told, 0, 1);
    return 0;
  });
}

function attentionOf(parts: Parts): Attention {
  return new Attention(attentionWords, parts.claims);
}

type Raise = (parts: Parts) => number;
const raise: Raise = (parts) => attentionOf(parts).raise(SLOT, INTERRUPT);

/** Thread 0: something comes for the task, once; then it serves what the other says. */
function supervisor(raises: Raise): Process {
  return {
    name: "thread 0",
    start: "before",
    run(local, steps) {
      const parts = realParts(SUPERVISOR, THREADS);
      if (local === "before") {
        if (raises(parts) === NET) post(steps, CANCEL, 1);
        else tell(steps, "kicked");
        return "after";
      }
      const message = steps.atomic("takes a message", (memory) => {
        const result = memory.get(mail, RESULT);
        if (result !== 0) {
          memory.set(mail, RESULT, 0);
          return result;
        }
        if (memory.get(mail, KICK) === 0) return undefined;
        memory.set(mail, KICK, 0);
        return 0;
      });
      tell(steps, message === 0 ? "kicked" : "its call is here");
      if (message !== 0 && parts.slots.replyFinal(SLOT, message - 1, Reply.RESUME)) futexWake(steps, SLOT);
      return "after";
    },
  };
}

type Ends = (steps: Steps, parts: Parts, sequence: number) => void;

/** The end of a call, as pool/net_call.ts has it. */
const ends: Ends = (steps, parts, sequence) => {
  const attention = attentionOf(parts);
  if (attention.get(SLOT) !== 0) {
    if (parts.claims.pass(SLOT, NET, SUPERVISOR, sequence)) post(steps, RESULT, sequence + 1);
    return;
  }
  if (parts.slots.replyFinal(SLOT, sequence, Reply.RESUME)) futexWake(steps, SLOT);
  if (attention.get(SLOT) !== 0) post(steps, KICK, 1);
};

/** The other thread: serves the call at once, or has it wait until it is told to wait no more. */
function net(end: Ends, looks = true): Process {
  return pollingThread(NET, THREADS, realParts, (steps, parts, slot, request) => {
    const waits = steps.choose(2) === 1 && (!looks || attentionOf(parts).get(slot) === 0);
    if (waits) {
      steps.atomic("waits until it is told", (memory) => {
        if (memory.get(mail, CANCEL) === 0) return undefined;
        memory.set(mail, CANCEL, 0);
        return 0;
      });
    }
    end(steps, parts, sequenceOf(request));
  });
}

function model(raises: Raise, end: Ends, looks = true): Model {
  return {
    processes: [honestStub(SLOT, [NET]), supervisor(raises), net(end, looks)],
    constant: [limit, widths],
    initial: (memory) => openSlots(memory, 1, THREADS),
    atRest: (memory, ended) => {
      if (memory.get(told, 0) === 0) return "the task was not told";
      return allStubsEnded(1)(memory, ended);
    },
  };
}

test("a call ends, or waits, while something comes for its task", () => {
  const outcome = explore(model(raise, ends));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** Looks who owns the slot before it says that something has come. */
const looksFirst: Raise = (parts) => {
  const owner = parts.claims.owner(SLOT);
  attentionOf(parts).raise(SLOT, INTERRUPT);
  return owner;
};

const looksOnce: Ends = (steps, parts, sequence) => {
  if (attentionOf(parts).get(SLOT) !== 0) {
    if (parts.claims.pass(SLOT, NET, SUPERVISOR, sequence)) post(steps, RESULT, sequence + 1);
  } else if (parts.slots.replyFinal(SLOT, sequence, Reply.RESUME)) futexWake(steps, SLOT);
};

/** The second look comes before the slot is given back. */
const looksEarly: Ends = (steps, parts, sequence) => {
  const attention = attentionOf(parts);
  const first = attention.get(SLOT);
  const second = attention.get(SLOT);
  if (first !== 0) {
    if (parts.claims.pass(SLOT, NET, SUPERVISOR, sequence)) post(steps, RESULT, sequence + 1);
    return;
  }
  if (parts.slots.replyFinal(SLOT, sequence, Reply.RESUME)) futexWake(steps, SLOT);
  if (second !== 0) post(steps, KICK, 1);
};

const mutants: [string, () => Model][] = [
  ["thread 0 looks before it raises attention", () => model(looksFirst, ends)],
  ["no second look", () => model(raise, looksOnce)],
  ["the second look comes too early", () => model(raise, looksEarly)],
  ["a wait begins without a look", () => model(raise, ends, false)],
];

for (const [name, make] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(make());
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

// ---- Slots that are closed while another thread serves them ----

const control = shared("control");
/** Of the other thread. */
const PASSES = 3;
const OLD_REQUEST = sequenceAt(1, NET) * 16 + Request.SYSCALL;
/** What the next task's slot is to have in the end: a request that thread 0 serves, and its reply word. */
const NEXT_CLAIM = (1 << 28) | 8;
const NEXT_REPLY = 99;
const CLOSED = 0;

/** Thread 0: the task has ended; the slot is the next one's, as soon as nobody can write to it. */
function closer(waits: boolean): Process {
  return {
    name: "thread 0",
    start: ["close"],
    run(local, steps) {
      const [step, ...since] = local as [string, ...number[]];
      const { claims } = realParts(SUPERVISOR, THREADS);
      const quiescence = new Quiescence(control, THREADS);
      if (step === "close") {
        claims.close(SLOT);
        return ["wait", ...quiescence.now()];
      }
      if (step === "wait") steps.atomic("its loop top", () => 0);
      if (step === "wait") return quiescence.hasPassed(since) || !waits ? ["open"] : local;
      if (step !== "open") return undefined;
      steps.atomic("looks at the slot that it has closed", (memory) => {
        if (memory.get(claimWords, SLOT) !== CLOSED) violation("a closed slot came to life again");
        return 0;
      });
      claims.open(SLOT);
      Atomics.store(claimWords, SLOT, NEXT_CLAIM);
      Atomics.store(guest, REPLY_WORD, NEXT_REPLY);
      return ["end"];
    },
  };
}

/** The other thread's loop: it serves what it finds, and sleeps in the end. */
function server(make: MakeParts): Process {
  return {
    name: "NET",
    start: 0,
    run(local, steps) {
      const { claims, active, slots } = make(NET, THREADS);
      const passes = new Passes(control, NET);
      const scanner = new Scanner(guest, claims, active, NET);
      if (local === PASSES) {
        passes.toggleAsleep();
        return "asleep";
      }
      if (local === "asleep") return undefined;
      passes.loopTop();
      if (scanner.takeFrom(0) >= 0) {
        const sequence = sequenceOf(scanner.request);
        if (steps.choose(2) === 0) slots.replyFinal(SLOT, sequence, Reply.RESUME);
        else claims.pass(SLOT, NET, SUPERVISOR, sequence);
      }
      return (local as number) + 1;
    },
  };
}

function closing(make: MakeParts, waits = true): Model {
  return {
    processes: [closer(waits), server(make)],
    constant: [limit, widths],
    initial: (memory) => {
      openSlots(memory, 1, THREADS);
      // The last that its stub has done was to post.
      memory.set(guest, recordWord(SLOT, NET), OLD_REQUEST);
      // NET runs; thread 0, which waits for that one, passes its own loop top meanwhile.
      memory.set(control, CONTROL_PASSES, 1);
      memory.set(control, CONTROL_WORDS + CONTROL_PASSES, 2);
    },
    atRest: (memory, ended) => {
      if (!ended[0]) return "the slot is never opened";
      if (memory.get(claimWords, SLOT) !== NEXT_CLAIM) return "the next task's slot changed hands";
      return memory.get(guest, REPLY_WORD) === NEXT_REPLY ? undefined : "the next task got another's reply";
    },
    goal: (_memory, ended) => ended[0]!,
  };
}

test("a slot is closed, and opened for another task, while it is served", () => {
  const outcome = explore(closing(realParts));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** claims.ts that gives back what it may not own any more. */
class GivesBack extends Claims {
  override release(number: number): boolean {
    Atomics.store(claimWords, number, GUEST);
    return true;
  }
}

/** ... that passes it on. */
class PassesOn extends Claims {
  override pass(number: number, _from: number, to: number, sequence: number): boolean {
    Atomics.store(claimWords, number, ((to + 1) << 28) | sequence);
    return true;
  }
}

/** ... that takes what was there before the slot was opened. */
class TakesOld extends Claims {
  override take(number: number, thread: number): number {
    const request = guest[recordWord(number, thread)]!;
    const at = thread * SEEN_WORDS + number;
    if (request === seen[at] || request === 0) return 0;
    const claim = ((thread + 1) << 28) | (request >>> 4);
    if (Atomics.compareExchange(claimWords, number, GUEST, claim) !== GUEST) return 0;
    seen[at] = request;
    return request;
  }
}

function withClaims(Wrong: typeof Claims): MakeParts {
  return (thread, threads) => {
    const { active, page } = realParts(thread, threads);
    const claims = new Wrong(claimWords, seen, guest, threads);
    return { claims, active, page, slots: new Slots(guest, claims, active, thread) };
  };
}

const closingMutants: [string, () => Model][] = [
  ["the slot is opened at once", () => closing(realParts, false)],
  ["release without compare-exchange", () => closing(withClaims(GivesBack))],
  ["a request that counts as seen is taken", () => closing(withClaims(TakesOld))],
  ["pass without compare-exchange", () => closing(withClaims(PassesOn))],
];

for (const [name, make] of closingMutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(make());
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
