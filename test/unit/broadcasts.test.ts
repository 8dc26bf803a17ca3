// Signals to many processes: some at a time, to those who were meant when they were sent, and to whoever these make meanwhile.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { SIGCONT, SIGSTOP, SIGTERM, SIGTSTP, SIGUSR1 } from "../../src/shared/abi/signal.ts";
import type { Call } from "../../src/workers/call/call.ts";
import type { Steps } from "../../src/workers/call/steps.ts";
import type { ThreadGroup } from "../../src/workers/process/thread_group.ts";
import { Broadcasts } from "../../src/workers/signals/broadcasts.ts";
import { DelayedSignals } from "../../src/workers/signals/delayed_signals.ts";

function rig() {
  const pieces: (() => boolean)[] = [];
  const got: number[] = [];
  const steps = { later: (piece: () => boolean) => pieces.push(piece) } as unknown as Steps;
  /** One that has ended takes no signal, but those that it makes do. */
  const group = (number: number): ThreadGroup =>
    ({ exiting: true, births: new Set([{ add: () => got.push(number) }]) }) as unknown as ThreadGroup;
  const turn = (): void => {
    for (const piece of pieces.splice(0)) if (!piece()) pieces.push(piece);
  };
  return { broadcasts: new Broadcasts(steps), group, got, turn, pieces };
}

const TERM = [{ signo: SIGTERM, code: 0 }];

function crowd(size: number, group: (number: number) => ThreadGroup): ThreadGroup[] {
  return Array.from({ length: size }, (_none, number) => group(number));
}

test("few get it at once", () => {
  const { broadcasts, group, got, pieces } = rig();
  assert.is(broadcasts.send(crowd(8, group), TERM), true);
  assert.is(got.length, 8);
  assert.is(pieces.length, 0);
});

test("many get it some at a time, and then its sender is told", () => {
  const { broadcasts, group, got, turn } = rig();
  let isOver = false;
  assert.is(
    broadcasts.send(crowd(100, group), TERM, () => (isOver = true)),
    false,
  );
  for (let turns = 0; !isOver; turns++) {
    const before = got.length;
    turn();
    assert.ok(got.length - before <= 16, `${got.length - before} at once`);
    assert.ok(turns < 100);
  }
  assert.equal(got, [...got.keys()]);
  assert.is(got.length, 100);
  assert.is(broadcasts.size, 0);
});

test("who is made by one that has not got it yet gets it, and by one that has does not", () => {
  const { broadcasts, group, got, turn } = rig();
  const targets = crowd(40, group);
  broadcasts.send(targets, TERM);
  turn();
  assert.ok(got.includes(0) && !got.includes(39));
  const child = group(100);
  broadcasts.made(child, targets[39]!);
  broadcasts.made(group(101), targets[0]!);
  broadcasts.made(group(102), group(103));
  const grandchild = group(104);
  broadcasts.made(grandchild, child);
  for (let turns = 0; turns < 10; turns++) turn();
  assert.equal(got.slice(40), [100, 104]);
});

test("calls beyond some wait for their turn, and decide then whom they mean", () => {
  const { broadcasts, group, turn } = rig();
  const asked: number[] = [];
  const resumed: Generator<void, number, void>[] = [];
  const results: number[] = [];
  const begin = (number: number) => {
    let sending: Generator<void, number, void>;
    const call = { replyBlocked() {}, completeWait: () => resumed.push(sending) } as unknown as Call;
    sending = broadcasts.sendFrom(call, TERM, () => {
      asked.push(number);
      return { targets: crowd(30, group), result: number };
    });
    sending.next();
    return sending;
  };
  const senders = Array.from({ length: 8 }, (_none, number) => begin(number));
  assert.equal(asked, [0, 1, 2, 3]);
  senders[5]!.return(0); // it was killed
  for (let turns = 0; turns < 20; turns++) {
    turn();
    for (const sender of resumed.splice(0)) {
      const step = sender.next();
      if (step.done && step.value !== undefined) results.push(step.value);
    }
  }
  assert.equal(asked, [0, 1, 2, 3, 4, 6, 7]);
  assert.equal(results, [0, 1, 2, 3, 4, 6, 7]);
});

test("what comes for a child on its way: each once, and stops and continuations cancel each other", () => {
  const delayed = new DelayedSignals();
  for (const signo of [SIGUSR1, SIGTSTP, SIGUSR1, SIGCONT]) delayed.add(signo);
  assert.equal([delayed.take(), delayed.take(), delayed.take()], [SIGUSR1, SIGCONT, 0]);
  for (const signo of [SIGCONT, SIGSTOP]) delayed.add(signo);
  assert.equal([delayed.take(), delayed.take()], [SIGSTOP, 0]);
});

test.run();
