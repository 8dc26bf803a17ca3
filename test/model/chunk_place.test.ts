// A place of chunks under every interleaving: a process ends, and another one's chunk is mapped where that one's was
// (ring/chunk_places.ts), while a kernel thread looks there. What the first has posted, in memory that is gone, is taken
// from nobody; what is written for it reaches nobody; and the calls of the second are served. The same with code that is
// wrong on purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { ChunkPlaces } from "../../src/shared/ring/chunk_places.ts";
import { Claims, GUEST, recordWord } from "../../src/shared/ring/claims.ts";
import { slotWord } from "../../src/shared/ring/guest_memory.ts";
import { KernelPage } from "../../src/shared/ring/kernel_page.ts";
import * as L from "../../src/shared/ring/layout.ts";
import {
  ACTIVE_WORDS,
  CONTROL_PASSES,
  CONTROL_WORDS,
  SEEN_WORDS,
} from "../../src/shared/ring/private_sab.ts";
import { Passes } from "../../src/shared/ring/quiescence.ts";
import { Scanner } from "../../src/shared/ring/scan.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Request } from "../../src/shared/ring/slot_states.ts";
import {
  explore,
  type Memory,
  type Model,
  type Process,
  type Shared,
  type Steps,
  shared,
  violation,
} from "./explorer.ts";
import {
  activeBits,
  blockOnDoorbell,
  claimWords,
  futexWake,
  guest,
  limit,
  ring,
  sequenceAt,
  stubWait,
  widths,
} from "./system.ts";

/** Kernel threads. */
const [SUPERVISOR, OTHER] = [0, 1];
const THREADS = 2;
const PLACE = 0;
const SLOT = 0;
const RESULT = slotWord(SLOT) + (L.REP_RESULT >>> 2);

/** What threads have seen: who opens a slot writes all of it. */
const seen = shared("seen of all");
const control = shared("control");
/** As control, of threads that all sleep. */
const asleep = shared("asleep");
/** At WHOSE: how far it is with the place. At RUNS: whose stub may post. At POSTED: the second's request that nobody has taken yet. */
const life = shared("life");
const [WHOSE, RUNS, POSTED] = [0, 1, 2];
const [NOBODY, FIRST, FIRST_IS_GONE, SECOND] = [0, 1, 2, 3];

const requestOf = (sequence: number) => sequence * 16 + Request.SYSCALL;

/** What is wrong on purpose, in place of the project's own. */
interface Mutant {
  readonly claims?: typeof Claims;
  /** Passes of kernel threads, as who gives places out sees them. */
  readonly passes?: Shared;
}

class Parts {
  readonly claims: Claims;
  readonly active: ActiveChunks;
  readonly slots: Slots;
  readonly scanner: Scanner;

  constructor(thread: number, { claims: MadeClaims = Claims }: Mutant) {
    this.claims = new MadeClaims(claimWords, seen, guest, THREADS);
    this.active = new ActiveChunks(this.claims, activeBits, widths, limit, THREADS);
    this.slots = new Slots(guest, this.claims, this.active, thread);
    this.scanner = new Scanner(guest, this.claims, this.active, thread);
  }

  /** Answers what the scanner has just taken: the result is the request's sequence. */
  answer(steps: Steps): void {
    const { request } = this.scanner;
    steps.note("took a request", (memory) => {
      if (memory.get(life, WHOSE) !== SECOND) return 0;
      if (memory.get(life, POSTED) !== request)
        violation("a request was taken that the second has not posted");
      memory.set(life, POSTED, 0);
      return 0;
    });
    if (this.slots.replyResult(SLOT, request >>> 4, request >>> 4)) futexWake(steps, SLOT);
  }
}

/** Gives the place to both, one after the other. */
function giver(mutant: Mutant): Process {
  return {
    name: "supervisor",
    start: 0,
    run(local, steps) {
      if (local === 1) return undefined;
      const { claims, active } = new Parts(SUPERVISOR, mutant);
      const places = new ChunkPlaces(mutant.passes ?? control, THREADS, active);
      const passes = new Passes(control, SUPERVISOR);
      give(steps, places, claims, active, FIRST);
      steps.atomic("the first ends", (memory) => {
        memory.set(life, WHOSE, FIRST_IS_GONE);
        return 0;
      });
      claims.close(SLOT);
      places.retire(PLACE);
      passes.loopTop();
      give(steps, places, claims, active, SECOND);
      return 1;
    },
  };
}

/** It may get another place, where nobody has been: that is no business of this model. */
function give(steps: Steps, places: ChunkPlaces, claims: Claims, active: ActiveChunks, to: number): void {
  if (places.allot() !== PLACE) return;
  steps.atomic("a chunk is mapped over what is there", (memory) => {
    for (let thread = 0; thread < THREADS; thread++) memory.set(guest, recordWord(SLOT, thread), 0);
    for (const field of [L.REPLY, L.SLEEPING, L.REP_RESULT, L.REP_RESULT + 4, L.REP_COUNT])
      memory.set(guest, slotWord(SLOT) + (field >>> 2), 0);
    return 0;
  });
  claims.open(SLOT);
  steps.note("it is open", (memory) => {
    memory.set(life, WHOSE, to);
    return 0;
  });
  active.opened(SLOT);
  steps.note("its stub begins", (memory) => {
    memory.set(life, RUNS, to);
    return 0;
  });
}

/** Posts what it likes, as often, as long as it is there; and has the other thread look. */
function first(times: number): Process {
  return {
    name: "first",
    start: 0,
    run(local, steps) {
      if (local === times) return undefined;
      const request = requestOf(sequenceAt(1 + steps.choose(2), OTHER));
      steps.atomic("post", (memory) => {
        if (memory.get(life, RUNS) === NOBODY) return undefined;
        if (memory.get(life, WHOSE) === FIRST) memory.set(guest, recordWord(SLOT, OTHER), request);
        return 0;
      });
      ring(steps, OTHER);
      return (local as number) + 1;
    },
  };
}

const SLEEPING =
  slotWord(L.KERNEL_PAGE_CHUNK * L.CHUNK_SLOTS) + ((L.KP_THREAD + OTHER * L.KP_THREAD_STRIDE) >>> 2);

/** Makes one call, which a thread is to serve. */
function second(thread: number): Process {
  return {
    name: "second",
    start: 0,
    run(local, steps) {
      if (local === 1) return undefined;
      const sequence = sequenceAt(1, thread);
      steps.atomic("post", (memory) => {
        if (memory.get(life, RUNS) !== SECOND) return undefined;
        memory.set(guest, recordWord(SLOT, thread), requestOf(sequence));
        memory.set(life, POSTED, requestOf(sequence));
        return 0;
      });
      if (thread === OTHER && Atomics.load(guest, SLEEPING) !== 0) ring(steps, OTHER);
      stubWait(steps, SLOT, sequence);
      if (Atomics.load(guest, RESULT) !== sequence) violation("a result of another call");
      return 1;
    },
  };
}

/** The loop of a kernel thread beside the first. It finds the place marked: of many chunks it takes the marks away one by one. */
function other(mutant: Mutant): Process {
  return {
    name: "other",
    start: null,
    run(_local, steps) {
      const parts = new Parts(OTHER, mutant);
      const passes = new Passes(control, OTHER);
      const page = new KernelPage(guest);
      passes.loopTop();
      if (parts.scanner.takeFrom(PLACE) >= 0) {
        parts.answer(steps);
        return null;
      }
      page.setSleeping(OTHER);
      if (!parts.scanner.anyRequest()) {
        passes.toggleAsleep();
        blockOnDoorbell(steps, OTHER);
        passes.toggleAsleep();
      }
      page.clearSleeping(OTHER);
      return null;
    },
  };
}

/** The same supervisor, when it has given the place away: calls that come to it. */
function serving(mutant: Mutant): Process {
  return {
    name: "supervisor",
    start: null,
    run(_local, steps) {
      const parts = new Parts(SUPERVISOR, mutant);
      steps.atomic("polls until there is something new", (memory) =>
        memory.get(life, RUNS) !== SECOND ||
        memory.get(guest, recordWord(SLOT, SUPERVISOR)) === memory.get(seen, SUPERVISOR * SEEN_WORDS + SLOT)
          ? undefined
          : 0,
      );
      if (parts.scanner.takeFrom(PLACE) >= 0) parts.answer(steps);
      return null;
    },
  };
}

function atRest(memory: Memory, ended: readonly boolean[]): string | undefined {
  if (memory.get(life, WHOSE) !== SECOND) return undefined;
  if (!ended[0]) return "the second waits for ever";
  return memory.get(claimWords, SLOT) === GUEST ? undefined : "the slot is not with its guest at rest";
}

function model(thread: number, times: number, mutant: Mutant = {}): Model {
  return {
    processes: [second(thread), first(times), giver(mutant), other(mutant), serving(mutant)],
    constant: [asleep, activeBits],
    initial: (memory) => {
      for (const one of [SUPERVISOR, OTHER]) {
        memory.set(asleep, one * CONTROL_WORDS + CONTROL_PASSES, 1);
        memory.set(activeBits, one * ACTIVE_WORDS, 1);
      }
    },
    atRest,
    goal: (memory, ended) => memory.get(life, WHOSE) !== SECOND || ended[0]!,
  };
}

for (const [name, thread] of [
  ["the other thread", OTHER],
  ["the supervisor", SUPERVISOR],
] as const)
  test(`the second calls ${name}`, () => {
    const outcome = explore(model(thread, 1));
    assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
    console.log(`  ${outcome.states} states`);
  });

/** claims.ts that looks at the record once, before it has the claim. */
class LooksOnce extends Claims {
  override take(number: number, thread: number): number {
    const request = guest[recordWord(number, thread)]!;
    const at = thread * SEEN_WORDS + number;
    if (request === seen[at]) return 0;
    if (request === 0) {
      seen[at] = 0;
      return 0;
    }
    if (thread !== SUPERVISOR && this.hasNew(number, SUPERVISOR)) return 0;
    const claim = ((thread + 1) << 28) | (request >>> 4);
    if (Atomics.compareExchange(claimWords, number, GUEST, claim) !== GUEST) return 0;
    if (request === seen[at]) {
      Atomics.compareExchange(claimWords, number, claim, GUEST);
      this.hasGivenBack = true;
      return 0;
    }
    seen[at] = request;
    return request;
  }
}

/** claims.ts that opens a slot as if nobody had had it before. */
class KeepsWhatWasSeen extends Claims {
  override open(number: number): void {
    Atomics.store(claimWords, number, GUEST);
  }
}

for (const [name, thread, mutant, found] of [
  ["the record looked at once", OTHER, { claims: LooksOnce }, /taken that the second has not posted/],
  ["what was seen of the first counts for the second", OTHER, { claims: KeepsWhatWasSeen }, /waits for ever/],
  ["the place given away at once", SUPERVISOR, { passes: asleep }, /taken that the second has not posted/],
] as const)
  test(`found: ${name}`, () => {
    const outcome = explore(model(thread, 1, mutant));
    assert.match(outcome.violation ?? "nothing", found, outcome.trace?.join("\n"));
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });

test.run();
