// The control requests that are made of a kernel. Every one counts itself as served, so that a kernel thread whose
// main thread is another one knows how long to turn its event loop.

import { getHeapStatistics } from "node:v8";
import { ESRCH } from "../shared/abi/errno.ts";
import type { KernelApi, ProcessSpec } from "../shared/process_spec.ts";
import type { StartError } from "../shared/start_error.ts";
import { fromOutside } from "./call/siginfo.ts";
import { OF_NET } from "./counters.ts";
import type { HostFaults } from "./host_faults.ts";
import { reportTasks } from "./inspect/tasks.ts";
import type { Kernel } from "./kernel.ts";
import type { Asked } from "./loop.ts";
import { askDevText } from "./net/files/dev_text.ts";
import { reportSites } from "./patch/report.ts";
import { groupsOf } from "./process/containers.ts";
import type { Pid } from "./process/pids.ts";
import { comesLater } from "./process/start.ts";
import type { ThreadGroup } from "./process/task.ts";
import { GuestSubjects } from "./profile/call_subjects.ts";
import { GuestOrigins } from "./profile/guest_origins.ts";
import { ThreadProfiler } from "./profile/thread_profiler.ts";
import { sendToGroup } from "./signals/send_signal.ts";
import { tableSizes } from "./table_sizes.ts";
import { breakThread } from "./thread_faults.ts";
import { reportThread } from "./thread_figures.ts";
import { reportHeap } from "./thread_heap.ts";

const STOPPED = 0x7f;
/** Of a program that nobody knows: as a shell says of a command that it cannot find. */
const UNKNOWN_STATUS = 127 << 8;

export function kernelApi(kernel: Kernel, asked: Asked, faults: HostFaults | null): KernelApi {
  function serve<T>(result: T): T {
    asked.serve();
    return result;
  }
  /**
   * Starts a program, which may lie where the host takes its time, and waits until its process exists. Its number, or what is
   * wrong.
   */
  async function started(
    { program, args }: ProcessSpec,
    start: (told: (error: number) => void) => number | StartError,
  ): Promise<number | StartError> {
    let tell: (error: number) => void = () => {};
    const outcome = new Promise<number>((resolve) => {
      tell = (error) => {
        resolve(error);
        kernel.owesAnswer = true;
      };
    });
    const act = () => {
      kernel.current = null;
      return start(tell);
    };
    const pid = await kernel.gofer.attempt(act, comesLater);
    const error = typeof pid === "number" ? await outcome : 0;
    if (error === 0) return pid;
    kernel.takeStatus(pid as number);
    return { subject: "program", name: program ?? args[0]!, errno: -error };
  }
  function groupsIn(number: number): Iterable<ThreadGroup> {
    const container = kernel.containers.get(number);
    return container === undefined ? [] : groupsOf(container);
  }
  /** Made when somebody asks: a start has no use for it. */
  let profiler: ThreadProfiler | null = null;
  /** Who reads traces has time for what was told, before the sandbox may go. */
  function settled(then: () => void): void {
    if (kernel.ownTracing === null) then();
    else kernel.ownTracing.settle(then);
  }
  const api: KernelApi = {
    async prepare(number, spec) {
      return serve(kernel.prepare(number, spec));
    },

    async remove(number) {
      asked.serve();
      return new Promise((resolve) => {
        kernel.containers.remove(number, () => {
          resolve();
          kernel.owesAnswer = true;
        });
      });
    },

    async start(number, spec, stdio) {
      asked.serve();
      return started(spec, (told) => kernel.startProgram(number, spec, stdio, told));
    },

    async wait(pid) {
      const ended = kernel.takeStatus(pid);
      const group = kernel.pids.group(pid);
      asked.serve();
      if (ended >= 0 || group === undefined) {
        const status = ended >= 0 ? ended : UNKNOWN_STATUS;
        return kernel.ownTracing === null ? status : new Promise((resolve) => settled(() => resolve(status)));
      }
      return new Promise((resolve) => {
        const told = (status: number) => {
          group.onExit.length = 0;
          group.onStop.length = 0;
          settled(() => {
            resolve(status);
            kernel.owesAnswer = true;
          });
        };
        group.onExit.push((status) => {
          kernel.takeStatus(pid);
          told(status);
        });
        group.onStop.push((signo) => told((signo << 8) | STOPPED));
      });
    },

    async startHook(number, spec, input) {
      asked.serve();
      return started(spec, (told) => {
        // It may be removed while the host takes its time.
        const container = kernel.containers.get(number);
        if (container !== undefined) return kernel.hooks.start(container, spec, input, told);
        return { subject: "program", name: spec.args[0] ?? "", errno: ESRCH };
      });
    },

    async endHook(pid) {
      return serve(kernel.hooks.end(pid));
    },

    async usage(number) {
      asked.serve();
      const netDev = await new Promise<string>((resolve) =>
        askDevText(kernel.network, kernel.netThread, (text) => {
          resolve(text);
          kernel.owesAnswer = true;
        }),
      );
      const container = kernel.containers.get(number);
      return { tasks: container?.tasks ?? 0, tasksLimit: container?.tasksLimit ?? 0, netDev };
    },

    async signal(number, pid, signo) {
      // What a terminal's keys send goes to its foreground process group.
      const named = kernel.pids.find(Math.abs(pid));
      const foreground = (named?.group?.session.terminal?.foregroundGroup ?? named) as Pid | undefined;
      const one = named?.group ?? null;
      const groups = pid === 0 ? groupsIn(number) : pid < 0 ? foreground?.members : one === null ? [] : [one];
      const targets = [...(groups ?? [])];
      for (const group of targets) if (group.state === "running") sendToGroup(group, fromOutside(signo));
      return serve(targets.length > 0 ? 0 : -ESRCH);
    },

    async limit(number, limits) {
      kernel.limit(number, limits);
      serve(0);
    },

    async pause(number) {
      asked.serve();
      const container = kernel.containers.get(number);
      if (container === undefined) return false;
      return new Promise((resolve) => {
        container.pause.begin((stand) => {
          resolve(stand);
          kernel.owesAnswer = true;
        });
      });
    },

    async resume(number) {
      kernel.containers.get(number)?.pause.end();
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

    async breakThread(_thread, how) {
      if (faults !== null) breakThread(how, kernel);
      return serve(faults !== null);
    },

    async watch() {
      return serve(kernel.stillness?.watch() ?? 0);
    },

    async moved(serial) {
      asked.serve();
      return kernel.stillness?.ended(serial);
    },

    async threads() {
      return serve([reportThread(kernel, "supervisor")]);
    },

    async profileStart(options) {
      asked.serve();
      profiler ??= new ThreadProfiler(kernel, () => reportThread(kernel, "supervisor"), {
        subjects: () => new GuestSubjects(),
        origins: (stacksPerSecond) => new GuestOrigins(kernel, stacksPerSecond),
      });
      if (profiler.isRunning) return null;
      profiler.start(options);
      const { platform, workers, patch } = kernel.config.options;
      return { platform, workers, patch };
    },

    async profileStop() {
      asked.serve();
      const record = await profiler?.stop();
      return record ? [record] : [];
    },

    async traces({ create, remove }) {
      asked.serve();
      if (create !== undefined) {
        const wrong = kernel.tracing.create(create);
        if (wrong !== null) return wrong;
      }
      if (remove !== undefined && kernel.ownTracing?.remove(remove) !== true)
        return `there is no trace session ${remove}`;
      return kernel.ownTracing?.reports() ?? [];
    },

    async inspect({ tasks, heap, strace, kernelStacks, logLevel }) {
      asked.serve();
      if (logLevel !== undefined) kernel.log.setLevel?.(logLevel);
      if (strace !== undefined) kernel.strace(strace);
      if (kernelStacks !== undefined) kernel.keepsStacks = kernelStacks;
      return {
        ...(tasks === true && (await reportTasks(kernel))),
        ...(heap === true && { heap: [reportHeap(kernel.thread, "supervisor")] }),
        strace: kernel.ownTracing?.isStraced === true,
        kernelStacks: kernel.stacks !== null,
      };
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
      const limits = { heapLimit: kernel.heap.limit, memoryLimit: kernel.commonMemory.limit };
      return serve({
        ...kernel.counters.toRecord(kernel.netThread === null ? [] : OF_NET),
        ...tableSizes(kernel),
        ...heap,
        ...limits,
      });
    },
  };
  return onNobodysBehalf(api, kernel);
}

/** What changes nothing. */
const LOOKS: ReadonlySet<string> = new Set<keyof KernelApi>([
  ...(["counters", "threads", "usage", "watch", "moved"] as const),
]);

/** A task that has made a call last is not who asks. */
function onNobodysBehalf(api: KernelApi, kernel: Kernel): KernelApi {
  const asked = Object.entries(api).map(([name, act]) => [
    name,
    (...args: unknown[]) => {
      kernel.current = null;
      if (!LOOKS.has(name)) kernel.stillness?.end();
      return (act as (...args: unknown[]) => unknown)(...args);
    },
  ]);
  return Object.fromEntries(asked) as KernelApi;
}
