// The file system of POSIX message queues (mq_overview(7)), of which each IPC namespace has one: a directory of
// queues, by whose files they are opened, looked at, polled and removed, whether or not it is mounted.

import { EACCES, EINVAL, EMFILE, ENOENT, ENOSPC, EPERM } from "../../shared/abi/errno.ts";
import { CAP_SYS_RESOURCE } from "../../shared/abi/prctl.ts";
import { RLIMIT_MSGQUEUE } from "../../shared/abi/resource.ts";
import { SIGEV_SIGNAL } from "../../shared/abi/signal.ts";
import { DT_REG, S_IFDIR, S_IFREG, S_ISVTX } from "../../shared/abi/stat.ts";
import { capable } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import { now } from "../vfs/clock.ts";
import { DirectoryFile } from "../vfs/directory_file.ts";
import type { OpenFile } from "../vfs/file.ts";
import {
  type AttributeChanges,
  type Attributes,
  type Creation,
  type DirectoryEntry,
  FileSystem,
  type FileSystemStatus,
  Inode,
  simpleStatus,
  type Time,
} from "../vfs/inode.ts";
import { SeekableFile } from "../vfs/seekable_file.ts";
import type { IpcCaller } from "./caller.ts";
import type { IpcContext } from "./context.ts";
import type { IpcNamespace } from "./namespace.ts";
import { PosixQueue } from "./posix_queue.ts";

/** What Linux says that a file and a name in the directory have. */
const FILE_SIZE = 80;
const NAME_SIZE = 20;
const BLOCK_SIZE = 4096;
const ROOT_INO = 1;
/** Whoever may have as much as he likes has no more (HARD_MSGMAX, HARD_MSGSIZEMAX). */
const MESSAGES_MOST = 65_536;
const MESSAGE_SIZE_MOST = 16 << 20;
/** What a message and a priority take beside its bytes, as users are charged for them. */
const MESSAGE_OVERHEAD = 48;
const PRIORITY_OVERHEAD = 48;
const PRIORITIES = 32_768;

/** What a new queue is to hold, as its maker asks; null: as fs.mqueue.*_default say. */
export interface QueueSizes {
  readonly maxMessages: number;
  readonly messageSize: number;
}

export class QueueFs extends FileSystem {
  declare readonly kernel: IpcContext;
  readonly type = "mqueue";
  readonly root: QueueDirectory;
  override readonly cachesNames = false;
  readonly namespace: IpcNamespace;
  #lastIno = ROOT_INO;

  constructor(namespace: IpcNamespace) {
    super(namespace.kernel);
    this.namespace = namespace;
    this.root = new QueueDirectory(this);
  }

  override get owner(): UserNamespace {
    return this.namespace.owner;
  }

  /** Whoever mounts it, it is its namespace's. */
  override ownedBy(): void {}

  /** What is mounted keeps its queues when the namespace is gone. */
  override unmounted(): void {
    super.unmounted();
    if (this.namespace.isGone) this.namespace.dropQueues();
  }

  nextIno(): number {
    return ++this.#lastIno;
  }

  status(): FileSystemStatus {
    return simpleStatus(this.type);
  }
}

abstract class QueueNode extends Inode {
  override readonly fs: QueueFs;
  protected mode: number;
  protected uid: number;
  protected gid: number;
  #atime: Time;
  #mtime: Time;
  #ctime: Time;

  constructor(fs: QueueFs, { mode, uid, gid }: Creation) {
    super(fs);
    this.fs = fs;
    this.mode = mode & 0o7777;
    this.uid = uid;
    this.gid = gid;
    this.#atime = now(fs.kernel.native);
    this.#mtime = this.#atime;
    this.#ctime = this.#atime;
  }

  protected abstract readonly nlink: number;
  protected abstract readonly size: number;

  attributes(): Attributes {
    const { ino, uid, gid, nlink, size } = this;
    const times = { atime: this.#atime, mtime: this.#mtime, ctime: this.#ctime, btime: null };
    const own = { dev: this.fs.dev, ino, mode: this.type | this.mode, nlink, uid, gid, rdev: 0, size };
    return { ...own, ...times, blksize: BLOCK_SIZE, blocks: 0, acl: null };
  }

  // A length of its own it has none: who opens it with O_TRUNC changes nothing.
  override setAttributes({ mode, uid, gid, atime, mtime }: AttributeChanges): number {
    const time = now(this.fs.kernel.native);
    if (mode !== undefined) this.mode = mode;
    if (uid !== undefined) this.uid = uid;
    if (gid !== undefined) this.gid = gid;
    if (atime !== undefined) this.#atime = atime === "now" ? time : atime;
    if (mtime !== undefined) this.#mtime = mtime === "now" ? time : mtime;
    this.#ctime = time;
    return 0;
  }

  touched(what: "read" | "changed"): void {
    const time = now(this.fs.kernel.native);
    if (what === "read") this.#atime = time;
    else this.#mtime = time;
    this.#ctime = time;
  }
}

export class QueueDirectory extends QueueNode {
  readonly ino = ROOT_INO;
  readonly type = S_IFDIR;
  protected readonly nlink = 2;
  readonly #queues = new Map<string, QueueInode>();

  constructor(fs: QueueFs) {
    super(fs, { mode: S_ISVTX | 0o777, uid: 0, gid: 0 });
  }

  protected override get size(): number {
    return (2 + this.#queues.size) * NAME_SIZE;
  }

  override open(flags: number): OpenFile {
    return new DirectoryFile(this, flags);
  }

  override lookup(name: string): QueueInode | number {
    return this.#queues.get(name) ?? -ENOENT;
  }

  override entries(): readonly DirectoryEntry[] {
    return [...this.#queues].map(([name, { ino }]) => ({ name, ino, type: DT_REG }));
  }

  /** By a path, open(2): a queue of the sizes that nobody asked for. */
  override create(name: string, creation: Creation): QueueInode | number {
    return this.make(name, creation, null);
  }

  /** A new queue, or -ENOSPC, -EINVAL or -EMFILE (mq_open(3)). On behalf of the task that is served. */
  make(name: string, creation: Creation, asked: QueueSizes | null): QueueInode | number {
    const { kernel, namespace } = this.fs;
    if (namespace.isGone) return -EACCES;
    const task = kernel.current!;
    const mayMore = capable(task.credentials, kernel.users.initial, CAP_SYS_RESOURCE);
    if (this.#queues.size >= kernel.sysctls.get("fs/mqueue/queues_max") && !mayMore) return -ENOSPC;
    if (!kernel.heap.hasRoom("ipcObjects")) return -ENOSPC;
    const sizes = asked ?? defaults(kernel);
    if (!isAllowed(kernel, sizes, mayMore)) return -EINVAL;
    const charge = chargeOf(sizes);
    const { uid } = task.credentials;
    if (kernel.queueBytes.of(uid) + charge > task.limit(RLIMIT_MSGQUEUE)) return -EMFILE;
    kernel.queueBytes.add(uid, charge);
    kernel.counters.ipcObjects++;
    const queue = new PosixQueue(namespace, sizes.maxMessages, sizes.messageSize);
    const inode = new QueueInode(this.fs, name, creation, queue, () => kernel.queueBytes.add(uid, -charge));
    this.#queues.set(name, inode);
    this.touched("changed");
    return inode;
  }

  override unlink(name: string): number {
    const queue = this.#queues.get(name);
    if (queue === undefined) return -ENOENT;
    this.#queues.delete(name);
    this.touched("changed");
    queue.unlinked();
    return 0;
  }

  /** The namespace is gone: one queue after the other loses its name. */
  *emptied(): Generator<void, void, void> {
    for (const name of this.#queues.keys()) yield void this.unlink(name);
  }

  override mkdir(): number {
    return -EPERM;
  }

  override symlink(): number {
    return -EPERM;
  }

  override mknod(): number {
    return -EPERM;
  }

  override link(): number {
    return -EPERM;
  }

  override rename(): number {
    return -EPERM;
  }
}

function defaults({ sysctls }: IpcContext): QueueSizes {
  const least = (name: "msg" | "msgsize") =>
    Math.min(sysctls.get(`fs/mqueue/${name}_max`), sysctls.get(`fs/mqueue/${name}_default`));
  return { maxMessages: least("msg"), messageSize: least("msgsize") };
}

function isAllowed({ sysctls }: IpcContext, sizes: QueueSizes, mayMore: boolean): boolean {
  const { maxMessages, messageSize } = sizes;
  if (maxMessages <= 0 || messageSize <= 0) return false;
  const most = mayMore ? MESSAGES_MOST : sysctls.get("fs/mqueue/msg_max");
  return (
    maxMessages <= most && messageSize <= (mayMore ? MESSAGE_SIZE_MOST : sysctls.get("fs/mqueue/msgsize_max"))
  );
}

/** Bytes, of RLIMIT_MSGQUEUE. */
function chargeOf({ maxMessages, messageSize }: QueueSizes): number {
  const places = maxMessages * MESSAGE_OVERHEAD + Math.min(maxMessages, PRIORITIES) * PRIORITY_OVERHEAD;
  return maxMessages * messageSize + places;
}

export class QueueInode extends QueueNode {
  readonly ino: number;
  readonly type = S_IFREG;
  readonly name: string;
  readonly queue: PosixQueue;
  protected nlink = 1;
  protected readonly size = FILE_SIZE;
  readonly #uncharge: () => void;
  #holders = 0;
  #isOver = false;

  constructor(fs: QueueFs, name: string, creation: Creation, queue: PosixQueue, uncharge: () => void) {
    super(fs, creation);
    this.ino = fs.nextIno();
    this.name = name;
    this.queue = queue;
    this.#uncharge = uncharge;
  }

  override open(flags: number): QueueFile {
    return new QueueFile(this, flags);
  }

  override hold(): void {
    this.#holders++;
  }

  override letGo(): void {
    this.#holders--;
    this.#endUnused();
  }

  override get isHeld(): boolean {
    return this.#holders > 0;
  }

  unlinked(): void {
    this.nlink = 0;
    this.touched("read");
    this.#endUnused();
  }

  #endUnused(): void {
    if (this.nlink > 0 || this.#holders > 0 || this.#isOver) return;
    this.#isOver = true;
    this.fs.kernel.counters.ipcObjects--;
    this.#uncharge();
    this.queue.dissolve();
  }
}

/** An open queue. Reading tells how it is; messages are moved by calls of its own (posix_queue_calls.ts). */
export class QueueFile extends SeekableFile {
  declare readonly inode: QueueInode;
  readonly queue: PosixQueue;

  constructor(inode: QueueInode, flags: number) {
    super(inode, flags, inode.queue.waiters);
    this.queue = inode.queue;
  }

  override preadCached(task: IpcCaller, offset: number, length: number, position: number): number {
    const { bytes, notification } = this.queue;
    const signo = notification?.notify === SIGEV_SIGNAL ? notification.signo : 0;
    const pid = notification?.owner.id.in(task.pids) ?? 0;
    const [size, notify] = [String(bytes).padEnd(10), String(notification?.notify ?? 0).padEnd(5)];
    const text = `QSIZE:${size} NOTIFY:${notify} SIGNO:${String(signo).padEnd(5)} NOTIFY_PID:${String(pid).padEnd(6)}\n`;
    const part = Buffer.from(text.slice(position, position + length), "latin1");
    task.call.bytes.set(part, task.call.base + offset);
    this.inode.touched("read");
    return part.length;
  }

  override pread(task: IpcCaller, offset: number, length: number, position: number): number {
    return this.preadCached(task, offset, length, position);
  }

  override pwrite(): number {
    return -EINVAL;
  }

  override get splices(): boolean {
    return false;
  }

  override poll(): number {
    return this.queue.poll();
  }

  override get pollable(): boolean {
    return true;
  }

  override describe(): string {
    return `/${this.inode.name}`;
  }

  override descriptorGone(table: number): void {
    if (this.queue.notification?.table === table) this.queue.notification = null;
  }

  release(): void {}
}
