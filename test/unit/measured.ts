// Figures that a program of its own measures, in a process that others leave alone, and prints as JSON.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";

/** Runs test/unit/NAME with these flags of Node's: it has a figure for each limit, and none is above it. */
export function assertWithin(
  limits: Readonly<Record<string, number>>,
  flags: readonly string[],
  name: string,
  args: readonly string[] = [],
): void {
  const program = join(import.meta.dirname, name);
  const words = ["--expose-gc", "--no-warnings", ...flags, program, ...args];
  const { stdout, stderr, status } = spawnSync(process.execPath, words, { encoding: "utf8" });
  assert.is(status, 0, stderr);
  const measured = JSON.parse(stdout) as Record<string, number>;
  assert.equal(Object.keys(measured).sort(), Object.keys(limits).sort());
  const over = Object.entries(measured).filter(([what, figure]) => figure > limits[what]!);
  assert.equal(over, []);
}
