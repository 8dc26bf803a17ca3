// C programs that play another process's part in end-to-end tests.

import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "../spawn.ts";

const LAUNCHER = `${checkout}native/launcher`;
const FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-include", "stdbool.h", "-Wall", "-Wextra", "-Werror", "-O1"];
const built = new Map<string, string>();

/** Compiles test/e2e/NAME.c with parts of the launcher, once; returns the program's path. */
export function buildDriver(name: string, parts: string[] = []): string {
  const known = built.get(name);
  if (known !== undefined) return known;
  const path = join(mkdtempSync(join(tmpdir(), "ringfence-driver-")), name);
  const sources = [`${checkout}test/e2e/${name}.c`, ...parts.map((part) => `${LAUNCHER}/${part}.c`)];
  const includes = [`-I${LAUNCHER}`, `-I${checkout}native/include`];
  const result = spawnSync("gcc", [...FLAGS, ...includes, "-o", path, ...sources, "-lutil"], {
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(result.stderr);
  built.set(name, path);
  return path;
}
