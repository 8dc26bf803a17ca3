// End-to-end tests once more with --platform=ptrace: those that take seconds. All of them:
// RINGFENCE_TEST_FLAGS=--platform=ptrace npm test -- e2e
//
// deadline: 600 s

import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, platform, run } from "../spawn.ts";

const DEADLINE_MS = 120_000;
const FILES = [
  "cold_reads",
  "confinement",
  "container_attacks",
  "container_files",
  "control",
  "docker",
  "job_control",
  "kills",
  "memory_limit",
  "patching",
  "postgresql",
  "process_model",
  "stdio",
  "terminal",
  "waiter",
  "watched_futexes",
];

for (const file of platform === "ptrace" ? [] : FILES)
  test(`with --platform=ptrace: ${file}`, async () => {
    const { stdout, stderr, code, timedOut } = await run(
      process.execPath,
      [`${checkout}test/e2e/${file}.test.ts`],
      {
        env: {
          ...process.env,
          RINGFENCE_TEST_FLAGS: `${process.env.RINGFENCE_TEST_FLAGS ?? ""} --platform=ptrace`.trim(),
        },
        deadlineMs: DEADLINE_MS,
      },
    );
    assert.not.ok(timedOut, "it passed its deadline");
    // What a skipped test prints, and why one failed.
    assert.is(code, 0, `${stdout}${stderr}`);
  });

test.run();
