// Control messages (cmsg(3)): open files and credentials that go with data. Read from the sender's
// memory, checked, and written for the receiver.

import { EBADF, EINVAL, EPERM, ESRCH, ETOOMANYREFS } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import { CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, CAP_SYS_RESOURCE } from "../../shared/abi/prctl.ts";
import { RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import {
  MSG_CTRUNC,
  SCM_CREDENTIALS,
  SCM_PIDFD,
  SCM_RIGHTS,
  SO_TIMESTAMPNS_NEW,
  SO_TIMESTAMPNS_OLD,
  SOL_SOCKET,
} from "../../shared/abi/socket.ts";
import { cmsghdr, ucred } from "../../shared/abi/structs.ts";
import { capable } from "../credentials/credentials.ts";
import type { OpenFile } from "../vfs/file.ts";
import type { Time } from "../vfs/inode.ts";
import { install } from "../vfs/install.ts";
import type { Process } from "../vfs/processes.ts";
import type { NetCaller } from "./caller.ts";

const SCM_MAX_FD = 253;
const HEADER = cmsghdr.size;
const FD_SIZE = 4;

export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** More groups than these a connection does not keep: lists are long, and connections many. */
const GROUPS_KEPT = 64;

/** Who the other end of a connection is, as it was then. */
export class Peer implements Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly #groups: readonly number[] | null;
  /** A connection does not keep what is left of a process. */
  readonly #process: WeakRef<Process>;

  constructor({ group, credentials: { euid, egid, groups } }: NetCaller) {
    this.pid = group.pid;
    this.uid = euid;
    this.gid = egid;
    this.#groups = groups.length <= GROUPS_KEPT ? groups : null;
    this.#process = new WeakRef(group);
  }

  /** The process, until it was waited for. */
  get process(): Process | null {
    const group = this.#process.deref();
    return group === undefined || group.state === "reaped" ? null : group;
  }

  get groups(): readonly number[] {
    return this.#groups ?? this.process?.leader.credentials.groups ?? [];
  }
}

/** Whom SO_PEERCRED names where there is nobody. */
export const NO_PEER: Ucred = { pid: 0, uid: 0xffffffff, gid: 0xffffffff };

/** Who a message is from when nobody has said so. */
export const NOBODY: Ucred = { pid: 0, uid: 65534, gid: 65534 };

/** What goes with a message. Its files are held until they are taken or the message ends. */
export interface Ancillary {
  readonly rights: readonly OpenFile[];
  readonly credentials: Ucred | null;
}

export function credentialsOf(task: NetCaller): Ucred {
  return { pid: task.pid, uid: task.credentials.uid, gid: task.credentials.gid };
}

function align(length: number): number {
  return (length + 7) & ~7;
}

/** Ids that nobody has (uid_valid). */
const NO_ID = 0xffffffff;

// Whom a task may say that it is: 0 or a negative errno.
function mayClaim(task: NetCaller, { pid, uid, gid }: Ucred): number {
  const c = task.credentials;
  const { users, pids } = task.kernel;
  if (uid === NO_ID || gid === NO_ID) return -EINVAL;
  if (pid !== task.pid && !capable(c, users, CAP_SYS_ADMIN)) return -EPERM;
  if (![c.uid, c.euid, c.suid].includes(uid) && !capable(c, users, CAP_SETUID)) return -EPERM;
  if (![c.gid, c.egid, c.sgid].includes(gid) && !capable(c, users, CAP_SETGID)) return -EPERM;
  return pids.task(pid) === undefined ? -ESRCH : 0;
}

function filesAt(task: NetCaller, bytes: Buffer, at: number, count: number): OpenFile[] | number {
  const files: OpenFile[] = [];
  for (let i = 0; i < count; i++) {
    const file = task.files.get(bytes.readInt32LE(at + i * FD_SIZE));
    if (file === undefined || (file.flags & O_PATH) !== 0) return -EBADF;
    files.push(file);
  }
  return files;
}

/** Reads the control messages of a sendmsg: what they name is held, or a negative errno. */
export function parseAncillary(task: NetCaller, bytes: Buffer): Ancillary | null | number {
  let rights: readonly OpenFile[] = [];
  let credentials: Ucred | null = null;
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const { cmsg_len: length, cmsg_level: level, cmsg_type: type } = cmsghdr.decode(bytes, at);
    if (length < HEADER || length > bytes.length - at) return -EINVAL;
    const size = length - HEADER;
    const body = at + HEADER;
    at += align(length);
    if (level !== SOL_SOCKET) continue;
    if (type === SCM_RIGHTS) {
      const count = Math.floor(size / FD_SIZE);
      if (rights.length + count > SCM_MAX_FD) return -EINVAL;
      const files = filesAt(task, bytes, body, count);
      if (typeof files === "number") return files;
      rights = [...rights, ...files];
    } else if (type === SCM_CREDENTIALS) {
      if (size !== ucred.size) return -EINVAL;
      const claimed = ucred.decode(bytes, body);
      const error = mayClaim(task, claimed);
      if (error < 0) return error;
      credentials = claimed;
    } else return -EINVAL;
  }
  if (rights.length === 0 && credentials === null) return null;
  const error = holdRights(task, rights);
  return error < 0 ? error : { rights, credentials };
}

// Files on their way are nobody's: their number is bounded.
function holdRights(task: NetCaller, rights: readonly OpenFile[]): number {
  const { kernel, credentials } = task;
  const { counters, limits } = kernel;
  if (rights.length === 0) return 0;
  const mighty =
    capable(credentials, kernel.users, CAP_SYS_RESOURCE) || capable(credentials, kernel.users, CAP_SYS_ADMIN);
  const limit = mighty ? limits.filesInFlight : Math.min(limits.filesInFlight, task.limit(RLIMIT_NOFILE));
  if (counters.filesInFlight + rights.length > limit) return -ETOOMANYREFS;
  if (!kernel.heap.hasRoom("filesInFlight", rights.length)) return -ETOOMANYREFS;
  counters.filesInFlight += rights.length;
  for (const file of rights) {
    file.references++;
    file.inFlight++;
  }
  return 0;
}

/** The files of a message are on their way no more; `keep`: who took them holds them. */
export function releaseRights(task: { kernel: NetCaller["kernel"] }, ancillary: Ancillary | null): void {
  if (ancillary === null) return;
  const { kernel } = task;
  kernel.counters.filesInFlight -= ancillary.rights.length;
  for (const file of ancillary.rights) {
    file.inFlight--;
    kernel.unixGarbage.letGo(file);
  }
}

/** Control messages for a receiver, in a buffer of its size. */
export class ControlWriter {
  readonly bytes: Buffer;
  length = 0;
  /** MSG_CTRUNC when not all found room. */
  flags = 0;

  constructor(room: number) {
    this.bytes = Buffer.alloc(room);
  }

  #add(type: number, body: Buffer): void {
    const room = this.bytes.length - this.length;
    if (room < HEADER) {
      this.flags |= MSG_CTRUNC;
      return;
    }
    const whole = HEADER + body.length;
    const length = Math.min(whole, room);
    if (length < whole) this.flags |= MSG_CTRUNC;
    const header = { cmsg_len: length, cmsg_level: SOL_SOCKET, cmsg_type: type };
    cmsghdr.encode(header, this.bytes, this.length);
    body.copy(this.bytes, this.length + HEADER, 0, length - HEADER);
    this.length = Math.min(this.bytes.length, this.length + align(whole));
  }

  credentials(value: Ucred): void {
    const body = Buffer.alloc(ucred.size);
    ucred.encode(value, body);
    this.#add(SCM_CREDENTIALS, body);
  }

  /** When the message was sent (SO_TIMESTAMP and its relatives). */
  timestamp(option: number, { sec, nsec }: Time): void {
    const body = Buffer.alloc(16);
    const inNs = option === SO_TIMESTAMPNS_OLD || option === SO_TIMESTAMPNS_NEW;
    body.writeBigInt64LE(BigInt(sec));
    body.writeUInt32LE(inNs ? nsec : Math.floor(nsec / 1000), 8);
    this.#add(option, body);
  }

  /** A descriptor of the process that has sent the message; or why there is none, as Linux has it. */
  pidfd(task: NetCaller, { pid }: Ucred): number[] {
    if (this.bytes.length - this.length < HEADER + FD_SIZE) {
      this.flags |= MSG_CTRUNC;
      return [];
    }
    const group = task.kernel.pids.group(pid);
    const fd = group === undefined ? -ESRCH : install(task, task.kernel.newPidFile(group), true);
    const body = Buffer.alloc(FD_SIZE);
    body.writeInt32LE(fd);
    this.#add(SCM_PIDFD, body);
    return fd < 0 ? [] : [fd];
  }

  /** Gives the receiver descriptors for as many of the files as there is room for; these descriptors. */
  rights(task: NetCaller, files: readonly OpenFile[], closeOnExec: boolean): number[] {
    const room = Math.floor((this.bytes.length - this.length - HEADER) / FD_SIZE);
    const descriptors: number[] = [];
    const limit = task.limit(RLIMIT_NOFILE);
    for (const file of files.slice(0, Math.max(0, room))) {
      const fd = task.files.install(file, 0, limit, closeOnExec);
      if (fd < 0) break;
      descriptors.push(fd);
    }
    if (descriptors.length < files.length) this.flags |= MSG_CTRUNC;
    if (descriptors.length === 0) return descriptors;
    const body = Buffer.alloc(descriptors.length * FD_SIZE);
    for (const [i, fd] of descriptors.entries()) body.writeInt32LE(fd, i * FD_SIZE);
    const before = this.flags;
    this.#add(SCM_RIGHTS, body);
    this.flags = before;
    return descriptors;
  }
}
