// Files of the host that kernel threads move bytes of (--workers=net,data=2): guest programs do to them what they do
// natively, and a storm on them leaves every record whole. Beside test/guest and test/hostile, where files are the
// sandbox's own, these are written by other threads than 0 as well.
//
// deadline: 240 s

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, parse } from "../guest/program.ts";
import { checkout, output, ringfence } from "../spawn.ts";

const FLAGS = ["--workers=net,data=2", "--patch=eager"];
/** Of a file of the host's the access time is told as it was a moment ago. */
const ELSEWHERE = new Set(["times"]);

function program(path: string): { file: string; runs: readonly string[][] } {
  const parsed = parse(`${checkout}/test/${path}`);
  return { file: compile(parsed), runs: parsed.runs };
}

function inSandbox(file: string, args: readonly string[]): Promise<string> {
  return output(ringfence, [...FLAGS, "do", "--overlay2=none", "--", file, ...args]);
}

for (const name of ["offsets_shared", "lent_files"]) {
  const { file, runs } = program(`guest/${name}.c`);
  for (const args of runs.filter(([word = ""]) => !ELSEWHERE.has(word)))
    test(`${name} ${args.join(" ")}`, async () => {
      assert.is(await inSandbox(file, args), await output(file, args));
    });
}

const storm = program("hostile/lent_storm.c");
for (const args of storm.runs)
  test(`lent_storm ${args.join(" ")}`, async () => {
    assert.is(await inSandbox(storm.file, args), "done\n");
  });

test.run();
