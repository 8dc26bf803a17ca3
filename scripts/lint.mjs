// npm run lint: Biome for TypeScript, clang-format for C. Ends with 0 when neither finds anything to mend. Where there
// is no clang-format, or one of a version that was not tried, the form of C is not looked at, and one line says so.
//
// Versions 14 and 19 agree about these sources (Debian 12 and 13). Tables that lose by it, or on which they do not
// agree, stand between `clang-format off` and `on`.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDERS = ["native", "test", "bench"];

/** Oldest and newest version of clang-format that is asked. */
const VERSIONS = [14, 19];

/** Whether a program finds nothing to mend. */
function passes(program, args) {
  return spawnSync(program, args, { cwd: checkout, stdio: "inherit" }).status === 0;
}

/** Why clang-format is not asked; undefined: it is. */
function reasonToSkip() {
  const { error, stdout } = spawnSync("clang-format", ["--version"], { encoding: "utf8" });
  if (error !== undefined) return "there is no clang-format (package clang-format)";
  const version = Number(/version (\d+)/.exec(stdout)?.[1]);
  const [oldest, newest] = VERSIONS;
  if (version >= oldest && version <= newest) return undefined;
  return `clang-format is of version ${version}, not of ${oldest} to ${newest}`;
}

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(checkout, folder), { recursive: true })
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => join(folder, name)),
);
const biome = passes(join(checkout, "node_modules/@biomejs/cli-linux-x64/biome"), ["check", "."]);
const reason = reasonToSkip();
if (reason !== undefined) console.log(`lint: skipped the form of C: ${reason}`);
const form =
  reason !== undefined || passes("clang-format", ["--dry-run", "-Werror", "--style=file", ...sources]);
process.exitCode = biome && form ? 0 : 1;
