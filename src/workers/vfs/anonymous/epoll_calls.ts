// epoll_create(2), epoll_ctl(2), epoll_wait(2) and their variants.

import { EBADF, EFAULT, EINTR, EINVAL, EPERM } from "../../../shared/abi/errno.ts";
import { O_PATH, O_RDWR } from "../../../shared/abi/fcntl.ts";
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  POLLIN,
} from "../../../shared/abi/poll.ts";
import { epoll_event } from "../../../shared/abi/structs.ts";
import { WINDOW, WINDOW_SECOND, WINDOW_SIZE } from "../../../shared/ring/layout.ts";
import type { Coroutine } from "../../call/call.ts";
import { NEVER, readTimespec, TIMESPEC_SIZE } from "../../call/clocks.ts";
import type { Handlers } from "../../call/dispatch.ts";
import { isGuestRange } from "../../call/guest_range.ts";
import { SIGSET_SIZE, SignalSet } from "../../call/signal_set.ts";
import { leaveTemporaryMask } from "../../call/temporary_mask.ts";
import type { VfsCaller } from "../caller.ts";
import { putFile } from "../file_table.ts";
import { install } from "../install.ts";
import { Sleeper } from "../poll.ts";
import { EpollFile, Reported } from "./epoll.ts";
import { LastEvents, takeBack } from "./last_events.ts";

const EVENT_SIZE = epoll_event.size;
const EVENTS_MAX = Math.floor(0x7fffffff / EVENT_SIZE);
/** Events of one wait: as many as the window takes. */
const EVENTS_PER_WAIT = Math.floor(WINDOW_SIZE / EVENT_SIZE);
const MS_NS = 1e6;

function create(task: VfsCaller, closeOnExec: boolean): number {
  return install(task, new EpollFile(task.kernel, O_RDWR), closeOnExec);
}

function control(task: VfsCaller, epfd: number, op: number, fd: number): number {
  const hasEvent = op !== EPOLL_CTL_DEL;
  if (hasEvent && !task.call.inComplete(0, EVENT_SIZE)) return -EFAULT;
  const epoll = task.files.get(epfd);
  const file = task.files.get(fd);
  if (epoll === undefined || file === undefined || (file.flags & O_PATH) !== 0) return -EBADF;
  if (!file.pollable) return -EPERM;
  if (epoll === file || !(epoll instanceof EpollFile)) return -EINVAL;
  if (op === EPOLL_CTL_DEL) return epoll.remove(file, fd);
  const { events, data } = epoll_event.read(task.call.view, task.call.base + WINDOW);
  if (op === EPOLL_CTL_ADD) return epoll.add(task, file, fd, events, data);
  return op === EPOLL_CTL_MOD ? epoll.modify(task, file, fd, events, data) : -EINVAL;
}

/** What is ready now goes out with the number of its events, which is the result; 0: there is nothing. */
function report(task: VfsCaller, epoll: EpollFile, address: number, limit: number): number {
  const { lastEvents } = task;
  const isFew = epoll.listed <= LastEvents.MAX;
  const reported = isFew ? lastEvents.reported : new Reported();
  const count = epoll.collect(task, limit, task.call.base + WINDOW, reported);
  if (count === 0) return 0;
  task.call.outAt(address, count * EVENT_SIZE, WINDOW);
  if (isFew) {
    lastEvents.set(epoll, count);
    task.call.outFault = lastEvents.onFault;
  } else task.call.outFault = (copied) => takeBack(epoll, reported, count, copied);
  return count;
}

function* waitForEvents(
  task: VfsCaller,
  epoll: EpollFile,
  address: number,
  limit: number,
  deadlineNs: number,
): Generator<void, number, void> {
  const sleeper = new Sleeper(task);
  const entry = {
    events: POLLIN,
    exclusive: true,
    wake: () => {
      const news = !sleeper.woken;
      sleeper.wake();
      return news;
    },
  };
  const { timers, native } = task.kernel;
  const first = report(task, epoll, address, limit);
  if (first > 0) return first;
  if (deadlineNs === 0 || deadlineNs <= native.monotonicNs()) return 0;
  const timer = Number.isFinite(deadlineNs)
    ? timers.add(deadlineNs, () => {
        sleeper.expired = true;
        sleeper.wake();
      })
    : null;
  epoll.references++;
  epoll.waiters.add(entry);
  try {
    for (;;) {
      const interrupted = yield* sleeper.sleep();
      const reported = report(task, epoll, address, limit);
      if (reported > 0) return reported;
      if (interrupted) return -EINTR;
      if (sleeper.expired) return 0;
    }
  } finally {
    epoll.waiters.remove(entry);
    if (timer !== null) timers.cancel(timer);
    // A wake-up that was meant for one waiter is not lost with this one.
    if (epoll.mayBeReady) epoll.waiters.wake(POLLIN);
    putFile(task.kernel, epoll);
  }
}

function* wait(
  task: VfsCaller,
  epoll: EpollFile,
  address: number,
  limit: number,
  deadlineNs: number,
  mask: SignalSet | null,
): Coroutine {
  if (mask !== null) task.useMask(mask);
  const result = yield* waitForEvents(task, epoll, address, limit, deadlineNs);
  leaveTemporaryMask(task, result === -EINTR);
  return result;
}

function startWait(
  task: VfsCaller,
  epfd: number,
  address: number,
  maxEvents: number,
  deadlineNs: number,
  mask: SignalSet | null,
): number {
  if (maxEvents <= 0 || maxEvents > EVENTS_MAX) return -EINVAL;
  if (!isGuestRange(address, maxEvents * EVENT_SIZE)) return -EFAULT;
  const epoll = task.files.get(epfd);
  if (epoll === undefined) return -EBADF;
  if (!(epoll instanceof EpollFile)) return -EINVAL;
  const limit = Math.min(maxEvents, EVENTS_PER_WAIT);
  if (mask === null) {
    const found = report(task, epoll, address, limit);
    if (found > 0 || deadlineNs === 0) return found;
  }
  return task.call.start(wait(task, epoll, address, limit, deadlineNs, mask));
}

function deadlineAfterMs(task: VfsCaller, ms: number): number {
  if (ms < 0) return NEVER;
  return ms === 0 ? 0 : task.kernel.native.monotonicNs() + ms * MS_NS;
}

/** The mask in a piece: null when none was given, or a negative errno. */
function maskOf(task: VfsCaller, address: number, size: number, piece: 0 | 1): SignalSet | null | number {
  if (address === 0) return null;
  if (size !== SIGSET_SIZE) return -EINVAL;
  if (!task.call.inComplete(piece, SIGSET_SIZE)) return -EFAULT;
  return SignalSet.read(task.call.view, task.call.base + (piece === 0 ? WINDOW : WINDOW_SECOND));
}

export const EPOLL_HANDLERS: Handlers<VfsCaller> = {
  epoll_create: (task, size) => (size <= 0 ? -EINVAL : create(task, false)),

  epoll_create1: (task, flags) =>
    (flags & ~EPOLL_CLOEXEC) !== 0 ? -EINVAL : create(task, (flags & EPOLL_CLOEXEC) !== 0),

  epoll_ctl: (task, epfd, op, fd) => control(task, epfd, op, fd),

  epoll_wait: (task, epfd, events, maxEvents, timeoutMs) =>
    startWait(task, epfd, events, maxEvents, deadlineAfterMs(task, timeoutMs), null),

  epoll_pwait: (task, epfd, events, maxEvents, timeoutMs, mask, size) => {
    const set = maskOf(task, mask, size, 0);
    if (typeof set === "number") return set;
    return startWait(task, epfd, events, maxEvents, deadlineAfterMs(task, timeoutMs), set);
  },

  epoll_pwait2: (task, epfd, events, maxEvents, timeout, mask, size) => {
    let deadline = NEVER;
    if (timeout !== 0) {
      if (!task.call.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
      const ns = readTimespec(task.call.view, task.call.base + WINDOW);
      if (ns < 0) return ns;
      deadline = ns === 0 ? 0 : task.kernel.native.monotonicNs() + ns;
    }
    const set = maskOf(task, mask, size, 1);
    return typeof set === "number" ? set : startWait(task, epfd, events, maxEvents, deadline, set);
  },
};
