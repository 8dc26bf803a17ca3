// A thread's profiler: what it takes for itself is no turn of the kernel's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ProfiledKernel, ThreadProfiler } from "../../src/workers/profile/thread_profiler.ts";
import { record } from "./profile_sample.ts";

test("its beginning, its end, and what it does now and then are no turns", async () => {
  const renewals: (() => void)[] = [];
  let resumed = 0;
  const kernel = {
    thread: 0,
    native: {
      monotonicNs: () => Number(process.hrtime.bigint()),
      clockGettime: () => 0,
      scratchView: new DataView(new ArrayBuffer(16)),
    },
    page: { setTimed: () => {} },
    slots: { wakes: 0, unsigned: () => 0 },
    memory: { words: new Int32Array(16) },
    timers: { add: (_at: number, renew: () => void) => renewals.push(renew), cancel: () => {} },
    longTurns: { resume: () => resumed++ },
    observer: null,
    profiling: null,
    owesAnswer: false,
  } as unknown as ProfiledKernel;
  const profiler = new ThreadProfiler(kernel, () => record().report, null);
  profiler.start({ cpu: true, stacksPerSecond: 0 });
  assert.is(resumed, 1);
  renewals[0]!();
  assert.is(resumed, 2);
  const { cpu, calls, callers } = (await profiler.stop())!;
  assert.is(resumed, 3);
  assert.ok(cpu !== null);
  assert.equal([calls, callers], [[], 0]);
});

test.run();
