// Programs whose calls are watched (--strace) wait and wake through the kernel, and all the same in the host's queues:
// they do what they do natively, and their calls are seen.

import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, parse } from "../guest/program.ts";
import { checkout, ringfence } from "../spawn.ts";

const RUNS: readonly (readonly [program: string, ...modes: string[]])[] = [
  ["futex_private", ""],
  ["futex_errors", ""],
  ["futex_times", ""],
  ["futex_signals", "handler", "stop", "stop-timed", "exit", "exit-thread", "kill", "exec", "fork", "state"],
  ["futex_storms", "condition", "timed", "signals", "robust"],
];

/** Of these the ends of calls are printed as well: others end with a wait, or use other futexes. */
const PRINTED = new Set(["", "handler", "stop-timed", "fork", "condition", "signals"]);

for (const [name, ...modes] of RUNS) {
  for (const mode of modes) {
    test(`${name} ${mode} as natively, watched`, () => {
      const program = compile(parse(`${checkout}test/guest/${name}.c`));
      const args = mode === "" ? [] : [mode];
      const options = { encoding: "latin1", maxBuffer: 1 << 30, timeout: 100_000 } as const;
      const native = spawnSync(program, args, options);
      const watched = spawnSync(ringfence, ["--strace", "do", program, ...args], options);
      assert.is(watched.stdout, native.stdout);
      assert.is(watched.status, native.status);
      if (!PRINTED.has(mode)) return;
      assert.match(watched.stderr, /^\[\d+\] futex\(0x[0-9a-f]+, FUTEX_\w+\|FUTEX_PRIVATE_FLAG/m);
    });
  }
}

test.run();
