// Inodes without a name: what pipes, sockets and the descriptors of eventfd, epoll and their like stand
// on (Linux's pipefs, sockfs and anon_inodefs). They are mounted nowhere; fstat, fchmod, fchown and
// fstatfs show them.

import { S_IFIFO, S_IFMT, S_IFSOCK } from "../../../shared/abi/stat.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import { now } from "../clock.ts";
import type { FileSystemContext } from "../inode.ts";
import {
  type AttributeChanges,
  type Attributes,
  FileSystem,
  type FileSystemStatus,
  Inode,
  simpleStatus,
  type Time,
} from "../inode.ts";

const BLOCK_SIZE = 4096;

type AnonymousType = "pipefs" | "sockfs" | "anon_inodefs";

class AnonymousFs extends FileSystem {
  readonly type: AnonymousType;
  readonly root: Inode;
  #lastIno = 0;

  constructor(kernel: FileSystemContext, type: AnonymousType) {
    super(kernel);
    this.type = type;
    this.root = new AnonymousInode(this, 0, 0, 0);
  }

  nextIno(): number {
    return ++this.#lastIno;
  }

  status(): FileSystemStatus {
    return simpleStatus(this.type);
  }
}

class AnonymousInode extends Inode {
  readonly ino: number;
  readonly type: number;
  #mode: number;
  #uid: number;
  #gid: number;
  #accessed: Time;
  #modified: Time;
  #changed: Time;

  /** `mode` with its type bits, which anonymous inodes of anon_inodefs do not have. */
  constructor(fs: AnonymousFs, mode: number, uid: number, gid: number) {
    super(fs);
    this.ino = fs.nextIno();
    this.type = mode & S_IFMT;
    this.#mode = mode;
    this.#uid = uid;
    this.#gid = gid;
    const time = now(fs.kernel.native);
    this.#accessed = time;
    this.#modified = time;
    this.#changed = time;
  }

  override get identity(): object {
    return this;
  }

  override attributes(): Attributes {
    return {
      dev: this.fs.dev,
      ino: this.ino,
      mode: this.#mode,
      nlink: 1,
      uid: this.#uid,
      gid: this.#gid,
      rdev: 0,
      size: 0,
      blksize: BLOCK_SIZE,
      blocks: 0,
      atime: this.#accessed,
      mtime: this.#modified,
      ctime: this.#changed,
      btime: null,
      acl: null,
    };
  }

  override setAttributes(changes: AttributeChanges): number {
    const time = now(this.fs.kernel.native);
    const timeOf = (wanted: Time | "now"): Time => (wanted === "now" ? time : wanted);
    if (changes.mode !== undefined) this.#mode = this.type | changes.mode;
    if (changes.uid !== undefined) this.#uid = changes.uid;
    if (changes.gid !== undefined) this.#gid = changes.gid;
    if (changes.atime !== undefined) this.#accessed = timeOf(changes.atime);
    if (changes.mtime !== undefined) this.#modified = timeOf(changes.mtime);
    this.#changed = time;
    return 0;
  }
}

/** What files without a name use of their kernel. */
export interface AnonymousContext extends FileSystemContext {
  readonly anonymous: AnonymousInodes;
}

/** The three file systems of a kernel. */
export class AnonymousInodes {
  readonly #pipes: AnonymousFs;
  readonly #sockets: AnonymousFs;
  /** All files of eventfd, epoll, ... share one inode, as on Linux. */
  readonly other: AnonymousInode;
  #lastEventId = -1;

  constructor(kernel: FileSystemContext) {
    this.#pipes = new AnonymousFs(kernel, "pipefs");
    this.#sockets = new AnonymousFs(kernel, "sockfs");
    this.other = new AnonymousInode(new AnonymousFs(kernel, "anon_inodefs"), 0o600, 0, 0);
  }

  /** What fdinfo tells eventfds apart by. */
  nextEventId(): number {
    return ++this.#lastEventId;
  }

  pipe({ fsuid, fsgid }: Credentials): AnonymousInode {
    return new AnonymousInode(this.#pipes, S_IFIFO | 0o600, fsuid, fsgid);
  }

  socket({ fsuid, fsgid }: Credentials): AnonymousInode {
    return new AnonymousInode(this.#sockets, S_IFSOCK | 0o777, fsuid, fsgid);
  }
}
