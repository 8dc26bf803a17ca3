// What concerns the system as a whole: its name, its memory and load, randomness, CPUs.

import { randomFillSync } from "node:crypto";
import { freemem, loadavg, totalmem } from "node:os";
import { EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import { GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM } from "../../shared/abi/ipc.ts";
import { sysinfo, utsname } from "../../shared/abi/structs.ts";
import { REQ_CPU, WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import { VERSION } from "../identity/uts.ts";
import type { Task } from "../process/task.ts";
import { machineOf, releaseOf } from "./personality.ts";

const LOAD_SCALE = 65536; // SI_LOAD_SHIFT

/** Fills guest memory with random bytes, a window at a time. */
function* randomRounds(task: Task, buffer: number, length: number): Generator<void, number, void> {
  const { random } = task.kernel;
  let done = 0;
  while (done < length) {
    const round = Math.min(length - done, WINDOW_SIZE);
    // crypto fills no shared memory: through a buffer of the thread's own.
    const bytes = random.subarray(0, round);
    randomFillSync(bytes);
    task.call.bytes.set(bytes, task.call.base + WINDOW);
    const start = done;
    done += round;
    task.call.outAt(buffer + start, round, WINDOW);
    if (done < length) {
      const copied = yield* task.call.copyOutRound();
      if (copied < round) return start + copied > 0 ? start + copied : -EFAULT;
    } else {
      task.call.outFault = (copied) => (start + copied > 0 ? start + copied : -EFAULT);
    }
  }
  return done;
}

export const SYSTEM_HANDLERS: Handlers<Task> = {
  uname: (task, buf) => {
    const { uts } = task;
    const at = task.call.out(buf, utsname.size);
    utsname.encode(
      {
        sysname: "Linux",
        nodename: uts.nodename,
        release: releaseOf(task.persona),
        version: VERSION,
        machine: machineOf(task.persona),
        domainname: uts.domainname,
      },
      task.call.bytes,
      at,
    );
    return 0;
  },

  sysinfo: (task, info) => {
    const { native } = task.kernel;
    native.clockGettime(7 /* CLOCK_BOOTTIME */);
    const uptime = native.scratchView.getUint32(0, true);
    const at = task.call.out(info, sysinfo.size);
    sysinfo.encode(
      {
        uptime,
        loads: loadavg().map((load) => Math.round(load * LOAD_SCALE)),
        totalram: totalmem(),
        freeram: freemem(),
        sharedram: task.kernel.counters.memoryFileBytes,
        procs: task.kernel.counters.tasks,
        mem_unit: 1,
      },
      task.call.bytes,
      at,
    );
    return 0;
  },

  getrandom: (task, buffer, length, flags) => {
    if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) !== 0) return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) === (GRND_RANDOM | GRND_INSECURE)) return -EINVAL;
    const bounded = Math.min(length, 0x7ffff000); // MAX_RW_COUNT
    if (bounded === 0) return 0;
    return task.call.start(randomRounds(task, buffer, bounded));
  },

  getcpu: (task, cpu, node) => {
    const now = task.kernel.slots.word(task.call.slot, REQ_CPU);
    if (cpu !== 0) task.call.view.setUint32(task.call.out(cpu, 4), now & 0xfff, true);
    if (node !== 0) task.call.view.setUint32(task.call.out(node, 4), 0, true);
    return 0;
  },

  sched_yield: () => 0,
};
