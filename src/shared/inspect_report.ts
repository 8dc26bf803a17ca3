// What `ringfence debug` asks a kernel beside the figures of its threads, and what that tells. Numbers are as the sandbox has
// them; strings of guests are byte strings.

import type { ThreadRole } from "./thread_plan.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface InspectRequest {
  /** Guest threads, and what each of them does. */
  tasks?: boolean;
  /** Of each kernel thread V8's heap. */
  heap?: boolean;
  /** Prints all calls from now on, or none. */
  strace?: boolean;
  /** Keeps from now on where in the kernel calls begin to wait, or forgets it. */
  kernelStacks?: boolean;
  /** Records below that level are left out from now on. */
  logLevel?: LogLevel;
}

/** A place in the guest's memory. */
export interface GuestPlace {
  /** As 0x and hex digits. */
  address: string;
  /** What is mapped there: a path or a name in brackets, and how far behind its beginning; absent: nothing is known. */
  module?: string;
  offset?: string;
}

export interface TaskReport {
  /** As the sandbox's first PID namespace numbers them. */
  pid: number;
  tid: number;
  comm: string;
  container: string;
  /**
   * running: in guest code, or on its way there or back; asleep: its stub waits by itself, for a private futex or for a time;
   * waiting: a call waits for something; served: a call is being served;
   * stopped: by a signal, or its container is paused; elsewhere: another kernel thread serves its call; ending: it ends.
   */
  state: "running" | "asleep" | "waiting" | "served" | "stopped" | "elsewhere" | "ending";
  /** Of the call in progress: its name, its argument registers, and what its first argument is, where that is a descriptor. */
  call?: string;
  args?: string[];
  file?: string;
  /** What a call waits for, by the kernel's own words. */
  waitsFor?: string;
  /** Where its guest code stood when it entered the kernel last; absent: it has not yet. Behind it the frames above. */
  stack?: GuestPlace[];
  /**
   * The functions of the kernel that its call waits in, the innermost first, with their places in its bundles; absent: it was not
   * asked to keep that when the wait began.
   */
  kernelStack?: string[];
}

/** What a kernel thread beside thread 0 knows of a call that waits there. */
export interface ElsewhereReport {
  tid: number;
  kernelStack: string[];
}

/** What such a thread tells. */
export interface PoolInspectReport {
  heap?: HeapReport;
  waits?: ElsewhereReport[];
}

export interface HeapReport {
  thread: number;
  role: ThreadRole;
  /** Bytes: what is in use, what V8 has taken, what it may take, and what lies beside the heap. */
  used: number;
  total: number;
  limit: number;
  external: number;
  /** Spaces of the heap by name, with the bytes in use. */
  spaces: Record<string, number>;
}

export interface InspectReport {
  tasks?: TaskReport[];
  /** There are more. */
  isCut?: boolean;
  heap?: HeapReport[];
  /** Whether all calls are printed. */
  strace: boolean;
  /** Whether it is kept where in the kernel calls wait. */
  kernelStacks: boolean;
}

/** Threads that are told at most. */
export const TASKS_TOLD = 2048;
