// Mailboxes under every interleaving: a ring of two records, a sender with more than fit, a
// receiver that sleeps. Every record arrives once, whole and in order, and no wake-up is lost.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Mailbox, type MailboxShape } from "../../src/shared/ring/mailbox.ts";
import { MAILBOX_FIRST, MAILBOX_HEAD, MAILBOX_TAIL } from "../../src/shared/ring/private_sab.ts";
import { explore, type Model, type Process, type Steps, shared, violation } from "./explorer.ts";
import { blockOnDoorbell, realParts, ring } from "./system.ts";

const SHAPE: MailboxShape = { records: 2, recordWords: 2 };
const words = shared("mailbox");
const RING = MAILBOX_FIRST + SHAPE.records * SHAPE.recordWords; // from thread 0 to thread 1

function tell(steps: Steps): void {
  if (realParts(0, 2).page.isSleeping(1)) ring(steps, 1);
}

/** Kernel thread 0: sends 1 to `count`, then flushes until nothing is unsent. */
function sender(count: number): Process {
  return {
    name: "sender",
    start: null,
    run(_local, steps) {
      const mailbox = new Mailbox(words, 0, 2, SHAPE);
      const record = new Int32Array(1);
      for (let n = 1; n <= count; n++) {
        record[0] = n;
        mailbox.send(1, record);
        tell(steps);
      }
      while (mailbox.unsent > 0) {
        steps.atomic("polls until there is room", (memory) => {
          const waiting = memory.get(words, RING + MAILBOX_TAIL) - memory.get(words, RING + MAILBOX_HEAD);
          return waiting < SHAPE.records ? 0 : undefined;
        });
        if (mailbox.flush() !== 0) tell(steps);
      }
      return undefined;
    },
  };
}

/** Kernel thread 1: takes what there is, then sleeps; local data is the last record it took. */
function receiver(count: number, look: (mailbox: Mailbox) => boolean): Process {
  return {
    name: "receiver",
    start: 0,
    run(local, steps) {
      const { page } = realParts(1, 2);
      const mailbox = new Mailbox(words, 1, 2, SHAPE);
      const record = new Int32Array(1);
      let last = local as number;
      if (mailbox.seemsWaiting && mailbox.receive(record) >= 0) {
        if (record[0] !== last + 1) violation(`took record ${record[0]} after ${last}`);
        last++;
        return last === count ? undefined : last;
      }
      page.setSleeping(1);
      if (!look(mailbox)) blockOnDoorbell(steps, 1);
      page.clearSleeping(1);
      return last;
    },
  };
}

function model(
  count: number,
  send: Process = sender(count),
  look = (box: Mailbox) => box.anyRecord(),
): Model {
  return {
    processes: [send, receiver(count, look)],
    atRest: (_memory, ended) => (ended[1] ? undefined : "a record was lost"),
    goal: (_memory, ended) => ended[0]! && ended[1]!,
  };
}

for (const count of [1, 2, 5]) {
  test(`${count} records through a ring of ${SHAPE.records}`, () => {
    const outcome = explore(model(count));
    assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
    console.log(`  ${outcome.states} states`);
  });
}

type Put = (sent: number) => void;

/** A sender that is wrong in how it puts a record into the ring. */
function wrongSender(count: number, put: Put): Process {
  return {
    name: "sender",
    start: 0,
    run(local, steps) {
      if (local === count) return undefined;
      put(local as number);
      tell(steps);
      return (local as number) + 1;
    },
  };
}

function write(sent: number): void {
  const at = RING + MAILBOX_FIRST + (sent & (SHAPE.records - 1)) * SHAPE.recordWords;
  words[at + 1] = sent + 1;
  words[at] = sent + 1;
}

const tailFirst: Put = (sent) => {
  Atomics.store(words, RING + MAILBOX_TAIL, sent + 1);
  write(sent);
};

const neverFull: Put = (sent) => {
  write(sent);
  Atomics.store(words, RING + MAILBOX_TAIL, sent + 1);
};

// ---- Calls that are served behind all that was said before them (pool/post.ts, pool/net_requests.ts) ----

const behind = shared("behind");
/** How many records were sent, or kept for later, when the guest made its last call. */
const calls = shared("calls");

/** Kernel thread 0: sends records, behind each of which a guest calls the other thread. */
function teller(count: number): Process {
  return {
    name: "teller",
    start: null,
    run(_local, steps) {
      const mailbox = new Mailbox(words, 0, 2, SHAPE);
      const record = new Int32Array(1);
      for (let n = 1; n <= count; n++) {
        record[0] = n;
        if (!mailbox.send(1, record)) Atomics.store(behind, 0, 1);
        Atomics.store(calls, 0, n);
      }
      while (mailbox.unsent > 0) {
        steps.atomic("polls until there is room", (memory) => {
          const waiting = memory.get(words, RING + MAILBOX_TAIL) - memory.get(words, RING + MAILBOX_HEAD);
          return waiting < SHAPE.records ? 0 : undefined;
        });
        if (mailbox.flush() !== 0 && mailbox.unsent === 0) Atomics.store(behind, 0, 0);
      }
      return undefined;
    },
  };
}

/** Kernel thread 1: so many times it meets a call, takes what there is, and serves it unless the other is behind. */
function server(passes: number, looksFirst: boolean): Process {
  return {
    name: "server",
    start: [0, 0],
    run(local, _steps) {
      const mailbox = new Mailbox(words, 1, 2, SHAPE);
      const record = new Int32Array(1);
      const [last, done] = local as [number, number];
      let taken = last;
      const call = Atomics.load(calls, 0);
      const before = Atomics.load(behind, 0);
      for (let i = 0; i < SHAPE.records && mailbox.receive(record) >= 0; i++) taken = record[0]!;
      const isBehind = looksFirst ? before : Atomics.load(behind, 0);
      if (isBehind === 0 && taken < call) violation(`a call behind record ${call} knows of ${taken}`);
      return done + 1 === passes ? undefined : [taken, done + 1];
    },
  };
}

function modelOfCalls(looksFirst: boolean): Model {
  return {
    processes: [teller(3), server(3, looksFirst)],
    atRest: () => undefined,
    goal: (_memory, ended) => ended[1]!,
  };
}

test("calls behind what has found no room", () => {
  const outcome = explore(modelOfCalls(true));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

const mutants: [string, Model][] = [
  ["who is behind is looked at behind the exchange", modelOfCalls(false)],
  ["tail before the record", model(2, wrongSender(2, tailFirst))],
  ["a full ring is written over", model(4, wrongSender(4, neverFull))],
  ["the receiver sleeps without a last look", model(2, sender(2), () => false)],
];

for (const [name, wrong] of mutants) {
  test(`found: ${name}`, () => {
    let found: string | undefined;
    try {
      found = explore(wrong).violation;
    } catch (error) {
      found = (error as Error).message; // mailbox.ts itself notices a record out of order
    }
    assert.ok(found, "the mistake was not found");
    console.log(`  ${found}`);
  });
}

test.run();
