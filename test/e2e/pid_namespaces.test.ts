// PID namespaces in a sandbox, made by unshare(1) and entered by nsenter(1), with an init for containers in them: the same
// words as natively (pid_namespaces.sh). What is for who looks on from outside has the numbers of the first one.

import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const SCENES = `${checkout}test/e2e/pid_namespaces.sh`;
const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("  skipped: who is not root makes no PID namespaces");

/** The package is named where it is missing. */
const absent = [
  ["unshare", "util-linux"],
  ["ps", "procps"],
  ["tini", "tini"],
].filter(([program]) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
for (const [, name] of absent) console.log(`  skipped: missing package ${name}`);

if (isRoot && absent.length === 0)
  test("unshare, nsenter, ps and tini do what they do natively", async () => {
    const native = await run("sh", [SCENES]);
    assert.is(native.code, 0, native.stderr.toString());
    const { stdout, stderr, code } = await run(ringfence, ["do", "sh", SCENES]);
    assert.is(stdout.toString(), native.stdout.toString(), stderr.toString());
    assert.is(code, 0);
  });

if (isRoot)
  test("--strace has the numbers of the sandbox's first namespace", async () => {
    const args = ["--strace", "do", "unshare", "--fork", "--pid", "sh", "-c", "kill -TERM $$; exit 5"];
    const { stderr, code } = await run(ringfence, args);
    assert.is(code, 5);
    assert.match(stderr.toString(), /^\[2\] kill\(1, SIGTERM\) = 0$/m);
    assert.match(stderr.toString(), /^\[2\] \+\+\+ exited with 5 \+\+\+$/m);
  });

test.run();
