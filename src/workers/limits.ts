// What a guest may use of the Sentry's own memory, by kind: configurable, with Linux's errnos beyond. What one of each
// takes of the heap stands in heap_budget.ts.

import { type HostShare, shareOf } from "./host_share.ts";

/** Of a container that has no limit of its own. */
export const TASKS_MAX = 4096;

/** Files of memory file systems that have a host descriptor of their own while they are closed. */
const MEMORY_FILES_MAX = 8192;

/**
 * `descriptors`: those that the kernel may have of its process, whose parts are bounds of what has such; what is left of them is
 * for handles, processes and mounts. 0: of a thread that has nothing of that kind.
 */
export function makeLimits(descriptors: number, share: HostShare = shareOf(1)) {
  const quarter = descriptors >>> 2;
  return {
    tasks: share.of(TASKS_MAX),
    mappings: 2 << 20,
    epollItems: 262144,
    posixTimers: 131072,
    queuedSignals: 131072,
    fileLocks: 65536,
    filesInFlight: 65536,
    mounts: 16384,
    ipcObjects: 65536,
    semaphores: 4 << 20,
    semaphoreUndos: 262144,
    messages: 262144,
    messageBytes: 128 << 20,
    aioEvents: 65536,
    inotifyWatches: 65536,
    inotifyEvents: 262144,
    sockets: 65536,
    /** With those that are being asked for. */
    hostSockets: quarter,
    groupMemberships: 131072,
    packetSockets: 4096,
    /** Each is a host file. */
    packetRings: 64,
    networks: 512,
    pidNamespaces: 8192,
    userNamespaces: 16384,
    idExtents: 262144,
    smallNamespaces: 16384,
    netDevices: 1024,
    netAddresses: 1024,
    routes: 32768,
    rules: 1024,
    neighbours: 3072,
    socketMemory: 128 << 20,
    openFiles: 131072,
    descriptorSlots: 8 << 20,
    memoryNodes: Math.min(1 << 20, Math.floor(share.memory / 16384)),
    /** Files with a host descriptor of their own while they are closed. */
    memoryFiles: Math.min(MEMORY_FILES_MAX, quarter),
    /** Open files of the host's file systems. */
    hostFiles: quarter + (quarter >>> 1),
    /** Descriptors of those that were closed a moment ago. */
    idleFiles: share.of(128),
  };
}

export type Limits = ReturnType<typeof makeLimits>;
