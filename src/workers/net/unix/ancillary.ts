// What goes along with AF_UNIX messages (unix(7)): open files and credentials. Read from the sender's memory, checked, and
// written for the receiver.

import { EBADF, EINVAL, ESRCH, ETOOMANYREFS } from "../../../shared/abi/errno.ts";
import { O_PATH } from "../../../shared/abi/fcntl.ts";
import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE } from "../../../shared/abi/prctl.ts";
import { RLIMIT_NOFILE } from "../../../shared/abi/resource.ts";
import {
  MSG_CTRUNC,
  SCM_CREDENTIALS,
  SCM_PIDFD,
  SCM_RIGHTS,
  SOL_SOCKET,
} from "../../../shared/abi/socket.ts";
import { ucred } from "../../../shared/abi/structs.ts";
import { capable } from "../../credentials/credentials.ts";
import type { OpenFile } from "../../vfs/file.ts";
import { install } from "../../vfs/install.ts";
import { type Ancillary, type ControlWriter, controlMessages } from "../control.ts";
import type { UnixCaller, UnixContext } from "./context.ts";
import { claimed, credentialBytes, type Ucred } from "./peer.ts";

const SCM_MAX_FD = 253;
const FD_SIZE = 4;

const NO_FILES: readonly OpenFile[] = [];

/** Its files are held until they are taken or the message ends. */
export class UnixAncillary implements Ancillary {
  readonly #kernel: UnixContext;
  readonly rights: readonly OpenFile[];
  readonly credentials: Ucred | null;

  constructor(kernel: UnixContext, rights: readonly OpenFile[], credentials: Ucred | null) {
    this.#kernel = kernel;
    this.rights = rights;
    this.credentials = credentials;
  }

  /** The same, from somebody else. */
  from(credentials: Ucred | null): UnixAncillary {
    return new UnixAncillary(this.#kernel, this.rights, credentials);
  }

  /** The same, without its files. */
  withoutRights(): UnixAncillary {
    return new UnixAncillary(this.#kernel, NO_FILES, this.credentials);
  }

  /** The files are on their way no more; who took them holds them. */
  release(): void {
    if (this.rights.length === 0) return;
    const { counters, unixGarbage } = this.#kernel;
    counters.filesInFlight -= this.rights.length;
    for (const file of this.rights) {
      file.inFlight--;
      unixGarbage.letGo(file);
    }
  }
}

function filesIn(task: UnixCaller, body: Buffer, count: number): OpenFile[] | number {
  const files: OpenFile[] = [];
  for (let i = 0; i < count; i++) {
    const file = task.files.get(body.readInt32LE(i * FD_SIZE));
    if (file === undefined || (file.flags & O_PATH) !== 0) return -EBADF;
    files.push(file);
  }
  return files;
}

/** Reads the control messages of a sendmsg: what they name is held, or a negative errno. */
export function parseAncillary(task: UnixCaller, bytes: Buffer): UnixAncillary | null | number {
  let rights: readonly OpenFile[] = [];
  let credentials: Ucred | null = null;
  for (const message of controlMessages(bytes)) {
    if (message === null) return -EINVAL;
    const { level, type, body } = message;
    if (level !== SOL_SOCKET) continue;
    if (type === SCM_RIGHTS) {
      const count = Math.floor(body.length / FD_SIZE);
      if (rights.length + count > SCM_MAX_FD) return -EINVAL;
      const files = filesIn(task, body, count);
      if (typeof files === "number") return files;
      rights = [...rights, ...files];
    } else if (type === SCM_CREDENTIALS) {
      if (body.length !== ucred.size) return -EINVAL;
      const sender = claimed(task, ucred.decode(body));
      if (typeof sender === "number") return sender;
      credentials = sender;
    } else return -EINVAL;
  }
  if (rights.length === 0 && credentials === null) return null;
  const error = holdRights(task, rights);
  if (error < 0) return error;
  for (const file of rights) task.kernel.unixGarbage.sent(file);
  return new UnixAncillary(task.kernel, rights, credentials);
}

// Files on their way are nobody's: their number is bounded.
function holdRights(task: UnixCaller, rights: readonly OpenFile[]): number {
  const { kernel, credentials } = task;
  const { counters, limits } = kernel;
  if (rights.length === 0) return 0;
  const mighty =
    capable(credentials, kernel.users.initial, CAP_SYS_RESOURCE) ||
    capable(credentials, kernel.users.initial, CAP_SYS_ADMIN);
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

export function writeCredentials(task: UnixCaller, writer: ControlWriter, value: Ucred): void {
  writer.add(SOL_SOCKET, SCM_CREDENTIALS, credentialBytes(task, value));
}

/** A descriptor of the process that has sent the message; or why there is none, as Linux has it. */
export function writePidfd(task: UnixCaller, writer: ControlWriter, { process }: Ucred): number[] {
  if (writer.room < FD_SIZE) {
    writer.flags |= MSG_CTRUNC;
    return [];
  }
  const group = process?.group ?? null;
  const fd = group === null ? -ESRCH : install(task, task.kernel.newPidFile(group), true);
  const body = Buffer.alloc(FD_SIZE);
  body.writeInt32LE(fd);
  writer.add(SOL_SOCKET, SCM_PIDFD, body);
  return fd < 0 ? [] : [fd];
}

/** Gives the receiver descriptors for as many of the files as there is room for; these descriptors. */
export function writeRights(
  task: UnixCaller,
  writer: ControlWriter,
  files: readonly OpenFile[],
  closeOnExec: boolean,
): number[] {
  const room = Math.floor(writer.room / FD_SIZE);
  const descriptors: number[] = [];
  const limit = task.limit(RLIMIT_NOFILE);
  for (const file of files.slice(0, Math.max(0, room))) {
    const fd = task.files.install(file, 0, limit, closeOnExec);
    if (fd < 0) break;
    descriptors.push(fd);
  }
  if (descriptors.length < files.length) writer.flags |= MSG_CTRUNC;
  if (descriptors.length === 0) return descriptors;
  const body = Buffer.alloc(descriptors.length * FD_SIZE);
  for (const [i, fd] of descriptors.entries()) body.writeInt32LE(fd, i * FD_SIZE);
  const before = writer.flags;
  writer.add(SOL_SOCKET, SCM_RIGHTS, body);
  writer.flags = before;
  return descriptors;
}
