// Readiness under every interleaving (ring/readiness.ts): thread 0 looks at a socket that another kernel thread owns, finds
// nothing, and asks to be told; meanwhile something comes. It never waits for what has come already. The same with code
// that is wrong on purpose.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { POLLIN } from "../../src/shared/abi/poll.ts";
import { Readiness } from "../../src/shared/ring/readiness.ts";
import { explore, type Model, type Process, type Steps, shared } from "./explorer.ts";

const SOCKET = 0;
const INPUT = 0;

const words = shared("readiness");
const mail = shared("mail");
const SUBSCRIBE = 0;
const READY = 1;

interface Owner {
  readonly come: number;
  readonly subscribed: boolean;
}

type Comes = (readiness: Readiness) => void;
const comes: Comes = (readiness) => {
  readiness.publish(SOCKET, POLLIN);
  readiness.edge(SOCKET, POLLIN);
};

function ready(steps: Steps): void {
  steps.atomic("tells", (memory) => {
    memory.set(mail, READY, 1);
    return 0;
  });
}

/** The owner: something comes so often, and it is asked to tell. As pool/owned_sockets.ts has it. */
function owner(times: number, come: Comes, compares: boolean): Process {
  return {
    name: "owner",
    start: { come: 0, subscribed: false },
    run(local, steps) {
      const { come: already, subscribed } = local as unknown as Owner;
      const readiness = new Readiness(words);
      if (already < times && steps.choose(2) === 0) {
        come(readiness);
        if (subscribed) ready(steps);
        return { come: already + 1, subscribed: false };
      }
      const seen = steps.atomic("takes a subscription", (memory) => {
        const count = memory.get(mail, SUBSCRIBE);
        if (count === 0) return undefined;
        memory.set(mail, SUBSCRIBE, 0);
        return count - 1;
      });
      if (compares && readiness.count(SOCKET, INPUT) !== seen) {
        ready(steps);
        return { come: already, subscribed: false };
      }
      return { come: already, subscribed: true };
    },
  };
}

type Look = (readiness: Readiness) => { count: number; events: number };
const look: Look = (readiness) => {
  const count = readiness.count(SOCKET, INPUT);
  return { count, events: readiness.events(SOCKET) };
};

/** Thread 0: waits until something is there. */
function waiter(looks: Look): Process {
  return {
    name: "thread 0",
    start: 0,
    run(local, steps) {
      if (local === 1) return undefined;
      const { count, events } = looks(new Readiness(words));
      if (events !== 0) return 1;
      steps.atomic("asks to be told", (memory) => {
        memory.set(mail, SUBSCRIBE, count + 1);
        return 0;
      });
      steps.atomic("is told", (memory) => {
        if (memory.get(mail, READY) === 0) return undefined;
        memory.set(mail, READY, 0);
        return 0;
      });
      return 0;
    },
  };
}

function model(looks: Look, come: Comes, compares = true): Model {
  return {
    processes: [waiter(looks), owner(2, come, compares)],
    // An owner that has chosen to take a subscription may never do anything else.
    atRest: (memory, ended) =>
      ended[0] || memory.get(words, 0) === 0 ? undefined : "it waits for what has come already",
  };
}

test("something comes while thread 0 looks and asks", () => {
  const outcome = explore(model(look, comes));
  assert.is(outcome.violation, undefined, outcome.trace?.join("\n"));
  console.log(`  ${outcome.states} states`);
});

const countsLate: Look = (readiness) => {
  const events = readiness.events(SOCKET);
  return { count: readiness.count(SOCKET, INPUT), events };
};

const countsEarly: Comes = (readiness) => {
  readiness.edge(SOCKET, POLLIN);
  readiness.publish(SOCKET, POLLIN);
};

const mutants: [string, () => Model][] = [
  ["the count is read behind the events", () => model(countsLate, comes)],
  ["the edge is counted before the events are there", () => model(look, countsEarly)],
  ["the owner does not compare", () => model(look, comes, false)],
];

for (const [name, make] of mutants) {
  test(`found: ${name}`, () => {
    const outcome = explore(make());
    assert.ok(outcome.violation, "the mistake was not found");
    console.log(`  ${outcome.violation} (${outcome.trace?.length} steps)`);
  });
}

test.run();
