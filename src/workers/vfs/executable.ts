// Opening a file for execution: found by the task's path walk, a regular file with an x bit that the
// task's credentials may use, reopened read-only by its inode.

import { EACCES } from "../../shared/abi/errno.ts";
import { walkHost } from "../gofer/host_walk.ts";
import type { Kernel } from "../kernel.ts";
import type { Mapped } from "../mem/vma.ts";
import { capable, type Credentials } from "../supervisor/credentials.ts";
import type { Executable, OpenExecutable } from "../supervisor/exec.ts";
import type { Task } from "../supervisor/task.ts";

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const CAP_DAC_OVERRIDE = 1;

class HostExecutable implements Executable {
  readonly backing: Mapped;
  readonly hostFd: number;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, hostFd: number, path: string, dev: number, ino: number) {
    this.#kernel = kernel;
    this.hostFd = hostFd;
    this.backing = { id: kernel.nextMappedId(), path, dev, ino };
  }

  read(offset: number, length: number): Uint8Array | number {
    const { native } = this.#kernel;
    const n = native.preadScratch(this.hostFd, 0, Math.min(length, native.scratch.length), offset);
    return n < 0 ? n : native.scratch.slice(0, n);
  }

  close(): void {
    this.#kernel.native.close(this.hostFd);
  }
}

function mayExecute(kernel: Kernel, credentials: Credentials, mode: number, uid: number, gid: number): boolean {
  if (capable(credentials, kernel.users, CAP_DAC_OVERRIDE)) return (mode & 0o111) !== 0;
  if (credentials.fsuid === uid) return (mode & 0o100) !== 0;
  if (credentials.fsgid === gid || credentials.groups.includes(gid)) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

export function openHostExecutable(
  kernel: Kernel,
  credentials: Credentials,
  cwd: string,
  path: string,
): Executable | number {
  const { native, descriptors } = kernel;
  const found = walkHost(native, descriptors.root, cwd, path);
  if (typeof found === "number") return found;
  const allowed = (found.mode & S_IFMT) === S_IFREG && mayExecute(kernel, credentials, found.mode, found.uid, found.gid);
  const fd = allowed ? native.reopen(descriptors.proc, found.fd, 0) : -EACCES;
  native.close(found.fd);
  return fd < 0 ? fd : new HostExecutable(kernel, fd, path, found.dev, found.ino);
}

export function executableOpener(task: Task): OpenExecutable {
  return (path) => openHostExecutable(task.kernel, task.credentials, task.fs.cwd, path);
}
