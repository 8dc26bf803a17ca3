// A directory of a memory file system: own names over those of the lower directory (name_changes.ts).

import { ENOENT, ENOSPC, ENOTEMPTY } from "../../../shared/abi/errno.ts";
import { S_IFDIR } from "../../../shared/abi/stat.ts";
import { DirectoryFile } from "../directory_file.ts";
import type { OpenFile } from "../file.ts";
import type { Creation, DirectoryEntry, Inode } from "../inode.ts";
import { LinkTarget } from "./link_target.ts";
import { MemoryInode } from "./memory_inode.ts";
import { NameChanges } from "./name_changes.ts";

/** What tmpfs shows as the size of a directory: so much for each entry, "." and ".." among them. */
const ENTRY_SIZE = 20;
/** What is given back while nobody else is served. */
const NODES_PER_STEP = 1000;

/** Names of a directory that is listed at once. */
const LISTED_AT_ONCE = 4096;
/** Names between two looks at the time. */
const LISTED_A_PIECE = 256;

function entryOf(name: string, node: MemoryInode): DirectoryEntry {
  return { name, ino: node.ino, type: node.type >>> 12 };
}

function* listed(names: NameChanges): Generator<readonly DirectoryEntry[]> {
  let piece: DirectoryEntry[] = [];
  for (const [name, node] of names.own()) {
    piece.push(entryOf(name, node));
    if (piece.length < LISTED_A_PIECE) continue;
    yield piece;
    piece = [];
  }
  yield piece;
}

function* merged(
  lower: Iterable<readonly DirectoryEntry[] | number>,
  names: NameChanges | null,
): Generator<readonly DirectoryEntry[] | number> {
  for (const piece of lower) {
    const isWhole = typeof piece === "number" || names === null;
    yield isWhole ? piece : piece.filter(({ name }) => names.showsLower(name));
  }
  if (names !== null) yield* listed(names);
}

export class MemoryDirectory extends MemoryInode {
  #names: NameChanges | null = null;

  protected override ownSize(): number {
    return this.lower === null ? ENTRY_SIZE * (2 + (this.#names?.size ?? 0)) : -1;
  }

  override open(flags: number): OpenFile {
    return new DirectoryFile(this, flags);
  }

  override namesVersion(): number {
    return this.lower === null ? 0 : this.lower.namesVersion();
  }

  override lookup(name: string): Inode | number {
    const own = this.#names?.get(name);
    if (own !== undefined) return own;
    if (this.lower === null || this.#names?.showsLower(name) === false) return -ENOENT;
    const lower = this.lower.lookup(name);
    return typeof lower === "number" ? lower : this.fs.standIn(lower);
  }

  override entries(): readonly DirectoryEntry[] | number {
    const lower = this.lower === null ? [] : this.lower.entries();
    const names = this.#names;
    if (names === null || typeof lower === "number") return lower;
    const entries = lower.filter((entry) => names.showsLower(entry.name));
    for (const [name, node] of names.own()) entries.push(entryOf(name, node));
    return entries;
  }

  override longListing(): Iterable<readonly DirectoryEntry[] | number> | null {
    if (this.lower !== null) {
      const lower = this.lower.longListing();
      return lower === null ? null : merged(lower, this.#names);
    }
    const names = this.#names;
    return names === null || names.size <= LISTED_AT_ONCE ? null : listed(names);
  }

  get #isEmpty(): boolean | number {
    if (this.lower === null) return (this.#names?.size ?? 0) === 0;
    const entries = this.entries();
    return typeof entries === "number" ? entries : entries.length === 0;
  }

  /** The names, to be changed; with the directory's own attributes there. */
  #changing(): NameChanges | number {
    const meta = this.ownMeta();
    if (typeof meta === "number") return meta;
    this.#names ??= new NameChanges(this.fs.kernel.counters);
    return this.#names;
  }

  /** As #changing, where there is room for one more name. */
  #growing(name: string): NameChanges | number {
    const room = this.fs.kernel.heap.hasRoom("strings", NameChanges.costOf(name));
    return room ? this.#changing() : -ENOSPC;
  }

  #namesChanged(links = 0): void {
    const meta = this.meta!;
    meta.mtime = this.now();
    meta.ctime = meta.mtime;
    // A lower directory of a file system that does not count its subdirectories always shows 1.
    if (meta.nlink > 1) meta.nlink += links;
  }

  #make(name: string, creation: Creation): MemoryInode | number {
    const names = this.#growing(name);
    if (typeof names === "number") return names;
    const node = this.fs.makeNode(creation, this.dev);
    if (typeof node === "number") return node;
    names.set(name, node, false);
    this.#namesChanged(node.type === S_IFDIR ? 1 : 0);
    return node;
  }

  override create(name: string, creation: Creation): Inode | number {
    return this.#make(name, creation);
  }

  override mkdir(name: string, creation: Creation): Inode | number {
    return this.#make(name, creation);
  }

  override mknod(name: string, creation: Creation, rdev: number): Inode | number {
    const node = this.#make(name, creation);
    if (typeof node !== "number") node.rdev = rdev;
    return node;
  }

  override symlink(name: string, target: string, creation: Creation): Inode | number {
    // Room first: a link without a target is none.
    const link = LinkTarget.make(this.fs, target);
    if (link === null) return -ENOSPC;
    const node = this.#make(name, creation);
    if (typeof node === "number") link.release();
    else node.linkTarget = link;
    return node;
  }

  override tmpfile(creation: Creation, linkable: boolean): Inode | number {
    const node = this.fs.makeNode(creation, this.dev);
    if (typeof node === "number") return node;
    node.meta!.nlink = 0;
    node.linkable = linkable;
    return node;
  }

  override link(name: string, target: Inode): number {
    const node = target as MemoryInode;
    const meta = node.ownMeta();
    if (typeof meta === "number") return meta;
    if (meta.nlink === 0 && !node.linkable) return -ENOENT;
    const names = this.#growing(name);
    if (typeof names === "number") return names;
    names.set(name, node, false);
    this.#namesChanged();
    node.linkable = false;
    meta.nlink++;
    meta.ctime = this.now();
    return 0;
  }

  #remove(name: string, node: MemoryInode, links: number): number {
    const meta = node.ownMeta();
    if (typeof meta === "number") return meta;
    const names = this.#changing();
    if (typeof names === "number") return names;
    names.remove(name);
    this.#namesChanged(links);
    node.unlinked();
    return 0;
  }

  protected override freeContents(): void {
    this.#names?.release();
    this.#names = null;
  }

  /**
   * For a file system that nobody can reach any more: takes every name below its root away, some at each call, and answers
   * whether that was all. `changed`: nodes of lower files that have changes, wherever they are.
   */
  dissolving(changed: ReadonlySet<MemoryInode>): () => boolean {
    const directories: MemoryDirectory[] = [];
    let at: MemoryInode = this;
    let own = this.#names?.own();
    const others = changed.values();
    return () => {
      for (let left = NODES_PER_STEP; left > 0; left--) {
        const step = own?.next();
        if (step !== undefined && !step.done) {
          const [, node] = step.value;
          if (node.lower !== null) continue; // one of the changed
          if (node instanceof MemoryDirectory) directories.push(node);
          else node.unlinked();
          continue;
        }
        // Last: with its own name go the names in it.
        if (at !== this || this.lower !== null) at.dissolved();
        else this.freeContents();
        const next = directories.pop() ?? others.next().value;
        if (next === undefined) return true;
        at = next;
        own = next instanceof MemoryDirectory ? next.#names?.own() : undefined;
      }
      return false;
    };
  }

  override unlink(name: string, child: Inode): number {
    return this.#remove(name, child as MemoryInode, 0);
  }

  override rmdir(name: string, child: Inode): number {
    const node = child as MemoryDirectory;
    const empty = node.#isEmpty;
    if (empty !== true) return empty === false ? -ENOTEMPTY : empty;
    return this.#remove(name, node, -1);
  }

  override rename(
    name: string,
    child: Inode,
    newParent: Inode,
    newName: string,
    replaced: Inode | null,
    exchange: boolean,
  ): number {
    const node = child as MemoryInode;
    const to = newParent as MemoryDirectory;
    const there = replaced as MemoryInode | null;
    const empty = !exchange && there instanceof MemoryDirectory ? there.#isEmpty : true;
    if (empty !== true) return empty === false ? -ENOTEMPTY : empty;
    const meta = node.ownMeta();
    if (typeof meta === "number") return meta;
    const error = there === null ? 0 : there.ownMeta();
    if (typeof error === "number" && error < 0) return error;
    const source = this.#changing();
    if (typeof source === "number") return source;
    const target = to.#growing(newName);
    if (typeof target === "number") return target;
    if (exchange) source.set(name, there!, source.showsLower(name));
    else source.remove(name);
    target.set(newName, node, there !== null && target.showsLower(newName));
    const leaves = node.type === S_IFDIR ? 1 : 0;
    const goes = there?.type === S_IFDIR ? 1 : 0;
    this.#namesChanged(exchange ? goes - leaves : -leaves);
    to.#namesChanged(leaves - goes);
    meta.ctime = this.now();
    if (there !== null && !exchange) there.unlinked();
    return 0;
  }
}
