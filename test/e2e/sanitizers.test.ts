// Programs that are built with sanitizers: each lays its shadow over fixed parts of the address space, where the
// stub window must not be. They run, and find what is wrong.
//
// deadline: 120 s

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const SOURCE = `${checkout}test/e2e/sanitized.c`;
/** Leaks are looked for with ptrace, which guests do not have. */
const ENVIRONMENT = "ASAN_OPTIONS=detect_leaks=0";

/** Compiler, sanitizer, and the fault that it finds. */
const KINDS: readonly (readonly [string, string, string])[] = [
  ["gcc", "thread", "race"],
  ["gcc", "address", "overflow"],
  ["clang", "thread", "race"],
  ["clang", "address", "overflow"],
  ["clang", "memory", "uninitialised"],
];

const directory = mkdtempSync("/tmp/ringfence-sanitizers-");

for (const [compiler, sanitizer, fault] of KINDS) {
  const program = `${directory}/${compiler}-${sanitizer}`;
  const flags = [`-fsanitize=${sanitizer}`, "-g", "-O1", "-pthread"];
  if (spawnSync(compiler, [...flags, "-o", program, SOURCE]).status !== 0) {
    console.log(`not installed: ${compiler} -fsanitize=${sanitizer}`);
    continue;
  }
  const start = (...args: string[]) =>
    run(ringfence, ["do", "--", "env", ENVIRONMENT, program, ...args], { deadlineMs: 60_000 });

  test(`${compiler} -fsanitize=${sanitizer}: a good program`, async () => {
    const { stdout, stderr, code } = await start();
    assert.is(stderr.toString(), "");
    assert.is(stdout.toString(), "counted: 1\n");
    assert.is(code, 0);
  });

  test(`${compiler} -fsanitize=${sanitizer}: a ${fault} is found`, async () => {
    const { stderr, code } = await start(fault);
    assert.match(stderr.toString(), /Sanitizer: /);
    assert.is.not(code, 0);
  });
}

test.after(() => rmSync(directory, { recursive: true }));

test.run();
