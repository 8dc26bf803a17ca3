// Calls that are timed: about one in 128, whatever the guest's habits; each in the bucket of its class that it belongs to; and of
// what does not come to an end here nothing.

import { mock } from "node:test";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import {
  CALL_CLASSES,
  type CallClass,
  LATENCY_BOUNDS,
  LATENCY_NUMBERS,
  LATENCY_SUM_AT,
  LATENCY_WIDTH,
} from "../../src/shared/call_latencies.ts";
import { Latencies, type Stopwatch } from "../../src/workers/call/latencies.ts";

class Called {
  nr: number;
  timed: Stopwatch | null = null;
  readonly progress = { serial: 0 };

  constructor(name: string) {
    this.nr = name === "" ? 1 << 20 : nr(name);
  }
}

const of = (latencies: Latencies, name: CallClass) => {
  const first = CALL_CLASSES.indexOf(name) * LATENCY_WIDTH;
  const numbers = latencies.report().slice(first, first + LATENCY_WIDTH);
  return { counts: numbers.slice(0, LATENCY_SUM_AT), sumNs: numbers[LATENCY_SUM_AT]! };
};

const total = (latencies: Latencies, name: CallClass) => of(latencies, name).counts.reduce((a, b) => a + b);

/** As the dispatcher does it. */
function serve(latencies: Latencies, call: Called): void {
  call.progress.serial++;
  if (--latencies.left >= 0) return;
  latencies.begin(call);
  latencies.end(call);
}

test("one call in 128 is timed, also of guests whose habits have that length", () => {
  for (const period of [1, 2, 3, 128, 256]) {
    const latencies = new Latencies();
    const calls = Array.from({ length: period }, (_none, i) => new Called(i === 0 ? "socket" : "read"));
    const rounds = Math.ceil(2 ** 21 / period);
    for (let i = 0; i < rounds; i++) for (const call of calls) serve(latencies, call);
    const [first, others] = [total(latencies, "network"), total(latencies, "file")];
    const all = rounds * period;
    assert.ok(Math.abs((first + others) / (all / 128.5) - 1) < 0.05, `${first + others} of ${all}`);
    assert.ok(Math.abs(first / (rounds / 128.5) - 1) < 0.3, `${first} of ${rounds}`);
  }
});

test("the first bucket that is long enough has it, and the last what is longer than all bounds", () => {
  let nowMs = 1000;
  const clock = mock.method(performance, "now", () => nowMs);
  try {
    const latencies = new Latencies();
    const call = new Called("openat");
    const longest = LATENCY_BOUNDS.length;
    let sumNs = 0;
    const timed = (ns: number) => {
      const { counts: before } = of(latencies, "file");
      latencies.begin(call);
      nowMs += ns / 1e6;
      latencies.end(call);
      sumNs += ns;
      return of(latencies, "file").counts.findIndex((count, i) => count !== before[i]);
    };
    for (const [i, bound] of LATENCY_BOUNDS.entries()) {
      assert.is(timed(0.9 * bound), i, `${bound}`);
      assert.is(timed(1.1 * bound), i + 1, `${bound}`);
    }
    assert.is(timed(5e9), longest);
    const { counts, sumNs: told } = of(latencies, "file");
    assert.equal(counts, [1, ...Array(longest - 1).fill(2), 2]);
    assert.ok(Math.abs(told / sumNs - 1) < 1e-6, `${told}`);
  } finally {
    clock.mock.restore();
  }
});

test("classes are by numbers, and numbers that Linux does not know have one", () => {
  for (const [name, at] of [
    ...([
      ["read", "file"],
      ["sendto", "network"],
      ["mmap", "memory"],
      ["getppid", "process"],
    ] as const),
    ...([
      ["epoll_wait", "wait"],
      ["futex", "wait"],
      ["wait4", "wait"],
      ["", "process"],
    ] as const),
  ] as const) {
    const latencies = new Latencies();
    const call = new Called(name);
    latencies.begin(call);
    latencies.end(call);
    assert.is(total(latencies, at), 1, name);
    assert.is(latencies.report().length, LATENCY_NUMBERS);
  }
});

test("what another thread goes on with, and what never ends, is in no bucket", () => {
  const latencies = new Latencies();
  const call = new Called("read");
  latencies.begin(call);
  latencies.drop(call);
  latencies.end(call);
  assert.is(call.timed, null);
  latencies.begin(call);
  call.progress.serial++; // the next one begins in its place
  latencies.end(call);
  assert.equal(latencies.report(), Array(LATENCY_NUMBERS).fill(0));
  latencies.begin(call);
  latencies.end(call);
  assert.is(total(latencies, "file"), 1);
});

test.run();
