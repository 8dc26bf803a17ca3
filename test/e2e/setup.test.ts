// deadline: 300 s
// A fresh checkout sets itself up by its first command, also when two of them are started at once.

import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, run } from "../spawn.ts";

const PARTS = ["bin", "native", "scripts", "src", "package.json", "package-lock.json", "tsconfig.json"];

test("two first commands at once: one sets up, both work", async () => {
  const fresh = mkdtempSync("/tmp/ringfence-checkout-");
  try {
    for (const part of PARTS)
      cpSync(`${checkout}${part}`, `${fresh}/${part}`, { recursive: true, preserveTimestamps: true });
    symlinkSync(`${checkout}node_modules`, `${fresh}/node_modules`);
    const start = () =>
      run(`${fresh}/bin/ringfence`, ["do", "busybox", "echo", "up"], { deadlineMs: 200_000 });
    const results = await Promise.all([start(), start()]);
    for (const { code, stdout, stderr } of results) {
      assert.is(code, 0, stderr.toString());
      assert.is(stdout.toString(), "up\n");
    }
    const progress = results.map(({ stderr }) => stderr.toString()).join("");
    assert.is(progress.match(/building native code/g)?.length, 1, progress);
    const third = await start();
    assert.is(third.stderr.toString(), "", "nothing to do any more");
    const now = new Date();
    utimesSync(`${fresh}/src/workers/call/call.ts`, now, now);
    const fourth = await start();
    assert.match(fourth.stderr.toString(), /bundling/, "a source has changed");
  } finally {
    rmSync(fresh, { recursive: true });
  }
});

/** A copy of the checkout that was never set up, and belongs to root. */
async function withCopy(body: (directory: string) => Promise<void>): Promise<void> {
  const copy = mkdtempSync("/tmp/ringfence-checkout-");
  try {
    chmodSync(copy, 0o755);
    for (const part of PARTS)
      cpSync(`${checkout}${part}`, `${copy}/${part}`, { recursive: true, preserveTimestamps: true });
    await body(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

test("a checkout that cannot be written is told in one line", async () => {
  await withCopy(async (copy) => {
    const start = `exec ${copy}/bin/ringfence do true`;
    // A mount of its own makes it read-only; another user cannot write it.
    const mounts = `mount --bind ${copy} ${copy} && mount -o remount,bind,ro ${copy} && ${start}`;
    const readOnly = await run("unshare", ["--mount", "sh", "-c", mounts]);
    const foreign = await run("setpriv", [
      "--reuid=1000",
      "--regid=1000",
      "--clear-groups",
      "sh",
      "-c",
      start,
    ]);
    for (const [{ code, stdout, stderr }, why] of [
      [readOnly, /is read-only: set it up once/],
      [foreign, /is another user's: set it up once/],
    ] as const) {
      assert.is(code, 125);
      assert.is(stdout.length, 0);
      assert.match(stderr.toString(), /^ringfence set-up: [^\n]*\n$/);
      assert.match(stderr.toString(), why);
    }
  });
});

test.run();
