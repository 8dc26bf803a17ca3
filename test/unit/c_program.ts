// Compiles and runs a generated C program: how tables in TypeScript are compared with C headers.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const INCLUDE_DIR = new URL("../../native/include", import.meta.url).pathname;

/** Compiles `source` with gcc, runs it, and returns its standard output. Throws with gcc's text on failure. */
export function runC(source: string): string {
  const dir = mkdtempSync(join(tmpdir(), "ringfence-test-"));
  try {
    const file = join(dir, "program.c");
    const binary = join(dir, "program");
    writeFileSync(file, source);
    run("gcc", ["-std=gnu11", "-w", `-I${INCLUDE_DIR}`, "-o", binary, file]);
    return run(binary, []);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** All macros that are defined after `source`: name and text. */
export function macrosOf(source: string): Map<string, string> {
  const lines = run("gcc", ["-E", "-dM", "-x", "c", `-I${INCLUDE_DIR}`, "-"], source).split("\n");
  const macros = new Map<string, string>();
  for (const line of lines) {
    const match = /^#define (\w+) (.*)$/.exec(line);
    if (match !== null) macros.set(match[1]!, match[2]!);
  }
  return macros;
}

function run(command: string, args: string[], input = ""): string {
  const result = spawnSync(command, args, { input, encoding: "latin1", timeout: 60_000, maxBuffer: 1 << 26 });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command} failed (${result.status}): ${result.stderr}`);
  return result.stdout;
}
