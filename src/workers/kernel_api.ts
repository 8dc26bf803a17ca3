// The control requests that are made of a kernel. Every one counts itself as served, so that a kernel thread whose
// main thread is another one knows how long to turn its event loop.

import { getHeapStatistics } from "node:v8";
import { ESRCH } from "../shared/abi/errno.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import { fromOutside } from "./call/siginfo.ts";
import type { HostFaults } from "./host_faults.ts";
import type { Kernel } from "./kernel.ts";
import { TASKS_MAX } from "./limits.ts";
import type { Asked } from "./loop.ts";
import { askDevText } from "./net/files/dev_text.ts";
import { reportSites } from "./patch/report.ts";
import type { Pid } from "./process/pids.ts";
import { sendToGroup } from "./signals/send_signal.ts";
import { tableSizes } from "./table_sizes.ts";

const STOPPED = 0x7f;
/** Of a program that nobody knows: as a shell says of a command that it cannot find. */
const UNKNOWN_STATUS = 127 << 8;

export function kernelApi(kernel: Kernel, asked: Asked, faults: HostFaults | null): KernelApi {
  function serve<T>(result: T): T {
    asked.serve();
    return result;
  }
  return {
    async prepare(container) {
      return serve(kernel.prepare(container));
    },

    async start(spec, stdio) {
      return serve(kernel.startProgram(spec, stdio));
    },

    async wait(pid) {
      const ended = kernel.takeStatus(pid);
      const group = kernel.pids.group(pid);
      if (ended >= 0 || group === undefined) return serve(ended >= 0 ? ended : UNKNOWN_STATUS);
      asked.serve();
      return new Promise((resolve) => {
        const told = (status: number) => {
          group.onExit.length = 0;
          group.onStop.length = 0;
          resolve(status);
          kernel.owesAnswer = true;
        };
        group.onExit.push((status) => {
          kernel.takeStatus(pid);
          told(status);
        });
        group.onStop.push((signo) => told((signo << 8) | STOPPED));
      });
    },

    async startHook(spec, input) {
      return serve(kernel.hooks.start(spec, input));
    },

    async endHook(pid) {
      return serve(kernel.hooks.end(pid));
    },

    async usage() {
      asked.serve();
      const netDev = await new Promise<string>((resolve) =>
        askDevText(kernel.network, kernel.netThread, (text) => {
          resolve(text);
          kernel.owesAnswer = true;
        }),
      );
      const { tasks } = kernel.limits;
      return { tasks: kernel.counters.tasks, tasksLimit: tasks === TASKS_MAX ? 0 : tasks, netDev };
    },

    async signal(pid, signo) {
      // What a terminal's keys send goes to its foreground process group.
      const named = kernel.pids.find(Math.abs(pid));
      const foreground = (named?.group?.session.terminal?.foregroundGroup ?? named) as Pid | undefined;
      const one = named?.group ?? null;
      const groups =
        pid === 0 ? kernel.pids.groups() : pid < 0 ? foreground?.members : one === null ? [] : [one];
      const targets = [...(groups ?? [])];
      for (const group of targets) if (group.state === "running") sendToGroup(group, fromOutside(signo));
      return serve(targets.length > 0 ? 0 : -ESRCH);
    },

    async limit(limits) {
      kernel.limit(limits);
      serve(0);
    },

    async pause() {
      asked.serve();
      return new Promise((resolve) => {
        kernel.pause.begin((stand) => {
          resolve(stand);
          kernel.owesAnswer = true;
        });
      });
    },

    async resume() {
      kernel.pause.end();
      serve(0);
    },

    async foreground(pid, value) {
      kernel.pids.group(pid)?.session.terminal?.setOurs(value);
      serve(0);
    },

    async failHostCalls(plan) {
      if (faults !== null) faults.plan = plan;
      return serve(faults !== null);
    },

    async sites() {
      if (kernel.patcher === null) return serve([]);
      const spaces = new Map(
        [...kernel.pids.groups()].map((group) => [group.id.first, group.leader.stub.space]),
      );
      return serve(reportSites(kernel.patcher, spaces));
    },

    async counters() {
      // What guests were charged of the heap, and what V8 says of all of it.
      const heap = { heapCharged: kernel.heap.used, heapUsed: getHeapStatistics().used_heap_size };
      return serve({ ...kernel.counters.toRecord(), ...tableSizes(kernel), ...heap });
    },
  };
}
