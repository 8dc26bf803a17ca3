// Each platform runs what the others run: programs with children, threads and signals, whose result is native Linux's;
// and the stubs of ptrace die with their tracer.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, ringfence, run } from "../spawn.ts";
import { children, exists, sandboxOf } from "./processes.ts";

const PLATFORMS = ["systrap", "ptrace"];
const GONE_MS = 1000;

const SCRIPTS = [
  "echo one | cat; (exit 3); echo $?",
  "sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -9 $$'; echo $?",
  "trap 'echo caught' USR1; kill -USR1 $$; echo after",
  "for i in 1 2 3 4 5; do (echo $i) & wait; done",
  "sleep 0.1 & kill -STOP $!; kill -CONT $!; wait $!; echo $?",
  "exec sh -c 'exec echo replaced'",
  "cat /does/not/exist; echo $?; ulimit -c 0; sh -c 'kill -SEGV $$'; echo $?",
];

for (const platform of PLATFORMS)
  for (const script of SCRIPTS)
    test(`${platform}: ${script}`, async () => {
      const native = await run("/bin/sh", ["-c", script]);
      const here = await run(ringfence, [`--platform=${platform}`, "do", "--", "/bin/sh", "-c", script]);
      assert.is(here.stdout.toString(), native.stdout.toString());
      assert.is(here.code, native.code);
    });

test("a name that is no platform's", async () => {
  const { code, stderr } = await run(ringfence, ["--platform=none", "do", "--", "true"]);
  assert.is(code, 125);
  assert.match(stderr.toString(), /systrap.*ptrace/);
});

test("ptrace: stubs die with their tracer, without init's help", async () => {
  let launcher = 0;
  const args = ["--platform=ptrace", "do", "--", "busybox", "sh", "-c", "sleep 100 & wait"];
  const ended = run(ringfence, args, { started: (child) => (launcher = child.pid!) });
  const { init, node, zygote } = await sandboxOf(launcher, true);
  try {
    assert.ok(await eventually(() => children(zygote).length > 1, GONE_MS));
    const stubs = children(zygote);
    process.kill(init, "SIGSTOP");
    process.kill(node, "SIGKILL");
    assert.ok(await eventually(() => !stubs.some(exists), GONE_MS), `left: ${stubs.filter(exists)}`);
  } finally {
    process.kill(init, "SIGKILL");
    await ended;
  }
});

test.run();
