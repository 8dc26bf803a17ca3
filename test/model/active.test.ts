// Active chunks under every interleaving: two slots of one chunk are taken by two kernel threads, stay
// blocked for a while, and go back. When nothing moves, every kernel thread looks into the chunk.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { Claims, GUEST, recordWord } from "../../src/shared/ring/claims.ts";
import { ACTIVE_WORDS } from "../../src/shared/ring/private_sab.ts";
import { Scanner } from "../../src/shared/ring/scan.ts";
import { explore, type Memory, type Model, type Process, shared } from "./explorer.ts";
import { activeBits, allMarked, claimWords, guest, limit, openSlots, seen, widths } from "./system.ts";

const THREADS = 2;
const OWNED = 1 << 28;

type MakeActive = (claims: Claims) => ActiveChunks;

/** Takes its slot, answers BLOCKED, replies for good, a number of times. */
function handler(thread: number, times: number, make: MakeActive): Process {
  return {
    name: `kernel thread ${thread}`,
    start: 0,
    run(local) {
      if (local === times) return undefined;
      const claims = new Claims(claimWords, seen, guest, THREADS);
      const active = make(claims);
      Atomics.compareExchange(claimWords, thread, GUEST, OWNED);
      active.rest(0, thread);
      claims.release(thread, 0, 0);
      active.mark(0);
      return (local as number) + 1;
    },
  };
}

/** Looks now and then whether it may leave the chunk out, as each pass does. */
function looker(thread: number, times: number, make: MakeActive): Process {
  return {
    name: `kernel thread ${thread}`,
    start: 0,
    run(local) {
      if (local === times) return undefined;
      make(new Claims(claimWords, seen, guest, THREADS)).rest(0, thread);
      return (local as number) + 1;
    },
  };
}

function model(processes: Process[]): Model {
  return {
    processes,
    constant: [limit, widths],
    initial: (memory) => openSlots(memory, 2, THREADS),
    atRest: (memory) => allMarked(memory, 2, THREADS),
  };
}

const models = (make: MakeActive): Model[] => [
  model([handler(0, 2, make), handler(1, 2, make)]),
  // Both slots are the first thread's; the second one only looks.
  model([bothSlots(make), looker(1, 3, make)]),
];

function bothSlots(make: MakeActive): Process {
  return {
    name: "kernel thread 0",
    start: 0,
    run(local) {
      if (local === 2) return undefined;
      const claims = new Claims(claimWords, seen, guest, THREADS);
      const active = make(claims);
      for (const slot of [0, 1]) Atomics.compareExchange(claimWords, slot, GUEST, OWNED);
      for (const slot of [0, 1]) {
        claims.release(slot, 0, 0);
        active.mark(0);
      }
      return (local as number) + 1;
    },
  };
}

const right: MakeActive = (claims) => new ActiveChunks(claims, activeBits, widths, limit, THREADS);

test("two kernel threads take, block and give back", () => {
  for (const one of models(right)) {
    const outcome = explore(one);
    assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
    console.log(`  ${outcome.states} states`);
  }
});

class NoSecondLook extends ActiveChunks {
  override rest(chunk: number, thread: number): void {
    for (const slot of [0, 1]) if (claimWords[slot] === GUEST) return;
    Atomics.and(activeBits, thread * ACTIVE_WORDS, ~(1 << chunk));
  }
}

class ClearsAlways extends ActiveChunks {
  override rest(chunk: number, thread: number): void {
    Atomics.and(activeBits, thread * ACTIVE_WORDS, ~(1 << chunk));
  }
}

class LooksFirst extends ActiveChunks {
  override rest(chunk: number, thread: number): void {
    const anyWithGuest = claimWords[0] === GUEST || claimWords[1] === GUEST;
    Atomics.and(activeBits, thread * ACTIVE_WORDS, ~(1 << chunk));
    if (anyWithGuest) Atomics.or(activeBits, thread * ACTIVE_WORDS, 1 << chunk);
  }
}

class MarksForItself extends ActiveChunks {
  override mark(chunk: number): void {
    Atomics.or(activeBits, 0, 1 << chunk);
  }
}

for (const [name, Wrong] of [
  ["no second look after clearing the bit", NoSecondLook],
  ["the bit cleared whatever the claims say", ClearsAlways],
  ["the claims read only before the bit is cleared", LooksFirst],
  ["marked for one thread alone", MarksForItself],
] as const) {
  test(`found: ${name}`, () => {
    const make: MakeActive = (claims) => new Wrong(claims, activeBits, widths, limit, THREADS);
    const violations = models(make).map((one) => explore(one).violation);
    assert.ok(
      violations.some((violation) => violation !== undefined),
      "the mistake was not found",
    );
  });
}

/** What threads have seen of the slot that is opened: its opener writes all of it. */
const seenOfAll = shared("seen of all");
const [OPENER, OTHER] = [0, 1];

/** Opens a slot of the chunk, and rests like any pass. */
function opener(slot: number, make: MakeActive): Process {
  return {
    name: "opener",
    start: 0,
    run(local) {
      if (local === 1) return undefined;
      const claims = new Claims(claimWords, seenOfAll, guest, THREADS);
      const active = make(claims);
      claims.open(slot);
      active.opened(slot);
      active.rest(0, OPENER);
      return 1;
    },
  };
}

const markedAtRest = (memory: Memory): string | undefined =>
  [OPENER, OTHER].some((thread) => memory.get(activeBits, thread * ACTIVE_WORDS) !== 1)
    ? "a slot is with its guest, and somebody does not look there"
    : undefined;

/** A request of its slot's last task stands in the line of a thread, which looks at it while the slot is opened for the next. */
function reopening(makeForTaker: MakeActive): Model {
  const taker: Process = {
    name: "taker",
    start: 0,
    run(local) {
      if (local === 1) return undefined;
      const claims = new Claims(claimWords, seenOfAll, guest, THREADS);
      new Scanner(guest, claims, makeForTaker(claims), OTHER).takeFrom(0);
      return 1;
    },
  };
  return {
    processes: [opener(0, right), taker],
    constant: [limit, widths],
    initial: (memory) => {
      openSlots(memory, 1, THREADS);
      memory.set(claimWords, 0, 0);
      memory.set(guest, recordWord(0, OTHER), 17);
    },
    atRest: markedAtRest,
  };
}

test("a slot is opened while a request of its last task is looked at", () => {
  const outcome = explore(reopening(right));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

class MarksNothing extends ActiveChunks {
  override mark(): void {}
}

test("found: a slot that was taken by mistake and given back is not marked", () => {
  const wrong: MakeActive = (claims) => new MarksNothing(claims, activeBits, widths, limit, THREADS);
  assert.is(
    explore(reopening(wrong)).violation,
    "a slot is with its guest, and somebody does not look there",
  );
});

/** The first slot is blocked, the second is opened while another thread finds that. */
function widening(make: MakeActive): Model {
  return {
    processes: [opener(1, make), looker(OTHER, 2, right)],
    constant: [limit],
    initial: (memory) => {
      openSlots(memory, 1, THREADS);
      memory.set(claimWords, 0, OWNED);
      memory.set(claimWords, 1, 0);
    },
    atRest: markedAtRest,
  };
}

test("a chunk gets wider while another thread rests", () => {
  const outcome = explore(widening(right));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** What a processor makes of a plain store of the width. */
class WidensLate extends ActiveChunks {
  override opened(number: number): void {
    this.mark(0);
    widths[0] = number + 1;
  }
}

test("found: the width is seen behind the look at the mark", () => {
  const outcome = explore(widening((claims) => new WidensLate(claims, activeBits, widths, limit, THREADS)));
  assert.ok(outcome.violation, "the mistake was not found");
});

/** As with one kernel thread, though there are two: each marks a chunk of its own in one word. */
test("found: bits changed by plain loads and stores", () => {
  const marker = (chunk: number): Process => ({
    name: `kernel thread ${chunk}`,
    start: 0,
    run(local) {
      if (local === 1) return undefined;
      const claims = new Claims(claimWords, seen, guest, 1);
      new ActiveChunks(claims, activeBits, widths, limit, 1).mark(chunk);
      return 1;
    },
  });
  const outcome = explore({
    processes: [marker(0), marker(1)],
    atRest: (memory) => (memory.get(activeBits, 0) === 3 ? undefined : "a mark got lost"),
  });
  assert.is(outcome.violation, "a mark got lost");
});

test.run();
