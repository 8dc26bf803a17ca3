// ioctl(2) requests that every kind of file knows, and the way to the file's own.

import { EBADF, EFAULT } from "../../shared/abi/errno.ts";
import { FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX } from "../../shared/abi/ioctl.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine, Task } from "../supervisor/task.ts";
import { O_NONBLOCK, type OpenFile } from "./file.ts";

const O_ASYNC = 0o20000;
const O_PATH = 0o10000000;
const INT_SIZE = 4;

/** Sets or clears a status flag by the int that the argument points to. */
function* setFlag(task: Task, file: OpenFile, flag: number, address: number): Coroutine {
  task.outAt(address, INT_SIZE, WINDOW);
  if ((yield* task.copyInRound()) < INT_SIZE) return -EFAULT;
  const isOn = task.view.getInt32(task.base + WINDOW, true) !== 0;
  file.flags = isOn ? file.flags | flag : file.flags & ~flag;
  return 0;
}

export function ioctl(task: Task, fd: number, request: number, argument: number): number {
  const file = task.files.get(fd);
  if (file === undefined || (file.flags & O_PATH) !== 0) return -EBADF;
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      task.files.setCloseOnExec(fd, request === FIOCLEX);
      return 0;
    case FIONBIO:
      return task.start(setFlag(task, file, O_NONBLOCK, argument));
    case FIOASYNC:
      return task.start(setFlag(task, file, O_ASYNC, argument));
    default:
      return file.ioctl(task, request, argument);
  }
}
