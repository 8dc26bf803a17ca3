// The end of a kernel whose process goes on (architecture.md, "Several kernels in a process"). In order: its programs are
// killed; their host processes have ended; its mounts and networks are given up, in pieces, by the kernel itself; then what
// it has of the process's is closed, and last its zygote's socket, upon which the zygote leaves. Everything but the last step
// is the kernel's own work in its own turns, so that others go on meanwhile, and it takes as long as the host takes.

import { SIGKILL } from "../shared/abi/signal.ts";
import { KERNEL_PAGE_CHUNK } from "../shared/ring/layout.ts";
import { Looks } from "./call/looks.ts";
import type { GroupThread } from "./group_thread.ts";
import type { Kernel } from "./kernel.ts";
import { childrenOf, hostProcesses, parentOf } from "./platform/host_tasks.ts";
import { groupsOf } from "./process/containers.ts";

const LOOK_NS = 1e6;
/** Processes killed in one look (F26). */
const KILLS_A_LOOK = 64;
/**
 * How long, in looks, is waited for what should end by itself; the log tells what does not. A host that does not answer the
 * Gofer is waited for without end: that holds up nobody else.
 */
const PATIENCE = 5000;

/** Whether a step is over; it is looked at again and again. */
type Step = (kernel: Kernel) => boolean;

function killPrograms(kernel: Kernel): boolean {
  let kills = 0;
  let isLeft = false;
  for (const [, container] of kernel.containers.entries()) {
    container.isEnding = true;
    container.pause.end();
    for (const group of groupsOf(container)) {
      if (group.state !== "running") continue;
      isLeft = true;
      if (group.exiting) continue;
      group.exit(SIGKILL);
      if (++kills === KILLS_A_LOOK) return false;
    }
  }
  return !isLeft;
}

function childrenAmongAll(kernel: Kernel, parent: number): number[] | null {
  return hostProcesses(kernel)?.filter((pid) => parentOf(kernel, pid) === parent) ?? null;
}

/** Nobody lets a clone go on from now on, so that what is found here is all that there will be. */
function killStubs(kernel: Kernel): boolean {
  kernel.stubs.close();
  const { zygotePid } = kernel.platform;
  const left = childrenOf(kernel, zygotePid) ?? childrenAmongAll(kernel, zygotePid);
  if (left === null) return false;
  for (const pid of left.slice(0, KILLS_A_LOOK)) kernel.stubs.killStranger(pid);
  return left.length === 0 && kernel.stubs.sizes.processes === 0;
}

function giveUp(kernel: Kernel): boolean {
  for (const [number, container] of [...kernel.containers.entries()]) {
    if (number > 0) kernel.containers.remove(number, () => {});
    else container.mounts.letGo();
  }
  kernel.ipc.leave();
  kernel.network.release();
  return true;
}

function isIdle({ steps, counters, gofer, networks, post }: Kernel): boolean {
  const isAsked = counters.hostJobsWaiting > 0 || gofer.transactions > 0;
  return steps.size === 0 && !isAsked && networks.size === 0 && post?.isFlushed !== false;
}

const STEPS: readonly Step[] = [killPrograms, killStubs, giveUp, isIdle];

function close(kernel: Kernel, thread: GroupThread): void {
  const { native, sleep, platform, gofer, vdso, longTurns, doorbell } = kernel;
  thread.remove(kernel);
  kernel.ownTracing?.end();
  longTurns.ignoreCollector();
  kernel.profiling?.giveUp();
  gofer.end();
  native.close(vdso.hostFd);
  kernel.stubs.chunks.unmapStale();
  native.unmapChunk(KERNEL_PAGE_CHUNK);
  platform.close();
  sleep.close();
  native.close(doorbell);
}

/** Whether a step is over: one that throws is, so that the others are made. */
function isDone(step: (kernel: Kernel) => boolean, kernel: Kernel): boolean {
  try {
    return step(kernel);
  } catch (error) {
    kernel.throws.caught("a step of a kernel's end threw", error);
    return true;
  }
}

/** Ends a kernel: `then` is called, not in a turn of it, when nothing is left of it on its thread. */
export function endKernel(kernel: Kernel, thread: GroupThread, then: () => void): void {
  let step = 0;
  let looks = 0;
  const look = (): boolean => {
    kernel.current = null;
    while (step < STEPS.length) {
      // Its threads there cannot be ended while the host has not answered, and what they write to must stay.
      const isHosts = step > 0 && kernel.counters.hostJobsWaiting > 0;
      if (!isDone(STEPS[step]!, kernel) && (isHosts || looks++ < PATIENCE)) return true;
      if (looks >= PATIENCE)
        kernel.log("error", "a kernel's end: something does not end", { step: STEPS[step]!.name });
      step++;
      looks = 0;
    }
    setImmediate(() => {
      close(kernel, thread);
      then();
    });
    kernel.owesAnswer = true;
    return false;
  };
  if (look()) new Looks(kernel, LOOK_NS, look).begin();
}
