// Congestion controls against a window that is acknowledged round by round.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONGESTION_CONTROLS, type CongestionControlName } from "../../src/shared/abi/tcp.ts";
import {
  CA_LOSS,
  CA_RECOVERY,
  type CongestionControl,
  INFINITE_THRESHOLD,
  INITIAL_WINDOW,
} from "../../src/workers/net/stack/tcp/congestion/congestion.ts";
import { CONTROLS } from "../../src/workers/net/stack/tcp/congestion/controls.ts";
import { UNKNOWN_US } from "../../src/workers/net/stack/tcp/rtt.ts";

class Window {
  cwnd = INITIAL_WINDOW;
  cwndCount = 0;
  ssthresh = INFINITE_THRESHOLD;
  priorCwnd = 0;
  cwndClamp = 0xffffffff;
  isCwndLimited = true;
  srttUs = 0;
  minRttUs = UNKNOWN_US;
  nowUs = 1e6;
  sndUna = 0;
  sndNxt = 0;
  readonly control: CongestionControl;

  constructor(name: CongestionControlName) {
    this.control = CONTROLS[name]();
    this.control.init(this);
  }

  /** A window goes out, and is acknowledged segment by segment. */
  round(rttUs: number, step = 1): void {
    const packets = this.cwnd;
    this.sndNxt = (this.sndNxt + packets * 1000) | 0;
    this.nowUs += rttUs;
    this.srttUs = rttUs;
    this.minRttUs = Math.min(this.minRttUs, rttUs);
    for (let left = packets; left > 0; left -= step) {
      const count = Math.min(step, left);
      this.sndUna = (this.sndUna + count * 1000) | 0;
      this.control.acked(this, count, rttUs);
      this.control.avoid(this, count);
    }
  }

  lose(): void {
    this.priorCwnd = this.cwnd;
    this.ssthresh = this.control.ssthresh(this);
    this.cwnd = this.ssthresh;
    this.control.setState(this, CA_RECOVERY);
  }
}

for (const name of CONGESTION_CONTROLS) {
  test(`${name}: slow start doubles the window, however it is acknowledged`, () => {
    for (const step of [1, 2, 44]) {
      const c = new Window(name);
      c.round(10_000, step);
      assert.is(c.cwnd, 20);
      c.round(10_000, step);
      assert.is(c.cwnd, 40);
    }
  });

  test(`${name}: a window that is not used does not grow`, () => {
    const c = new Window(name);
    c.isCwndLimited = false;
    c.round(10_000);
    assert.is(c.cwnd, 10);
  });

  test(`${name}: the window stays below its clamp`, () => {
    const c = new Window(name);
    c.cwndClamp = 15;
    c.round(10_000);
    assert.is(c.cwnd, 15);
    c.ssthresh = 5;
    c.round(10_000);
    c.round(10_000);
    assert.is(c.cwnd, 15);
  });

  test(`${name}: a cut that proved wrong is undone`, () => {
    const c = new Window(name);
    c.cwnd = 100;
    c.lose();
    assert.ok(c.cwnd < 75);
    assert.is(c.control.undo(c), 100);
  });

  test(`${name}: never less than two`, () => {
    const c = new Window(name);
    c.cwnd = 1;
    assert.is(c.control.ssthresh(c), 2);
  });
}

test("reno: half after a loss, then one more a round trip", () => {
  const c = new Window("reno");
  c.cwnd = 100;
  c.lose();
  assert.is(c.cwnd, 50);
  for (let i = 0; i < 10; i++) c.round(10_000);
  assert.is(c.cwnd, 60);
});

test("cubic: 0.7 after a loss, back where it was after K seconds, flat there, then on", () => {
  const c = new Window("cubic");
  c.cwnd = 1000;
  c.lose();
  assert.is(c.cwnd, 700);
  // K = cbrt(300 / 0.4) = 9.1 s
  const windows: number[] = [];
  for (let s = 1; s <= 16; s++) {
    for (let i = 0; i < 10; i++) c.round(100_000, 2);
    windows.push(c.cwnd);
  }
  const at = (s: number) => windows[s - 1]!;
  const expected = (s: number) => 1000 + 0.4 * (s + 0.1 - Math.cbrt(750)) ** 3;
  for (const s of [3, 6, 9, 12, 15])
    assert.ok(Math.abs(at(s) - expected(s)) < 25, `${s} s: ${at(s)}, ${expected(s)}`);
  assert.ok(at(9) - at(8) < 15);
  assert.ok(at(16) - at(15) > 30);
});

test("cubic: with short round trips it grows as reno would", () => {
  const c = new Window("cubic");
  c.cwnd = 20;
  c.lose();
  const begun = c.cwnd;
  for (let i = 0; i < 100; i++) c.round(1_000);
  // 0.53 packets a round trip, which a cubic of a tenth of a second is far from.
  assert.ok(c.cwnd - begun > 35 && c.cwnd - begun < 70, `${c.cwnd - begun}`);
});

test("cubic: a second loss below the first gives way to others", () => {
  const [first, second] = [new Window("cubic"), new Window("cubic")];
  for (const c of [first, second]) {
    c.cwnd = 1000;
    c.lose();
  }
  second.lose();
  assert.is(second.cwnd, 490);
  for (let i = 0; i < 300; i++) second.round(100_000, 2);
  first.cwnd = 490;
  for (let i = 0; i < 60; i++) first.round(100_000, 2);
  assert.ok(second.cwnd > 595);
});

test("cubic: a pause is not time to grow in", () => {
  const [paused, fresh] = [new Window("cubic"), new Window("cubic")];
  for (const c of [paused, fresh]) {
    c.cwnd = 100;
    c.lose();
    c.round(50_000);
  }
  const lastSent = paused.nowUs;
  paused.nowUs += 60e6;
  paused.control.restarted(paused, lastSent);
  for (const c of [paused, fresh]) c.round(50_000);
  assert.is(paused.cwnd, fresh.cwnd);
});

test("cubic: HyStart++ ends slow start when round trips grow, after five slower rounds", () => {
  const c = new Window("cubic");
  c.round(40_000);
  c.round(40_000);
  c.round(60_000);
  assert.is(c.ssthresh, INFINITE_THRESHOLD);
  const begun = c.cwnd;
  c.round(60_000);
  assert.ok(c.cwnd < begun * 1.5, "growth has slowed down");
  for (let i = 0; i < 5; i++) c.round(60_000);
  assert.is.not(c.ssthresh, INFINITE_THRESHOLD);
  const end = c.cwnd;
  c.round(60_000);
  assert.ok(c.cwnd < end * 1.2);
});

test("cubic: round trips that come down again were no queue", () => {
  const c = new Window("cubic");
  c.round(40_000);
  c.round(60_000);
  c.round(39_000);
  for (let i = 0; i < 4; i++) c.round(40_000);
  assert.is(c.ssthresh, INFINITE_THRESHOLD);
  assert.ok(c.cwnd > 400);
});

test("cubic: a round trip in which the host slept for an hour is not a short one", () => {
  const c = new Window("cubic");
  c.round(3_600e6);
  for (let i = 0; i < 6; i++) c.round(40_000);
  assert.is(c.ssthresh, INFINITE_THRESHOLD);
});

test("cubic: after a time-out nothing is remembered", () => {
  const c = new Window("cubic");
  c.cwnd = 1000;
  c.lose();
  c.control.setState(c, CA_LOSS);
  c.cwnd = 1;
  c.ssthresh = 2;
  for (let i = 0; i < 30; i++) c.round(10_000);
  assert.ok(c.cwnd < 60);
});

test.run();
