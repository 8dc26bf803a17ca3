// Signal calls: sigaction(2), sigprocmask(2), sigaltstack(2), kill(2), sigsuspend(2), sigpending(2),
// sigtimedwait(2), sigreturn(2).

import {
  EAGAIN,
  EFAULT,
  EINTR,
  EINVAL,
  ENOMEM,
  EPERM,
  ERESTARTNOHAND,
  ESRCH,
} from "../../shared/abi/errno.ts";
import {
  MINSIGSTKSZ,
  SI_TKILL,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGKILL,
  SIGRTMAX,
  SIGSTOP,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
} from "../../shared/abi/signal.ts";
import { readI64 } from "../../shared/abi/struct.ts";
import { sigaction, stack_t } from "../../shared/abi/structs.ts";
import { RSP, WINDOW, WINDOW_SECOND } from "../../shared/ring/layout.ts";
import { BLOCKED, type Coroutine, NO_RESULT } from "../call/call.ts";
import { TIMESPEC_SIZE } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import { fromThread, fromUser, SIGINFO_SIZE, type SigInfo, writeSigInfo } from "../call/siginfo.ts";
import { SIGSET_SIZE, SignalSet } from "../call/signal_set.ts";
import type { Task } from "../process/task.ts";
import { NO_ALT_STACK } from "./alt_stack.ts";
import { onBadFrame, returnToGuest } from "./deliver_signal.ts";
import { pendingOf, takePending } from "./pending.ts";
import { sendToAll, sendToProcessGroup } from "./send_many.ts";
import { maySignal, sendToGroup, sendToTask } from "./send_signal.ts";
import { altStackFlags, isOnAltStack, sigreturn } from "./signal_frame.ts";

const SA_FLAGS_KNOWN = 0xdc000c07; // what Linux keeps of sa_flags (UAPI_SA_FLAGS)
/** tkill names no group. */
const ANY_GROUP = 0x7fffffff;

function isSignal(signo: number): boolean {
  return signo >= 0 && signo <= SIGRTMAX;
}

function inSet(task: Task, piece: 0 | 1): SignalSet | null {
  if (!task.call.inComplete(piece, SIGSET_SIZE)) return null;
  return SignalSet.read(task.call.view, task.call.base + (piece === 0 ? WINDOW : WINDOW_SECOND));
}

/** Sends to the task with that number, of the group if one is given; 0 or a negative errno. */
function sendToThread(task: Task, tgid: number, tid: number, info: SigInfo): number {
  if (tid <= 0 || tgid <= 0 || !isSignal(info.signo)) return -EINVAL;
  const target = task.pids.task(tid);
  if (target === undefined || target.dead) return -ESRCH;
  if (tgid !== ANY_GROUP && target.group.id.in(task.pids) !== tgid) return -ESRCH;
  const error = maySignal(task, target.group, info.signo);
  if (error < 0 || info.signo === 0) return error;
  return sendToTask(target, info);
}

// si_code >= 0 and SI_TKILL are the kernel's to say, except to oneself.
export function rawInfo(task: Task, signo: number, target: number, piece: 0 | 1): SigInfo | number {
  if (!task.call.inComplete(piece, SIGINFO_SIZE)) return -EFAULT;
  const at = task.call.base + (piece === 0 ? WINDOW : WINDOW_SECOND);
  const raw = task.call.bytes.slice(at, at + SIGINFO_SIZE);
  const view = new DataView(raw.buffer);
  view.setInt32(0, signo, true);
  const code = view.getInt32(8, true);
  if ((code >= 0 || code === SI_TKILL) && target !== task.group.pid) return -EPERM;
  return { signo, code, from: task.process, raw };
}

function* suspend(task: Task, mask: SignalSet): Coroutine {
  task.savedMask = task.blocked.copy();
  task.blocked.assign(mask.asMask());
  while (!task.signalPending()) {
    task.call.waiter = { cancel: () => {} };
    if (yield* task.call.wait()) break;
  }
  return -ERESTARTNOHAND;
}

function* timedWait(task: Task, set: SignalSet, info: number, deadlineNs: number): Coroutine {
  const { timers } = task.kernel;
  let taken = takePending(task, set);
  if (taken === null && deadlineNs !== 0) {
    let expired = false;
    const timer =
      deadlineNs === Number.POSITIVE_INFINITY
        ? null
        : timers.add(deadlineNs, () => {
            expired = true;
            task.call.completeWait(0);
          });
    task.waitSet = set;
    task.call.waiter = { cancel: () => {} };
    try {
      yield* task.call.wait();
    } finally {
      task.waitSet = null;
      if (timer !== null) timers.cancel(timer);
    }
    if (!expired) {
      taken = takePending(task, set);
      if (taken === null) return -EINTR; // some other signal ended the wait
    }
  }
  if (taken === null) return -EAGAIN;
  if (info !== 0) writeSigInfo(taken, task.call.bytes, task.call.out(info, SIGINFO_SIZE));
  return taken.signo;
}

export const SIGNAL_HANDLERS: Handlers<Task> = {
  rt_sigaction: (task, signo, act, oldact, setSize) => {
    if (setSize !== SIGSET_SIZE) return -EINVAL;
    if (act !== 0 && !task.call.inComplete(0, sigaction.size)) return -EFAULT;
    if (signo < 1 || signo > SIGRTMAX || (act !== 0 && (signo === SIGKILL || signo === SIGSTOP)))
      return -EINVAL;
    const before = task.handlers.get(signo);
    if (act !== 0) {
      const action = sigaction.read(task.call.view, task.call.base + WINDOW);
      task.handlers.set(signo, {
        handler: action.sa_handler,
        // The C library extends their sign: as one number of 64 bits they would lose the lowest.
        flags:
          (task.call.view.getInt32(task.call.base + WINDOW + sigaction.offset.sa_flags, true) &
            SA_FLAGS_KNOWN) >>>
          0,
        restorer: action.sa_restorer,
        mask: new SignalSet(action.sa_mask.lo | 0, action.sa_mask.hi | 0).asMask(),
      });
      // What is ignored now is dropped even while it is blocked (POSIX 3.3.1.3).
      if (task.handlers.ignores(signo) && (action.sa_handler === SIG_IGN || action.sa_handler === SIG_DFL)) {
        const ignored = SignalSet.of(signo);
        task.group.pending.discard(ignored);
        for (const other of task.group.tasks) other.pending.discard(ignored);
      }
    }
    if (oldact !== 0) {
      sigaction.encode(
        {
          sa_handler: before.handler,
          sa_flags: before.flags,
          sa_restorer: before.restorer,
          sa_mask: { lo: before.mask.low, hi: before.mask.high },
        },
        task.call.bytes,
        task.call.out(oldact, sigaction.size),
      );
    }
    return 0;
  },

  rt_sigprocmask: (task, how, set, oldset, setSize) => {
    if (setSize !== SIGSET_SIZE) return -EINVAL;
    const before = task.blocked.copy();
    if (set !== 0) {
      const mask = inSet(task, 0);
      if (mask === null) return -EFAULT;
      mask.asMask();
      if (how === SIG_BLOCK) task.blocked.union(mask);
      else if (how === SIG_UNBLOCK) task.blocked.subtract(mask);
      else if (how === SIG_SETMASK) task.blocked.assign(mask);
      else return -EINVAL;
    }
    if (oldset !== 0) before.write(task.call.view, task.call.out(oldset, SIGSET_SIZE));
    return 0;
  },

  rt_sigpending: (task, set, setSize) => {
    if (setSize > SIGSET_SIZE) return -EINVAL;
    const pending = pendingOf(task);
    pending.low &= task.blocked.low;
    pending.high &= task.blocked.high;
    const at = task.call.out(set, setSize);
    const bytes = new DataView(new ArrayBuffer(SIGSET_SIZE));
    pending.write(bytes, 0);
    task.call.bytes.set(new Uint8Array(bytes.buffer, 0, setSize), at);
    return 0;
  },

  rt_sigsuspend: (task, _set, setSize) => {
    if (setSize !== SIGSET_SIZE) return -EINVAL;
    const mask = inSet(task, 0);
    return mask === null ? -EFAULT : task.call.start(suspend(task, mask));
  },

  pause: (task) => {
    task.call.waiter = { cancel: () => {}, interrupted: () => -ERESTARTNOHAND };
    return BLOCKED;
  },

  rt_sigtimedwait: (task, _set, info, timeout, setSize) => {
    if (setSize !== SIGSET_SIZE) return -EINVAL;
    const set = inSet(task, 0);
    if (set === null) return -EFAULT;
    set.asMask();
    let deadline = Number.POSITIVE_INFINITY;
    if (timeout !== 0) {
      if (!task.call.inComplete(1, TIMESPEC_SIZE)) return -EFAULT;
      const seconds = readI64(task.call.view, task.call.base + WINDOW_SECOND);
      const ns = readI64(task.call.view, task.call.base + WINDOW_SECOND + 8);
      if (seconds < 0 || ns < 0 || ns >= 1e9) return -EINVAL;
      deadline = seconds === 0 && ns === 0 ? 0 : task.kernel.native.monotonicNs() + seconds * 1e9 + ns;
    }
    return task.call.start(timedWait(task, set, info, deadline));
  },

  rt_sigreturn: (task) => {
    if (!sigreturn(task)) {
      onBadFrame(task, 0);
      returnToGuest(task, null);
    }
    return NO_RESULT;
  },

  sigaltstack: (task, ss, old) => {
    task.kernel.slots.readFrame(task.call.slot, task.call.frame);
    const sp = task.call.frame.unsigned(RSP);
    const before = task.altStack;
    const beforeFlags = altStackFlags(task, sp);
    if (ss !== 0) {
      if (!task.call.inComplete(0, stack_t.size)) return -EFAULT;
      const stack = stack_t.read(task.call.view, task.call.base + WINDOW);
      if (before.size > 0 && isOnAltStack(task, sp)) return -EPERM;
      const mode = stack.ss_flags & ~SS_AUTODISARM;
      if (mode !== 0 && mode !== SS_ONSTACK && mode !== SS_DISABLE) return -EINVAL;
      if (mode === SS_DISABLE) task.altStack = NO_ALT_STACK;
      else if (stack.ss_size < MINSIGSTKSZ) return -ENOMEM;
      else
        task.altStack = {
          sp: stack.ss_sp,
          size: stack.ss_size,
          flags: stack.ss_flags & SS_AUTODISARM,
        };
    }
    if (old !== 0) {
      stack_t.encode(
        { ss_sp: before.sp, ss_flags: beforeFlags, ss_size: before.size },
        task.call.bytes,
        task.call.out(old, stack_t.size),
      );
    }
    return 0;
  },

  kill: (task, pid, signo) => {
    if (!isSignal(signo)) return -EINVAL;
    const info = fromUser(task, signo);
    const { pids } = task;
    if (pid > 0) {
      const group = pids.groupOfTask(pid);
      if (group === undefined) return -ESRCH;
      const error = maySignal(task, group, signo);
      if (error < 0 || signo === 0) return error;
      return sendToGroup(group, info);
    }
    if (pid === -1) return sendToAll(task, info);
    if (pid === -0x80000000) return -ESRCH;
    const processGroup = pid === 0 ? task.group.processGroup : pids.find(-pid);
    return sendToProcessGroup(task, info, processGroup?.members ?? []);
  },

  tkill: (task, tid, signo) =>
    tid <= 0 ? -EINVAL : sendToThread(task, ANY_GROUP, tid, fromThread(task, signo)),

  tgkill: (task, tgid, tid, signo) => sendToThread(task, tgid, tid, fromThread(task, signo)),

  rt_sigqueueinfo: (task, pid, signo) => {
    const info = rawInfo(task, signo, pid, 0);
    if (typeof info === "number") return info;
    if (!isSignal(signo)) return -EINVAL;
    const group = task.pids.groupOfTask(pid);
    if (group === undefined) return -ESRCH;
    const error = maySignal(task, group, signo);
    return error < 0 || signo === 0 ? error : sendToGroup(group, info);
  },

  rt_tgsigqueueinfo: (task, tgid, tid, signo) => {
    const info = rawInfo(task, signo, tgid, 0);
    return typeof info === "number" ? info : sendToThread(task, tgid, tid, info);
  },
};
