// Claims under every interleaving (docs/hardening.md, F3): stubs post, two kernel threads scan, a hostile
// guest sets pending bits and rewrites request words. No request is handled twice or by two
// threads, and none of an honest stub is lost. The same with code that is wrong on purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Claims } from "../../src/shared/ring/claims.ts";
import { slotWord } from "../../src/shared/ring/guest_memory.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply } from "../../src/shared/ring/slot_states.ts";
import { explore, type Model, type Process, violation } from "./explorer.ts";
import {
  activeBits,
  allStubsEnded,
  type answer,
  claimWords,
  countersExact,
  guest,
  honestStub,
  lastSequences,
  openSlots,
  owners,
  type Parts,
  pendingIndex,
  pollingThread,
  realParts,
  requestIndex,
  runnable,
} from "./system.ts";

/** Sets the pending bit of either kernel thread for slot 0, a number of times. */
function forger(times: number): Process {
  return {
    name: "forger",
    start: 0,
    run(local, steps) {
      if (local === times) return undefined;
      const thread = steps.choose(2);
      Atomics.or(guest, pendingIndex(thread), 1);
      return (local as number) + 1;
    },
  };
}

function model(routes: number[], forged: number, parts: () => Parts = realParts): Model {
  return {
    processes: [honestStub(0, routes), forger(forged), pollingThread(0, parts), pollingThread(1, parts)],
    initial: (memory) => openSlots(memory, 1),
    atRest: (memory, ended) => allStubsEnded(1)(memory, ended) ?? countersExact(memory, 1),
    goal: (_memory, ended) => ended[0]!,
  };
}

test("two kernel threads, one stub that changes between them, forged bits", () => {
  const outcome = explore(model([0, 1], 2));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

/** claims.ts without another look after a claim for nothing. */
class DropsAfterOldRequest extends Claims {
  override take(number: number, thread: number): number {
    const seen = Atomics.load(guest, slotWord(number) + (L.REQUEST >>> 2));
    if (seen === 0 || Atomics.load(lastSequences, number) === seen >>> 4) return 0;
    if (Atomics.compareExchange(claimWords, number, 0, (thread + 1) << 28) !== 0) return 0;
    const request = Atomics.load(guest, slotWord(number) + (L.REQUEST >>> 2));
    if (Atomics.load(lastSequences, number) !== request >>> 4) {
      Atomics.store(lastSequences, number, request >>> 4);
      return request;
    }
    Atomics.store(claimWords, number, 0);
    return 0;
  }
}

/** claims.ts without the last sequence: the claim word alone. */
class ForgetsWhatWasHandled extends Claims {
  override take(number: number, thread: number): number {
    const request = Atomics.load(guest, slotWord(number) + (L.REQUEST >>> 2));
    if (request === 0) return 0;
    const claim = ((thread + 1) << 28) | (request >>> 4);
    return Atomics.compareExchange(claimWords, number, 0, claim) === 0 ? request : 0;
  }
}

/** claims.ts that handles the request word that it read before the claim. */
class HandlesWhatItSawBefore extends Claims {
  override take(number: number, thread: number): number {
    const request = Atomics.load(guest, slotWord(number) + (L.REQUEST >>> 2));
    if (request === 0) return 0;
    const claim = ((thread + 1) << 28) | (request >>> 4);
    if (Atomics.compareExchange(claimWords, number, 0, claim) !== 0) return 0;
    if (Atomics.load(lastSequences, number) !== request >>> 4) {
      Atomics.store(lastSequences, number, request >>> 4);
      return request;
    }
    Atomics.store(claimWords, number, 0);
    return 0;
  }
}

/** claims.ts that looks and then stores. */
class LooksThenStores extends Claims {
  override take(number: number, thread: number): number {
    const request = Atomics.load(guest, slotWord(number) + (L.REQUEST >>> 2));
    if (request === 0 || Atomics.load(lastSequences, number) === request >>> 4) return 0;
    if (Atomics.load(claimWords, number) !== 0) return 0;
    Atomics.store(claimWords, number, ((thread + 1) << 28) | (request >>> 4));
    Atomics.store(lastSequences, number, request >>> 4);
    return request;
  }
}

/** slot.ts that stores the reply word before it gives the claim back. */
class RepliesBeforeRelease extends Slots {
  override replyFinal(number: number, sequence: number, code: number): boolean {
    const active = realParts().active;
    active.raise(number >>> 3);
    Atomics.store(guest, slotWord(number) + (L.REPLY >>> 2), sequence * 16 + code);
    Atomics.store(claimWords, number, 0);
    return Atomics.load(guest, slotWord(number) + (L.SLEEPING >>> 2)) !== 0;
  }
}

const mutants: [string, number[], number, () => Parts][] = [
  ["a claim on an old request is dropped without another look", [0, 1], 1, withClaims(DropsAfterOldRequest)],
  ["no last sequence", [0], 1, withClaims(ForgetsWhatWasHandled)],
  ["the request that was read before the claim", [0, 1], 1, withClaims(HandlesWhatItSawBefore)],
  ["claim without compare-exchange", [0], 1, withClaims(LooksThenStores)],
  [
    "reply word before the claim is given back",
    [0, 1],
    0,
    () => ({
      ...realParts(),
      slots: new RepliesBeforeRelease(guest, realParts().claims, realParts().active),
    }),
  ],
];

function withClaims(Wrong: typeof Claims): () => Parts {
  return () => {
    const claims = new Wrong(claimWords, lastSequences, guest);
    const { active, page } = realParts();
    return { claims, active, page, slots: new Slots(guest, claims, active) };
  };
}

for (const [name, routes, forged, parts] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(model(routes, forged, parts));
    assert.ok(outcome.violation, "the mistake was not found");
  });
}

/** Writes any of three request words whenever it likes, with bits for both kernel threads. */
function rewriter(times: number): Process {
  return {
    name: "rewriter",
    start: 0,
    run(local, steps) {
      if (local === times) return undefined;
      const word = steps.choose(3) * 16 + 1;
      Atomics.store(guest, requestIndex(0), word);
      const thread = steps.choose(2);
      Atomics.or(guest, pendingIndex(thread), 1);
      return (local as number) + 1;
    },
  };
}

test("request words rewritten at will: one owner at a time, counters stay exact", () => {
  const handle: typeof answer = (steps, parts, slot, request) => {
    steps.atomic("own", (memory) => {
      if (memory.get(owners, slot) !== 0) violation("two owners");
      memory.set(owners, slot, 1);
      if (memory.get(runnable, 0) !== 0) violation("an owned slot counts as runnable");
      return 0;
    });
    steps.atomic("disown", (memory) => {
      memory.set(owners, slot, 0);
      return 0;
    });
    parts.slots.replyFinal(slot, request >>> 4, Reply.RESUME);
  };
  const outcome = explore({
    processes: [rewriter(3), pollingThread(0, realParts, handle), pollingThread(1, realParts, handle)],
    initial: (memory) => openSlots(memory, 1),
    atRest: (memory) => countersExact(memory, 1),
    goal: (memory) => memory.get(runnable, 0) === 1 && memory.get(activeBits, 0) === 1,
  });
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

test.run();
