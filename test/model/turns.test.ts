// Turning the event loop under every interleaving: control requests reach a kernel thread that
// never awaits. A turn of libuv's loop looks at its wake-up once; a message that is posted between
// that look and the end of the turn is for the next one, and the wake-up may arrive late. Asleep,
// the kernel thread waits on the loop's descriptor too, readable as long as a wake-up is pending.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONTROL_ASKED, CONTROL_SERVED, CONTROL_WORDS } from "../../src/shared/ring/private_sab.ts";
import { Turns } from "../../src/shared/ring/turns.ts";
import { explore, type Memory, type Model, type Process, type Steps, shared } from "./explorer.ts";

const control = shared("control");
/** Messages in the port's queue. */
const queue = shared("queue");
/** 1 while a wake-up of the event loop is pending. */
const wakeup = shared("wakeup");
/** 1 while a wake-up was sent that the loop cannot see yet. */
const sent = shared("sent");

function add(memory: Memory, array: typeof queue, value: number): number {
  memory.set(array, 0, memory.get(array, 0) + value);
  return 0;
}

function mainThread(requests: number): Process {
  return {
    name: "main thread",
    start: 0,
    run(local, steps) {
      if (local === requests) {
        steps.atomic("waits until all is served", (memory) =>
          memory.get(control, CONTROL_WORDS + CONTROL_SERVED) === requests ? 0 : undefined,
        );
        return undefined;
      }
      steps.atomic("postMessage: queue", (memory) => add(memory, queue, 1));
      steps.atomic("postMessage: wake the loop", (memory) => {
        memory.set(sent, 0, 1);
        return 0;
      });
      new Turns(control, 1).ask();
      return (local as number) + 1;
    },
  };
}

/** What lies between the sender of a wake-up and the loop: it arrives, but not at once. */
const delivery: Process = {
  name: "delivery",
  start: null,
  run(_local, steps) {
    steps.atomic("a wake-up arrives", (memory) => {
      if (memory.get(sent, 0) === 0) return undefined;
      memory.set(sent, 0, 0);
      memory.set(wakeup, 0, 1);
      return 0;
    });
    return null;
  },
};

/** One turn: takes the wake-up if there is one, and then handles what is in the queue. */
function turn(steps: Steps, serve: () => void): void {
  const woken = steps.atomic("turn: look at the wake-up", (memory) => {
    const pending = memory.get(wakeup, 0);
    memory.set(wakeup, 0, 0);
    return pending;
  });
  if (woken === 0) return;
  while (steps.atomic("turn: take a message", (memory) => takeMessage(memory)) === 1) serve();
}

function takeMessage(memory: Memory): number {
  if (memory.get(queue, 0) === 0) return 0;
  memory.set(queue, 0, memory.get(queue, 0) - 1);
  return 1;
}

interface Ways {
  /** Leaves the loop to turn the event loop. */
  readonly due: (turns: Turns) => boolean;
  readonly turns: number;
  /** On the event loop's descriptor, on nothing, or not at all because guests keep it busy for ever. */
  readonly sleeps: "on loop" | "on nothing" | "never";
}

const RIGHT: Ways = { due: (turns) => turns.due(), turns: 2, sleeps: "on loop" };

/** Kernel thread 1: guests keep it busy for a while, then it may sleep. */
function kernelThread(ways: Ways): Process {
  return {
    name: "kernel thread",
    start: null,
    run(_local, steps) {
      const turns = new Turns(control, 1);
      if (ways.due(turns)) {
        for (let n = 0; n < ways.turns; n++) turn(steps, () => turns.serve());
        return null;
      }
      if (ways.sleeps === "never" || steps.choose(2) === 0) {
        steps.atomic("serves guests", () => 0);
        return null;
      }
      steps.atomic("sleeps", (memory) =>
        ways.sleeps === "on loop" && memory.get(wakeup, 0) !== 0 ? 0 : undefined,
      );
      turn(steps, () => turns.serve());
      turn(steps, () => turns.serve());
      return null;
    },
  };
}

function model(requests: number, ways: Ways): Model {
  return {
    processes: [mainThread(requests), kernelThread(ways), delivery],
    atRest: (_memory, ended) => (ended[0] ? undefined : "a control request is never served"),
    goal: (_memory, ended) => ended[0]!,
  };
}

for (const sleeps of ["on loop", "never"] as const) {
  test(`every control request is served; it sleeps: ${sleeps}`, () => {
    const outcome = explore(model(3, { ...RIGHT, sleeps }));
    assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
    console.log(`  ${outcome.states} states`);
  });
}

/** Acknowledges the request by what it saw asked, not by what was served. */
function acknowledges(): boolean {
  const asked = Atomics.load(control, CONTROL_WORDS + CONTROL_ASKED);
  return Atomics.exchange(control, CONTROL_WORDS + CONTROL_WORDS, asked) !== asked;
}

const mutants: [string, Ways][] = [
  [
    "one turn for each time that something was asked",
    { ...RIGHT, due: acknowledges, turns: 1, sleeps: "never" },
  ],
  ["asleep without the loop's descriptor", { ...RIGHT, sleeps: "on nothing" }],
];

for (const [name, ways] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(model(2, ways));
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
