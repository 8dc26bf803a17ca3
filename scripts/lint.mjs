// npm run lint: Biome for TypeScript, clang-format for C. Ends with 0 when neither finds anything to mend. Where there
// is no clang-format, the form of C is not looked at, and one line says so.
//
// Versions 14 and 19 of clang-format agree about these sources. Tables that lose by it, or on which they do not agree,
// stand between `clang-format off` and `on`.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDERS = ["native", "test", "bench"];

/** Whether a program finds something to mend; null: there is none of that name. */
function finds(program, args) {
  const { error, status } = spawnSync(program, args, { cwd: checkout, stdio: "inherit" });
  if (error === undefined) return status !== 0;
  if (error.code === "ENOENT") return null;
  throw error;
}

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(checkout, folder), { recursive: true })
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => join(folder, name)),
);
const scripts = finds(join(checkout, "node_modules/@biomejs/cli-linux-x64/biome"), ["check", "."]);
const c = finds("clang-format", ["--dry-run", "-Werror", "--style=file", ...sources]);
if (c === null) console.log("lint: skipped the form of C: there is no clang-format (package clang-format)");
process.exitCode = scripts !== false || c === true ? 1 : 0;
