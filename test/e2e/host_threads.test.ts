// Threads that are made one after the other go on in one host thread, and host threads that nobody needs leave.
//
// alone: a busy machine keeps threads away for longer

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, parse } from "../guest/program.ts";
import { counters } from "../hostile/control.ts";
import { checkout, eventually } from "../spawn.ts";
import { withHeld } from "./hold.ts";
import { children, sandboxOf, status } from "./processes.ts";

const THREADS = 2000;
/**
 * Of a thread that is made and waited for: its creator's clone3, mask (twice) and wait, its own mask (twice), madvise with what
 * came of it, and exit; and of the few that need a host task what that takes.
 */
const REQUESTS = 10;

test("most of the threads that are made in turn need no new host task", async () => {
  const program = compile(parse(`${checkout}test/guest/threads_in_turn.c`));
  await withHeld(async ({ root, exec }) => {
    const socket = `${root}/held/s`;
    const before = await counters(socket);
    const { code, stdout } = await exec([program, "again"]);
    assert.is(code, 0);
    assert.match(stdout.toString(), /end\n$/);
    const after = await counters(socket);
    const made = after["hostTasks"]! - before["hostTasks"]!;
    // A machine that is busy keeps some away for longer than a host thread waits.
    assert.ok(made >= 1 && made < THREADS / 2, String(made));
    const requests = (after["requests"]! - before["requests"]!) / THREADS;
    assert.ok(requests < REQUESTS, `${requests} requests for each`);
  });
});

test("a host thread that nobody needs leaves", async () => {
  const program = compile(parse(`${checkout}test/guest/threads_in_turn.c`));
  await withHeld(async ({ launcher, exec }) => {
    const { zygote } = await sandboxOf(launcher, false);
    const threads = () => children(zygote).map((pid) => Number(status(pid, "Threads")));
    let said = "";
    const ended = exec([program, "rest"], {
      started: (child) => child.stdout!.on("data", (bytes: Buffer) => (said += bytes.toString())),
    });
    assert.ok(await eventually(() => said.includes("3 of 3"), 20_000), said);
    assert.ok(await eventually(() => threads().length === 1 && threads()[0] === 1, 5000), String(threads()));
    for (const pid of children(zygote)) process.kill(pid, "SIGKILL");
    assert.is.not((await ended).code, 0);
  });
});

test.run();
