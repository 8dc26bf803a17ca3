// Each platform runs what the others run: programs with children, threads and signals, whose result is native Linux's;
// and what was started dies with the sandbox.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence, run } from "../spawn.ts";

const PLATFORMS = ["systrap", "ptrace"];

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

test.run();
