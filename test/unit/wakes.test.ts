// Wake-ups that are held back: two by one call, none for long, and each of them once.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Wakes } from "../../src/workers/call/wakes.ts";

function make(): { wakes: Wakes; told: string[] } {
  const told: string[] = [];
  const wakes = new Wakes({
    futexWake: (chunk, offset) => told.push(`${chunk}+${offset}`),
    futexWakeTwo: (chunk, offset, second, at) => told.push(`${chunk}+${offset} ${second}+${at}`),
  });
  return { wakes, told };
}

test("what is not to be held back is not", () => {
  const { wakes, told } = make();
  wakes.wake(0, 8);
  wakes.wake(1, 8);
  assert.equal(told, ["0+8", "1+8"]);
  wakes.hold();
  wakes.letGo();
  assert.is(told.length, 2);
  wakes.wake(2, 8);
  assert.is(told.length, 3);
});

test("two go by one call", () => {
  const { wakes, told } = make();
  wakes.hold();
  wakes.next();
  wakes.wake(0, 8);
  assert.equal(told, []);
  wakes.next();
  wakes.wake(0, 16);
  assert.equal(told, ["0+8 0+16"]);
  wakes.wake(3, 0);
  wakes.letGo();
  assert.equal(told, ["0+8 0+16", "3+0"]);
  wakes.letGo();
  assert.is(told.length, 2);
});

test("one waits for no more than another request", () => {
  const { wakes, told } = make();
  wakes.hold();
  wakes.wake(5, 8);
  wakes.next();
  assert.equal(told, []);
  wakes.next();
  assert.equal(told, ["5+8"]);
  wakes.letGo();
  assert.is(told.length, 1);
});

test.run();
