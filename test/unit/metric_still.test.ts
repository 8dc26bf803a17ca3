// A sandbox that has said that it would tell when it does something is not asked again before it has told: what it says late, in
// pieces, wrongly or not at all, and when it has gone.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { mock } from "node:test";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Asked, Sandboxes, sandboxesOf } from "../../src/main/metrics/sandboxes.ts";
import { Stillness } from "../../src/workers/stillness.ts";
import { eventually } from "../spawn.ts";

const THREAD = {
  ...{ thread: 0, role: "supervisor", tid: 5, cpu: 0, workNs: 7, spinNs: 1, sleepNs: 3e9, requests: 7 },
  ...{ passedOut: 0, passedIn: 0, forwards: 0, queued: 0, queuedMax: 0, unsent: 0, sleeps: 4 },
  ...{ doorbells: 0, longTurns: 0, longestTurnMs: 0 },
};
const WAIT_MS = 5000;
const directory = mkdtempSync("/tmp/ringfence-still-");
test.after(() => rmSync(directory, { recursive: true, force: true }));

/** The control socket of a sandbox whose counters say how often it was asked. */
class Fake {
  asked = 0;
  params: unknown;
  /** The connection by which it was asked last. */
  socket: Socket | null = null;
  isWatched: unknown = true;
  readonly #server: Server;
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => this.#answer(socket, JSON.parse(bytes.toString())));
    }).listen(path);
  }

  #answer(socket: Socket, { id, params }: { id: number; params?: unknown }): void {
    this.socket = socket;
    this.params = params;
    const counters = { requests: ++this.asked };
    const { isWatched } = this;
    const result = { counters, threads: [THREAD], netDev: "", containers: [], isWatched };
    socket.write(`${JSON.stringify({ id, result })}\n`);
  }

  async end(): Promise<void> {
    this.socket?.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let fakes = 0;

async function withFake(
  body: (fake: Fake, ask: () => Promise<Asked>) => Promise<void>,
  isKept = true,
): Promise<void> {
  const fake = new Fake(join(directory, `s${fakes++}`));
  const container = { root: "/r", state: { id: "a", socket: fake.path } };
  const known = sandboxesOf([container as unknown as Parameters<typeof sandboxesOf>[0][number]]);
  const sandboxes = new Sandboxes(isKept);
  try {
    await body(fake, async () => (await sandboxes.ask(known, 2000)).get("/r/a")!);
  } finally {
    sandboxes.close();
    await fake.end();
  }
}

const requests = ({ answer }: Asked) => answer?.counters["requests"] as number | undefined;

test("it is asked once, and again when it has told", () =>
  withFake(async (fake, ask) => {
    for (let i = 0; i < 3; i++) assert.is(requests(await ask()), 1);
    assert.equal([fake.asked, fake.params], [1, { watch: true }]);
    // In two pieces: the first alone says nothing yet.
    fake.socket!.write('{"event":"mo');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.is(requests(await ask()), 1);
    fake.socket!.write('ved"}\n');
    assert.ok(await eventually(async () => requests(await ask()) === 2, WAIT_MS));
    assert.is(requests(await ask()), 2);
  }));

test("what it tells while it is asked counts", () =>
  withFake(async (fake, ask) => {
    await ask();
    fake.socket!.write('{"event":"moved"}\n');
    assert.ok(await eventually(async () => requests(await ask()) === 2, WAIT_MS));
    // Before its answer has come, though behind the request.
    const early = ask();
    fake.socket!.once("data", () => fake.socket!.write('{"event":"moved"}\n'));
    fake.socket!.write('{"event":"moved"}\n');
    await early;
    const before = fake.asked;
    assert.ok(await eventually(async () => requests(await ask())! > before, WAIT_MS));
  }));

test("one that does not say that it tells, or not to whoever asks once, is asked each time", async () => {
  for (const isWatched of [false, undefined])
    await withFake(async (fake, ask) => {
      fake.isWatched = isWatched;
      for (let i = 1; i < 4; i++) assert.is(requests(await ask()), i);
    });
  await withFake(async (fake, ask) => {
    for (let i = 1; i < 3; i++) assert.is(requests(await ask()), i);
    assert.is(fake.params, undefined);
  }, false);
  await withFake(async (fake, ask) => {
    fake.isWatched = "yes"; // no answer of the protocol
    assert.is((await ask()).answer, null);
  });
});

test("one that has gone is told as gone, whatever it has said before", async () => {
  await withFake(async (fake, ask) => {
    assert.is(requests(await ask()), 1);
    await fake.end();
    assert.ok(await eventually(async () => (await ask()).isGone, WAIT_MS));
  });
});

test("one that sends without an end is closed, and asked anew", () =>
  withFake(async (fake, ask) => {
    assert.is(requests(await ask()), 1);
    const flooded = fake.socket!;
    flooded.write("{}\n".repeat(1000));
    assert.ok(await eventually(async () => requests(await ask()) === 2, WAIT_MS));
    assert.is.not(fake.socket, flooded);
  }));

test("it sleeps meanwhile, and is asked anew after a minute", () =>
  withFake(async (fake, ask) => {
    const began = performance.now();
    let later = 0;
    const clock = mock.method(performance, "now", () => began + later);
    try {
      assert.is(requests(await ask()), 1);
      const sleepOf = ({ answer }: Asked) => answer!.threads[0]!.sleepNs;
      later = 500;
      assert.is(sleepOf(await ask()), 3e9);
      later = 31_000;
      assert.is(sleepOf(await ask()), 33e9);
      later = 59_000;
      assert.is(requests(await ask()), 1);
      later = 60_000;
      assert.is(requests(await ask()), 2);
      assert.is(fake.asked, 2);
    } finally {
      clock.mock.restore();
    }
  }));

test("who watches is told once, and at once if that is over", async () => {
  const kernel = { owesAnswer: false };
  const stillness = new Stillness(kernel);
  stillness.end();
  assert.is(kernel.owesAnswer, false);
  const first = stillness.watch();
  assert.is(stillness.watch(), first);
  let told = 0;
  const ended = [first, first].map((serial) => stillness.ended(serial).then(() => told++));
  await Promise.resolve();
  assert.equal([told, stillness.isWatched], [0, true]);
  stillness.end();
  assert.equal([stillness.isWatched, kernel.owesAnswer], [false, true]);
  await Promise.all(ended);
  assert.is(told, 2);
  const second = stillness.watch();
  assert.is.not(second, first);
  // It had ended before this one was made.
  await stillness.ended(first);
  stillness.end();
  await stillness.ended(second);
});

test.run();
