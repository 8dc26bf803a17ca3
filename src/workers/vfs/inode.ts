// Inodes and file systems (Linux's struct inode, super_block): what a path leads to. A file system
// derives Inode and overrides what its files can do; what it leaves alone answers as Linux does for a
// file of that type.
//
// Everything here is synchronous and answers with a value or a negative errno. Permissions, sticky bits,
// read-only mounts, trailing slashes and the like are checked by the callers (path_walk.ts, calls): an
// inode does as it is told.

import { EINVAL, ENOTDIR, ENOTTY, ENXIO, EOPNOTSUPP, EPERM, EROFS, ETXTBSY } from "../../shared/abi/errno.ts";
import { NAME_MAX } from "../../shared/abi/fcntl.ts";
import { S_IFDIR, S_IFLNK, S_IFMT } from "../../shared/abi/stat.ts";
import type { Coroutine } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import type { CallContext } from "../call/context.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { OpenFile } from "./file.ts";
import { FILE_SYSTEM_TYPES, type FileSystemTypeName } from "./file_system_types.ts";
import type { LentInode } from "./loan.ts";
import type { MountNamespace, Path } from "./path.ts";
import type { Shrinker } from "./shrinker.ts";

/** A time in two parts, exact. */
export interface Time {
  readonly sec: number;
  readonly nsec: number;
}

/** What stat(2) tells. Sizes in bytes, `blocks` in units of 512. */
export interface Attributes {
  dev: number;
  ino: number;
  /** Type and permissions (S_IF*). */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blksize: number;
  blocks: number;
  atime: Time;
  mtime: Time;
  ctime: Time;
  btime: Time | null;
  /** The access control list, where the mode does not say all. */
  acl: Buffer | null;
}

/** What chmod, chown, truncate and utimensat change; only the fields that are there. */
export interface AttributeChanges {
  /** Permissions with setuid, setgid and sticky bits; the type stays. */
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  /** "now": the time of the change. */
  atime?: Time | "now";
  mtime?: Time | "now";
}

/** Who owns a new object and what it may do: the mode has the umask taken off already. */
export interface Creation {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the directory's default list: what the new file's list is, and a new directory's default list. */
  readonly acl?: Buffer;
  readonly defaultAcl?: Buffer;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly ino: number;
  /** DT_* */
  readonly type: number;
}

/** What statfs(2) tells. */
export interface FileSystemStatus {
  readonly type: number;
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly namelen: number;
}

/** What statfs(2) tells of a file system without blocks (Linux's simple_statfs). */
export function simpleStatus(name: FileSystemTypeName): FileSystemStatus {
  const type = FILE_SYSTEM_TYPES[name].magic;
  return { type, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, namelen: NAME_MAX };
}

/** What a file system uses of its kernel. */
export interface FileSystemContext extends CallContext {
  readonly fileEvents: { unmounted(fs: FileSystem): void; letGo(inode: Inode): void };
  readonly listings: Shrinker;
  readonly generatedTexts: Shrinker;
  /** Root of the guest's mount tree. */
  readonly root: Path;
}

export abstract class FileSystem {
  readonly kernel: FileSystemContext;
  /** Device number of its files, as stat shows it (makedev). */
  readonly dev: number;
  /** As /proc/mounts shows it. */
  abstract readonly type: FileSystemTypeName;
  abstract readonly root: Inode;
  /** Mounts of it, in all namespaces. */
  mounts = 0;
  /** Its own options, as /proc/PID/mountinfo tells them behind "rw". */
  readonly options: string = "";
  /** MS_* of what is its own, and not of one of its mounts. */
  superFlags = 0;
  /** Names may be cached in dentries: nobody else changes them. */
  readonly cachesNames: boolean = true;
  /** Held while it is mounted. */
  #owner: UserNamespace | null = null;
  #holdsOwner = false;

  constructor(kernel: FileSystemContext) {
    this.kernel = kernel;
    this.dev = kernel.nextDevice();
  }

  /** The user namespace of who has mounted it, which is told of owners (Linux's s_user_ns). */
  get owner(): UserNamespace {
    return this.#owner ?? this.kernel.users;
  }

  /** A new one is mounted there. */
  ownedBy(namespace: UserNamespace): void {
    if (namespace === this.kernel.users) return;
    this.#owner = namespace.hold();
    this.#holdsOwner = true;
  }

  /** Whether device nodes in it can be opened: not where anybody could have mounted it. */
  get allowsDevices(): boolean {
    return this.#owner === null;
  }

  abstract status(): FileSystemStatus | number;

  /** Its last mount is gone, and nobody has a file of it open. */
  unmounted(): void {
    this.kernel.fileEvents.unmounted(this);
    if (this.#holdsOwner) this.#owner?.release();
    this.#holdsOwner = false;
  }
}

export abstract class Inode {
  readonly fs: FileSystem;
  /** Number within the file system, stable while the file exists. */
  abstract readonly ino: number;
  /** Type bits alone (S_IFMT); a file never changes its type. */
  abstract readonly type: number;
  /** Above 0: so many have it open for writing; below 0: so many programs run from it. */
  #writeCount = 0;

  constructor(fs: FileSystem) {
    this.fs = fs;
  }

  /** What other kernel threads say that move bytes of its open files; null: none does. */
  get lent(): LentInode | null {
    return null;
  }

  set lent(_lent: LentInode | null) {}

  /** What they have done until now is noted. */
  noteMoved(): void {}

  get isDirectory(): boolean {
    return this.type === S_IFDIR;
  }

  get isSymlink(): boolean {
    return this.type === S_IFLNK;
  }

  /** A directory in which there will never be anything. */
  get isAlwaysEmpty(): boolean {
    return false;
  }

  /** Whether it is the same file: some file systems make inodes anew at each look-up. */
  isSame(other: Inode): boolean {
    return this === other || (this.fs === other.fs && this.ino === other.ino && this.type === other.type);
  }

  /** The host may take long over it: what it holds is best copied when it is opened. */
  get isSlow(): boolean {
    return false;
  }

  /** What it is known by while its file system may make other inodes of the same file. */
  get identity(): object | string {
    return `${this.fs.dev}:${this.ino}`;
  }

  abstract attributes(): Attributes | number;

  /** As attributes, for a look at permissions: what was told a moment ago will do, though the file was opened since. */
  believedAttributes(): Attributes | number {
    return this.attributes();
  }

  setAttributes(_changes: AttributeChanges): number {
    return -EPERM;
  }

  /** FS_*_FL (FS_IOC_GETFLAGS); -ENOTTY: its file system keeps none. */
  fileFlags(): number {
    return -ENOTTY;
  }

  setFileFlags(_flags: number): number {
    return -ENOTTY;
  }

  /** Opens with O_* flags; for directories too. The credentials are for files that look at them (proc). */
  open(_flags: number, _credentials: Credentials): OpenFile | number {
    return -ENXIO;
  }

  /** Whether it may be mounted in a tree: a file that stands for a tree must not be kept by what it keeps. */
  mayBeMountedIn(_namespace: MountNamespace): boolean {
    return true;
  }

  /** An open file or a mount refers to it: what has lost its last name lives on until the last holder lets go. */
  hold(): void {}

  letGo(): void {}

  /** Whether an open file or a mount refers to it. */
  get isHeld(): boolean {
    return false;
  }

  /** It was read, through a description with these O_* flags at that place: its access time may change. */
  accessed(_flags: number, _path: Path | null): void {}

  /** What takes its time before its contents can change, or null: a copy of a large lower file. */
  beforeWriting(_task: Caller): Coroutine | null {
    return null;
  }

  /** As beforeWriting, of a change of its length. */
  beforeTruncating(_task: Caller, _length: number): Coroutine | null {
    return null;
  }

  // ---- Writers and running programs, of which a file has one kind (Linux's i_writecount) ----

  /** One more has it open for writing: 0, or -ETXTBSY while a program runs from it. */
  getWriteAccess(): number {
    if (this.#writeCount < 0) return -ETXTBSY;
    this.#writeCount++;
    return 0;
  }

  putWriteAccess(): void {
    this.#writeCount--;
  }

  /** One more program runs from it: 0, or -ETXTBSY while somebody has it open for writing. */
  denyWriteAccess(): number {
    if (this.#writeCount > 0) return -ETXTBSY;
    this.#writeCount--;
    return 0;
  }

  allowWriteAccess(): void {
    this.#writeCount++;
  }

  // ---- Directories ----

  /** Changes when names may have changed behind the cache's back, on the host. A negative errno: it cannot be told. */
  namesVersion(): number {
    return 0;
  }

  /** The child of that name, or -ENOENT. Never "." or "..". */
  lookup(_name: string): Inode | number {
    return -ENOTDIR;
  }

  /** All entries but "." and "..", in a stable order. */
  entries(): readonly DirectoryEntry[] | number {
    return -ENOTDIR;
  }

  /**
   * As entries, of a directory with so many that they are gathered in pieces, each of at most some hundred microseconds;
   * else null. Names may change meanwhile. A negative errno ends it.
   */
  longListing(): Iterable<readonly DirectoryEntry[] | number> | null {
    return null;
  }

  create(_name: string, _creation: Creation): Inode | number {
    return -EROFS;
  }

  mkdir(_name: string, _creation: Creation): Inode | number {
    return -EROFS;
  }

  symlink(_name: string, _target: string, _creation: Creation): Inode | number {
    return -EROFS;
  }

  /** A device, FIFO or socket; `creation.mode` has the type. */
  mknod(_name: string, _creation: Creation, _rdev: number): Inode | number {
    return -EROFS;
  }

  link(_name: string, _target: Inode): number {
    return -EROFS;
  }

  unlink(_name: string, _child: Inode): number {
    return -EROFS;
  }

  rmdir(_name: string, _child: Inode): number {
    return -EROFS;
  }

  /**
   * Moves `child` to `newName` in `newParent` (of the same file system). `replaced` is what is there, or
   * null; its type fits. With `exchange` the two change places.
   */
  rename(
    _name: string,
    _child: Inode,
    _newParent: Inode,
    _newName: string,
    _replaced: Inode | null,
    _exchange: boolean,
  ): number {
    return -EROFS;
  }

  /** A file without a name (O_TMPFILE), which may get one by link() if it is linkable. */
  tmpfile(_creation: Creation, _linkable: boolean): Inode | number {
    return -EOPNOTSUPP;
  }

  // ---- Symlinks ----

  readlink(): string | number {
    return -EINVAL;
  }

  /**
   * For magic links (proc's exe, cwd, fd/N): where the walk goes on, instead of by the text of
   * readlink(). Null: an ordinary symlink.
   */
  follow(): MagicTarget | null {
    return null;
  }

  // ---- Access control lists ----

  /** The list that files made in this directory get. */
  get defaultAcl(): Buffer | null {
    return null;
  }

  /** Sets a list that has been checked, or takes it away; the access list with the mode that belongs to it. */
  setAcl(_name: string, _acl: Buffer | null, _mode: number | null): number {
    return -EOPNOTSUPP;
  }

  // ---- Extended attributes; values are bytes as chars ----

  getxattr(_name: string): string | number {
    return -EOPNOTSUPP;
  }

  setxattr(_name: string, _value: string, _flags: number): number {
    return -EOPNOTSUPP;
  }

  removexattr(_name: string): number {
    return -EOPNOTSUPP;
  }

  listxattr(): readonly string[] | number {
    return [];
  }
}

/** What a magic link names: a place in the mount tree, an open file, or an errno. */
export type MagicTarget =
  | { readonly kind: "path"; readonly path: Path }
  | { readonly kind: "file"; readonly file: OpenFile }
  | { readonly kind: "error"; readonly errno: number };

export function typeOf(mode: number): number {
  return mode & S_IFMT;
}
