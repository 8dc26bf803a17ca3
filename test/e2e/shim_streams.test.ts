// What a process says is read by whoever opens its FIFO, and when: engines do so while they ask for its start.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../spawn.ts";
import { shell } from "./bundle.ts";
import { execSpec, Shim } from "./shim.ts";

if (process.getuid!() !== 0) console.log("skipped: a shim with containers is root's");
else {
  let shim: Shim;
  let directory: string;
  test.before(async () => {
    directory = mkdtempSync("/tmp/ringfence-streams-");
    shim = await Shim.start(shell("while :; do sleep 0.05; done"));
    const { id } = shim.bundle;
    await shim.call("create", { id, bundle: shim.bundle.directory });
    await shim.call("start", { id });
  });
  test.after(async () => {
    const { id } = shim.bundle;
    await shim.code("kill", { id, signal: 9 });
    await shim.code("wait", { id });
    await shim.code("delete", { id });
    assert.ok(await shim.end(), "the shim ends when it is asked to");
    rmSync(directory, { recursive: true });
  });

  /** The FIFO of a process that ends at once. */
  async function says(execId: string, script: string): Promise<{ fifo: string; started: Promise<unknown> }> {
    const fifo = join(directory, execId);
    execFileSync("mkfifo", [fifo]);
    const { id } = shim.bundle;
    await shim.call("exec", { id, execId, spec: execSpec("sh", "-c", script), stdout: fifo, stderr: fifo });
    return { fifo, started: shim.call("start", { id, execId }) };
  }

  test("a reader that comes late reads all that a short process has said", async () => {
    const { fifo, started } = await says("late", "echo out; echo err >&2");
    // As long as the process takes, and longer.
    await sleep(700);
    const read = run("timeout", ["20", "cat", fifo]);
    await started;
    const { id } = shim.bundle;
    await shim.call("wait", { id, execId: "late" });
    assert.is((await read).stdout.toString(), "out\nerr\n");
    await shim.call("delete", { id, execId: "late" });
  });

  test("nobody has to read", async () => {
    const { started } = await says("unread", "echo out; exit 7");
    await started;
    const { id } = shim.bundle;
    const { exitStatus } = (await shim.call("wait", { id, execId: "unread" })) as { exitStatus: number };
    assert.is(exitStatus, 7);
    await shim.call("delete", { id, execId: "unread" });
  });

  test.run();
}
