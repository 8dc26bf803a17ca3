// Where threads are put, from what guests do and what the host says of others: the decisions alone, with a host that
// is played.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ASLEEP, SLEEPING } from "../../src/shared/ring/layout.ts";
import { CpuPlacement } from "../../src/workers/platform/cpu_placement.ts";

const WINDOW_NS = 5e6;
/** Until averages have settled and windows have agreed. */
const MANY = 60;

interface Guest {
  tid: number;
  withGuest: boolean;
  sleeping: boolean;
  asleep: boolean;
}

function thread(tid: number, more: Partial<Guest> = {}): Guest {
  return { tid, withGuest: false, sleeping: true, asleep: false, ...more };
}

class Host {
  cpus = 2;
  /** Threads of others that run. */
  others = 0;
  guests: Guest[] = [thread(11), thread(12)];
  /** Thread → the CPU that it is bound to, -1 for none. */
  readonly bound = new Map<number, number>();
  calls = 0;
  /** How often the kernel thread has gone to another CPU. */
  asides = 0;
  stubPolls = -1;
  nowNs = 1e9;
  /** What V8's threads ran, and waited to run. */
  helpersNs = 0;
  isNetAwake = false;
  readonly counters = { requests: 0, trappedCalls: 0, tasks: 2, placements: 0 };
  readonly slots = {
    blocked: 0,
    wakes: 0,
    word: (slot: number, at: number) => {
      const guest = this.guests[slot]!;
      return Number(at === SLEEPING ? guest.sleeping : at === ASLEEP ? guest.asleep : 0);
    },
  };
  readonly placement: CpuPlacement;

  constructor(handsOver = false, net = -1) {
    const host = this;
    const scratchWords = new Int32Array(4096);
    const kernel = {
      native: {
        scratchWords,
        cpusOf: () => this.cpus,
        runnable: () => this.others + 1 + this.guests.filter(runs).length,
        helpersNs: () => this.helpersNs,
        getcpu: () => 1,
        stepAside: () => {
          this.asides++;
          return 0;
        },
        place: (count: number, cpu: number) => {
          this.calls++;
          for (let i = 0; i < count; i++) this.bound.set(scratchWords[i]!, cpu);
          return 0;
        },
      },
      descriptors: { loadavg: 9, proc: 8 },
      platform: { zygotePid: 5, threads: handsOver ? [7] : [], handsOver },
      page: {
        setSpin: (polls: number) => (this.stubPolls = polls),
        setCpu: () => {},
        isSleeping: () => !this.isNetAwake,
      },
      active: {
        limit: () => Math.ceil(this.guests.length / 8),
        width: () => Math.min(8, this.guests.length),
      },
      claims: { isWithGuest: (slot: number) => this.guests[slot]!.withGuest },
      get taskAt() {
        return host.guests.map(({ tid }) => ({ hostTid: tid }));
      },
      get nowNs() {
        return host.nowNs;
      },
      stubs: { hostThreads: () => host.guests.map(({ tid }) => tid) },
      slots: this.slots,
      counters: this.counters,
      thread: 0,
      log: () => {},
    };
    this.placement = new CpuPlacement(kernel as never, net);
  }

  /** Windows with so many requests, of which so many are hand-offs. */
  run(windows: number, requests: number, handOffs: number, between: () => void = () => {}): void {
    for (let i = 0; i < windows; i++) {
      this.nowNs += WINDOW_NS;
      this.counters.requests += requests;
      this.slots.blocked += handOffs;
      between();
      this.placement.look(this.nowNs);
    }
  }

  isGathered(): boolean {
    return [0, ...this.guests.map(({ tid }) => tid)].every((tid) => this.bound.get(tid) === 1);
  }

  isFree(): boolean {
    return [...this.bound.values()].every((cpu) => cpu === -1);
  }
}

const runs = ({ withGuest, sleeping, asleep }: Guest) => (withGuest ? !asleep : !sleeping);

test("a guest that calls and calls is answered by a kernel thread that polls", () => {
  const host = new Host();
  host.guests[0]!.sleeping = false;
  host.run(MANY, 5000, 10);
  assert.is(host.calls, 0);
  assert.is(host.placement.pollNs, 100e3);
  assert.is(host.placement.sleepsAtOnce, false);
});

test("a stub on the kernel thread's CPU, which sleeps for each answer, is left that CPU; seldom, where that is no help", () => {
  const host = new Host();
  host.guests[0]!.sleeping = false;
  host.run(1, 100, 0, () => (host.slots.wakes += 90));
  assert.is(host.asides, 1);
  host.run(MANY, 100, 0, () => (host.slots.wakes += 10));
  assert.is(host.asides, 1, "it polls");
  host.run(MANY, 100, 0, () => (host.slots.wakes += 90));
  assert.ok(host.asides > 4 && host.asides < MANY / 4, `${host.asides} times`);
});

test("who waits for another guest sleeps in vain on no CPU", () => {
  const host = new Host();
  host.run(MANY, 400, 100, () => (host.slots.wakes += 100));
  assert.is(host.asides, 0);
});

test("guests that are let go, and come back each time, are let go ever more seldom", () => {
  const host = new Host();
  const windowsUntil = (handOffs: number, isThere: () => boolean) => {
    let windows = 0;
    for (; !isThere(); windows++) host.run(1, 400, handOffs);
    return windows;
  };
  const stays: number[] = [];
  for (let i = 0; i < 8; i++) {
    windowsUntil(200, () => host.isGathered());
    stays.push(windowsUntil(10, () => host.isFree()));
  }
  assert.equal(stays, [3, 6, 12, 24, 48, 64, 64, 64]);
  host.run(MANY, 400, 10);
  windowsUntil(200, () => host.isGathered());
  assert.is(
    windowsUntil(10, () => host.isFree()),
    3,
    "after a while all is forgotten",
  );
});

test("guests that wait for each other come together, and part when they do so no more", () => {
  const host = new Host();
  host.run(2, 400, 200);
  assert.is(host.calls, 0, "after a moment nothing is known yet");
  host.run(MANY, 400, 200);
  assert.ok(host.isGathered());
  assert.is(host.placement.pollNs, 0);
  assert.is(host.calls, 1, "and stay there");
  host.run(MANY, 5000, 10);
  assert.ok(host.isFree());
  assert.is(host.placement.pollNs, 100e3);
});

test("where others want the CPUs all run on one, and look for another from time to time", () => {
  const host = new Host();
  host.others = 3;
  host.run(MANY, 5000, 0);
  assert.ok(host.calls > 2 && host.calls < MANY, `${host.calls} calls`);
  assert.is(host.placement.pollNs, 0);
  assert.ok(host.stubPolls < 4000);
  host.others = 0;
  host.run(MANY, 5000, 0);
  assert.ok(host.isFree());
  assert.is(host.stubPolls, 4000);
});

test("woken stubs that have no CPU yet, and own threads, are nobody else's", () => {
  const host = new Host();
  host.guests = [
    thread(11, { withGuest: true }),
    thread(12, { withGuest: true }),
    thread(13, { sleeping: false }),
  ];
  host.run(MANY, 5000, 0);
  assert.is(host.calls, 0);
});

test("the network's thread has a CPU of its own while it is awake: where there are two, guests share the other", () => {
  for (const [cpus, isNetAwake, isGathered] of [
    [2, true, true],
    [2, false, false],
    [4, true, false],
  ] as const) {
    const host = new Host(false, 1);
    Object.assign(host, { cpus, isNetAwake, others: Number(isNetAwake) });
    host.run(MANY, 5000, 0, () => (host.helpersNs += isNetAwake ? WINDOW_NS : 0));
    assert.is(host.isGathered(), isGathered, `${cpus} CPUs, awake: ${isNetAwake}`);
  }
});

test("V8's own threads are nobody else either, and what they did in a sleep is no part of what follows", () => {
  const host = new Host();
  host.others = 1;
  host.run(MANY, 5000, 0, () => {
    host.helpersNs += WINDOW_NS;
  });
  assert.is(host.calls, 0);
  host.run(MANY, 5000, 0, () => {
    // Long sleeps in which they work, and windows in which another one runs.
    host.nowNs += 10 * WINDOW_NS;
    host.helpersNs += 10 * WINDOW_NS;
    host.placement.look(host.nowNs);
    host.nowNs += WINDOW_NS;
  });
  assert.ok(host.calls > 0);
});

test("guests that compute side by side get all CPUs, whoever else wants them", () => {
  const host = new Host();
  host.others = 3;
  host.run(MANY, 400, 200);
  assert.is(host.placement.pollNs, 0);
  for (const guest of host.guests) guest.withGuest = true;
  host.run(MANY, 40, 0, () => {
    assert.ok(host.placement.boundSleep(-1) !== 0);
    host.placement.slept(3e6, host.nowNs);
  });
  assert.ok(host.isFree());
  assert.is(host.placement.pollNs, 0, "but the kernel thread does not poll");
});

test("while the kernel thread has nothing to do nobody stays bound for long", () => {
  const host = new Host();
  host.run(MANY, 400, 200);
  assert.is(host.placement.boundSleep(-1), -1, "no guest runs");
  assert.is(host.placement.boundSleep(5), 5);
  host.guests[0]!.withGuest = true;
  const sleepNs = host.placement.boundSleep(-1);
  assert.ok(sleepNs > 0 && sleepNs <= 10e6);
  host.placement.slept(sleepNs, host.nowNs);
  assert.ok(host.isFree());

  const idle = new Host();
  idle.run(MANY, 400, 200);
  idle.placement.slept(1e9, idle.nowNs);
  assert.ok(idle.isFree(), "nor after a long sleep");
});

test("who sleeps at the host by itself does not run", () => {
  const host = new Host();
  host.run(MANY, 400, 200);
  host.guests[0]!.withGuest = true;
  host.guests[0]!.asleep = true;
  assert.is(host.placement.boundSleep(-1), -1);
});

test("a new thread goes where the others are", () => {
  const host = new Host();
  host.placement.born(20, false);
  assert.is(host.bound.get(20), undefined);
  host.run(MANY, 400, 200);
  host.placement.born(21, false);
  assert.is(host.bound.get(21), 1);
  host.placement.slept(1e9, host.nowNs);
  host.placement.born(22, false); // its creator may have been bound when it was made
  assert.is(host.bound.get(22), -1);
});

test("a sandbox of many threads is left to the host, also one that has become so", () => {
  const host = new Host();
  host.run(MANY, 400, 200);
  assert.ok(host.isGathered());
  host.counters.tasks = 5000;
  host.guests = Array.from({ length: 5000 }, (_, i) => thread(100 + i));
  host.run(2, 400, 200);
  for (const { tid } of host.guests.slice(0, 8)) assert.is(host.bound.get(tid), -1);
  const { calls } = host;
  host.run(MANY, 400, 200);
  assert.is(host.calls, calls);
});

test("on one CPU nobody polls, and nothing is bound", () => {
  const host = new Host();
  host.cpus = 1;
  host.run(2, 5000, 0);
  assert.is(host.placement.pollNs, 0);
  host.run(MANY, 400, 200);
  assert.is(host.calls, 0);
});

test("calls that a tracer hands over are hand-offs, and the tracer comes along", () => {
  const host = new Host(true);
  host.run(MANY, 400, 0, () => {
    host.counters.trappedCalls += 390;
  });
  assert.ok(host.isGathered());
  assert.is(host.bound.get(7), 1);
});

test.run();
