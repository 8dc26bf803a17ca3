// Namespaces as files (Linux's nsfs): what /proc/PID/ns/NAME leads to. Each has an inode whose number is its own; who has it
// open, and what it is mounted on, keep the namespace.

import { EPERM, ESPIPE } from "../../shared/abi/errno.ts";
import { O_ACCMODE, O_RDONLY } from "../../shared/abi/fcntl.ts";
import { S_IFDIR, S_IFREG } from "../../shared/abi/stat.ts";
import type { Task } from "../process/task.ts";
import { AnonymousFile } from "../vfs/anonymous/anonymous_file.ts";
import type { AnonymousContext } from "../vfs/anonymous/anonymous_fs.ts";
import { now } from "../vfs/clock.ts";
import type { OpenFile } from "../vfs/file.ts";
import { type Attributes, FileSystem, type FileSystemStatus, Inode, simpleStatus } from "../vfs/inode.ts";
import { Dentry, Mount, MountNamespace, Path } from "../vfs/path.ts";
import type { NamespaceKind } from "./namespaces.ts";
import { namespaceIoctl } from "./ns_ioctls.ts";

const ROOT_INO = 1;
const BLOCK_SIZE = 4096;

interface NsFsContext extends AnonymousContext {
  readonly mounts: { nextId(): number };
}

class NsFs extends FileSystem {
  declare readonly kernel: NsFsContext;
  readonly type = "nsfs";
  readonly root: Inode;

  constructor(kernel: NsFsContext) {
    super(kernel);
    this.root = new NsInode(this, ROOT_INO, S_IFDIR);
  }

  status(): FileSystemStatus {
    return simpleStatus("nsfs");
  }
}

class NsInode extends Inode {
  declare readonly fs: NsFs;
  readonly ino: number;
  readonly type: number;

  constructor(fs: NsFs, ino: number, type: number) {
    super(fs);
    this.ino = ino;
    this.type = type;
  }

  override attributes(): Attributes {
    const time = now(this.fs.kernel.native);
    return {
      dev: this.fs.dev,
      ino: this.ino,
      mode: this.type | 0o444,
      nlink: 1,
      ...this.fs.kernel.users.systemOwner,
      rdev: 0,
      size: 0,
      blksize: BLOCK_SIZE,
      blocks: 0,
      atime: time,
      mtime: time,
      ctime: time,
      btime: null,
      acl: null,
    };
  }
}

class NamespaceInode extends NsInode {
  readonly kind: NamespaceKind;
  readonly namespace: object;

  constructor(fs: NsFs, kind: NamespaceKind, namespace: object) {
    super(fs, kind.inode(namespace), S_IFREG);
    this.kind = kind;
    this.namespace = namespace;
  }

  /** A tree may have the files of later ones alone, and has none of them when it is copied, so that none keeps itself. */
  override mayBeMountedIn(tree: MountNamespace): boolean {
    return !(this.namespace instanceof MountNamespace) || this.namespace.inode > tree.inode;
  }

  override open(flags: number): OpenFile | number {
    return (flags & O_ACCMODE) === O_RDONLY ? new NamespaceFile(this.fs.kernel, this, flags) : -EPERM;
  }
}

/** Whoever stands on it (open files, mounts) holds the namespace. */
class NamespaceDentry extends Dentry {
  override pin(): void {
    const { kind, namespace } = this.inode as NamespaceInode;
    kind.hold(namespace);
    super.pin();
  }

  override unpin(): void {
    const { fs, kind, namespace } = this.inode as NamespaceInode;
    super.unpin();
    // A mount namespace may have the file of another, which has that of another: one goes after the other, and not within it.
    fs.kernel.steps.run(() => {
      kind.release(namespace);
      return true;
    });
  }
}

export class NamespaceFile extends AnonymousFile {
  override readonly isStream = false;
  protected readonly kind: string;
  readonly namespaceKind: NamespaceKind;
  readonly namespace: object;

  constructor(kernel: AnonymousContext, inode: NamespaceInode, flags: number) {
    super(kernel, flags);
    this.inode = inode;
    this.namespaceKind = inode.kind;
    this.namespace = inode.namespace;
    this.kind = inode.kind.name;
  }

  override seek(): number {
    return -ESPIPE;
  }

  override ioctl(task: Task, request: number, argument: number): number {
    return namespaceIoctl(task, this, request, argument) ?? super.ioctl(task, request, argument);
  }

  override poll(): number {
    return 0;
  }
}

export class NamespaceFiles {
  readonly #fs: NsFs;
  /** In no tree. */
  readonly #mount: Mount;
  readonly #dentries = new WeakMap<object, Dentry>();

  constructor(kernel: NsFsContext) {
    this.#fs = new NsFs(kernel);
    this.#mount = new Mount(kernel.mounts.nextId(), this.#fs, new Dentry("", null, this.#fs.root), 0, "nsfs");
  }

  pathOf(kind: NamespaceKind, namespace: object): Path {
    let dentry = this.#dentries.get(namespace);
    if (dentry === undefined) {
      const inode = new NamespaceInode(this.#fs, kind, namespace);
      dentry = new NamespaceDentry(nameOf(kind, namespace), null, inode);
      this.#dentries.set(namespace, dentry);
    }
    return new Path(this.#mount, dentry);
  }
}

/** As links and mounts show it. */
export function nameOf(kind: NamespaceKind, namespace: object): string {
  return `${kind.name}:[${kind.inode(namespace)}]`;
}
