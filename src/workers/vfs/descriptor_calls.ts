// Calls on descriptors themselves: dup(2), fcntl(2), close_range(2).

import { EBADF, EFAULT, EINVAL, ENOMEM, EPERM } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX } from "../../shared/abi/ioctl.ts";
import { RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { closeDue } from "../mem/close_kept.ts";
import { asyncFcntl, setAsync } from "./async_signals.ts";
import type { VfsCaller } from "./caller.ts";
import { isAppendOnly } from "./file_flags.ts";
import { fileIoctl } from "./file_ioctl.ts";
import { lockFcntl } from "./lock_calls.ts";

/** Status flags that F_SETFL may change. */
const SETFL = F.O_APPEND | F.O_NONBLOCK | F.O_ASYNC | F.O_DIRECT | F.O_NOATIME;

function limitOf(task: VfsCaller): number {
  return task.limit(RLIMIT_NOFILE);
}

function duplicate(task: VfsCaller, fd: number, from: number, closeOnExec: boolean): number {
  const file = task.files.get(fd);
  if (file === undefined) return -EBADF;
  if (from < 0 || from >= limitOf(task)) return -EINVAL;
  return task.files.install(file, from, limitOf(task), closeOnExec);
}

/** The result of a call that may have closed something which the stub keeps (mem/kept_files.ts). */
function closing(task: VfsCaller, result: number): number {
  return task.stub.kept.isDue ? task.call.start(closeDue(task, result)) : result;
}

function dup3(task: VfsCaller, fd: number, to: number, closeOnExec: boolean): number {
  const file = task.files.get(fd);
  if (file === undefined || to < 0 || to >= limitOf(task)) return -EBADF;
  return closing(task, task.files.replace(to, file, closeOnExec));
}

/** FIONBIO, FIOASYNC: set or clear a flag by an int in guest memory. */
function* setByInt(task: VfsCaller, address: number, set: (on: boolean) => void): Coroutine {
  task.call.outAt(address, 4, WINDOW);
  if ((yield* task.call.copyInRound()) < 4) return -EFAULT;
  set(task.call.view.getInt32(task.call.base + WINDOW, true) !== 0);
  return 0;
}

function* closeRange(task: VfsCaller, first: number, last: number, onlyMark: boolean): Coroutine {
  yield* task.files.closeRange(first, last, onlyMark, () => breatheOn(task));
  return task.stub.kept.isDue ? yield* closeDue(task, 0) : 0;
}

export const DESCRIPTOR_HANDLERS: Handlers<VfsCaller> = {
  ioctl: (task, fd, given, argument) => {
    const file = task.files.usable(fd);
    if (file === undefined) return -EBADF;
    const request = given >>> 0;
    switch (request) {
      case FIOCLEX:
      case FIONCLEX:
        task.files.setCloseOnExec(fd, request === FIOCLEX);
        return 0;
      case FIONBIO:
        return task.call.start(
          setByInt(task, argument, (on) => {
            file.flags = on ? file.flags | F.O_NONBLOCK : file.flags & ~F.O_NONBLOCK;
            file.statusChanged();
          }),
        );
      case FIOASYNC:
        return task.call.start(setByInt(task, argument, (on) => setAsync(file, fd, on)));
      default:
        return fileIoctl(task, file, request, argument) ?? file.ioctl(task, request, argument);
    }
  },

  close: (task, fd) => closing(task, task.files.close(fd)),

  dup: (task, fd) => duplicate(task, fd, 0, false),

  dup2: (task, fd, to) => {
    if (fd === to) return task.files.get(fd) === undefined ? -EBADF : to;
    return dup3(task, fd, to, false);
  },

  dup3: (task, fd, to, flags) => {
    if ((flags & ~F.O_CLOEXEC) !== 0 || fd === to) return -EINVAL;
    return dup3(task, fd, to, (flags & F.O_CLOEXEC) !== 0);
  },

  close_range: (task, first, last, flags) => {
    if ((flags & ~(F.CLOSE_RANGE_UNSHARE | F.CLOSE_RANGE_CLOEXEC)) !== 0) return -EINVAL;
    if (first >>> 0 > last >>> 0) return -EINVAL;
    if ((flags & F.CLOSE_RANGE_UNSHARE) !== 0) {
      if (!task.files.mayBeUnshared) return -ENOMEM;
      task.files = task.files.unshare();
    }
    return task.call.start(closeRange(task, first >>> 0, last >>> 0, (flags & F.CLOSE_RANGE_CLOEXEC) !== 0));
  },

  fcntl: (task, fd, command, argument) => {
    const file = task.files.get(fd);
    if (file === undefined) return -EBADF;
    const value = task.call.frame.argumentLow(2); // `argument` is rounded where it is large
    switch (command) {
      case F.F_DUPFD:
        return duplicate(task, fd, value, false);
      case F.F_DUPFD_CLOEXEC:
        return duplicate(task, fd, value, true);
      case F.F_GETFD:
        return task.files.closesOnExec(fd) ? F.FD_CLOEXEC : 0;
      case F.F_SETFD:
        task.files.setCloseOnExec(fd, (value & F.FD_CLOEXEC) !== 0);
        return 0;
      case F.F_GETFL:
        return file.flags;
      case F.F_SETFL:
        if ((file.flags & F.O_PATH) !== 0) return -EBADF;
        if ((file.flags & ~value & F.O_APPEND) !== 0 && isAppendOnly(file.inode)) return -EPERM;
        setAsync(file, fd, (value & F.O_ASYNC) !== 0);
        file.flags = (file.flags & ~SETFL) | (value & SETFL);
        file.statusChanged();
        return 0;
      case F.F_DUPFD_QUERY: {
        const other = task.files.get(value);
        return other === undefined ? -EBADF : Number(other === file);
      }
      default:
        if ((file.flags & F.O_PATH) !== 0) return -EBADF;
        if (command === F.F_GETLEASE) return F.F_UNLCK; // there are none
        return (
          asyncFcntl(task, file, command, value, argument) ??
          lockFcntl(task, file, command, argument) ??
          file.fcntl(task, command, value, argument)
        );
    }
  },
};
