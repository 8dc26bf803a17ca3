// alone: it measures CPU time
// An idle sandbox uses no CPU: its kernel thread sleeps, before its first program and after it.

import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence } from "../spawn.ts";
import { compile, parse } from "./program.ts";
import { CONFIGURATIONS, Sandbox } from "./sandbox.ts";
import { runPiped } from "./streams.ts";

const WATCH_MS = 1_000;
/** Clock ticks (10 ms each) in that time; a thread that polls uses a hundred. */
const TICKS_MAX = 5;

interface Process {
  readonly parent: number;
  readonly ticks: number;
}

function processes(): Map<number, Process> {
  const all = new Map<number, Process>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "latin1");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      all.set(Number(name), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
    } catch {
      // it has ended
    }
  }
  return all;
}

/** CPU time of a process and all below it. */
function ticksBelow(pid: number): number {
  const all = processes();
  let sum = 0;
  for (const [number, { ticks }] of all) {
    let at = number;
    while (at > 1 && at !== pid) at = all.get(at)?.parent ?? 0;
    if (at === pid) sum += ticks;
  }
  return sum;
}

/** V8 may still compile, or tidy its heap, in the first; whoever polls does so in all. */
const WATCHES = 4;

async function usedWhileIdle(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < WATCHES && least > TICKS_MAX; i++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = ticksBelow(pid);
    assert.ok(before > 0, "the sandbox's processes were not found");
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    least = Math.min(least, ticksBelow(pid) - before);
  }
  return least;
}

for (const { name, flags } of CONFIGURATIONS) {
  test(`idle: ${name}`, async () => {
    const sandbox = await Sandbox.start(flags);
    try {
      assert.ok((await usedWhileIdle(sandbox.pid)) <= TICKS_MAX, "it uses CPU before its first program");
      const program = compile(parse(new URL("exit_codes.c", import.meta.url).pathname));
      const env = { PATH: "/usr/bin:/bin" };
      const arguments_ = sandbox.execArguments(program, ["42"]);
      const { status } = await runPiped(ringfence, arguments_, { env, stdin: "", deadlineMs: 20_000 });
      assert.is(status, "42");
      assert.ok((await usedWhileIdle(sandbox.pid)) <= TICKS_MAX, "it uses CPU after a program");
    } finally {
      await sandbox.endWell();
    }
  });
}

test.run();
