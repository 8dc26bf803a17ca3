// The guest programs: compiled statically when they are first needed, and kept below build/bench by a hash of
// everything that goes into them.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "./error.ts";
import { checkout } from "./paths.ts";

const SOURCES = join(checkout, "bench/guest");
export const PROGRAMS: string = join(checkout, "build/bench");
const FLAGS = [
  "-std=gnu17",
  "-D_GNU_SOURCE",
  "-O2",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-Wno-unused-function",
  "-static",
];

/** libc → the compiler that links with it, and what to install where it is missing. */
const COMPILERS: Readonly<Record<string, { compiler: string; install: string }>> = {
  gnu: { compiler: "gcc", install: "gcc and libc6-dev" },
  musl: { compiler: "musl-gcc", install: "musl-tools" },
};

/** Path of the program of that name. */
export function program(name: string, libc: string): string {
  const { compiler, install } = COMPILERS[libc]!;
  const hash = createHash("sha256").update(JSON.stringify([compiler, FLAGS]));
  for (const file of readdirSync(SOURCES).sort())
    if (file === `${name}.c` || file.endsWith(".h")) hash.update(readFileSync(join(SOURCES, file)));
  const path = join(PROGRAMS, `${name}-${libc}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(path)) return path;
  mkdirSync(PROGRAMS, { recursive: true });
  const fresh = `${path}.${process.pid}`;
  const made = spawnSync(compiler, [...FLAGS, "-o", fresh, join(SOURCES, `${name}.c`)], { encoding: "utf8" });
  if (made.error) throw new BenchError(`${compiler} is not installed: guest programs need ${install}`);
  if (made.status !== 0)
    throw new BenchError(`${name}.c cannot be compiled (needs ${install}): ${made.stderr}`);
  renameSync(fresh, path);
  return path;
}
