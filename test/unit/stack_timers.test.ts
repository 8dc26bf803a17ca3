// The stack's timer wheel: never early, late by an eighth at most, whatever is armed, put off and ended in between.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { Timer, TimerWheel } from "../../src/workers/net/stack/timer_wheel.ts";

class Counted extends Timer {
  readonly clock: { nowUs: number };
  firedUs = -1;

  constructor(clock: { nowUs: number }) {
    super();
    this.clock = clock;
  }

  expired(): void {
    this.firedUs = this.clock.nowUs;
  }
}

/** Goes to each deadline of the wheel in turn until that time. */
function runTo(wheel: TimerWheel, clock: { nowUs: number }, endUs: number): number {
  let wakes = 0;
  while (wheel.nextDeadlineUs <= endUs) {
    clock.nowUs = Math.max(clock.nowUs, wheel.nextDeadlineUs);
    wakes++;
    while (wheel.expire(7));
  }
  clock.nowUs = endUs;
  return wakes;
}

test("a timer expires at its time or a little later, once", () => {
  const clock = { nowUs: 5_000_123, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  for (const delay of [0, 1, 999, 1000, 40_000, 62_999, 63_001, 200_000, 1e6, 75e6, 7200e6, 86400e6 * 40]) {
    const timer = new Counted(clock);
    const begun = clock.nowUs;
    wheel.schedule(timer, begun + delay);
    runTo(wheel, clock, begun + delay * 1.25 + 2000);
    assert.ok(timer.firedUs >= begun + delay, `${delay} is not early`);
    assert.ok(!timer.isArmed);
    timer.firedUs = -1;
    runTo(wheel, clock, clock.nowUs + 1e6);
    assert.is(timer.firedUs, -1);
    assert.is(wheel.count, 0);
    assert.is(wheel.nextDeadlineUs, Number.POSITIVE_INFINITY);
  }
});

test("a deadline that is put off a thousand times wakes nobody before, and one that is taken forward counts", () => {
  const clock = { nowUs: 0, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  const timer = new Counted(clock);
  for (let i = 0; i < 1000; i++) {
    clock.nowUs += 100;
    wheel.schedule(timer, clock.nowUs + 200_000);
  }
  assert.is(runTo(wheel, clock, clock.nowUs + 199_000), 1);
  assert.is(timer.firedUs, -1);
  wheel.schedule(timer, clock.nowUs + 60e6);
  wheel.schedule(timer, clock.nowUs + 2_000);
  const begun = clock.nowUs;
  runTo(wheel, clock, clock.nowUs + 5_000);
  assert.ok(timer.firedUs >= begun + 2_000);
  assert.is(wheel.count, 0);
});

test("a cancelled timer is forgotten when its slot comes, a removed one at once", () => {
  const clock = { nowUs: 0, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  const [one, other] = [new Counted(clock), new Counted(clock)];
  wheel.schedule(one, 1000);
  wheel.schedule(other, 1000);
  wheel.cancel(one);
  wheel.remove(other);
  assert.is(wheel.count, 1);
  runTo(wheel, clock, 10_000);
  assert.is(one.firedUs, -1);
  assert.is(other.firedUs, -1);
  assert.is(wheel.count, 0);
});

test("a long wait beside it does not make a short one coarse", () => {
  const clock = { nowUs: 0, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  wheel.schedule(new Counted(clock), 7200e6);
  clock.nowUs = 3600e6;
  const timer = new Counted(clock);
  wheel.schedule(timer, clock.nowUs + 10_000);
  runTo(wheel, clock, clock.nowUs + 100_000);
  assert.ok(timer.firedUs <= 3600e6 + 12_000);
});

test("a turn looks at no more timers than it may", () => {
  const clock = { nowUs: 0, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  const timers = Array.from({ length: 100 }, () => new Counted(clock));
  for (const timer of timers) wheel.schedule(timer, 3000);
  clock.nowUs = 10_000;
  assert.ok(wheel.expire(30));
  assert.is(timers.filter((timer) => timer.firedUs > 0).length, 30);
  assert.ok(wheel.expire(69));
  assert.not.ok(wheel.expire(30));
  assert.ok(timers.every((timer) => timer.firedUs > 0));
});

test("timers that cost more than usual are fewer in a turn", () => {
  const clock = { nowUs: 0, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  class Costly extends Counted {
    override expired(): void {
      super.expired();
      clock.extraWork += 9;
    }
  }
  const timers = Array.from({ length: 10 }, () => new Costly(clock));
  for (const timer of timers) wheel.schedule(timer, 3000);
  clock.nowUs = 10_000;
  for (const done of [4, 8, 10]) {
    assert.is(wheel.expire(40), done < 10);
    assert.is(timers.filter((timer) => timer.firedUs > 0).length, done);
  }
});

test("a timer arms itself and others from within", () => {
  const clock = { nowUs: 0, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  let count = 0;
  class Again extends Timer {
    expired(): void {
      if (++count < 50) wheel.schedule(this, clock.nowUs);
    }
  }
  wheel.schedule(new Again(), 0);
  runTo(wheel, clock, 1e6);
  assert.is(count, 50);
});

test("against a list: anything, in any order, with jumps of the clock", () => {
  const random = seededRandom(11);
  const upTo = (max: number) => Math.floor(random() * max);
  const clock = { nowUs: 1e9, extraWork: 0 };
  const wheel = new TimerWheel(clock);
  const timers = Array.from({ length: 300 }, () => new Counted(clock));
  const wanted = new Map<Counted, { deadline: number; delay: number }>();
  for (let step = 0; step < 40_000; step++) {
    const timer = timers[upTo(timers.length)]!;
    const what = upTo(10);
    if (what < 5) {
      const delay = upTo(2 ** upTo(32));
      timer.firedUs = -1;
      wheel.schedule(timer, clock.nowUs + delay);
      wanted.set(timer, { deadline: clock.nowUs + delay, delay });
    } else if (what === 5) {
      wheel.cancel(timer);
      wanted.delete(timer);
    } else if (what === 6) {
      wheel.remove(timer);
      wanted.delete(timer);
    } else {
      clock.nowUs += upTo(2 ** upTo(28));
      if (clock.nowUs >= wheel.nextDeadlineUs) while (wheel.expire(16));
      for (const [one, { deadline, delay }] of wanted) {
        if (one.firedUs >= 0) {
          assert.ok(one.firedUs >= deadline, "it was early");
          wanted.delete(one);
        } else assert.ok(clock.nowUs <= deadline + delay / 6 + 2000, "it is late");
      }
    }
  }
  for (const timer of timers) wheel.remove(timer);
  assert.is(wheel.count, 0);
});

test.run();
