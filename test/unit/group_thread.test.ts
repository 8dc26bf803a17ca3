// A thread that several kernels share: each has its pass in turn, however much another has to do; the thread sleeps when none has
// anything to do, until the earliest deadline; and who throws does so alone.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { PassEnd } from "../../src/workers/call/pass_end.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { type GroupKernel, GroupThread } from "../../src/workers/group_thread.ts";
import type { Asked } from "../../src/workers/loop.ts";

const MS = 1e6;
const nothing = (): void => {};
const NOBODY: Asked = { due: () => false, serve: nothing };

/** The host: a clock that moves with each look at it, and epoll sets that are numbers. */
class FakeHost {
  nowNs = 1e9;
  /** How long each sleep was to be. */
  readonly sleeps: number[] = [];
  /** What is ready, by set: cookies. */
  readonly ready = new Map<number, number[]>();
  readonly scratchView = new DataView(new ArrayBuffer(1024));
  readonly scratchWords = new Int32Array(this.scratchView.buffer);
  readonly watched = new Map<number, number>();
  #last = 0;
  /** Something happens while the thread sleeps. */
  whileAsleep: () => void = nothing;

  monotonicNs = () => {
    this.nowNs += 1000;
    return this.nowNs;
  };
  epollCreate = () => ++this.#last;
  epollAddBell = () => 0;
  epollCtl = (_set: number, op: number, fd: number, _events: number, cookie: number) => {
    if (op === 1) this.watched.set(fd, cookie);
    else this.watched.delete(fd);
    return 0;
  };
  epollWait = (set: number, _max: number, timeoutNs: number) => {
    if (timeoutNs !== 0) {
      this.sleeps.push(timeoutNs);
      this.whileAsleep();
      if (timeoutNs > 0) this.nowNs += timeoutNs;
    }
    const cookies = this.ready.get(set) ?? [];
    this.ready.delete(set);
    cookies.forEach((cookie, index) => {
      this.scratchWords[2 * index] = 1;
      this.scratchWords[2 * index + 1] = cookie;
    });
    this.scratchView.setFloat64(512, this.nowNs, true);
    return cookies.length;
  };
}

class FakeKernel {
  readonly passEnd = new PassEnd();
  readonly timers = new Timers();
  readonly thread = 0;
  readonly post = null;
  readonly credits = null;
  readonly stubs = { outstanding: false };
  readonly nextSteps = { any: false, run: nothing };
  readonly placement = { pollNs: 0, sleepsAtOnce: true, look: nothing, boundSleep: (ns: number) => ns };
  readonly counters = { sleeps: 0 };
  readonly doorbell = 9;
  readonly figures = { startedNs: -1, spinNs: 0, sleepNs: 0 };
  readonly throws = { caught: nothing };
  readonly longTurns = {
    nr: -1,
    end: nothing,
    turned: nothing,
    settle: nothing,
    resume: nothing,
    begin: nothing,
  };
  isFlagged = false;
  readonly page = {
    setSleeping: () => {
      this.isFlagged = true;
    },
    clearSleeping: () => {
      this.isFlagged = false;
    },
    setCpu: nothing,
  };
  readonly passes = { loopTop: nothing, toggleAsleep: nothing };
  looks = 0;
  readonly sleep: { descriptor: number; addBell: () => void; wait: () => number };
  /** Requests that wait. */
  waiting = 0;
  served = 0;
  onServe: () => void = nothing;
  nowNs = 0;
  owesAnswer = false;
  readonly scanner = {
    request: 1,
    begin: nothing,
    next: () => (this.waiting > 0 ? 0 : -1),
    nr: () => 0,
    anyRequest: () => this.waiting > 0,
  };
  readonly requests = {
    serve: () => {
      this.waiting--;
      this.served++;
      this.onServe();
    },
  };

  readonly native: FakeHost;

  constructor(set: number, host: FakeHost) {
    this.native = host;
    this.sleep = {
      descriptor: set,
      addBell: nothing,
      wait: () => {
        this.looks++;
        return 1;
      },
    };
  }

  get as(): GroupKernel {
    return this as unknown as GroupKernel;
  }
}

function makeThread(count: number) {
  const host = new FakeHost();
  const trim = { worked: nothing, bound: (ns: number) => ns, afterSleep: nothing };
  const thread = new GroupThread(host as never, { uvBackendFd: () => 3 }, trim as never);
  const kernels = Array.from({ length: count }, (_none, i) => new FakeKernel(100 + i, host));
  const threw: unknown[] = [];
  const { setImmediate } = globalThis;
  const later: (() => void)[] = [];
  /** Runs until the event loop is due, and has that turn. */
  const run = () => {
    globalThis.setImmediate = ((act: () => void) => later.push(act)) as never;
    try {
      thread.run();
      for (const act of later.splice(0)) if (act !== thread.run) act();
    } finally {
      globalThis.setImmediate = setImmediate;
    }
  };
  globalThis.setImmediate = (() => {}) as never;
  for (const kernel of kernels) thread.add(kernel.as, NOBODY, (error) => threw.push(error));
  globalThis.setImmediate = setImmediate;
  return { host, thread, kernels, run, threw };
}

test("a kernel with no end of work holds no other up for more than a pass", () => {
  const { kernels, run } = makeThread(2);
  const [busy, other] = kernels as [FakeKernel, FakeKernel];
  busy.waiting = Number.MAX_SAFE_INTEGER;
  other.waiting = 20;
  const before: number[] = [];
  other.onServe = () => {
    before.push(busy.served);
    other.owesAnswer = other.waiting === 0;
  };
  // One request at a time: the next one comes when it was answered.
  const next = other.scanner.next;
  let isAnswered = false;
  other.scanner.next = () => {
    isAnswered = !isAnswered;
    return isAnswered ? next() : -1;
  };
  run();
  assert.is(other.served, 20);
  const gaps = before.slice(1).map((count, i) => count - before[i]!);
  assert.ok(Math.max(...gaps) <= 64, `up to ${Math.max(...gaps)} requests of the other in between`);
});

test("a kernel whose requests take long has fewer in a pass", () => {
  const { host, kernels, run } = makeThread(2);
  const [slow, other] = kernels as [FakeKernel, FakeKernel];
  slow.waiting = Number.MAX_SAFE_INTEGER;
  other.waiting = Number.MAX_SAFE_INTEGER;
  slow.onServe = () => {
    host.nowNs += MS / 4;
  };
  const before = new Set<number>();
  other.onServe = () => before.add(slow.served);
  run();
  const seen = [...before];
  const gaps = seen.slice(1).map((count, i) => count - seen[i]!);
  assert.ok(gaps.length > 0 && Math.max(...gaps) <= 16, `up to ${Math.max(...gaps)} slow requests in a pass`);
});

test("kernels with much to do get as much", () => {
  const { kernels, run } = makeThread(3);
  for (const kernel of kernels) kernel.waiting = Number.MAX_SAFE_INTEGER;
  run(); // until the event loop is due by the clock
  const served = kernels.map((kernel) => kernel.served);
  assert.ok(Math.min(...served) > 0 && Math.max(...served) - Math.min(...served) <= 64, served.join());
});

test("the thread sleeps until the earliest deadline of all, with all flags set", () => {
  const { host, kernels, run } = makeThread(3);
  let flagged = 0;
  let isDue = false;
  kernels[0]!.timers.add(host.nowNs + 50 * MS, nothing);
  kernels[2]!.timers.add(host.nowNs + 20 * MS, () => {
    isDue = true;
    kernels[2]!.owesAnswer = true;
  });
  host.whileAsleep = () => {
    flagged = kernels.filter((kernel) => kernel.isFlagged).length;
  };
  run();
  if (!isDue) run();
  assert.is(flagged, 3);
  assert.ok(host.sleeps[0]! > 19 * MS && host.sleeps[0]! <= 20 * MS, String(host.sleeps[0]));
  assert.ok(isDue);
  assert.ok(kernels.every((kernel) => !kernel.isFlagged));
});

test("a request that comes behind the flag is met before the thread blocks", () => {
  const { host, kernels, run } = makeThread(2);
  const [, other] = kernels as [FakeKernel, FakeKernel];
  const set = other.page.setSleeping;
  other.page.setSleeping = () => {
    set();
    if (other.served === 0) other.waiting = 1;
  };
  other.onServe = () => {
    other.owesAnswer = true;
  };
  run();
  assert.equal([other.served, host.sleeps.length], [1, 0]);
});

test("of all sleep sets those are looked at that have something", () => {
  const { host, kernels, run } = makeThread(3);
  host.whileAsleep = () => {
    host.ready.set(1, [host.watched.get(101)!]);
    kernels[1]!.owesAnswer = true;
  };
  run();
  run();
  assert.equal(
    kernels.map(({ looks }) => looks > 0),
    [false, true, false],
  );
});

test("a kernel that was taken away has no turn, and others go on", () => {
  const { host, thread, kernels, run } = makeThread(2);
  const [gone, other] = kernels as [FakeKernel, FakeKernel];
  thread.remove(gone.as);
  gone.waiting = 5;
  other.waiting = 5;
  other.onServe = () => {
    other.owesAnswer = other.waiting === 0;
  };
  run();
  assert.equal([gone.served, other.served, thread.size, host.watched.has(100)], [0, 5, 1, false]);
});

test("a throw is its kernel's alone", () => {
  const { kernels, run, threw } = makeThread(2);
  const [broken, other] = kernels as [FakeKernel, FakeKernel];
  broken.waiting = 1;
  broken.onServe = () => {
    throw new Error("out of order");
  };
  other.waiting = 3;
  run();
  other.owesAnswer = true;
  run();
  assert.equal([threw.length, other.served], [1, 3]);
});

test("a kernel that throws for ever ends the thread", () => {
  const { kernels, run } = makeThread(2);
  kernels[0]!.waiting = 100;
  kernels[0]!.onServe = () => {
    throw new Error("out of order");
  };
  assert.throws(() => {
    for (let turn = 0; turn < 100; turn++) run();
  }, /out of order/);
});

test.run();
