// Path walk (path_resolution(7)): from a string to a path, one component at a time, through mounts and
// symlinks, with permissions. Symlinks and ".." are resolved here, never by the host (docs/hardening.md, F6).

import { EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from "../../shared/abi/errno.ts";
import {
  NAME_MAX,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from "../../shared/abi/fcntl.ts";
import { MS_NOSYMFOLLOW } from "../../shared/abi/mount.ts";
import { S_ISVTX, S_IWOTH } from "../../shared/abi/stat.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { VfsContext } from "./context.ts";
import type { OpenFile } from "./file.ts";
import type { Inode } from "./inode.ts";
import { type Dentry, type MountNamespace, Path } from "./path.ts";
import { MAY_EXEC, permission } from "./permission.ts";

const SYMLINKS_MAX = 40;
const STICKY_FOR_ALL = S_ISVTX | S_IWOTH;
/** Names in all, with those of symlinks: forty of these can have a hundred thousand. Ends with ELOOP, too. */
const STEPS_MAX = 8192;
/** So many bytes of an access control list cost as much as a name. */
const ACL_STEP = 1024;
/** After so many names a walk remembers where it may search. */
const REMEMBERS_AFTER = 16;

/** Who walks, and from where. */
export interface WalkContext {
  readonly kernel: VfsContext;
  readonly namespace: MountNamespace;
  readonly root: Path;
  readonly credentials: Credentials;
  /** RESOLVE_*, of all walks with it. */
  readonly resolve?: number;
}

export interface WalkOptions {
  /** A symlink in the last component is followed. */
  readonly follow: boolean;
  /** RESOLVE_* */
  readonly resolve?: number;
  /** The walk is no use of the mount that it ends in (umount2(2), MNT_EXPIRE). */
  readonly leavesExpiry?: boolean;
}

/** A walk that stops before its last component. */
export interface ParentWalk {
  /** The directory, which exists and may be searched. */
  readonly parent: Path;
  /** "" when the path ends in ".", ".." or is "/": then `parent` is the place itself. */
  readonly name: string;
  /** The last component had a slash behind it: it must be a directory. */
  readonly mustBeDirectory: boolean;
  /** What the path ends in when `name` is "". */
  readonly dots: "" | "." | ".." | "/";
}

/** What a walk may end at besides a path: the open file that a magic link named. */
export class FileTarget {
  readonly file: OpenFile;
  constructor(file: OpenFile) {
    this.file = file;
  }
}

class Walk {
  readonly #context: WalkContext;
  readonly #resolve: number;
  readonly #start: Path;
  #links = 0;
  #steps = 0;
  #searchable: Set<Inode> | null = null;

  constructor(context: WalkContext, start: Path, resolve: number) {
    this.#context = context;
    this.#start = start;
    this.#resolve = resolve;
  }

  /** Root for absolute paths and for "..". */
  get #root(): Path {
    return (this.#resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH)) !== 0 ? this.#start : this.#context.root;
  }

  /**
   * Walks all components but the last, or all of them. `isTrailing`: its end is the walk's end, also through
   * symlinks that stand there.
   */
  walk(
    at: Path,
    text: string,
    wholeOptions: WalkOptions | null,
    isTrailing = true,
  ): Path | ParentWalk | FileTarget | number {
    let path = at;
    if (text.startsWith("/")) {
      if ((this.#resolve & RESOLVE_BENEATH) !== 0) return -EXDEV;
      path = this.#root;
    }
    const names = text.split("/");
    let last = names.length - 1;
    while (last >= 0 && names[last] === "") last--;
    const mustBeDirectory = last < names.length - 1 && last >= 0;
    for (let i = 0; i < last; i++) {
      if (names[i] === "") continue;
      const next = this.#step(path, names[i]!, true, false);
      if (typeof next === "number" || next instanceof FileTarget)
        return next instanceof FileTarget ? -ENOTDIR : next;
      if (!next.inode.isDirectory) return -ENOTDIR;
      path = next;
    }
    if (wholeOptions === null) return this.#parentWalk(path, last < 0 ? "" : names[last]!, mustBeDirectory);
    if (last < 0) return path;
    const found = this.#step(path, names[last]!, wholeOptions.follow || mustBeDirectory, isTrailing);
    if (mustBeDirectory && found instanceof Path && !found.inode.isDirectory) return -ENOTDIR;
    if (mustBeDirectory && found instanceof FileTarget) return -ENOTDIR;
    return found;
  }

  #parentWalk(path: Path, name: string, mustBeDirectory: boolean): ParentWalk | number {
    const error = this.#maySearch(path);
    if (error < 0) return error;
    if (name.length > NAME_MAX) return -ENAMETOOLONG;
    if (name !== "" && name !== "." && name !== "..")
      return { parent: path, name, mustBeDirectory, dots: "" };
    const at = name === ".." ? this.#up(path) : path;
    if (typeof at === "number") return at;
    return { parent: at, name: "", mustBeDirectory: true, dots: name === "" ? "/" : name };
  }

  #maySearch(path: Path): number {
    const { inode } = path;
    if (!inode.isDirectory) return -ENOTDIR;
    if (this.#searchable?.has(inode) === true) return 0;
    const attributes = inode.attributes();
    if (typeof attributes === "number") return attributes;
    if (attributes.acl !== null) this.#steps += Math.floor(attributes.acl.length / ACL_STEP);
    const error = permission(this.#context.credentials, attributes, MAY_EXEC);
    if (error === 0 && this.#steps > REMEMBERS_AFTER) {
      this.#searchable ??= new Set();
      this.#searchable.add(inode);
    }
    return error;
  }

  #up(path: Path): Path | number {
    if ((this.#resolve & RESOLVE_BENEATH) !== 0 && path.equals(this.#start)) return -EXDEV;
    const { namespace } = this.#context;
    const above = namespace.parentOf(path, this.#root);
    if (above === null) return -ENOENT;
    const parent = namespace.topOf(above);
    return (this.#resolve & RESOLVE_NO_XDEV) !== 0 && parent.mount !== path.mount ? -EXDEV : parent;
  }

  #step(path: Path, name: string, follow: boolean, isTrailing: boolean): Path | FileTarget | number {
    if (++this.#steps > STEPS_MAX) return -ELOOP;
    const error = this.#maySearch(path);
    if (error < 0) return error;
    if (name === ".") return path;
    if (name === "..") return this.#up(path);
    if (name.length > NAME_MAX) return -ENAMETOOLONG;
    const dentry = this.#context.kernel.dentries.lookup(path.dentry, name);
    if (typeof dentry === "number") return dentry;
    const { inode } = dentry;
    if (inode === null) return -ENOENT;
    const found = new Path(path.mount, dentry);
    if (inode.isSymlink) return follow ? this.#follow(path, found, isTrailing) : found;
    const top = this.#context.namespace.topOf(found);
    if ((this.#resolve & RESOLVE_NO_XDEV) !== 0 && top.mount !== path.mount) return -EXDEV;
    return top;
  }

  // In a sticky directory that all may write to, a symlink at the end of a path leads its owner, and others if
  // it is the directory's owner's (fs.protected_symlinks).
  #mayFollow(directory: Path, link: Path): number {
    const { kernel, credentials } = this.#context;
    if (kernel.sysctls.get("fs/protected_symlinks") === 0) return 0;
    const parent = directory.inode.attributes();
    if (typeof parent === "number") return parent;
    if ((parent.mode & STICKY_FOR_ALL) !== STICKY_FOR_ALL) return 0;
    const attributes = link.inode.attributes();
    if (typeof attributes === "number") return attributes;
    return attributes.uid === credentials.fsuid || attributes.uid === parent.uid ? 0 : -EACCES;
  }

  #follow(directory: Path, link: Path, isTrailing: boolean): Path | FileTarget | number {
    if (++this.#links > SYMLINKS_MAX) return -ELOOP;
    const error = isTrailing ? this.#mayFollow(directory, link) : 0;
    if (error < 0) return error;
    if ((this.#resolve & RESOLVE_NO_SYMLINKS) !== 0 || (link.mount.flags & MS_NOSYMFOLLOW) !== 0)
      return -ELOOP;
    const magic = link.inode.follow();
    if (magic !== null) {
      if ((this.#resolve & (RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT)) !== 0)
        return (this.#resolve & RESOLVE_NO_MAGICLINKS) !== 0 ? -ELOOP : -EXDEV;
      if (magic.kind === "error") return -magic.errno;
      return magic.kind === "path" ? magic.path : new FileTarget(magic.file);
    }
    const target = link.inode.readlink();
    if (typeof target === "number") return target;
    link.inode.accessed(0, link);
    if (target === "") return -ENOENT;
    return this.walk(directory, target, { follow: true }, isTrailing) as Path | FileTarget | number;
  }
}

/** Walks a whole path from `start` (used when it is relative): a place, an open file, or a negative errno. */
export function walkPath(
  context: WalkContext,
  start: Path,
  text: string,
  options: WalkOptions,
): Path | FileTarget | number {
  if (text === "") return -ENOENT;
  const resolve = (options.resolve ?? 0) | (context.resolve ?? 0);
  const found = new Walk(context, start, resolve).walk(start, text, options) as Path | FileTarget | number;
  if (found instanceof Path && options.leavesExpiry !== true) found.mount.expires = false;
  return found;
}

/** Walks up to the last component, for calls that make, remove or rename it. */
export function walkParent(
  context: WalkContext,
  start: Path,
  text: string,
  resolve = 0,
): ParentWalk | number {
  if (text === "") return -ENOENT;
  const found = new Walk(context, start, resolve).walk(start, text, null) as ParentWalk | number;
  if (typeof found !== "number") found.parent.mount.expires = false;
  return found;
}

/** The dentry of a name in a directory (its inode null if there is none), or a negative errno. */
export function lookupLast(context: WalkContext, { parent, name }: ParentWalk): Dentry | number {
  return context.kernel.dentries.lookup(parent.dentry, name);
}
