// What the zygote is asked goes out and is answered in order, whatever the host takes when; what is not wanted any more is not
// sent, and a zygote that has gone leaves nobody waiting.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, ECONNRESET, EINVAL, EPIPE, ESRCH } from "../../src/shared/abi/errno.ts";
import { ZygoteRequests } from "../../src/workers/platform/zygote_requests.ts";

const UNDER_WAY = 16;

/** A zygote that answers when it is let, and its requests. */
class Bench {
  readonly sent: { readonly name: string; readonly sequence: number }[] = [];
  readonly answers: number[] = [];
  readonly told: string[] = [];
  readonly unwanted = new Set<string>();
  /** What the host says to the next that is sent. */
  refuses = 0;
  watches = 0;
  errors = 0;
  #onReady = () => {};
  #timer: (() => void) | null = null;
  readonly requests: ZygoteRequests;

  constructor() {
    const native = {
      scratchWords: new Int32Array(16),
      monotonicNs: () => 0,
      zygoteReceive: () => {
        const sequence = this.answers.shift();
        if (sequence === undefined) return -EAGAIN;
        if (sequence < 0) return sequence;
        native.scratchWords[1] = sequence;
        return 0;
      },
    };
    const sleep = {
      add: (_fd: number, _events: number, onReady: () => void) => {
        this.#onReady = onReady;
        return this.watches++;
      },
      remove: () => {
        this.watches--;
      },
    };
    const timers = {
      add: (_at: number, run: () => void) => {
        this.#timer = run;
      },
    };
    const log = (level: string) => {
      if (level === "error") this.errors++;
    };
    this.requests = new ZygoteRequests({ native, timers, sleep, log } as never, 7);
    this.requests.begin();
  }

  ask(name: string): number {
    return this.requests.ask({
      isWanted: () => !this.unwanted.has(name),
      send: (sequence) => {
        if (this.refuses < 0) return this.refuses;
        this.sent.push({ name, sequence });
        return 0;
      },
      answered: (error) => this.told.push(`${name} ${error}`),
    });
  }

  /** The zygote answers so many of those that it has. */
  answer(count: number): void {
    for (const { sequence } of this.sent.splice(0, count)) this.answers.push(sequence);
    this.#onReady();
  }

  says(...answers: number[]): void {
    this.answers.push(...answers);
    this.#onReady();
  }

  timePasses(): void {
    const run = this.#timer;
    this.#timer = null;
    run?.();
  }
}

test("many at once are sent sixteen at a time, and answered in order", () => {
  const bench = new Bench();
  const names = Array.from({ length: 40 }, (_none, i) => `request ${i}`);
  for (const name of names) assert.is(bench.ask(name), 0);
  assert.is(bench.sent.length, UNDER_WAY);
  assert.equal(bench.told, []);
  bench.answer(3);
  assert.is(bench.sent.length, UNDER_WAY);
  assert.is(bench.requests.count, 37);
  while (bench.sent.length > 0) bench.answer(UNDER_WAY);
  assert.equal(
    bench.told,
    names.map((name) => `${name} 0`),
  );
  assert.is(bench.requests.count, 0);
});

test("what the host does not take now is sent later, behind those before it", () => {
  const bench = new Bench();
  bench.refuses = -EAGAIN;
  assert.is(bench.ask("first"), 0);
  bench.refuses = 0;
  assert.is(bench.ask("second"), 0);
  assert.is(bench.sent.length, 0);
  bench.timePasses();
  bench.answer(2);
  assert.equal(bench.told, ["first 0", "second 0"]);
});

test("what it refuses for good is told, at once or later", () => {
  const bench = new Bench();
  bench.refuses = -EINVAL;
  assert.is(bench.ask("now"), -EINVAL);
  bench.refuses = -EAGAIN;
  assert.is(bench.ask("later"), 0);
  bench.refuses = -EINVAL;
  bench.timePasses();
  assert.equal(bench.told, [`later -${EINVAL}`]);
});

test("who has gone before it was sent is not sent", () => {
  const bench = new Bench();
  for (let i = 0; i <= UNDER_WAY + 1; i++) bench.ask(String(i));
  bench.unwanted.add(String(UNDER_WAY));
  bench.answer(UNDER_WAY);
  assert.equal(
    bench.sent.map(({ name }) => name),
    [String(UNDER_WAY + 1)],
  );
  assert.is(bench.told.at(-1), `${UNDER_WAY} -${ESRCH}`);
});

for (const [why, answer, errors] of [
  ["has gone", -EPIPE, 0],
  ["is gone with something unread", -ECONNRESET, 0],
  ["answers what nobody has asked", 5, 1],
] as const)
  test(`a zygote that ${why}`, () => {
    const bench = new Bench();
    for (let i = 0; i < 20; i++) bench.ask(String(i));
    bench.says(answer);
    assert.equal(
      bench.told,
      Array.from({ length: 20 }, (_none, i) => `${i} -${EPIPE}`),
    );
    assert.is(bench.watches, 0);
    // Its end is told once, by who sees how it ended.
    assert.is(bench.errors, errors);
    assert.is(bench.ask("more"), -EPIPE);
    assert.is(bench.requests.count, 0);
  });

test.run();
