// End-to-end tests once more with other global flags: those that take seconds, in every run. All of them, by hand:
// RINGFENCE_TEST_FLAGS=FLAGS npm test -- e2e

import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, run } from "../spawn.ts";

const DEADLINE_MS = 120_000;

/** Adds a test for each file; none where the flags are given already. */
export function again(flags: string, files: readonly string[]): void {
  const given = process.env.RINGFENCE_TEST_FLAGS ?? "";
  if (given.includes(flags)) return;
  for (const file of files)
    test(`with ${flags}: ${file}`, async () => {
      const { stdout, stderr, code, timedOut } = await run(
        process.execPath,
        [`${checkout}test/e2e/${file}.test.ts`],
        {
          env: { ...process.env, RINGFENCE_TEST_FLAGS: `${given} ${flags}`.trim() },
          deadlineMs: DEADLINE_MS,
        },
      );
      assert.not.ok(timedOut, "it passed its deadline");
      // What a skipped test prints, and why one failed.
      assert.is(code, 0, `${stdout}${stderr}`);
    });
}
