// restart_syscall(2): what the kernel makes a task call when a wait with a time-out was interrupted by a
// signal that has no handler, or by a stop. It goes on from the restart block.

import { EINTR } from "../../shared/abi/errno.ts";
import type { Handlers } from "../call/dispatch.ts";
import { restartFutex } from "../futex/futex.ts";
import { restartAtHost } from "../futex/private_futex.ts";
import type { Task } from "../process/task.ts";
import { restartPoll } from "../vfs/poll_calls.ts";
import { restartSleep } from "./sleep_calls.ts";

export const RESTART_HANDLERS: Handlers<Task> = {
  restart_syscall: (task) => {
    const block = task.call.restartBlock;
    task.call.restartBlock = null;
    switch (block?.kind) {
      case "nanosleep":
        return restartSleep(task, block);
      case "poll":
        return restartPoll(task, block);
      case "futex":
        return restartFutex(task, block);
      case "host_futex":
        return restartAtHost(task, block.wait);
      default:
        return -EINTR;
    }
  },
};
