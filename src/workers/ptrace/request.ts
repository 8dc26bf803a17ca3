// A request of ptrace(2) about a thread that the caller traces, with what came in its registers.

import type { Coroutine } from "../call/call.ts";
import type { Task } from "../process/task.ts";
import type { Tracee } from "./tracee.ts";

/** Bytes of a word, which most requests are about. */
export const WORD = 8;

/** A request, with what came in its registers. */
export interface Request {
  readonly tracer: Task;
  readonly tracee: Tracee<Task>;
  readonly address: number;
  /** A number, or an address, and its two words. */
  readonly data: number;
  readonly low: number;
  readonly high: number;
}

export type Serve = (request: Request) => number | Coroutine;
