// Signal dispositions, masks and alternate stacks: the calls that read and set them.

import { EFAULT, EINVAL, ENOMEM } from "../../shared/abi/errno.ts";
import { sigaction, stack_t } from "../../shared/abi/structs.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Handler } from "./dispatch.ts";
import { NSIG } from "./signals.ts";

const SIGKILL = 9;
const SIGSTOP = 19;
const SIGSET_SIZE = 8;
const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIG_SETMASK = 2;
const SS_ONSTACK = 1;
const SS_DISABLE = 2;
const SS_AUTODISARM = 0x80000000 | 0;
const MINSIGSTKSZ = 2048;
/** Bits of SIGKILL and SIGSTOP, which cannot be blocked. */
const UNBLOCKABLE_LOW = (1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1));

export const SIGNAL_HANDLERS: Record<string, Handler> = {
  rt_sigaction: (task, signo, act, oldact, setSize) => {
    if (setSize !== SIGSET_SIZE) return -EINVAL;
    if (act !== 0 && !task.inComplete(0, sigaction.size)) return -EFAULT;
    if (signo < 1 || signo > NSIG || (act !== 0 && (signo === SIGKILL || signo === SIGSTOP))) return -EINVAL;
    const before = task.handlers.get(signo);
    if (act !== 0) {
      const action = sigaction.read(task.view, task.base + WINDOW);
      task.handlers.set(signo, {
        handler: action.sa_handler,
        flags: action.sa_flags,
        restorer: action.sa_restorer,
        maskLow: action.sa_mask.lo & ~UNBLOCKABLE_LOW,
        maskHigh: action.sa_mask.hi | 0,
      });
    }
    if (oldact !== 0) {
      sigaction.write(task.view, task.out(oldact, sigaction.size), {
        sa_handler: before.handler,
        sa_flags: before.flags,
        sa_restorer: before.restorer,
        sa_mask: { lo: before.maskLow, hi: before.maskHigh },
      });
    }
    return 0;
  },

  rt_sigprocmask: (task, how, set, oldset, setSize) => {
    if (setSize !== SIGSET_SIZE) return -EINVAL;
    const [beforeLow, beforeHigh] = [task.blockedLow, task.blockedHigh];
    if (set !== 0) {
      if (!task.inComplete(0, SIGSET_SIZE)) return -EFAULT;
      const low = task.view.getInt32(task.base + WINDOW, true) & ~UNBLOCKABLE_LOW;
      const high = task.view.getInt32(task.base + WINDOW + 4, true);
      switch (how) {
        case SIG_BLOCK:
          task.blockedLow |= low;
          task.blockedHigh |= high;
          break;
        case SIG_UNBLOCK:
          task.blockedLow &= ~low;
          task.blockedHigh &= ~high;
          break;
        case SIG_SETMASK:
          task.blockedLow = low;
          task.blockedHigh = high;
          break;
        default:
          return -EINVAL;
      }
    }
    if (oldset !== 0) {
      const at = task.out(oldset, SIGSET_SIZE);
      task.view.setInt32(at, beforeLow, true);
      task.view.setInt32(at + 4, beforeHigh, true);
    }
    return 0;
  },

  sigaltstack: (task, ss, old) => {
    const before = { ...task.altStack };
    if (ss !== 0) {
      if (!task.inComplete(0, stack_t.size)) return -EFAULT;
      const stack = stack_t.read(task.view, task.base + WINDOW);
      const mode = stack.ss_flags & ~SS_AUTODISARM;
      if (mode !== 0 && mode !== SS_ONSTACK && mode !== SS_DISABLE) return -EINVAL;
      if (mode === SS_DISABLE) task.altStack = { sp: 0, flags: SS_DISABLE, size: 0 };
      else {
        if (stack.ss_size < MINSIGSTKSZ) return -ENOMEM;
        task.altStack = { sp: stack.ss_sp, flags: stack.ss_flags & SS_AUTODISARM, size: stack.ss_size };
      }
    }
    if (old !== 0) {
      const at = task.out(old, stack_t.size);
      stack_t.write(task.view, at, { ss_sp: before.sp, ss_flags: before.flags, ss_size: before.size });
    }
    return 0;
  },
};

