// A time on the monotonic clock, told as the time of day, though the thread is put aside between two readings.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { realtimeOf } from "../../src/workers/vfs/clock.ts";

const BOOT_SEC = 1000;

/** Clocks that `lateNs` passes on between two readings, as often as it says so. */
function host(nowNs: number, lateNs: number[]) {
  const scratchView = new DataView(new ArrayBuffer(16));
  return {
    scratchView,
    monotonicNs: () => nowNs,
    clockGettime: () => {
      nowNs += lateNs.shift() ?? 0;
      scratchView.setBigInt64(0, BigInt(BOOT_SEC + Math.floor(nowNs / 1e9)), true);
      scratchView.setUint32(8, nowNs % 1e9, true);
    },
  } as never;
}

test("a moment ago, and a second before the turn of one", () => {
  assert.equal(realtimeOf(host(5_000_000_100, []), 5_000_000_000), { sec: BOOT_SEC + 5, nsec: 0 });
  assert.equal(realtimeOf(host(5_000_000_100, []), 3_999_999_999), { sec: BOOT_SEC + 3, nsec: 999_999_999 });
});

test("put aside for a millisecond, the times are read again", () => {
  const told = realtimeOf(host(5_000_000_100, [1e6, 2e6]), 5_000_000_000);
  assert.equal(told, { sec: BOOT_SEC + 5, nsec: 0 });
});

test("always put aside, it comes to an end", () => {
  const told = realtimeOf(host(5_000_000_000, Array(100).fill(1e6)), 5_000_000_000);
  assert.is(told.sec, BOOT_SEC + 5);
});

test.run();
