// C programs that play another process's part in end-to-end tests.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "../spawn.ts";

const LAUNCHER = `${checkout}native/launcher`;
const FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-include", "stdbool.h", "-Wall", "-Wextra", "-Werror", "-O1"];
const built = new Map<string, string>();
let directory: string | undefined;

function outputDirectory(): string {
  if (directory !== undefined) return directory;
  const made = mkdtempSync(join(tmpdir(), "ringfence-driver-"));
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  directory = made;
  return made;
}

/** Compiles test/e2e/NAME.c with parts of the launcher, once; returns the program's path. */
export function buildDriver(name: string, parts: string[] = [], flags: string[] = []): string {
  const known = built.get(name);
  if (known !== undefined) return known;
  const path = join(outputDirectory(), name);
  const sources = [`${checkout}test/e2e/${name}.c`, ...parts.map((part) => `${LAUNCHER}/${part}.c`)];
  const includes = [`-I${LAUNCHER}`, `-I${checkout}native/include`];
  const result = spawnSync("gcc", [...FLAGS, ...flags, ...includes, "-o", path, ...sources, "-lutil"], {
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(result.stderr);
  built.set(name, path);
  return path;
}
