// How much is in the kernel's long-lived tables, for the `counters` control request: those that guests make grow, and
// that no counter (counters.ts) counts as it goes. Looked at when somebody asks, which costs no call anything.

import type { Kernel } from "./kernel.ts";

/** By name; each comes back to what it was when the guests that have made it grow are gone. */
export function tableSizes(kernel: Kernel): Record<string, number> {
  const { futexes, stubs, places, platform } = kernel;
  const { processes, threads, births } = stubs.sizes;
  return {
    futexWaiters: futexes.waiters,
    piFutexes: futexes.pi.size,
    numbers: kernel.pids.size,
    stubProcesses: processes,
    stubThreads: threads,
    births,
    zygoteRequests: platform.asked,
    unwatchedProcesses: stubs.ends.size,
    parkedThreads: stubs.parked.size,
    strangersLookedFor: stubs.strangers.size,
    kicks: kernel.kicks.size,
    waitedForSpaces: kernel.lateHolders.size,
    chunks: places.used,
    watchedDescriptors: kernel.sleep.size,
    steps: kernel.steps.size,
    signalsToMany: kernel.broadcasts.size,
    fifos: kernel.pipes.size,
    watchedFiles: kernel.fileEvents.size,
    inotifyInstances: kernel.inotify.total,
    lockedFiles: kernel.locks.size,
    ptys: kernel.containers.terminals,
    containers: kernel.containers.size,
    unixSockets: kernel.unixSockets.size,
    socketNames: kernel.unixNames.size,
    socketsInFlight: kernel.unixGarbage.size,
    outsidePrograms: kernel.outsidePrograms,
  };
}
