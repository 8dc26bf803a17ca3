// Long turns are found though the clock is not read after each request: a long one among short ones is
// counted once, and logged with the calls of which it was one.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import { LongTurns } from "../../src/workers/call/long_turns.ts";
import { Counters } from "../../src/workers/counters.ts";

/** A kernel thread whose clocks stand still but for what is said; all its time is CPU time. */
function rig() {
  const clock = { ms: 1000, looks: 0 };
  const scratchView = new DataView(new ArrayBuffer(16));
  const native = {
    scratchView,
    clockGettime: () => {
      scratchView.setInt32(0, Math.floor(clock.ms / 1000), true);
      scratchView.setInt32(8, Math.round((clock.ms % 1000) * 1e6), true);
      return 0;
    },
  };
  const counters = new Counters();
  counters.requests = 1;
  const logged: Record<string, unknown>[] = [];
  const log = (_level: string, _text: string, what: Record<string, unknown>) => logged.push(what);
  const real = performance.now;
  performance.now = () => {
    clock.looks++;
    return clock.ms;
  };
  const turns = new LongTurns({ native, counters, log, owesAnswer: false } as never);
  turns.end("start", null);
  const serve = (name: string, ms: number) => {
    turns.nr = nr(name);
    clock.ms += ms;
    turns.served();
  };
  const explain = () => {
    for (let n = 0; n < 3; n++) turns.turned();
  };
  return { clock, counters, logged, turns, serve, explain, restore: () => (performance.now = real) };
}

test("one long request among short ones", () => {
  const { counters, logged, serve, explain, restore } = rig();
  try {
    for (let n = 0; n < 1000; n++) serve("getppid", 0.001);
    serve("lseek", 15);
    for (let n = 0; n < 1000; n++) serve("getppid", 0.001);
    explain();
    assert.is(counters.longTurns, 1);
    assert.is(logged.length, 1);
    assert.match(String(logged[0]!["call"]), /lseek/);
  } finally {
    restore();
  }
});

test("what comes after short requests is its own turn", () => {
  const { clock, counters, logged, turns, serve, explain, restore } = rig();
  try {
    for (let n = 0; n < 1001; n++) serve("getppid", 0.001);
    turns.settle();
    turns.nr = -1;
    clock.ms += 15;
    turns.end("timer", null);
    explain();
    assert.is(counters.longTurns, 1);
    assert.is(logged[0]!["what"], "timer");
    assert.is(logged[0]!["call"], undefined);
  } finally {
    restore();
  }
});

test("the clock is read rarely while requests are short, and after each that is not", () => {
  const { clock, counters, serve, restore } = rig();
  try {
    for (let n = 0; n < 100; n++) serve("getppid", 0.001);
    clock.looks = 0;
    for (let n = 0; n < 800; n++) serve("getppid", 0.001);
    assert.ok(clock.looks <= 101, `${clock.looks} looks`);
    for (let n = 0; n < 8; n++) serve("read", 1);
    clock.looks = 0;
    for (let n = 0; n < 8; n++) serve("read", 1);
    assert.is(clock.looks, 8);
    assert.is(counters.longTurns, 0);
  } finally {
    restore();
  }
});

test("a turn is counted when it is known whose it was, since nothing is ever taken back", () => {
  const { counters, serve, explain, restore } = rig();
  try {
    serve("lseek", 15);
    assert.is(counters.longTurns, 0);
    explain();
    assert.is(counters.longTurns, 1);
    for (let n = 0; n < 100; n++) serve("lseek", 15);
    explain();
    assert.is(counters.longTurns, 101);
  } finally {
    restore();
  }
});

test("what a thread has done for somebody else is no part of its turn", () => {
  const { clock, counters, turns, explain, restore } = rig();
  try {
    clock.ms += 15;
    turns.resume();
    turns.end("event loop", null);
    explain();
    assert.is(counters.longTurns, 0);
  } finally {
    restore();
  }
});

test.run();
