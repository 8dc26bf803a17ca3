// An idle thread gives memory back once, after a while, and again only when it has worked meanwhile.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { IdleTrim } from "../../src/workers/idle_trim.ts";
import type { Native } from "../../src/workers/native.ts";

const SECOND_NS = 1e9;

test("three times for each time of work, whatever wakes the thread meanwhile", () => {
  let trims = 0;
  const trim = new IdleTrim({ trim: () => trims++ } as unknown as Native, 3, -1);
  assert.is(trim.bound(-1), 2 * SECOND_NS);
  assert.is(trim.bound(SECOND_NS), SECOND_NS);
  trim.afterSleep(SECOND_NS);
  assert.is(trims, 0);
  assert.is(trim.bound(-1), SECOND_NS);
  trim.afterSleep(SECOND_NS);
  assert.is(trims, 1);
  assert.is(trim.bound(-1), 4 * SECOND_NS);
  trim.afterSleep(4 * SECOND_NS);
  assert.is(trims, 2);
  assert.is(trim.bound(-1), SECOND_NS);
  trim.afterSleep(SECOND_NS);
  assert.is(trims, 3);
  assert.is(trim.bound(-1), -1);
  trim.afterSleep(9 * SECOND_NS);
  assert.is(trims, 3);
  trim.worked();
  assert.is(trim.bound(-1), 2 * SECOND_NS);
  trim.afterSleep(2 * SECOND_NS);
  assert.is(trims, 4);
});

test("what sandboxes have alike is taken once, when the host has had time to read it", () => {
  const calls: string[] = [];
  const native = {
    trim: () => {},
    alikePrepare: (fd: number) => calls.push(`prepare ${fd}`),
    alikeTake: (proc: number) => calls.push(`take ${proc}`),
  } as unknown as Native;
  const trim = new IdleTrim(native, 3, 4);
  trim.afterSleep(2 * SECOND_NS);
  trim.afterSleep(4 * SECOND_NS);
  assert.equal(calls, ["prepare 4", "prepare 4"]);
  trim.afterSleep(SECOND_NS);
  assert.equal(calls.slice(2), ["take 3"]);
  trim.worked();
  for (const seconds of [2, 4, 1]) trim.afterSleep(seconds * SECOND_NS);
  assert.is(calls.length, 3);
});

test("of a large heap the young objects alone are collected, each time", () => {
  const collected: unknown[] = [];
  const global = globalThis as { gc?: unknown };
  global.gc = (options: unknown) => collected.push(options);
  const trim = new IdleTrim({ trim: () => {} } as unknown as Native, 3, -1);
  const all = (): void => {
    trim.worked();
    for (const seconds of [2, 4, 1]) trim.afterSleep(seconds * SECOND_NS);
  };
  all();
  const held = new Array<number>(4 << 20).fill(0);
  all();
  delete global.gc;
  assert.is(held.length, 4 << 20);
  const last = { type: "major", execution: "sync", flavor: "last-resort" };
  const young = { type: "minor" };
  assert.equal(collected, [undefined, last, young, young, young]);
});

test.run();
