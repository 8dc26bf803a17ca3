// Credit under every interleaving (ring/credit.ts): two kernel threads draw from one total, use some of it without asking,
// give it back and go to sleep, while the total changes. They never draw more than there is, a draw that fails failed for
// want of it, and who sleeps holds what it uses. The same with code that is wrong on purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Credit } from "../../src/shared/ring/credit.ts";
import { CREDIT_LEFT, CREDIT_LIMIT } from "../../src/shared/ring/private_sab.ts";
import { explore, type Memory, type Model, type Process, type Steps, shared, violation } from "./explorer.ts";

const ACCOUNT = 0;
const BATCH = 2;
const TOTAL = 9;
const SMALLER = 3;
const THREADS = [0, 1] as const;

const words = shared("credit");
/** What each thread has drawn, and what it uses of it, by its own account. */
const drawnBy = shared("drawn");
const usedBy = shared("used");
/** What there may be, as of the step that has made it so. */
const total = shared("total");

interface User {
  readonly used: number;
  readonly drawn: number;
  readonly turns: number;
}

type Make = new (words: Int32Array, account: number, batch: number, drawn?: number) => Credit;

function undrawn(memory: Memory): number {
  return THREADS.reduce((left, thread) => left - memory.get(drawnBy, thread), memory.get(total, 0));
}

function note(
  steps: Steps,
  thread: number,
  { drawn }: Credit,
  used: number,
  check?: (memory: Memory) => void,
): void {
  steps.note("accounts", (memory) => {
    check?.(memory);
    memory.set(drawnBy, thread, drawn);
    memory.set(usedBy, thread, used);
    return 0;
  });
}

/** Asks for `count` more, as the budgets do: what it uses then. */
function ask(
  steps: Steps,
  thread: number,
  credit: Credit,
  used: number,
  count: number,
  reserve: number,
): number {
  const wanted = used + count;
  if (wanted <= credit.drawn) return wanted;
  const before = credit.drawn;
  const needed = wanted - before;
  if (credit.draw(wanted, reserve)) {
    const taken = credit.drawn - before;
    note(steps, thread, credit, wanted, (memory) => {
      if (credit.drawn < wanted) violation("less was drawn than is needed");
      if (undrawn(memory) < taken + reserve) violation("more was drawn than there is");
    });
    return wanted;
  }
  note(steps, thread, credit, used, (memory) => {
    if (undrawn(memory) >= needed + reserve) violation("a draw failed though there was enough");
  });
  return used;
}

/** A kernel thread: some turns, in each of which it does one thing; then it sleeps. */
function user(thread: number, turns: number, reserve: number, Drawn: Make): Process {
  return {
    name: `thread ${thread}`,
    start: { used: 0, drawn: 0, turns },
    run(local, steps) {
      const { used, drawn, turns: left } = local as unknown as User;
      const credit = new Drawn(words, ACCOUNT, BATCH, drawn);
      const rest = (now: number) => ({ used: now, drawn: credit.drawn, turns: left - 1 });
      if (left === 0) {
        steps.atomic("goes to sleep", () => 0);
        credit.settle(used, true);
        note(steps, thread, credit, used);
        return undefined;
      }
      switch (steps.choose(5)) {
        case 0:
          return rest(ask(steps, thread, credit, used, 1, reserve));
        case 1:
          return rest(ask(steps, thread, credit, used, 4, reserve));
        case 2:
          return rest(0);
        case 3:
          return rest(used + 2); // without asking
        default:
          credit.settle(used, false);
          note(steps, thread, credit, used);
          return rest(used);
      }
    },
  };
}

/** Thread 0's control requests: less, and then as much as before. */
function limits(Drawn: Make, values: readonly number[]): Process {
  return {
    name: "limits",
    start: 0,
    run(local, steps) {
      const value = values[local as number];
      if (value === undefined) return undefined;
      new Drawn(words, ACCOUNT, BATCH).limit = value;
      steps.note("total", (memory) => {
        memory.set(total, 0, value);
        return 0;
      });
      return (local as number) + 1;
    },
  };
}

function start(memory: Memory): void {
  memory.set(words, CREDIT_LIMIT, TOTAL);
  memory.set(words, CREDIT_LEFT, TOTAL);
  memory.set(total, 0, TOTAL);
}

function model(Drawn: Make = Credit): Model {
  return {
    processes: [user(0, 3, 0, Drawn), user(1, 2, 1, Drawn), limits(Drawn, [SMALLER, TOTAL])],
    initial: start,
    invariant: (memory) =>
      memory.get(words, CREDIT_LEFT) === undrawn(memory) ? undefined : "some of it is lost, or there twice",
    atRest: (memory) =>
      THREADS.every((thread) => memory.get(drawnBy, thread) === memory.get(usedBy, thread))
        ? undefined
        : "a thread that sleeps holds what it does not use",
  };
}

// ---- What one gives back another finds ----

/** Wants all of it, and asks until it has it. */
function waiter(Drawn: Make): Process {
  return {
    name: "waiter",
    start: "wants all",
    run(local, steps) {
      const credit = new Drawn(words, ACCOUNT, BATCH);
      if (!credit.draw(TOTAL)) return local;
      note(steps, 1, credit, TOTAL);
      return undefined;
    },
  };
}

function user0ThatEnds(Drawn: Make): Process {
  const inner = user(0, 2, 0, Drawn);
  return {
    ...inner,
    run(local, steps) {
      const { used, turns } = local as unknown as User;
      if (turns > 0 || used === 0) return inner.run(local, steps);
      steps.atomic("gives up all", () => 0);
      return { ...(local as object), used: 0 };
    },
  };
}

function waiting(Drawn: Make = Credit): Model {
  return {
    processes: [user0ThatEnds(Drawn), waiter(Drawn)],
    initial: start,
    goal: (_memory, ended) => ended[1]!,
  };
}

function holds(what: string, make: () => Model): void {
  test(what, () => {
    const outcome = explore(make());
    assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
    console.log(`  ${outcome.states} states`);
  });
}

holds("two threads draw, use and give back while the total changes", () => model());
holds("all that one gives back another can draw", () => waiting());

/** draw() by a look and a store. */
class Stores extends Credit {
  override draw(wanted: number, reserve = 0): boolean {
    const needed = wanted - this.drawn;
    const left = Atomics.load(words, CREDIT_LEFT);
    if (left - needed - reserve < 0) return false;
    Atomics.store(words, CREDIT_LEFT, left - needed);
    this.drawn += needed;
    return true;
  }
}

/** ... that takes first, and gives back where that was too much: others fail meanwhile. */
class TakesFirst extends Credit {
  override draw(wanted: number, reserve = 0): boolean {
    const needed = wanted - this.drawn;
    if (Atomics.sub(words, CREDIT_LEFT, needed) - needed - reserve >= 0) {
      this.drawn += needed;
      return true;
    }
    Atomics.add(words, CREDIT_LEFT, needed);
    return false;
  }
}

/** ... that takes whole batches alone. */
class WholeBatches extends Credit {
  override draw(wanted: number, reserve = 0): boolean {
    const needed = wanted - this.drawn + BATCH;
    for (;;) {
      const left = Atomics.load(words, CREDIT_LEFT);
      if (left - needed - reserve < 0) return false;
      if (Atomics.compareExchange(words, CREDIT_LEFT, left, left - needed) !== left) continue;
      this.drawn += needed;
      return true;
    }
  }
}

/** ... that gives up when another came before it. */
class GivesUp extends Credit {
  override draw(wanted: number, reserve = 0): boolean {
    const needed = wanted - this.drawn;
    const left = Atomics.load(words, CREDIT_LEFT);
    if (left - needed - reserve < 0) return false;
    if (Atomics.compareExchange(words, CREDIT_LEFT, left, left - needed) !== left) return false;
    this.drawn += needed;
    return true;
  }
}

/** ... whose batch comes out of what is to be left. */
class NoReserve extends Credit {
  override draw(wanted: number): boolean {
    return super.draw(wanted);
  }
}

/** A new total that forgets what was drawn. */
class Forgets extends Credit {
  override get limit(): number {
    return super.limit;
  }
  override set limit(units: number) {
    words[CREDIT_LIMIT] = units;
    Atomics.store(words, CREDIT_LEFT, units);
  }
}

/** ... that is written behind a look. */
class Looks extends Credit {
  override get limit(): number {
    return super.limit;
  }
  override set limit(units: number) {
    const left = Atomics.load(words, CREDIT_LEFT) + units - this.limit;
    words[CREDIT_LIMIT] = units;
    Atomics.store(words, CREDIT_LEFT, left);
  }
}

/** settle() before a sleep as at any other time. */
class Hoards extends Credit {
  override settle(used: number): void {
    super.settle(used, false);
  }
}

/** ... that does not draw what was used without asking. */
class IgnoresDebts extends Credit {
  override settle(used: number, isGoingToSleep: boolean): void {
    super.settle(Math.min(used, this.drawn), isGoingToSleep);
  }
}

/** ... that gives what is used. */
class GivesAll extends Credit {
  override settle(used: number, isGoingToSleep: boolean): void {
    super.settle(isGoingToSleep ? 0 : used, isGoingToSleep);
  }
}

/** ... and keeps it. */
class Keeps extends Credit {
  override settle(used: number, isGoingToSleep: boolean): void {
    const { drawn } = this;
    super.settle(used, isGoingToSleep);
    this.drawn = drawn;
  }
}

const mutants: [string, () => Model][] = [
  ["a draw without compare-exchange", () => model(Stores)],
  ["a draw that takes first", () => model(TakesFirst)],
  ["a draw of whole batches alone", () => waiting(WholeBatches)],
  ["a draw that gives up when another came before", () => model(GivesUp)],
  ["a draw that leaves nothing", () => model(NoReserve)],
  ["a new total that forgets what is drawn", () => model(Forgets)],
  ["a new total that is written behind a look", () => model(Looks)],
  ["a thread that hoards while it sleeps", () => waiting(Hoards)],
  ["... whatever others want", () => model(Hoards)],
  ["what was used without asking is nobody's", () => model(IgnoresDebts)],
  ["what is in use is given back", () => model(GivesAll)],
  ["what is given back is kept", () => model(Keeps)],
];

for (const [name, make] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(make());
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
