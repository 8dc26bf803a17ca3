// What thread 0 says to other kernel threads of a slot, and what it takes from them (pool/other_threads.ts): whoever has
// been there is told, no one else, and nobody else has a closed slot before all have passed their loop tops.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Attention, INTERRUPT, WATCHED } from "../../src/shared/ring/attention.ts";
import { Claims, recordWord } from "../../src/shared/ring/claims.ts";
import { GuestMemory } from "../../src/shared/ring/guest_memory.ts";
import { CHUNK_SIZE, SEQUENCE_STEP } from "../../src/shared/ring/layout.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { Passes } from "../../src/shared/ring/quiescence.ts";
import { Request } from "../../src/shared/ring/slot_states.ts";
import { SUPERVISOR, threadPlan } from "../../src/shared/thread_plan.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Counters } from "../../src/workers/counters.ts";
import * as M from "../../src/workers/pool/messages.ts";
import { Message } from "../../src/workers/pool/messages.ts";
import { OtherThreads, type ReturnedCalls } from "../../src/workers/pool/other_threads.ts";
import type { Post } from "../../src/workers/pool/post.ts";
import { ThreadFigures } from "../../src/workers/thread_figures.ts";

const [NET, FIRST, SECOND] = [1, 2, 3];
const SLOT = 5;
const SEQUENCE = 9 * SEQUENCE_STEP;

function make(workers = "net,data=2") {
  const roles = threadPlan(workers);
  if (typeof roles === "string") throw new Error(roles);
  const sab = new PrivateSab();
  const memory = new GuestMemory(new SharedArrayBuffer(CHUNK_SIZE));
  const claims = new Claims(sab.claims, sab.seen, memory.words, roles.length);
  const outgoing = new Int32Array(15);
  /** To whom, what, and of which slot and request. */
  const sent: number[][] = [];
  const post = {
    isFlushed: true,
    record: (kind: number) => outgoing.fill(kind, 0, 1),
    send: (to: number) => sent.push([to, ...outgoing.subarray(0, 3)]),
    leave: (to: number) => sent.push([to, ...outgoing.subarray(0, 3)]),
    wake: (thread: number) => sent.push([thread]),
  };
  const returned: string[] = [];
  const requests: ReturnedCalls = {
    finish: (slot, _sequence, nr, result) => returned.push(`${slot}: ${nr} = ${result}`),
    serve: (slot, request, nr) => returned.push(`${slot}: ${nr} (${request & 15})`),
    kick: (slot) => returned.push(`${slot}: kick`),
    killHostile: (slot) => returned.push(`${slot}: kill`),
  };
  const kernel = {
    claims,
    memory,
    slots: { word: () => -1 } as never,
    figures: new ThreadFigures(),
    nowNs: 0,
    longTurns: { isFull: false },
    counters: new Counters(),
    timers: new Timers(),
  };
  const attention = new Attention(sab.attention, claims);
  const others = new OtherThreads(kernel, roles, attention, post as unknown as Post, sab.control, requests);
  claims.open(SLOT);
  /** The slot is a thread's, with a request. */
  const own = (thread: number) => {
    sab.claims[SLOT] = ((thread + 1) << 28) | SEQUENCE;
  };
  const passes = roles.map((_role, thread) => new Passes(sab.control, thread));
  return {
    others,
    attention,
    own,
    sent,
    returned,
    passes,
    figures: kernel.figures,
    claims,
    words: memory.words,
  };
}

test("a wait is cut short where there is one", () => {
  const { others, attention, own, sent } = make();
  assert.is(others.cutShort(SLOT), false); // its guest has it
  own(SUPERVISOR);
  assert.is(others.cutShort(SLOT), false);
  own(FIRST);
  assert.is(others.cutShort(SLOT), true);
  assert.equal(sent, []);
  own(NET);
  assert.is(others.cutShort(SLOT), true);
  assert.equal(sent, [[NET, Message.CANCEL, SLOT, SEQUENCE]]);
  assert.is(attention.get(SLOT), INTERRUPT);
});

test("without NET nobody waits", () => {
  const { others, own, sent } = make("data=2");
  own(1);
  assert.is(others.cutShort(SLOT), true);
  assert.is(others.serves(SLOT), true);
  assert.equal(sent, []);
});

test("who is recalled comes back from any of them", () => {
  const { others, attention, own } = make();
  for (const [thread, comes] of [false, true, true, true].entries()) {
    own(thread);
    assert.is(others.recall(SLOT), comes);
    assert.is(others.serves(SLOT), comes);
  }
  assert.is(attention.get(SLOT), WATCHED);
});

test("who has been there is told, NET of changes too, once it matters no more not again", () => {
  const { others, sent } = make();
  others.forgetTask(SLOT);
  others.closed(SLOT);
  assert.equal(sent, []);
  others.visit(SLOT, NET);
  others.visit(SLOT, SECOND);
  others.forgetTask(SLOT);
  others.closed(SLOT);
  others.closed(SLOT);
  others.forgetTask(SLOT);
  assert.equal(
    sent.map(([to, kind]) => [to, kind]),
    [
      [NET, Message.FORGET_TASK],
      [NET, Message.CLOSED],
      [SECOND, Message.CLOSED],
    ],
  );
});

test("a closed slot is nobody's before all threads have passed their loop tops", () => {
  const { others, passes } = make();
  others.visit(SLOT, FIRST);
  others.closed(SLOT);
  for (const thread of [SUPERVISOR, NET, SECOND]) passes[thread]!.loopTop();
  assert.is(others.isLeaving(SLOT), true);
  passes[FIRST]!.loopTop();
  assert.is(others.isLeaving(SLOT), false);
});

test("what comes back is taken if its slot was passed, and not closed meanwhile", () => {
  const { others, own, returned, figures, claims } = make();
  const say = (kind: number, words: Readonly<Record<number, number>>) => {
    const record = new Int32Array(15);
    record[M.KIND] = kind;
    record[M.SLOT] = SLOT;
    for (const [at, word] of Object.entries(words)) record[Number(at)] = word;
    return others.receive(record);
  };
  const result = { [M.SEQUENCE]: SEQUENCE, [M.NR]: 1, [M.RESULT_LOW]: -9, [M.RESULT_HIGH]: -1 };
  const request = { [M.REQUEST]: SEQUENCE * 16 + Request.SYSCALL, [M.NR]: 39 };
  const all = () => [
    say(Message.RESULT, result),
    say(Message.REQUEST, request),
    say(Message.HOSTILE, { [M.SEQUENCE]: SEQUENCE }),
  ];
  own(SUPERVISOR);
  assert.equal(all(), [true, true, true]);
  assert.equal(returned, [`${SLOT}: 1 = -9`, `${SLOT}: 39 (${Request.SYSCALL})`, `${SLOT}: kill`]);
  assert.is(figures.passedIn, 3);
  claims.close(SLOT);
  assert.equal(all(), [true, true, true]);
  assert.is(returned.length, 3);
  assert.is(figures.passedIn, 3);
  assert.is(say(Message.READY, {}), false);
});

test("whoever sleeps, and was posted to while the slot was thread 0's, is woken", () => {
  const { others, sent, words } = make();
  others.letGo(SLOT);
  assert.equal(sent, []);
  words[recordWord(SLOT, SECOND)] = SEQUENCE * 16 + Request.SYSCALL;
  others.letGo(SLOT);
  assert.equal(sent, [[SECOND]]);
});

test.run();
