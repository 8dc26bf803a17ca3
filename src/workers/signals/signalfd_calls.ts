// signalfd(2).

import { EBADF, EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import { SIGSET_SIZE, SignalSet } from "../call/signal_set.ts";
import type { Task } from "../process/task.ts";
import { install } from "../vfs/install.ts";
import { SignalFile } from "./signal_file.ts";

function signalfd(task: Task, fd: number, size: number, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0 || size !== SIGSET_SIZE) return -EINVAL;
  if (!task.call.inComplete(0, SIGSET_SIZE)) return -EFAULT;
  const mask = SignalSet.read(task.call.view, task.call.base + WINDOW).asMask();
  if (fd === -1) {
    const file = new SignalFile(task.kernel, mask, flags & O_NONBLOCK);
    return install(task, file, (flags & O_CLOEXEC) !== 0);
  }
  const file = task.files.get(fd);
  if (file === undefined) return -EBADF;
  if (!(file instanceof SignalFile)) return -EINVAL;
  file.mask = mask;
  return fd;
}

export const SIGNALFD_HANDLERS: Handlers<Task> = {
  signalfd: (task, fd, _mask, size) => signalfd(task, fd, size, 0),
  signalfd4: (task, fd, _mask, size, flags) => signalfd(task, fd, size, flags),
};
