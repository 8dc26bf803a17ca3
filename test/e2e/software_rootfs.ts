// A root file system that holds programs of this machine's packages, with the libraries they are linked with.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeRootfs } from "./rootfs.ts";

const LIBRARY = /(\/\S+) \(0x/g;

/** What is large, and does without. */
const NEVER = /\/(bitcode|locale|llvmjit[^/]*)$/;

function copy(from: string, directory: string): void {
  const to = join(directory, from);
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true, filter: (source) => !NEVER.test(source) });
}

/** The libraries of a program or of all that a directory has directly in it. */
function librariesOf(path: string): string[] {
  const files = lstatSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
  const programs = files.filter(
    (file) => existsSync(file) && !lstatSync(realpathSync(file)).isDirectory() && !NEVER.test(file),
  );
  if (programs.length === 0) return [];
  // What is no program of ELF is told as such, and has none.
  const text = execFileSync("sh", ["-c", 'for f; do ldd "$f" 2> /dev/null; done; true', "sh", ...programs], {
    encoding: "utf8",
  });
  return [...text.matchAll(LIBRARY)].map(([, library]) => library!);
}

/** Busybox, and those files and directories. */
export function makeSoftwareRootfs(directory: string, paths: readonly string[]): void {
  makeRootfs(directory);
  for (const path of new Set([...paths, ...paths.flatMap(librariesOf)])) copy(path, directory);
}
