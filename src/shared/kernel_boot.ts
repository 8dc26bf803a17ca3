// What a kernel is started with; where it has a thread of its own, as the argument of the task that the main thread
// gives it (src/main/kernel_thread.ts).

import type { MessagePort } from "node:worker_threads";
import type { BootDescriptor, SandboxConfig } from "./process_spec.ts";

export interface KernelBoot {
  config: SandboxConfig;
  /** What init sent, without `config`, `launcher` and `listen`, which are the main thread's. The kernel owns them. */
  descriptors: Partial<Record<BootDescriptor, number>>;
  /** The boot socket, whose other end init holds: it waits there to confine the process. */
  init: number;
  /** Buffer of the PrivateSab. */
  privateSab: SharedArrayBuffer;
  /** The file of source positions (source_positions.ts), or -1. The main thread uses it as well. */
  positions: number;
  /** host.node, for loadNative and for the loop's descriptor. */
  hostLibrary: string;
}

export interface ThreadBoot extends KernelBoot {
  /** comlink: the main thread calls a KernelApi through it. */
  port: MessagePort;
  /** Number of this kernel thread. */
  thread: number;
}
