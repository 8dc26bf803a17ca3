// Claims under every interleaving (docs/hardening.md, F3): stubs post, two kernel threads look, a hostile
// guest rewrites its records in both of their lines. No request is handled twice or by two threads, and
// none of an honest stub is lost. The same with code that is wrong on purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Claims, GUEST, recordWord } from "../../src/shared/ring/claims.ts";
import { SEEN_WORDS } from "../../src/shared/ring/private_sab.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Process, shared, violation } from "./explorer.ts";
import {
  allMarked,
  allStubsEnded,
  claimWords,
  guest,
  type Handle,
  honestStub,
  limit,
  type MakeParts,
  openSlots,
  owners,
  pollingThread,
  realParts,
  seen,
  widths,
} from "./system.ts";

const THREADS = 2;

function honest(routes: number[], threads: number, parts: MakeParts = realParts): Model {
  const pollers = Array.from({ length: threads }, (_none, thread) => pollingThread(thread, threads, parts));
  return {
    processes: [honestStub(0, routes), ...pollers],
    constant: [limit, widths],
    initial: (memory) => openSlots(memory, 1, threads),
    atRest: (memory, ended) => allStubsEnded(1)(memory, ended) ?? allMarked(memory, 1, threads),
    goal: (_memory, ended) => ended[0]!,
  };
}

test("two kernel threads, one stub that changes between them", () => {
  const outcome = explore(honest([0, 1, 1, 0], THREADS));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

test("one kernel thread, alone with its words", () => {
  const outcome = explore(honest([0, 0, 0], 1));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** Writes any of three words, none among them, into the records of slot 0, whenever it likes. */
function rewriter(times: number): Process {
  return {
    name: "rewriter",
    start: 0,
    run(local, steps) {
      if (local === times) return undefined;
      const word = steps.choose(3) * 64 + steps.choose(2);
      Atomics.store(guest, recordWord(0, steps.choose(THREADS)), word);
      return (local as number) + 1;
    },
  };
}

/** The request that each kernel thread has handled last. */
const last = shared("last");

/** Checks that nobody else handles the slot, whatever is asked for there. */
const alone =
  (thread: number): Handle =>
  (steps, parts, slot, request) => {
    steps.atomic("own", (memory) => {
      memory.set(last, thread, request);
      if (memory.get(owners, slot) !== 0) violation("two owners");
      memory.set(owners, slot, 1);
      if (memory.get(claimWords, slot) === GUEST) violation("an owned slot counts as the guest's");
      return 0;
    });
    steps.atomic("disown", (memory) => {
      memory.set(owners, slot, 0);
      return 0;
    });
    parts.slots.replyFinal(slot, request >>> 4, Reply.RESUME);
  };

function hostile(times: number, parts: MakeParts = realParts): Model {
  return {
    processes: [
      rewriter(times),
      pollingThread(0, THREADS, parts, alone(0)),
      pollingThread(1, THREADS, parts, alone(1)),
    ],
    constant: [limit, widths],
    initial: (memory) => openSlots(memory, 1, THREADS),
    atRest: (memory) => {
      for (let thread = 0; thread < THREADS; thread++) {
        const word = memory.get(guest, recordWord(0, thread));
        if (word !== 0 && word !== memory.get(last, thread))
          return "what was posted last has not been handled";
      }
      return allMarked(memory, 1, THREADS);
    },
    goal: (memory) => memory.get(claimWords, 0) === GUEST,
  };
}

test("records rewritten at will: one owner at a time, and the last are handled", () => {
  const outcome = explore(hostile(3));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** claims.ts without what the thread has seen: the claim word alone. */
class ForgetsWhatItHasSeen extends Claims {
  override take(number: number, thread: number): number {
    const request = Atomics.load(guest, recordWord(number, thread));
    if (request === 0) return 0;
    const claim = ((thread + 1) << 28) | (request >>> 4);
    return Atomics.compareExchange(claimWords, number, GUEST, claim) === GUEST ? request : 0;
  }
  override hasNew(number: number, thread: number): boolean {
    return Atomics.load(guest, recordWord(number, thread)) !== 0;
  }
}

/** claims.ts that drops what it cannot claim. */
class DropsWhatIsOwned extends Claims {
  override take(number: number, thread: number): number {
    const request = Atomics.load(guest, recordWord(number, thread));
    if (request === seen[thread * SEEN_WORDS + number]) return 0;
    seen[thread * SEEN_WORDS + number] = request;
    if (request === 0) return 0;
    const claim = ((thread + 1) << 28) | (request >>> 4);
    return Atomics.compareExchange(claimWords, number, GUEST, claim) === GUEST ? request : 0;
  }
}

/** claims.ts that looks and then stores, though it is not alone. */
class LooksThenStores extends Claims {
  constructor() {
    super(claimWords, seen, guest, 1);
  }
}

/** claims.ts that counts as seen what stands in the record when it has the claim. */
class ReadsTwice extends Claims {
  override take(number: number, thread: number): number {
    const request = super.take(number, thread);
    if (request !== 0) seen[thread * SEEN_WORDS + number] = Atomics.load(guest, recordWord(number, thread));
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

const mutants: [string, () => Model][] = [
  ["nothing counts as seen", () => honest([0], THREADS, withClaims(ForgetsWhatItHasSeen))],
  ["what another thread owns is dropped", () => hostile(2, withClaims(DropsWhatIsOwned))],
  ["claim without compare-exchange", () => hostile(2, withClaims(LooksThenStores as typeof Claims))],
  ["seen is more than what was taken", () => hostile(2, withClaims(ReadsTwice))],
];

for (const [name, make] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(make());
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
