// The dentry cache over a directory tree that changes behind its back: what it says is what the file system
// said when it last looked, it looks again when the file system says so, and it stays within its bound.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ENOENT } from "../../src/shared/abi/errno.ts";
import { S_IFDIR } from "../../src/shared/abi/stat.ts";
import { FileSystem, Inode } from "../../src/workers/vfs/inode.ts";
import { Dentry } from "../../src/workers/vfs/path.ts";
import { dentryCache, fakeKernel } from "./fake_files.ts";

class HostFs extends FileSystem {
  readonly type = "gofer";
  readonly root: HostDirectory = new HostDirectory(this, 1);
  status(): number {
    return -ENOENT;
  }
}

/** A directory whose look-ups are counted. */
class HostDirectory extends Inode {
  readonly ino: number;
  readonly type = S_IFDIR;
  readonly names = new Map<string, number>();
  readonly children = new Map<number, HostDirectory>();
  version = 0;
  lookups = 0;

  constructor(fs: FileSystem, ino: number) {
    super(fs);
    this.ino = ino;
  }

  attributes(): number {
    return -ENOENT;
  }

  override namesVersion(): number {
    return this.version;
  }

  /** Made anew at each look-up, but for what it holds. */
  override lookup(name: string): Inode | number {
    this.lookups++;
    const ino = this.names.get(name);
    if (ino === undefined) return -ENOENT;
    let child = this.children.get(ino);
    if (child === undefined) {
      child = new HostDirectory(this.fs, ino);
      this.children.set(ino, child);
    }
    return child;
  }
}

const NAMES = ["a", "b", "c", "d"];

const step = fc.record({
  kind: fc.constantFrom("look", "change", "tell", "pin", "unpin"),
  path: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
  ino: fc.integer({ min: 2, max: 6 }),
});

test("what the file system says, as of the last time it told of changes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const fs = new HostFs(fakeKernel().kernel);
      const root = new Dentry("", null, fs.root);
      const cache = dentryCache(4);
      const pinned: Dentry[] = [];
      const silent = new Set<HostDirectory>(); // changed, and not told so

      const walk = (path: readonly string[]): Dentry | null => {
        let at = root;
        for (const name of path) {
          const directory = at.inode as HostDirectory;
          const next = cache.lookup(at, name);
          if (typeof next === "number") throw new Error(`errno ${-next}`);
          assert.is(next.name, name);
          assert.is(next.parent, at);
          if (!silent.has(directory)) {
            const expected = directory.names.get(name);
            assert.is(next.inode === null ? undefined : next.inode.ino, expected, path.join("/"));
            const before = directory.lookups;
            assert.is(cache.lookup(at, name), next, "the same dentry again");
            assert.is(directory.lookups, before, "without another look");
          }
          if (next.inode === null) return null;
          at = next;
        }
        return at;
      };

      for (const { kind, path, ino } of steps) {
        const at = walk(path.slice(0, -1));
        const name = path.at(-1)!;
        if (at === null) continue;
        const directory = at.inode as HostDirectory;
        if (kind === "change") {
          if (directory.names.has(name)) directory.names.delete(name);
          else directory.names.set(name, 100 * directory.ino + ino);
          silent.add(directory);
        } else if (kind === "tell") {
          directory.version++;
          silent.delete(directory);
        } else if (kind === "unpin") {
          const last = pinned.pop();
          if (last !== undefined) last.unpin();
        } else {
          const found = walk(path);
          if (kind === "pin" && found !== null) {
            found.pin();
            pinned.push(found);
          }
        }
        // Within the bound, but for what is in use: pinned dentries and their ancestors.
        const used = new Set<Dentry>();
        for (const one of pinned) for (let up: Dentry | null = one; up !== null; up = up.parent) used.add(up);
        assert.ok(cache.size <= 4 + used.size + 3, `${cache.size} dentries, ${used.size} in use`);
      }
    }),
    { numRuns: 300 },
  );
});

test("a pinned dentry stays the one that walks find", () => {
  const fs = new HostFs(fakeKernel().kernel);
  fs.root.names.set("kept", 2);
  for (let i = 0; i < 100; i++) fs.root.names.set(`n${i}`, 10 + i);
  const root = new Dentry("", null, fs.root);
  const cache = dentryCache(10);
  const kept = cache.lookup(root, "kept") as Dentry;
  kept.pin();
  for (let i = 0; i < 100; i++) cache.lookup(root, `n${i}`);
  assert.is(cache.lookup(root, "kept"), kept);
  kept.unpin();
  for (let i = 0; i < 100; i++) cache.lookup(root, `n${i}`);
  assert.is.not(cache.lookup(root, "kept"), kept);
  assert.ok(cache.size <= 11);
});

test("names that changed places are found where they are", () => {
  const fs = new HostFs(fakeKernel().kernel);
  fs.root.names.set("x", 2).set("y", 3);
  const root = new Dentry("", null, fs.root);
  const cache = dentryCache();
  const x = cache.lookup(root, "x") as Dentry;
  const y = cache.lookup(root, "y") as Dentry;
  cache.exchanged(x, y);
  assert.is(cache.lookup(root, "x"), y);
  assert.is(cache.lookup(root, "y"), x);
  assert.is(x.name, "y");
  cache.moved(x, root, "z");
  assert.is(cache.lookup(root, "z"), x);
  cache.unlinked(x);
  assert.is(x.deleted, true);
  assert.is((cache.lookup(root, "z") as Dentry).inode, null);
});

test("removed directories count for as long as somebody stands in the last of them", () => {
  const { kernel } = fakeKernel();
  const fs = new HostFs(kernel);
  const root = new Dentry("", null, fs.root);
  const chain = [root];
  for (let i = 0; i < 100; i++) chain.push(new Dentry("d", chain[i]!, fs.root));
  chain[100]!.pin();
  chain[50]!.pin();
  for (let i = 100; i > 0; i--) chain[i]!.deleted = true;
  assert.is(kernel.counters.deletedDentries, 100);
  chain[100]!.unpin();
  assert.is(kernel.counters.deletedDentries, 50);
  chain[50]!.unpin();
  assert.is(kernel.counters.deletedDentries, 0);
  // What gets its name back is none of them.
  chain[1]!.pin();
  assert.is(kernel.counters.deletedDentries, 1);
  chain[1]!.deleted = false;
  assert.is(kernel.counters.deletedDentries, 0);
});

test.run();
