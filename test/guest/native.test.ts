// The guest programs themselves: each runs natively, twice, and says the same both times. One that
// does not is no use as a comparison.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, programsIn } from "./program.ts";
import { runPiped } from "./streams.ts";

for (const program of programsIn(new URL(".", import.meta.url).pathname)) {
  for (const args of program.runs) {
    test(`${program.name} ${args.map((arg) => JSON.stringify(arg)).join(" ")}`, async () => {
      const binary = compile(program);
      const env = { PATH: "/usr/bin:/bin", PWD: "/", ...program.env };
      const options = { env, stdin: program.stdin, deadlineMs: program.deadlineMs, statusByShell: true };
      const first = await runPiped(binary, args, options);
      const second = await runPiped(binary, args, options);
      assert.equal(second, first);
      assert.not(
        ["98", "99", "deadline passed"].includes(first.status) && program.name !== "exit_codes",
        first.stdout,
      );
      if (process.env["SHOW"] !== undefined) console.log(first.stdout, first.stderr, first.status);
    });
  }
}

test.run();
