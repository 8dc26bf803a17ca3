// Makes an installation of what a set-up has built: a directory that has all that runs, and needs nothing beside it:
//
//   native/ringfence-launcher            the command; it finds the rest from its own place
//   native/containerd-shim-ringfence-v1  the same by another name: containerd's shim
//   native/shim.node                     what the shim's Node needs of it
//   js/cli.cjs, js/shim.cjs, js/shim.blob  commands that Node serves, and the shim, as a snapshot as well
//   js/report.js, js/report.css, js/report.licenses  what pages of reports are made of
//   sandbox/                             the root of sandboxes (sandbox_root.mjs)
//   licenses/                            of what is in it that others have made
//
// It is nowhere written to when it is used, and may be another user's.
//
//   node scripts/installation.mjs DIRECTORY            with Node
//   node scripts/installation.mjs DIRECTORY --package  for npm: Node is a dependency's, and there are no links

import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PAGE_PARTS } from "./bundle.mjs";

const build = join(dirname(dirname(fileURLToPath(import.meta.url))), "build");
const LAUNCHER = "native/ringfence-launcher";
const SHIM = "native/containerd-shim-ringfence-v1";
const NODE = "sandbox/node";
/** npm takes no directory along that is empty: the launcher covers them. */
const EMPTY = ["sandbox/empty", "sandbox/proc"];

/** As everybody may use it, whatever umask and checkout say. */
function setModes(path) {
  const status = statSync(path);
  chmodSync(path, status.isDirectory() || status.mode & 0o100 ? 0o755 : 0o644);
  if (status.isDirectory()) for (const name of readdirSync(path)) setModes(join(path, name));
}

function assemble(directory, isPackage) {
  const from = (name) => join(build, name);
  const to = (name) => join(directory, name);
  // Copies: who may write to the checkout has no part in the installation.
  const skipped = isPackage ? from(NODE) : null;
  const pageParts = PAGE_PARTS.map((name) => `js/${name}`);
  const files = [LAUNCHER, "native/shim.node", "js/cli.cjs", "js/shim.cjs", "js/shim.blob", ...pageParts];
  for (const name of [...files, "sandbox"])
    cpSync(from(name), to(name), { recursive: true, filter: (path) => path !== skipped });
  cpSync(from("js/licenses"), to("licenses"), { recursive: true });
  if (isPackage) {
    cpSync(from(LAUNCHER), to(SHIM));
    // Where Node is mounted; and by which the launcher knows the one that the snapshot is of.
    writeFileSync(to(NODE), `${statSync(from(NODE)).size}\n`);
    for (const name of EMPTY) writeFileSync(join(to(name), "covered"), "");
  }
  setModes(directory);
  if (!isPackage) symlinkSync("ringfence-launcher", to(SHIM));
}

const [target, option] = process.argv.slice(2);
const directory = resolve(target);
const [fresh, old] = [`${directory}.new`, `${directory}.old`];
mkdirSync(dirname(directory), { recursive: true });
for (const path of [fresh, old]) rmSync(path, { recursive: true, force: true });
assemble(fresh, option === "--package");
// Sandboxes that run keep the directory that they have mounted.
try {
  renameSync(directory, old);
} catch (error) {
  if (error.code !== "ENOENT") throw error;
}
renameSync(fresh, directory);
rmSync(old, { recursive: true, force: true });
