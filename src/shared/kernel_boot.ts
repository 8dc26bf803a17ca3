// What a kernel is started with; where it has a thread of its own, as the argument of the task that the main thread
// gives it (src/main/kernel_threads.ts).

import type { MessagePort } from "node:worker_threads";
import type { BootDescriptor, SandboxConfig, ThreadFault } from "./process_spec.ts";
import type { ThreadPlan } from "./thread_plan.ts";
import type { ThreadReport } from "./thread_report.ts";

export interface KernelBoot {
  config: SandboxConfig;
  /** What init sent, without `config`, `launcher` and `listen`, which are the main thread's. The kernel owns them. */
  descriptors: Partial<Record<BootDescriptor, number>>;
  /** The boot socket, whose other end init holds: it waits there to confine the process. */
  init: number;
  /** Buffer of the PrivateSab. */
  privateSab: SharedArrayBuffer;
  /** Of the guest memory (ring/guest_memory.ts), which the main thread has made and keeps. */
  guestMemory: SharedArrayBuffer;
  /** What each kernel thread is for, by number. */
  roles: ThreadPlan;
  /** The file of source positions (source_positions.ts), or -1. The main thread uses it as well. */
  positions: number;
  /** host.node, for loadNative and for the loop's descriptor. */
  hostLibrary: string;
}

/** What the main thread asks of a kernel thread that serves what thread 0 is not needed for. */
export interface PoolApi {
  /** Resolves when it has loaded whatever it will need. */
  isReady(): Promise<void>;
  /** Its loop begins: thread 0 has made what they share. */
  begin(): Promise<void>;
  counters(): Promise<Record<string, number>>;
  report(): Promise<ThreadReport>;
  /** As KernelApi has it. */
  breakThread(how: ThreadFault): Promise<boolean>;
}

export interface ThreadBoot extends KernelBoot {
  /** comlink: the main thread calls a KernelApi through it. */
  port: MessagePort;
  /** Number of this kernel thread. */
  thread: number;
}
