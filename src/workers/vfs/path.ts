// Dentries, mounts and paths (path_resolution(7)). A dentry is a name in a directory and what it names,
// cached while the file system allows it; it holds no host descriptor. A path is a place in the mount
// tree: a mount and a dentry in it.

import { ENOENT } from "../../shared/abi/errno.ts";
import { MS_RDONLY } from "../../shared/abi/mount.ts";
import type { FileSystem, Inode } from "./inode.ts";

export class Dentry {
  name: string;
  /** Null for the root of a file system. */
  parent: Dentry | null;
  /** Null: a name that is known not to exist. */
  inode: Inode | null;
  readonly children = new Map<string, Dentry>();
  /** Its name was unlinked, or its directory removed: open files may still use it. */
  deleted = false;
  /** Open files, working directories and roots that stand here: not to be dropped from the cache. */
  pins = 0;
  /** Version of its directory's names for which it was found (Inode.namesVersion). */
  version = 0;
  /** Mounts whose mount point this is; what walks ask first. */
  mountedHere = 0;

  constructor(name: string, parent: Dentry | null, inode: Inode | null) {
    this.name = name;
    this.parent = parent;
    this.inode = inode;
  }
}

export class Mount {
  readonly id: number;
  readonly fs: FileSystem;
  readonly root: Dentry;
  /** Where it is mounted; null for the root of the tree. */
  readonly parent: Mount | null;
  readonly mountPoint: Dentry | null;
  /** MS_* */
  flags: number;
  /** First column of /proc/mounts. */
  readonly source: string;

  constructor(
    id: number,
    fs: FileSystem,
    root: Dentry,
    parent: Mount | null,
    mountPoint: Dentry | null,
    flags: number,
    source: string,
  ) {
    this.id = id;
    this.fs = fs;
    this.root = root;
    this.parent = parent;
    this.mountPoint = mountPoint;
    this.flags = flags;
    this.source = source;
  }

  get readOnly(): boolean {
    return (this.flags & MS_RDONLY) !== 0;
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

/** A mount namespace (mount_namespaces(7)): the tree of mounts that its tasks see. */
export class MountNamespace {
  readonly mounts: Mount[] = [];
  #lastId = 0;

  /** Makes the root of the tree. */
  mountRoot(fs: FileSystem, flags: number, source: string): Path {
    const mount = this.#add(fs, null, null, flags, source);
    return new Path(mount, mount.root);
  }

  /** `root`: what of the file system is seen, where that is not all of it (a bind mount). */
  mount(fs: FileSystem, at: Path, flags: number, source: string, root?: Dentry): Mount {
    at.dentry.mountedHere++;
    return this.#add(fs, at.mount, at.dentry, flags, source, root);
  }

  #add(
    fs: FileSystem,
    parent: Mount | null,
    point: Dentry | null,
    flags: number,
    source: string,
    root = new Dentry("", null, fs.root),
  ): Mount {
    const mount = new Mount(++this.#lastId, fs, root, parent, point, flags, source);
    root.pins++;
    this.mounts.push(mount);
    return mount;
  }

  /** Takes a mount away that nothing is mounted below. */
  unmount(mount: Mount): void {
    const index = this.mounts.indexOf(mount);
    if (index < 0) return;
    this.mounts.splice(index, 1);
    if (mount.mountPoint !== null) mount.mountPoint.mountedHere--;
    mount.root.pins--;
  }

  /** The topmost mount on a path, if any: where a walk goes on. */
  mountedOn({ mount, dentry }: Path): Mount | null {
    if (dentry.mountedHere === 0) return null;
    for (let i = this.mounts.length - 1; i >= 0; i--) {
      const candidate = this.mounts[i]!;
      if (candidate.parent === mount && candidate.mountPoint === dentry) return candidate;
    }
    return null;
  }

  /** Goes up through mount points at the root of a mount. */
  parentOf(path: Path, root: Path): Path {
    let at = path;
    for (;;) {
      if (at.equals(root)) return at;
      if (at.dentry !== at.mount.root && at.dentry.parent !== null)
        return new Path(at.mount, at.dentry.parent);
      const { parent, mountPoint } = at.mount;
      if (parent === null || mountPoint === null) return at;
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

/** The names that lead from a root to a place, or from the top of its tree if the root is not above it. */
function climb(path: Path, root: Path) {
  const names: string[] = [];
  let { mount, dentry } = path;
  let deleted = false;
  let belowRoot = true;
  while (mount !== root.mount || dentry !== root.dentry) {
    if (dentry.deleted) deleted = true;
    if (dentry !== mount.root && dentry.parent !== null) {
      names.push(dentry.name);
      dentry = dentry.parent;
    } else if (mount.parent !== null && mount.mountPoint !== null) {
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
export function pathName(path: Path, root: Path): string | number {
  const { text, deleted, belowRoot } = climb(path, root);
  return deleted || !belowRoot ? -ENOENT : text;
}

/** As pathName, for links of proc: what was deleted says so, what is not below the root starts at its own. */
export function displayName(path: Path, root: Path): string {
  const { text, deleted } = climb(path, root);
  return deleted ? `${text} (deleted)` : text;
}
