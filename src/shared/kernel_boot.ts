// What a kernel is started with; where it has a thread of its own, as the argument of the task that the main thread
// gives it (src/main/kernel_threads.ts).

import type { MessagePort } from "node:worker_threads";
import type { InspectRequest, PoolInspectReport } from "./inspect_report.ts";
import type { BootDescriptor, SandboxConfig, SandboxOptions, ThreadFault } from "./process_spec.ts";
import type { ProfileOptions, ThreadRecord } from "./profile_record.ts";
import type { ThreadPlan } from "./thread_plan.ts";
import type { ThreadReport } from "./thread_report.ts";

export interface KernelBoot {
  config: SandboxConfig;
  /** What init sent, without `config`, `launcher` and `listen`, which are the main thread's. The kernel owns them. */
  descriptors: Partial<Record<BootDescriptor, number>>;
  /** The boot socket, whose other end init holds: it waits there to confine the process. */
  init: number;
  /** Of the kernel among those of the process, never given twice; a sandbox by itself has 0 (guest_native.ts). */
  kernel: number;
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
  profileStart(options: ProfileOptions): Promise<void>;
  profileStop(): Promise<ThreadRecord | null>;
  /** Its heap, if that is asked for; the log's level is what is asked for from then on. */
  inspect(request: InspectRequest): Promise<PoolInspectReport>;
  /** As KernelApi has it. */
  breakThread(how: ThreadFault): Promise<boolean>;
}

/** What a thread that several kernels share is started with. */
export interface GroupThreadBoot {
  /** comlink: the main thread calls a GroupThreadApi through it. */
  port: MessagePort;
  hostLibrary: string;
  proc: number;
  /** Loads what is alike in every sandbox. */
  isFirst: boolean;
}

export interface GroupThreadApi {
  /** Resolves when it has loaded whatever it will need. */
  isReady(): Promise<void>;
  /** Confines the process. */
  confine(init: number, options: SandboxOptions): Promise<void>;
  /**
   * Starts a kernel, or that part of it that is this thread's: the main thread calls a KernelApi, or a PoolApi, through `port`.
   * Throws, and nothing of it is left.
   */
  add(boot: KernelBoot, thread: number, port: MessagePort): Promise<void>;
  /** Resolves when a part of a kernel has thrown, to true: the kernel is to be ended; to false when nothing of it is left. */
  hasThrown(kernel: number): Promise<boolean>;
  /** Has a kernel end, or behind that a part of it. */
  end(kernel: number): Promise<void>;
  /** Resolves when nothing of a kernel is left here. */
  ended(kernel: number): Promise<void>;
}

export interface ThreadBoot extends KernelBoot {
  /** comlink: the main thread calls a KernelApi through it. */
  port: MessagePort;
  /** Number of this kernel thread. */
  thread: number;
}
