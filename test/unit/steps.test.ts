// Work in pieces: what was put off goes on in turns, and a piece that throws holds up no other.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LongTurns } from "../../src/workers/call/long_turns.ts";
import { Steps } from "../../src/workers/call/steps.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import type { Native } from "../../src/workers/native.ts";

function makeSteps() {
  let nowNs = 0;
  const timers = new Timers();
  const native = { monotonicNs: () => nowNs++ } as unknown as Native;
  const longTurns = { isFull: false, nr: 0, end: () => 0 } as unknown as LongTurns;
  const turn = (): void => {
    nowNs += 10_000_000;
    timers.expire(nowNs, longTurns);
  };
  return { steps: new Steps({ native, longTurns, timers }), timers, turn };
}

test("pieces that were put off are done one by one, until they say that they are over", () => {
  const { steps, timers, turn } = makeSteps();
  const done: string[] = [];
  let left = 3;
  steps.later(() => {
    done.push("a");
    return --left === 0;
  });
  steps.later(() => {
    done.push("b");
    return true;
  });
  assert.equal(done, []);
  turn();
  assert.equal(done, ["a", "b", "a", "a"]);
  assert.is(steps.size, 0);
  assert.is(timers.armed, 0);
});

test("a piece that throws is given up, and the others go on", () => {
  const { steps, turn } = makeSteps();
  const done: string[] = [];
  steps.later(() => {
    throw new Error("a piece");
  });
  steps.later(() => {
    done.push("b");
    return true;
  });
  assert.throws(turn, "a piece");
  turn();
  assert.equal(done, ["b"]);
});

test.run();
