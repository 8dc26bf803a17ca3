// Dentries, mounts and paths (path_resolution(7)). A dentry is a name in a directory and what it names,
// cached while the file system allows it; it holds no host descriptor. A path is a place in the mount
// tree: a mount and a dentry in it.

import { ENOENT } from "../../shared/abi/errno.ts";
import { MS_RDONLY } from "../../shared/abi/mount.ts";
import { inodeOf, MNT_FIRST_INO, MNT_KIND } from "../../shared/abi/nsfs.ts";
import { POLLERR, POLLPRI } from "../../shared/abi/poll.ts";
import { WaitQueue } from "../call/wait_queue.ts";
import type { Owned, UserNamespace } from "../credentials/user_namespace.ts";
import type { FileSystem, Inode } from "./inode.ts";
import { LOCKABLE_FLAGS } from "./mount_flags.ts";
import {
  makePrivate,
  makeShared,
  type PeerGroup,
  PeerGroups,
  receiversOf,
  relate,
  type Slaves,
  setPropagationOf,
} from "./propagation.ts";

export class Dentry {
  name: string;
  /** Null for the root of a file system. */
  parent: Dentry | null;
  /** Null: a name that is known not to exist. */
  inode: Inode | null;
  /** Names in it that are cached; null: there has been none. Most dentries are of files. */
  children: Map<string, Dentry> | null = null;
  #deleted = false;
  #pins = 0;
  /** Deleted dentries right below that somebody still needs. */
  #neededBelow = 0;
  /** It is deleted, and counted as one that somebody needs. */
  #isCounted = false;
  /** Version of its directory's names for which it was found (Inode.namesVersion). */
  version = 0;
  /** Its neighbours in the cache's order of use, while it is in the cache (dentry_cache.ts). */
  older: Dentry | null = null;
  newer: Dentry | null = null;
  isCached = false;
  /** Mounts whose mount point this is, in all namespaces, and how many; what walks ask first. */
  mountedHere = 0;
  #mounts: Set<Mount> | null = null;
  /** Its place in the cache's table of names: the hash of its name below its directory, and the next one there. */
  hash = 0;
  nextHashed: Dentry | null = null;
  /** Tells it from other directories in that hash. */
  serial = 0;

  constructor(name: string, parent: Dentry | null, inode: Inode | null) {
    this.name = name;
    this.parent = parent;
    this.inode = inode;
  }

  /** It has a name, and is in no directory: of a file system that has no tree. */
  get isAlone(): boolean {
    return this.parent === null && this.name !== "";
  }

  /** Its name was unlinked, or its directory removed: open files may still use it. */
  get deleted(): boolean {
    return this.#deleted;
  }

  set deleted(value: boolean) {
    this.#deleted = value;
    this.#count();
  }

  /** Open files, working directories and roots that stand here: not to be dropped from the cache. */
  get pins(): number {
    return this.#pins;
  }

  pin(): void {
    this.#pins++;
    if (this.#deleted) this.#count();
  }

  unpin(): void {
    this.#pins--;
    if (this.#deleted) this.#count();
  }

  mountComes(mount: Mount): void {
    this.#mounts ??= new Set();
    this.#mounts.add(mount);
    this.mountedHere++;
  }

  mountGoes(mount: Mount): void {
    this.#mounts!.delete(mount);
    this.mountedHere--;
    if (this.mountedHere === 0) this.#mounts = null;
  }

  /** Whether something is mounted here for who sees that namespace. */
  isMountPointIn(namespace: MountNamespace): boolean {
    if (this.#mounts === null) return false;
    for (const mount of this.#mounts) if (mount.namespace === namespace) return true;
    return false;
  }

  /** Its name is gone: so is what others have mounted here, in their namespaces (detach_mounts of Linux). */
  dropMounts(): void {
    const mounts = this.#mounts;
    if (mounts === null) return;
    const { steps, longTurns } = this.inode!.fs.kernel;
    steps.run(() => {
      for (const mount of mounts) {
        if (longTurns.isFull) return false;
        // What is in no tree any more covers this for who stands there yet.
        if (mount.namespace !== null && !mount.namespace.unmount(mount, longTurns)) return false;
      }
      return true;
    });
  }

  // What is deleted lives on while somebody stands there or below: one open file may keep a whole chain of
  // removed directories, none of which has any other account.
  #count(): void {
    for (let at: Dentry | null = this; at !== null; at = at.parent) {
      const counts = at.#deleted && (at.#pins > 0 || at.#neededBelow > 0);
      if (counts === at.#isCounted) return;
      at.#isCounted = counts;
      at.inode!.fs.kernel.counters.deletedDentries += counts ? 1 : -1;
      if (at.parent !== null) at.parent.#neededBelow += counts ? 1 : -1;
    }
  }
}

export class Mount {
  readonly id: number;
  readonly fs: FileSystem;
  readonly root: Dentry;
  /** Where it is mounted; null for the root of the tree. */
  parent: Mount | null = null;
  mountPoint: Dentry | null = null;
  /** What is mounted in it, in the order of mounting. */
  readonly children: Mount[] = [];
  /** MS_* */
  flags: number;
  /** First column of /proc/mounts. */
  readonly source: string;
  /** Open files, working directories and roots in it. */
  users = 0;
  /** It belongs to a namespace's tree. */
  attached = true;
  /** The namespace whose tree has it; null: it is in none. */
  namespace: MountNamespace | null = null;
  /** Of propagation.ts: among whom everything propagates, and the slaves that it is one of. */
  peers: PeerGroup | null = null;
  slaves: Slaves | null = null;
  isUnbindable = false;
  /**
   * It came from a namespace of another user namespace, as part of a tree: it is not taken away by itself, since what it covers
   * is not for who is mighty here alone (MNT_LOCKED).
   */
  isLocked = false;
  /** Those of its flags that stay, for the same reason; null: all may be changed. */
  lockedFlags: number | null = null;
  /** MNT_EXPIRE has marked it. */
  expires = false;
  /** What it shows, which lives on without a name for as long as it does. */
  readonly #held: Inode;
  #ended = false;

  constructor(id: number, fs: FileSystem, root: Dentry, flags: number, source: string) {
    this.id = id;
    this.fs = fs;
    this.root = root;
    this.flags = flags;
    this.source = source;
    root.pin();
    this.#held = root.inode!;
    this.#held.hold();
    fs.mounts++;
    fs.kernel.counters.mounts++;
    fs.kernel.counters.strings += source.length;
  }

  get readOnly(): boolean {
    return (this.flags & MS_RDONLY) !== 0;
  }

  /** From whom it gets what is mounted there. */
  get master(): PeerGroup | null {
    return this.slaves?.master ?? null;
  }

  /** Its root is the file system's: it is not a bind mount of a part. */
  get showsAll(): boolean {
    return this.root.parent === null;
  }

  /** Puts it on a place, or makes it the root of a tree. */
  attach(at: Path | null): void {
    this.parent = at?.mount ?? null;
    this.mountPoint = at?.dentry ?? null;
    if (at === null) return;
    at.dentry.mountComes(this);
    at.mount.children.push(this);
  }

  /** Takes it from its place. */
  detach(): void {
    if (this.parent !== null && this.mountPoint !== null) {
      this.mountPoint.mountGoes(this);
      this.parent.children.splice(this.parent.children.lastIndexOf(this), 1);
    }
    this.parent = null;
    this.mountPoint = null;
  }

  use(): void {
    this.users++;
    this.expires = false;
  }

  letGo(): void {
    this.users--;
    this.#endIfUnused();
  }

  /** No tree has it any more: it lasts for as long as somebody uses it, or it covers what somebody may come to. */
  removed(): void {
    this.attached = false;
    this.#endIfUnused();
  }

  /** In no tree, it still has a place in another such mount, on which it is locked. */
  get #covers(): boolean {
    return this.parent !== null;
  }

  /** Nobody comes to it any more, from wherever: neither from what is mounted in it. */
  get isOver(): boolean {
    return this.#ended;
  }

  #endIfUnused(): void {
    if (!this.#mayEnd) return;
    this.#end();
    if (this.children.length === 0) return;
    // What was locked in it is what it is by itself from now on; and so on down.
    const ending: Mount[] = [this];
    const { steps, longTurns } = this.fs.kernel;
    steps.run(() => {
      for (let at = ending.at(-1); at !== undefined; at = ending.at(-1)) {
        if (longTurns.isFull) return false;
        const child = at.children.at(-1);
        if (child === undefined) {
          ending.pop();
          continue;
        }
        child.detach();
        if (!child.#mayEnd) continue;
        child.#end();
        ending.push(child);
      }
      return true;
    });
  }

  get #mayEnd(): boolean {
    return !this.attached && this.users === 0 && !this.#ended && !this.#covers;
  }

  #end(): void {
    this.#ended = true;
    this.#held.letGo();
    this.root.unpin();
    this.fs.kernel.fileEvents.letGo(this.#held);
    this.fs.kernel.counters.mounts--;
    this.fs.kernel.counters.strings -= this.source.length;
    if (--this.fs.mounts === 0) this.fs.unmounted();
  }

  /** It has come into a namespace of another user namespace; `isTop`: as what stands above all else that has come. */
  lock(isTop: boolean): void {
    if (!isTop) this.isLocked = true;
    this.lockedFlags = (this.lockedFlags ?? 0) | (this.flags & LOCKABLE_FLAGS);
  }

  /** It is made of that one. */
  lockAs({ isLocked, lockedFlags }: Mount): void {
    this.isLocked = isLocked;
    this.lockedFlags = lockedFlags;
  }

  /** Whether what is below a place in it would be seen without what is locked there (has_locked_children). */
  hasLockedBelow(dentry: Dentry): boolean {
    return this.children.some(({ isLocked, mountPoint }) => isLocked && isIn(mountPoint!, dentry));
  }

  /** The topmost of the mounts on a place in it, or null. */
  topmostOn(dentry: Dentry): Mount | null {
    const { children } = this;
    for (let i = children.length - 1; i >= 0; i--)
      if (children[i]!.mountPoint === dentry) return children[i]!;
    return null;
  }

  /** Itself and all mounts in it, however deep, each after the one that it is in. */
  tree(): Mount[] {
    const tree: Mount[] = [this];
    for (let i = 0; i < tree.length; i++) for (const child of tree[i]!.children) tree.push(child);
    return tree;
  }

  /** Whether it is `other` or mounted somewhere in it. */
  isBelow(other: Mount): boolean {
    for (let at: Mount | null = this; at !== null; at = at.parent) if (at === other) return true;
    return false;
  }
}

export class Path {
  readonly mount: Mount;
  readonly dentry: Dentry;

  constructor(mount: Mount, dentry: Dentry) {
    this.mount = mount;
    this.dentry = dentry;
  }

  /** The inode; a path that a walk gave always has one. */
  get inode(): Inode {
    return this.dentry.inode!;
  }

  equals(other: Path): boolean {
    return this.mount === other.mount && this.dentry === other.dentry;
  }
}

/** Numbers of mounts, unique in all namespaces. */
export class MountIds {
  readonly groups = new PeerGroups();
  #last = 0;
  #lastNamespace = -1;

  next(): number {
    return ++this.#last;
  }

  nextNamespace(): number {
    this.#lastNamespace++;
    return this.#lastNamespace === 0 ? MNT_FIRST_INO : inodeOf(MNT_KIND, this.#lastNamespace);
  }
}

/** A mount namespace (mount_namespaces(7)): the tree of mounts that its tasks see. */
export class MountNamespace {
  /** In the order of mounting; the root first. */
  #mounts = new Set<Mount>();
  readonly #ids: MountIds;
  /** Null: it belongs to the guests' own user namespace. */
  readonly #owned: Owned | null;
  readonly #users: UserNamespace;
  /** What its file in /proc/PID/ns says. */
  readonly inode: number;
  #holders = 0;
  /** How often the tree has changed, and who waits for that: readers of /proc/mounts and mountinfo. */
  #changes = 0;
  readonly waiters = new WaitQueue();

  /** `users`: the guests' own user namespace, to which it belongs if nothing else is said. */
  constructor(ids: MountIds, users: UserNamespace, owned: Owned | null = null) {
    this.#ids = ids;
    this.#users = users;
    this.#owned = owned;
    this.inode = ids.nextNamespace();
  }

  /** An empty one beside it, that nobody uses yet. */
  another(): MountNamespace {
    return new MountNamespace(this.#ids, this.#users);
  }

  /** The user namespace that it belongs to. */
  get owner(): UserNamespace {
    return this.#owned?.users ?? this.#users;
  }

  /** Whether it is none of a user namespace that guests have made. */
  get isOfGuests(): boolean {
    return this.owner === this.#users;
  }

  get mounts(): ReadonlySet<Mount> {
    return this.#mounts;
  }

  get changes(): number {
    return this.#changes;
  }

  /** The tree, or what is told of a mount in it, is another from now on. */
  changed(): void {
    this.#changes++;
    this.waiters.wake(POLLPRI | POLLERR);
  }

  /** The number of a mount that is in no tree. */
  nextId(): number {
    return this.#ids.next();
  }

  /** Makes the root of the tree. */
  mountRoot(fs: FileSystem, flags: number, source: string): Path {
    const mount = this.#add(fs, null, flags, source);
    return new Path(mount, mount.root);
  }

  /** `root`: what of the file system is seen, where that is not all of it (a bind mount); `locked`: as Mount.lockedFlags. */
  mount(
    fs: FileSystem,
    at: Path,
    flags: number,
    source: string,
    root?: Dentry,
    locked: number | null = null,
  ): Mount {
    const mount = this.#add(fs, at, flags, source, root);
    mount.lockedFlags = locked;
    this.#propagate(mount, at);
    this.changed();
    return mount;
  }

  /** How many mounts get what is mounted on a place, beside its own. */
  receivers(at: Path): number {
    return receiversOf(at.mount, showing(at.dentry)).length;
  }

  /** A tree has come to stand on a place: it does so in all mounts to which that propagates. */
  #propagate(top: Mount, at: Path): void {
    if (at.mount.peers === null) return;
    const { groups } = this.#ids;
    const tree = top.tree();
    const fresh = new Set(tree);
    for (const mount of tree) makeShared(mount, groups);
    const shows = showing(at.dentry);
    const receivers = receiversOf(at.mount, (mount) => !fresh.has(mount) && shows(mount));
    const copies: Mount[] = [];
    for (const { mount: receiver, relation, from } of receivers) {
      const original = from < 0 ? top : copies[from]!;
      const namespace = receiver.namespace!;
      const made = new Map<Mount, Mount>();
      for (const each of original.tree()) {
        const parent = each === original ? null : made.get(each.parent!);
        if (parent === undefined || !each.root.inode!.mayBeMountedIn(namespace)) continue;
        const place = parent === null ? null : new Path(parent, each.mountPoint!);
        const copy = namespace.#add(each.fs, place, each.flags, each.source, each.root);
        relate(copy, each, relation, groups);
        copy.lockAs(each);
        if (namespace.owner !== this.owner) copy.lock(false);
        if (each === original) copy.isLocked = false;
        made.set(each, copy);
      }
      const copy = made.get(original);
      if (copy === undefined) {
        copies.push(original);
        continue;
      }
      // What stands there already comes to stand on it.
      const above = receiver.topmostOn(at.dentry);
      above?.detach();
      copy.attach(new Path(receiver, at.dentry));
      above?.attach(new Path(copy, copy.root));
      copies.push(copy);
      namespace.changed();
    }
  }

  #add(
    fs: FileSystem,
    at: Path | null,
    flags: number,
    source: string,
    root = new Dentry("", null, fs.root),
  ): Mount {
    const mount = new Mount(this.#ids.next(), fs, root, flags, source);
    mount.namespace = this;
    mount.attach(at);
    this.#mounts.add(mount);
    return mount;
  }

  /** Mounts what stands at `from` on `at` too; with all that is mounted below, if it is to be recursive. */
  bind(from: Path, at: Path, recursive: boolean): Mount {
    const below = recursive
      ? from.mount.children.filter(({ mountPoint }) => isIn(mountPoint!, from.dentry))
      : [];
    const { fs, flags, source } = from.mount;
    const copied = below.flatMap((child) => child.tree());
    const copy = this.#add(fs, at, flags, source, from.dentry);
    relate(copy, from.mount, "peer", this.#ids.groups);
    copy.lockAs(from.mount);
    copy.isLocked = false;
    this.#copyAll(copied, new Map([[from.mount, copy]]), false);
    this.#propagate(copy, at);
    this.changed();
    return copy;
  }

  /** Copies mounts, each to its place in the copy of what it is in. */
  #copyAll(originals: readonly Mount[], copies: Map<Mount, Mount>, withUnbindable: boolean): void {
    // What happens in those of another user namespace does not come back.
    const isForeign = originals[0]?.namespace != null && originals[0].namespace.owner !== this.owner;
    for (const mount of originals) {
      if (!mount.root.inode!.mayBeMountedIn(this) || (mount.isUnbindable && !withUnbindable)) continue;
      const parent = mount.parent === null ? null : copies.get(mount.parent);
      if (parent === undefined) continue; // in one that was left out
      const at = parent === null ? null : new Path(parent, mount.mountPoint!);
      const copy = this.#add(mount.fs, at, mount.flags, mount.source, mount.root);
      relate(copy, mount, isForeign && mount.peers !== null ? "slave" : "peer", this.#ids.groups);
      copy.isUnbindable = mount.isUnbindable;
      copy.lockAs(mount);
      if (isForeign) copy.lock(mount.parent === null);
      copies.set(mount, copy);
    }
  }

  /** A namespace with the same tree (CLONE_NEWNS), and what each mount has become in it. */
  copy(owned: Owned): { namespace: MountNamespace; copies: ReadonlyMap<Mount, Mount> } {
    const namespace = new MountNamespace(this.#ids, this.#users, owned);
    const copies = new Map<Mount, Mount>();
    namespace.#copyAll(this.#root.tree(), copies, true);
    return { namespace, copies };
  }

  /**
   * Takes a mount away, with all that is mounted in it, and what of that has propagated elsewhere. False: not yet all of it,
   * since the turn is full.
   */
  unmount(mount: Mount, turns: { readonly isFull: boolean }): boolean {
    if (mount.namespace !== this) return true;
    for (const gone of mount.tree().reverse()) {
      if (turns.isFull) return false;
      for (const copy of this.copiesOf(gone)) copy.namespace!.#remove(copy, false);
      this.#remove(gone, gone !== mount);
    }
    return true;
  }

  /** The mounts that go with that one, wherever it has propagated to: those in which nothing is mounted. */
  copiesOf({ parent, mountPoint }: Mount): Mount[] {
    if (parent === null || mountPoint === null || parent.peers === null || mountPoint.mountedHere < 2)
      return [];
    return receiversOf(parent, showing(mountPoint))
      .map((receiver) => receiver.mount.topmostOn(mountPoint))
      .filter((copy) => copy !== null)
      .filter(({ children }) => children.length === 0);
  }

  /** `isBelow`: of a tree that goes, and not its top. What is locked there stays where it is, for whoever still stands there. */
  #remove(mount: Mount, isBelow: boolean): void {
    if (!this.#mounts.delete(mount)) return;
    if (!isBelow || !mount.isLocked) mount.detach();
    makePrivate(mount, this.#ids.groups);
    mount.namespace = null;
    mount.removed();
    this.changed();
  }

  /** Takes a mount from its place and puts it on another. */
  move(mount: Mount, at: Path): void {
    mount.detach();
    mount.attach(at);
    this.#propagate(mount, at);
    this.changed();
  }

  /** MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE; `recursive`: for all that is mounted in it, too. */
  setPropagation(mount: Mount, type: number, recursive: boolean): void {
    for (const each of recursive ? mount.tree() : [mount]) setPropagationOf(each, type, this.#ids.groups);
    this.changed();
  }

  /** What is seen at its root. */
  get top(): Path {
    return this.topOf(new Path(this.#root, this.#root.root));
  }

  get #root(): Mount {
    return this.#mounts.values().next().value!;
  }

  /** `mount`, which is mounted somewhere in `old`, becomes the root in its stead; that is then seen on `at`. */
  pivot(mount: Mount, old: Mount, at: Path): void {
    const place = old.parent === null ? null : new Path(old.parent, old.mountPoint!);
    mount.isLocked = old.isLocked;
    old.isLocked = false;
    mount.detach();
    old.detach();
    mount.attach(place);
    old.attach(at);
    this.changed();
    if (place !== null) return;
    this.#mounts = new Set([mount, ...this.#mounts]);
  }

  /** One more fs_struct looks at this tree. */
  use(): MountNamespace {
    this.#holders++;
    return this;
  }

  /** The last one takes the tree along. */
  letGo(): void {
    if (--this.#holders > 0) return;
    this.#owned?.release();
    if (this.#mounts.size === 0) return;
    const { steps, longTurns } = this.#root.fs.kernel;
    const root = this.#root;
    steps.run(() => {
      for (const gone of root.tree().reverse()) {
        if (longTurns.isFull) return false;
        this.#remove(gone, gone !== root);
      }
      return true;
    });
  }

  /** The topmost mount on a path, if any: where a walk goes on. */
  mountedOn({ mount, dentry }: Path): Mount | null {
    return dentry.mountedHere === 0 ? null : mount.topmostOn(dentry);
  }

  /**
   * Goes up through mount points at the root of a mount. Null for a directory that was moved out of what a bind
   * mount shows: it would lead to what is not to be seen there (path_connected of Linux).
   */
  parentOf(path: Path, root: Path): Path | null {
    let at = path;
    for (;;) {
      if (at.equals(root)) return at;
      const above = at.dentry.parent;
      if (at.dentry !== at.mount.root && above !== null)
        return at.mount.showsAll || isIn(above, at.mount.root) ? new Path(at.mount, above) : null;
      const { parent, mountPoint } = at.mount;
      if (parent === null || mountPoint === null || parent.isOver) return at;
      at = new Path(parent, mountPoint);
    }
  }

  /** Descends into what is mounted on a path. */
  topOf(path: Path): Path {
    let at = path;
    for (let mount = this.mountedOn(at); mount !== null; mount = this.mountedOn(at))
      at = new Path(mount, mount.root);
    return at;
  }
}

/** Whether mounts of a dentry's file system show it. However many are asked, what is above it is looked at once. */
function showing(dentry: Dentry): (mount: Mount) => boolean {
  let above: Set<Dentry> | null = null;
  return ({ root, showsAll }) => {
    if (showsAll) return true;
    if (above === null) {
      above = new Set();
      for (let at: Dentry | null = dentry; at !== null; at = at.parent) above.add(at);
    }
    return above.has(root);
  };
}

/** Whether a dentry is `ancestor` or below it, in one file system. */
export function isIn(dentry: Dentry, ancestor: Dentry): boolean {
  for (let at: Dentry | null = dentry; at !== null; at = at.parent) if (at === ancestor) return true;
  return false;
}

/**
 * The names that lead from a root to a place, or from the top of its tree if the root is not above it: not
 * above it within `stepsMax`, that is.
 */
function climb(path: Path, root: Path, stepsMax = Number.POSITIVE_INFINITY) {
  const names: string[] = [];
  let { mount, dentry } = path;
  let deleted = false;
  let belowRoot = true;
  for (let steps = 0; mount !== root.mount || dentry !== root.dentry; steps++) {
    if (steps >= stepsMax) {
      belowRoot = false;
      break;
    }
    if (dentry.deleted) deleted = true;
    if (dentry !== mount.root && dentry.parent !== null) {
      names.push(dentry.name);
      dentry = dentry.parent;
    } else if (mount.parent !== null && mount.mountPoint !== null && !mount.parent.isOver) {
      dentry = mount.mountPoint;
      mount = mount.parent;
    } else {
      belowRoot = false;
      break;
    }
  }
  return { text: `/${names.reverse().join("/")}`, deleted, belowRoot };
}

/**
 * The absolute path of a place as a task with that root sees it, as getcwd(2) and /proc show it;
 * -ENOENT for a place that was deleted or is not below the root.
 */
export function pathName(path: Path, root: Path, stepsMax?: number): string | number {
  const { text, deleted, belowRoot } = climb(path, root, stepsMax);
  return deleted || !belowRoot ? -ENOENT : text;
}

/**
 * As pathName, for links of proc: what was deleted says so, what is not below the root starts at its own; of what is deeper
 * than `stepsMax` the last names stand alone.
 */
export function displayName(path: Path, root: Path, stepsMax?: number): string {
  const { mount, dentry } = path;
  if (mount.mountPoint === null && dentry.isAlone) return dentry.name;
  const { text, deleted } = climb(path, root, stepsMax);
  return deleted ? `${text} (deleted)` : text;
}
