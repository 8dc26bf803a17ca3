// What is told of an open file, changed, and given up while other kernel threads serve calls on it (ring/open_records.ts,
// ring/quiescence.ts), under every interleaving: nobody reads a file that the descriptor has never named, whatever its
// host descriptor has become, and nobody takes a part of what was told before for what is told now. The same with code
// that is wrong on purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { LENT_READ, LENT_TELLS, type Lent, OpenRecords } from "../../src/shared/ring/open_records.ts";
import { CONTROL_PASSES, CONTROL_WORDS } from "../../src/shared/ring/private_sab.ts";
import { Passes, Quiescence } from "../../src/shared/ring/quiescence.ts";
import { explore, type Model, type Process, type Steps, shared, violation } from "./explorer.ts";

const WORKERS = [1, 2];
const THREADS = 3;
const SLOT = 0;
const TABLE = 0;
const FD = 3;
const RECORD = 0;
const STAMPS = 0;

// Descriptors of the host's, and what they name.
const OLD_FD = 5;
const NEW_FD = 6;
const NOTHING = 0;
const OLD = 1;
const NEW = 2;
const SECRET = 3;

const callers = shared("callers");
const tables = shared("tables");
const openRecords = shared("records");
const doubles = shared("doubles") as unknown as Float64Array;
const stamps = shared("stamps");
const control = shared("control");
const host = shared("host");

function records(thread: number): OpenRecords {
  return new OpenRecords(
    { callers, tables, openRecords, openRecordDoubles: doubles, stamps, stampDoubles: doubles },
    thread,
  );
}

const lent = (hostFd: number, modes: number): Lent => ({ hostFd, modes, stamps: STAMPS, warmEnd: 0 });

function open(steps: Steps, fd: number, what: number): void {
  steps.atomic(`host descriptor ${fd} names ${what}`, (memory) => {
    memory.set(host, fd, what);
    return 0;
  });
}

type Read = (all: OpenRecords, into: Lent) => boolean;
const read: Read = (all, into) => all.read(RECORD, into);

/** A worker serves calls on the descriptor, each in a pass of its own; what it does not find is passed. */
function worker(thread: number, reads: Read): Process {
  return {
    name: `worker ${thread}`,
    start: 0,
    run(local, steps) {
      const passes = new Passes(control, thread);
      passes.loopTop();
      if (local === 2) {
        passes.toggleAsleep();
        return undefined;
      }
      const all = records(thread);
      const into = lent(0, 0);
      if (all.find(SLOT, FD) !== RECORD || !reads(all, into)) return Number(local) + 1;
      if ((into.hostFd === OLD_FD) !== (into.modes === LENT_READ))
        violation("it takes one half for the other");
      const what = steps.atomic("reads", (memory) => memory.get(host, into.hostFd));
      if (what === NOTHING || what === SECRET) violation("it reads what the descriptor never named");
      return Number(local) + 1;
    },
  };
}

type Waits = (quiescence: Quiescence, since: readonly number[]) => boolean;
const waits: Waits = (quiescence, since) => quiescence.hasPassed(since);

/** Thread 0: the file is another's contents by and by, is closed, and its numbers become others'. */
function supervisor(passed: Waits, forgets = true): Process {
  return {
    name: "thread 0",
    start: { at: "changes", since: [] },
    run(local, steps) {
      const { at, since } = local as { at: string; since: number[] };
      const all = records(0);
      const quiescence = new Quiescence(control, THREADS);
      if (at === "changes") {
        open(steps, NEW_FD, NEW);
        all.set(RECORD, lent(NEW_FD, LENT_READ | LENT_TELLS));
        return { at: "closes old", since: quiescence.now().slice() };
      }
      if (at === "closes old" || at === "closes new") {
        if (!passed(quiescence, since)) return { at, since };
        open(steps, at === "closes old" ? OLD_FD : NEW_FD, SECRET);
        if (at === "closes new") return undefined;
        if (forgets) all.forgetDescriptor(TABLE, FD);
        all.end(RECORD);
        return { at: "closes new", since: quiescence.now().slice() };
      }
      return undefined;
    },
  };
}

function model(passed: Waits, reads: Read, forgets = true): Model {
  return {
    processes: [supervisor(passed, forgets), ...WORKERS.map((thread) => worker(thread, reads))],
    initial: (memory) => {
      memory.set(host, OLD_FD, OLD);
      memory.set(callers, SLOT, TABLE + 1);
      memory.set(tables, FD, RECORD + 1);
      memory.set(openRecords, 3, OLD_FD);
      memory.set(openRecords, 4, LENT_READ);
      // Thread 0 is awake for good: nobody waits for it.
      memory.set(control, CONTROL_PASSES, 1);
      for (const thread of WORKERS) memory.set(control, thread * CONTROL_WORDS + CONTROL_PASSES, 2);
    },
    goal: (_memory, ended) => ended.every(Boolean),
  };
}

test("a file is changed and given up while others read it", () => {
  const outcome = explore(model(waits, read));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

test("a record whose descriptor still stands in a table is not taken for another's", () => {
  const outcome = explore(model(waits, read, false));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
});

const mutants: [string, () => Model][] = [
  ["host descriptors are closed at once", () => model(() => true, read)],
  [
    "fields are read without a look at the version",
    () =>
      model(waits, (_all, into) => {
        into.hostFd = openRecords[3]!;
        into.modes = openRecords[4]!;
        return true;
      }),
  ],
  [
    "the version is looked at once",
    () =>
      model(waits, (_all, into) => {
        if ((Atomics.load(openRecords, 1) & 1) !== 0) return false;
        into.hostFd = openRecords[3]!;
        into.modes = openRecords[4]!;
        return true;
      }),
  ],
];

for (const [name, make] of mutants) {
  test(`mutant: ${name}`, () => {
    assert.is.not(explore(make()).violation, undefined);
  });
}

test.run();
