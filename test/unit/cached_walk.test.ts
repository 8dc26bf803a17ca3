// The walk along cached names (src/workers/vfs/cached_walk.ts) ends where the general one does, or says that it is
// not simple: after any names were made, moved, exchanged and removed, and whoever walks.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EACCES, ENOENT } from "../../src/shared/abi/errno.ts";
import { AT_FDCWD, O_CREAT, O_RDWR, RENAME_EXCHANGE } from "../../src/shared/abi/fcntl.ts";
import { WINDOW } from "../../src/shared/ring/layout.ts";
import { initialCredentials } from "../../src/workers/credentials/credentials.ts";
import { NOT_SIMPLE } from "../../src/workers/vfs/cached_walk.ts";
import { lookup } from "../../src/workers/vfs/lookup.ts";
import { Path } from "../../src/workers/vfs/path.ts";
import { OneTask } from "./one_task.ts";

const one = await OneTask.make();
const { kernel, task } = one;
const ROOT = "/dev/shm";

function onPath(name: string, path: string, ...args: number[]): number {
  one.giveString(path);
  const [a1, a2] = args;
  return one.serve(one.handler(name), 0, a1, a2);
}

/** The general walk's end, which also leaves the names in the cache. */
function generally(path: string, follow: boolean): Path | number {
  const found = lookup(task, AT_FDCWD, path, { follow });
  return found instanceof Path || typeof found === "number" ? found : Number.NaN;
}

/** Compares the two; whether the walk was a simple one. */
function compare(path: string, follow: boolean): boolean {
  const wanted = generally(path, follow);
  one.giveString(path);
  task.call.bytes.set(Buffer.from(`${path}\0`, "latin1"), task.call.base + WINDOW);
  const { walk } = kernel.dentries;
  const found = walk.find(task, AT_FDCWD, follow);
  if (found === NOT_SIMPLE) return false;
  if (typeof wanted === "number") assert.is(found, wanted, path);
  else {
    assert.is(found, 0, path);
    assert.is(walk.mount, wanted.mount, path);
    assert.is(walk.dentry, wanted.dentry, path);
  }
  return true;
}

test("what is simple, and what is not", () => {
  assert.is(onPath("mkdir", `${ROOT}/directory`, 0o755), 0);
  assert.ok(onPath("open", `${ROOT}/directory/file`, O_CREAT | O_RDWR, 0o600) >= 0);
  for (const path of [
    "/",
    "/dev",
    ROOT,
    `${ROOT}/directory/file`,
    `${ROOT}//directory/./file`,
    "/proc",
    `${ROOT}/directory/..`,
    "/../usr/../usr/.",
  ])
    assert.ok(compare(path, true), path);
  // It is known not to be there once it was looked for.
  assert.ok(compare(`${ROOT}/directory/missing`, true));
  for (const path of ["", `${ROOT}/`, `${ROOT}/directory/file/below`, `${ROOT}/../shm`])
    assert.not(compare(path, true), path);
  assert.not(compare(`${ROOT}/${"n".repeat(256)}`, true));
  assert.ok(compare(`${ROOT}/${"n".repeat(255)}`, true));
});

test("relative paths, a limited reader, a directory that nobody may search", () => {
  assert.is(onPath("mkdir", `${ROOT}/closed`, 0o700), 0);
  assert.ok(onPath("open", `${ROOT}/closed/file`, O_CREAT | O_RDWR, 0o600) >= 0);
  assert.ok(compare(`${ROOT}/closed/file`, true));
  const { credentials } = task;
  task.credentials = initialCredentials(1000, 1000, [], kernel.users);
  assert.not(compare(`${ROOT}/closed/file`, true));
  assert.is(onPath("stat", `${ROOT}/closed/file`, 4096), -EACCES);
  task.credentials = credentials;
  one.giveString(ROOT);
  assert.is(one.serve(one.handler("chdir"), 0), 0);
  assert.ok(compare("closed/file", true));
  assert.is(onPath("stat", "closed/files", 4096), -ENOENT);
});

const NAMES = ["a", "b", "long-name-of-a-file", "d", "d/a", "d/b", "e", "e/d", "e/../d/a", "d/.."].map(
  (name) => `${ROOT}/${name}`,
);
const name = fc.constantFrom(...NAMES);
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom("mkdir", "create", "unlink", "rmdir"), name, other: name }),
  fc.record({ kind: fc.constantFrom("rename", "exchange", "symlink", "link"), name, other: name }),
);

test("whatever happens to the names", () => {
  let simple = 0;
  const twoPaths: Record<string, (from: string, to: string) => void> = {
    rename: (from, to) => move(from, to, 0),
    exchange: (from, to) => move(from, to, RENAME_EXCHANGE),
    symlink: (from, to) => make("symlink", from, to),
    link: (from, to) => make("link", from, to),
  };
  // The second path is the slot's second in piece.
  function make(handler: string, from: string, to: string): void {
    one.giveStrings(from, to);
    one.serve(one.handler(handler), 0, 0);
  }
  function move(from: string, to: string, flags: number): void {
    one.giveStrings(from, to);
    one.serve(one.handler("renameat2"), AT_FDCWD, 0, AT_FDCWD, 0, flags);
  }
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      for (const { kind, name, other } of steps) {
        if (kind === "mkdir") onPath("mkdir", name, 0o755);
        else if (kind === "create") {
          const fd = onPath("open", name, O_CREAT | O_RDWR, 0o600);
          if (fd >= 0) one.serve(one.handler("close"), fd);
        } else if (kind === "unlink" || kind === "rmdir") onPath(kind, name);
        else twoPaths[kind]!(name, other);
        for (const path of NAMES) for (const follow of [true, false]) if (compare(path, follow)) simple++;
      }
    }),
    { numRuns: 100 },
  );
  assert.ok(simple > 1000, `${simple} simple walks`);
});

test.run();
