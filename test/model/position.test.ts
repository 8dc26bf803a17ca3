// The position of an open file that several kernel threads move (ring/open_records.ts), under every interleaving: each
// moves it by what it has read, none overwrites another's, and thread 0, which waits while it is held, is told. The same
// with code that is wrong on purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { OpenRecords } from "../../src/shared/ring/open_records.ts";
import { explore, type Memory, type Model, type Process, type Steps, shared } from "./explorer.ts";

const SUPERVISOR = 0;
const WORKERS = [1, 2];
const RECORD = 0;
const POSITION_DOUBLE = 3;

const openRecords = shared("records");
const openRecordDoubles = shared("positions") as unknown as Float64Array;
const unused = shared("unused");
const mail = shared("mail");
/** Messages to thread 0 that have not been taken. */
const FREED = 0;
const PASSED = 1;

function records(thread: number): OpenRecords {
  const stampDoubles = unused as unknown as Float64Array;
  return new OpenRecords(
    { callers: unused, tables: unused, openRecords, openRecordDoubles, stamps: unused, stampDoubles },
    thread,
  );
}

function say(steps: Steps, message: number): void {
  steps.atomic("says", (memory) => {
    memory.set(mail, message, memory.get(mail, message) + 1);
    return 0;
  });
}

type LetGo = (records: OpenRecords) => boolean;
const letGo: LetGo = (all) => all.letGo(RECORD);
type Take = (records: OpenRecords) => boolean;
const take: Take = (all) => all.take(RECORD);

/** A worker serves one call; what finds the position taken is thread 0's. */
function worker(thread: number, takes: Take, letsGo: LetGo): Process {
  return {
    name: `worker ${thread}`,
    start: 0,
    run(local, steps) {
      if (local === 1) return undefined;
      const all = records(thread);
      if (!takes(all)) {
        say(steps, PASSED);
        return 1;
      }
      all.setPosition(RECORD, all.position(RECORD) + 1);
      if (letsGo(all)) say(steps, FREED);
      return 1;
    },
  };
}

type Want = (records: OpenRecords, steps: Steps) => boolean;
const want: Want = (all) => all.takeOrWant(RECORD);

/** Thread 0: a call of its own, and those that are passed to it. */
function supervisor(wants: Want): Process {
  return {
    name: "thread 0",
    start: "call",
    run(local, steps) {
      const all = records(SUPERVISOR);
      if (local === "idle") {
        steps.atomic("takes a call", (memory) => {
          if (memory.get(mail, PASSED) === 0) return undefined;
          memory.set(mail, PASSED, memory.get(mail, PASSED) - 1);
          return 0;
        });
        return "call";
      }
      if (!wants(all, steps)) {
        steps.atomic("is told", (memory) => {
          if (memory.get(mail, FREED) === 0) return undefined;
          memory.set(mail, FREED, memory.get(mail, FREED) - 1);
          return 0;
        });
        return "call";
      }
      all.setPosition(RECORD, all.position(RECORD) + 1);
      all.letGo(RECORD);
      return "idle";
    },
  };
}

function position(memory: Memory): number {
  return memory.get(openRecordDoubles as unknown as Int32Array, POSITION_DOUBLE);
}

function model(wants: Want, takes: Take, letsGo: LetGo): Model {
  return {
    processes: [supervisor(wants), ...WORKERS.map((thread) => worker(thread, takes, letsGo))],
    atRest: (memory) => {
      const moved = position(memory);
      return moved === 1 + WORKERS.length ? undefined : `the position was moved ${moved} times`;
    },
  };
}

test("a position is moved by one after the other, and who waits for it is told", () => {
  const outcome = explore(model(want, take, letGo));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

const HOLDER = 2;

const mutants: [string, () => Model][] = [
  [
    "who lets go looks first whether it is wanted",
    () =>
      model(want, take, () => {
        const isWanted = (Atomics.load(openRecords, HOLDER) & 0x100) !== 0;
        Atomics.store(openRecords, HOLDER, 0);
        return isWanted;
      }),
  ],
  ["who lets go tells nobody", () => model(want, take, (all) => all.letGo(RECORD) && false)],
  [
    "who takes it looks first whether it is free",
    () =>
      model(
        want,
        () => {
          if (Atomics.load(openRecords, HOLDER) !== 0) return false;
          Atomics.store(openRecords, HOLDER, 2);
          return true;
        },
        letGo,
      ),
  ],
  [
    "thread 0 says that it wants it whatever has become of it",
    () =>
      model(
        (all) => {
          if (all.take(RECORD)) return true;
          Atomics.or(openRecords, HOLDER, 0x100);
          return false;
        },
        take,
        letGo,
      ),
  ],
];

for (const [name, make] of mutants) {
  test(`mutant: ${name}`, () => {
    assert.is.not(explore(make()).violation, undefined);
  });
}

test.run();
