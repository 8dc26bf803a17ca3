// A file system whose files are generated when they are read (proc(5), sysfs(5)): the interpreter of the
// tables in nodes.ts. Names are asked for at every walk: what they name comes and goes.

import { ENOENT, ENOTDIR, EPERM, ESRCH } from "../../../shared/abi/errno.ts";
import { DT_DIR, DT_LNK, DT_REG, S_IFDIR, S_IFLNK, S_IFREG } from "../../../shared/abi/stat.ts";
import { type Credentials, withoutGroups } from "../../credentials/credentials.ts";
import { now } from "../clock.ts";
import type { VfsContext } from "../context.ts";
import { DirectoryFile } from "../directory_file.ts";
import type { OpenFile } from "../file.ts";
import type { FileSystemTypeName } from "../file_system_types.ts";
import {
  type AttributeChanges,
  type Attributes,
  type DirectoryEntry,
  FileSystem,
  type FileSystemStatus,
  Inode,
  type MagicTarget,
  simpleStatus,
} from "../inode.ts";
import { GeneratedFile } from "./generated_file.ts";
import type { AnyNode, Child, DirectoryNode, Subject } from "./nodes.ts";

const TYPES = { file: S_IFREG, link: S_IFLNK, directory: S_IFDIR } as const;
const ENTRY_TYPES = { file: DT_REG, link: DT_LNK, directory: DT_DIR } as const;

export class GeneratedFs extends FileSystem {
  declare readonly kernel: VfsContext;
  readonly type: FileSystemTypeName;
  readonly root: GeneratedInode;
  override readonly cachesNames = false;
  /** Why no name can be made: as in proc, where those that could be are not even looked for. */
  readonly refusesNames: number = -ENOENT;
  /** Number of each node that was met. */
  readonly #numbers = new Map<AnyNode, number>();

  constructor(kernel: VfsContext, type: FileSystemTypeName, root: AnyNode, subject: Subject) {
    super(kernel);
    this.type = type;
    this.root = new GeneratedInode(this, root, subject);
  }

  inoOf({ node, subject }: Child): number {
    let number = this.#numbers.get(node);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(node, number);
    }
    return subject.inoBase + number;
  }

  status(): FileSystemStatus {
    return simpleStatus(this.type);
  }
}

export class GeneratedInode extends Inode {
  override readonly fs: GeneratedFs;
  readonly ino: number;
  readonly type: number;
  readonly node: AnyNode;
  readonly subject: Subject;

  constructor(fs: GeneratedFs, node: AnyNode, subject: Subject) {
    super(fs);
    this.fs = fs;
    this.node = node;
    this.subject = subject;
    this.ino = fs.inoOf({ node, subject });
    this.type = TYPES[node.kind];
  }

  override get isAlwaysEmpty(): boolean {
    const { node } = this;
    return node.kind === "directory" && node.dynamic === undefined && Object.keys(node.children).length === 0;
  }

  override attributes(): Attributes | number {
    const { node, subject } = this;
    if (!subject.exists) return -ENOENT;
    const time = now(this.fs.kernel.native);
    const { uid, gid } = (node.kind === "file" ? node.owner?.(subject) : undefined) ?? subject.owner;
    return {
      dev: this.fs.dev,
      ino: this.ino,
      mode: this.type | (node.kind === "link" ? node.mode(subject) : node.mode),
      nlink: node.kind === "directory" ? node.links + (node.dynamic?.directories?.(subject) ?? 0) : 1,
      uid,
      gid,
      rdev: 0,
      size: node.kind === "link" ? (node.size ?? 0) : 0,
      blksize: 1024,
      blocks: 0,
      atime: time,
      mtime: time,
      ctime: time,
      btime: null,
      acl: null,
    };
  }

  /** Truncation means nothing here, but O_TRUNC is allowed. */
  override setAttributes(changes: AttributeChanges): number {
    return Object.keys(changes).every((key) => key === "size") ? 0 : -EPERM;
  }

  // No names are made; those that are there stay.

  override create(): number {
    return this.fs.refusesNames;
  }

  override mkdir(): number {
    return this.fs.refusesNames;
  }

  override symlink(): number {
    return this.fs.refusesNames;
  }

  override mknod(): number {
    return this.fs.refusesNames;
  }

  override link(): number {
    return this.fs.refusesNames;
  }

  override unlink(): number {
    return -EPERM;
  }

  override rmdir(): number {
    return -EPERM;
  }

  override rename(): number {
    return -EPERM;
  }

  override open(flags: number, credentials: Credentials): OpenFile | number {
    const { node, subject } = this;
    if (node.kind === "directory") return new DirectoryFile(this, flags);
    if (node.kind === "link") return super.open(flags, credentials);
    if (!subject.exists) return -ESRCH;
    const opener = withoutGroups(credentials);
    const contents = node.open(subject, opener, flags);
    if (typeof contents === "number") return contents;
    return new GeneratedFile(this, node, subject, flags, opener, contents);
  }

  #child(directory: DirectoryNode<Subject>, name: string): Child | number {
    if (!this.subject.exists) return -ENOENT;
    if (Object.hasOwn(directory.children, name))
      return { node: directory.children[name]!, subject: this.subject };
    return directory.dynamic?.lookup(this.subject, name) ?? -ENOENT;
  }

  override lookup(name: string): Inode | number {
    if (this.node.kind !== "directory") return -ENOTDIR;
    const child = this.#child(this.node, name);
    return typeof child === "number" ? child : new GeneratedInode(this.fs, child.node, child.subject);
  }

  override entries(): readonly DirectoryEntry[] | number {
    const { node, subject } = this;
    if (node.kind !== "directory") return -ENOTDIR;
    if (!subject.exists) return -ENOENT;
    const dynamic = node.dynamic?.names(subject) ?? [];
    if (typeof dynamic === "number") return dynamic;
    const entries: DirectoryEntry[] = [];
    for (const name of [...Object.keys(node.children), ...dynamic]) {
      const child = this.#child(node, name);
      if (typeof child === "number") continue;
      entries.push({ name, ino: this.fs.inoOf(child), type: ENTRY_TYPES[child.node.kind] });
    }
    return entries;
  }

  override readlink(): string | number {
    if (this.node.kind !== "link") return super.readlink();
    return this.subject.exists ? this.node.read(this.subject) : -ENOENT;
  }

  override follow(): MagicTarget | null {
    if (this.node.kind !== "link" || this.node.follow === undefined) return null;
    if (!this.subject.exists) return { kind: "error", errno: ENOENT };
    return this.node.follow(this.subject);
  }
}
