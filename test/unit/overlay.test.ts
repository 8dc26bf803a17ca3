// The memory file system over a lower one, reached through a dentry cache that forgets all the time,
// against a naive model that copied the whole lower tree: any sequence of calls gives the same tree,
// inodes keep their numbers, what is open lives on, and space is given back.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY } from "../../src/shared/abi/errno.ts";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../../src/shared/abi/stat.ts";
import type { OpenFile } from "../../src/workers/vfs/file.ts";
import type { Inode } from "../../src/workers/vfs/inode.ts";
import { MemoryFs } from "../../src/workers/vfs/memory/memory_fs.ts";
import { Dentry } from "../../src/workers/vfs/path.ts";
import {
  dentryCache,
  type FakeKernel,
  fakeKernel,
  LowerFile,
  LowerFs,
  type LowerTree,
} from "./fake_files.ts";

const twice = new LowerFile("known by two names");

const LOWER: LowerTree = {
  a: "text of a",
  b: { a: "below b", c: { d: "deep", e: {} }, e: twice },
  c: twice,
  d: {},
  e: "-> b/a",
};

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];
const LARGE = 70_000;

/** The model: a file is this object, whatever its names. */
class Model {
  readonly type: number;
  text = "";
  mode = 0o755;
  links = 1;
  readonly names = new Map<string, Model>();
  readonly xattrs = new Map<string, string>();

  constructor(type: number) {
    this.type = type;
    if (type === S_IFDIR) this.links = 2;
  }

  get isDirectory(): boolean {
    return this.type === S_IFDIR;
  }
}

function modelOf(what: LowerTree | LowerFile | string, linked: Map<LowerFile, Model>): Model {
  if (typeof what === "string") {
    const link = what.startsWith("-> ");
    const model = new Model(link ? S_IFLNK : S_IFREG);
    model.text = link ? what.slice(3) : what;
    return model;
  }
  if (what instanceof LowerFile) {
    const known = linked.get(what);
    if (known !== undefined) {
      known.links++;
      return known;
    }
    const model = new Model(S_IFREG);
    model.text = what.text;
    linked.set(what, model);
    return model;
  }
  const model = new Model(S_IFDIR);
  for (const [name, child] of Object.entries(what)) {
    const made = modelOf(child, linked);
    model.names.set(name, made);
    if (made.isDirectory) model.links++;
  }
  return model;
}

interface Open {
  readonly file: OpenFile;
  readonly inode: Inode;
  readonly model: Model;
}

/** One directory, on both sides. */
interface Directory {
  readonly path: readonly string[];
  readonly model: Model;
}

const creation = (mode: number) => ({ mode, uid: 0, gid: 0 });

class World {
  readonly fake: FakeKernel = fakeKernel();
  readonly fs: MemoryFs;
  readonly root: Dentry;
  readonly cache = dentryCache(5);
  readonly model = modelOf(LOWER, new Map());
  readonly numbers = new Map<Model, number>();
  opened: Open[] = [];

  constructor() {
    const lower = new LowerFs(this.fake, LOWER);
    this.fs = new MemoryFs(this.fake.kernel, { limit: 1 << 30, lower: lower.root });
    this.root = new Dentry("", null, this.fs.root);
  }

  directories(at: Model = this.model, path: readonly string[] = []): Directory[] {
    const all: Directory[] = [{ path, model: at }];
    for (const [name, child] of at.names)
      if (child.isDirectory) all.push(...this.directories(child, [...path, name]));
    return all;
  }

  dentry(path: readonly string[]): Dentry {
    let at = this.root;
    for (const name of path) {
      const next = this.cache.lookup(at, name);
      if (typeof next === "number") throw new Error(`${path.join("/")}: errno ${-next}`);
      at = next;
    }
    return at;
  }

  /** The dentry of a directory stays while its names are dealt with, as a working directory does. */
  within<T>(directory: Directory, then: (dentry: Dentry) => T): T {
    const dentry = this.dentry(directory.path);
    dentry.pin();
    try {
      return then(dentry);
    } finally {
      dentry.unpin();
    }
  }

  child(directory: Dentry, name: string): Dentry {
    const dentry = this.cache.lookup(directory, name);
    if (typeof dentry === "number") throw new Error(`${name}: errno ${-dentry}`);
    return dentry;
  }

  make(directory: Directory, name: string, kind: number): number {
    return this.within(directory, (at) => {
      const dentry = this.child(at, name);
      if (directory.model.names.has(name)) {
        assert.ok(dentry.inode !== null);
        return -EEXIST;
      }
      assert.is(dentry.inode, null);
      const type = [S_IFREG, S_IFDIR, S_IFLNK][kind]!;
      const inode = at.inode!;
      const made =
        type === S_IFREG
          ? inode.create(name, creation(S_IFREG | 0o755))
          : type === S_IFDIR
            ? inode.mkdir(name, creation(S_IFDIR | 0o755))
            : inode.symlink(name, "target", creation(S_IFLNK | 0o755));
      if (typeof made === "number") return made;
      this.cache.instantiate(dentry, made);
      const model = new Model(type);
      if (type === S_IFLNK) model.text = "target";
      if (type === S_IFDIR) directory.model.links++;
      directory.model.names.set(name, model);
      return 0;
    });
  }

  remove(directory: Directory, name: string): number {
    const model = directory.model.names.get(name);
    return this.within(directory, (at) => {
      const dentry = this.child(at, name);
      if (model === undefined) {
        assert.is(dentry.inode, null);
        return -ENOENT;
      }
      const inode = dentry.inode!;
      const error = model.isDirectory ? at.inode!.rmdir(name, inode) : at.inode!.unlink(name, inode);
      assert.is(error, model.names.size > 0 ? -ENOTEMPTY : 0);
      if (error < 0) return error;
      this.cache.unlinked(dentry);
      directory.model.names.delete(name);
      model.links = model.isDirectory ? 0 : model.links - 1;
      if (model.isDirectory) directory.model.links--;
      return 0;
    });
  }

  link(from: Directory, name: string, to: Directory, newName: string): number {
    const model = from.model.names.get(name);
    if (model === undefined || model.isDirectory || to.model.names.has(newName)) return -EINVAL;
    return this.within(from, (source) =>
      this.within(to, (target) => {
        const { inode } = this.child(source, name);
        const dentry = this.child(target, newName);
        assert.is(target.inode!.link(newName, inode!), 0);
        this.cache.instantiate(dentry, inode!);
        to.model.names.set(newName, model);
        model.links++;
        return 0;
      }),
    );
  }

  rename(from: Directory, name: string, to: Directory, newName: string, exchange: boolean): number {
    const model = from.model.names.get(name);
    const there = to.model.names.get(newName);
    if (model === undefined || model === there) return -EINVAL;
    const inside = (model: Model, path: readonly string[]) => {
      let at = this.model;
      if (at === model) return true;
      for (const step of path) {
        at = at.names.get(step)!;
        if (at === model) return true;
      }
      return false;
    };
    if (inside(model, to.path) || (there !== undefined && inside(there, from.path))) return -EINVAL;
    if (exchange ? there === undefined : there !== undefined && there.isDirectory !== model.isDirectory)
      return there?.isDirectory === true ? -EISDIR : -ENOTDIR;
    return this.within(from, (source) =>
      this.within(to, (target) => {
        const moving = this.child(source, name);
        moving.pin();
        const replaced = this.child(target, newName);
        moving.unpin();
        const error = source.inode!.rename(
          name,
          moving.inode!,
          target.inode!,
          newName,
          replaced.inode,
          exchange,
        );
        if (!exchange && there !== undefined && there.names.size > 0) {
          assert.is(error, -ENOTEMPTY);
          return error;
        }
        assert.is(error, 0);
        if (exchange) this.cache.exchanged(moving, replaced);
        else this.cache.moved(moving, target, newName);
        from.model.names.delete(name);
        if (exchange) from.model.names.set(name, there!);
        to.model.names.set(newName, model);
        if (model.isDirectory) {
          from.model.links--;
          to.model.links++;
        }
        if (there?.isDirectory === true) {
          to.model.links--;
          if (exchange) from.model.links++;
        }
        if (there !== undefined && !exchange) there.links = there.isDirectory ? 0 : there.links - 1;
        return 0;
      }),
    );
  }

  #file(directory: Directory, name: string): { dentry: Dentry; model: Model } | null {
    const model = directory.model.names.get(name);
    if (model?.type !== S_IFREG) return null;
    return { dentry: this.within(directory, (at) => this.child(at, name)), model };
  }

  open(directory: Directory, name: string): void {
    const found = this.#file(directory, name);
    if (found === null) return;
    const inode = found.dentry.inode!;
    const file = inode.open(2, this.fake.kernel.rootCredentials);
    if (typeof file === "number") throw new Error(`open: errno ${-file}`);
    inode.hold();
    found.dentry.pin();
    file.path = { dentry: found.dentry, mount: { flags: 0 } } as unknown as OpenFile["path"];
    this.opened.push({ file, inode, model: found.model });
  }

  close(index: number): void {
    const [open] = this.opened.splice(index % Math.max(1, this.opened.length), 1);
    if (open === undefined) return;
    open.file.release();
    open.file.path!.dentry.unpin();
    open.inode.letGo();
  }

  write(index: number, position: number, text: string): void {
    const open = this.opened[index % Math.max(1, this.opened.length)];
    if (open === undefined) return;
    this.fake.native.window.set(Buffer.from(text, "latin1"));
    assert.is(open.file.pwrite(this.fake.task, 0, text.length, position), text.length);
    const { model } = open;
    const padded = model.text.padEnd(position, "\0");
    model.text = padded.slice(0, position) + text + padded.slice(position + text.length);
  }

  truncate(directory: Directory, name: string, size: number): void {
    const found = this.#file(directory, name);
    if (found === null) return;
    assert.is(found.dentry.inode!.setAttributes({ size }), 0);
    found.model.text = found.model.text.slice(0, size).padEnd(size, "\0");
  }

  change(directory: Directory, name: string, mode: number): void {
    const model = directory.model.names.get(name);
    if (model === undefined) return;
    const { inode } = this.within(directory, (at) => this.child(at, name));
    assert.is(inode!.setAttributes({ mode }), 0);
    model.mode = mode;
    assert.is(inode!.setxattr("user.x", String(mode), 0), 0);
    model.xattrs.set("user.x", String(mode));
  }

  #read(file: OpenFile): string {
    let text = "";
    for (;;) {
      const n = file.pread(this.fake.task, 0, this.fake.native.window.length, text.length);
      if (n <= 0) return text;
      text += Buffer.from(this.fake.native.window.subarray(0, n)).toString("latin1");
    }
  }

  #checkNode(dentry: Dentry, model: Model, where: string): void {
    const inode = dentry.inode!;
    const attributes = inode.attributes();
    if (typeof attributes === "number") throw new Error(`${where}: errno ${-attributes}`);
    assert.is(attributes.mode, model.type | model.mode, `${where}: mode`);
    assert.is(attributes.nlink, model.links, `${where}: links`);
    assert.is(attributes.dev, this.fs.dev);
    const number = this.numbers.get(model) ?? attributes.ino;
    assert.is(attributes.ino, number, `${where}: number`);
    this.numbers.set(model, number);
    assert.equal(inode.listxattr(), [...model.xattrs.keys()], `${where}: attributes`);
    for (const [name, value] of model.xattrs) assert.is(inode.getxattr(name), value);
    if (model.type === S_IFLNK) assert.is(inode.readlink(), model.text);
    if (model.type !== S_IFREG) return;
    assert.is(attributes.size, model.text.length, `${where}: size`);
    const file = inode.open(0, this.fake.kernel.rootCredentials);
    if (typeof file === "number") throw new Error(`${where}: errno ${-file}`);
    assert.is(this.#read(file), model.text, `${where}: contents`);
    file.release();
  }

  check(): void {
    for (const directory of this.directories()) {
      const where = `/${directory.path.join("/")}`;
      this.within(directory, (at) => {
        const entries = at.inode!.entries();
        if (typeof entries === "number") throw new Error(`${where}: errno ${-entries}`);
        assert.equal(entries.map(({ name }) => name).sort(), [...directory.model.names.keys()].sort(), where);
        for (const { name, ino, type } of entries) {
          const child = this.child(at, name);
          this.#checkNode(child, directory.model.names.get(name)!, `${where}/${name}`);
          assert.is(child.inode!.ino, ino);
          assert.is(child.inode!.type >>> 12, type);
        }
        for (const name of NAMES)
          if (!directory.model.names.has(name))
            assert.is(this.child(at, name).inode, null, `${where}/${name}`);
      });
    }
    for (const { file, model } of this.opened) assert.is(this.#read(file), model.text, "an open file");
    // Numbers are nobody else's.
    assert.is(new Set(this.numbers.values()).size, this.numbers.size);
  }
}

const step = fc.record({
  kind: fc.nat(10),
  directory: fc.nat(50),
  name: fc.constantFrom(...NAMES),
  other: fc.nat(50),
  newName: fc.constantFrom(...NAMES),
  n: fc.nat(3),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const steps = fc.array(step, { maxLength: 60, size: "max" });

function run(world: World, { kind, directory, name, other, newName, n }: Step): void {
  const directories = world.directories();
  const from = directories[directory % directories.length]!;
  const to = directories[other % directories.length]!;
  switch (kind) {
    case 0:
    case 1:
      world.make(from, name, n % 3);
      break;
    case 2:
    case 3:
      world.remove(from, name);
      break;
    case 4:
      world.link(from, name, to, newName);
      break;
    case 5:
    case 6:
      world.rename(from, name, to, newName, n === 0);
      break;
    case 7:
      world.open(from, name);
      break;
    case 8:
      world.write(other, [0, 3, 5000, LARGE][n]!, `written ${directory}`);
      break;
    case 9:
      if (n === 0) world.close(other);
      else world.truncate(from, name, [0, 2, 10, LARGE][n]!);
      break;
    default:
      world.change(from, name, 0o600 + n);
  }
}

test("the overlay behaves as a copy of the lower tree would", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World();
      world.check();
      for (const one of all) {
        run(world, one);
        world.check();
      }
      // Everything that was made or changed goes: nothing stays set aside.
      while (world.opened.length > 0) world.close(0);
      assert.is(world.fake.native.files.size, world.fake.kernel.counters.memoryFiles, "host descriptors");
    }),
    { numRuns: 300 },
  );
});

test("removing everything gives the space back", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World();
      for (const one of all) run(world, one);
      while (world.opened.length > 0) world.close(0);
      for (const directory of world.directories().reverse())
        for (const name of [...directory.model.names.keys()]) world.remove(directory, name);
      assert.is(world.model.names.size, 0);
      const { counters } = world.fake.kernel;
      assert.is(counters.memoryFiles, 0);
      // The root, once it has changes, is the one node that stays.
      assert.ok(counters.memoryNodes <= 1);
      assert.is(world.fake.native.files.size, 0);
    }),
    { numRuns: 200 },
  );
});

test("a file system that nobody can reach any more gives everything back", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World();
      const { counters } = world.fake.kernel;
      for (const one of all) run(world, one);
      world.fs.unmounted();
      // What was open lives on, and goes with whoever has it.
      while (world.opened.length > 0) world.close(0);
      const { memoryNodes, memoryFiles, memoryFileBytes, strings, xattrs } = counters;
      assert.equal([memoryNodes, memoryFiles, memoryFileBytes, strings, xattrs], [0, 0, 0, 0, 0]);
      assert.is(world.fake.native.files.size, 0);
    }),
    { numRuns: 300 },
  );
});

test("a node that does not fit is no half-made file", () => {
  const fake = fakeKernel(3);
  const fs = new MemoryFs(fake.kernel, { limit: 1 << 20 });
  const { root } = fs;
  const made = NAMES.map((name) => root.create(name, creation(S_IFREG | 0o600)));
  assert.is(made.filter((inode) => typeof inode !== "number").length, 3);
  assert.is((root.entries() as unknown[]).length, 3);
  assert.is(root.unlink("a", made[0] as Inode), 0);
  assert.ok(typeof root.create("z", creation(S_IFREG | 0o600)) !== "number");
});

test.run();
