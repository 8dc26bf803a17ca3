// The control requests that the main thread makes of a kernel (comlink). Every one counts itself as
// served, so that the kernel thread knows how long to turn its event loop.

import { ESRCH } from "../shared/abi/errno.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import type { Turns } from "../shared/ring/turns.ts";
import type { Kernel } from "./kernel.ts";
import { sendSignal } from "./supervisor/send_signal.ts";

export function kernelApi(kernel: Kernel, turns: Turns): KernelApi {
  function serve<T>(result: T): T {
    turns.serve();
    return result;
  }
  return {
    async start(spec, stdio) {
      return serve(kernel.startProgram(spec, stdio));
    },

    async wait(pid) {
      const group = kernel.pids.group(pid);
      if (group === undefined) return serve(kernel.takeStatus(pid));
      turns.serve();
      return new Promise((resolve) => {
        group.onExit.push((status) => {
          kernel.takeStatus(pid);
          resolve(status);
        });
      });
    },

    async signal(pid, signo) {
      const group = kernel.pids.group(Math.abs(pid));
      if (group === undefined) return serve(-ESRCH);
      sendSignal(group.tasks[0]!, signo);
      return serve(0);
    },

    async foreground() {
      serve(0);
    },

    async counters() {
      return serve(kernel.counters.toRecord());
    },
  };
}
