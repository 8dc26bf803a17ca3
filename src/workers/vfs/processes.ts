// Processes as what is done to files concerns them: job control, owners of files, who has a mapping or stands in a
// mount. A ThreadGroup is all of this.

import type { Caller } from "../call/caller.ts";
import type { CallContext } from "../call/context.ts";
import type { PidNumbers, PidSpace } from "../call/pid.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import type { FsState } from "./fs_state.ts";
import type { Session } from "./tty/session.ts";

/** A task of some process. */
export interface Member {
  /** It has no more use for files. */
  readonly dead: boolean;
  readonly fs: FsState;
  readonly group: Process;
  readonly stub: { readonly space: AddressSpace };
  send(info: SigInfo): void;
}

/** What a process, a thread, a process group or a session is called, and who that is. */
export interface ProcessName extends PidNumbers {
  readonly task: Member | null;
  readonly group: Process | null;
  /** Of the process group. */
  readonly members: Iterable<Process>;
}

/** A name of which its session knows when somebody joins. */
export interface SessionName extends ProcessName {
  joinSession(): void;
  partSession(): void;
}

export interface Process {
  readonly id: SessionName;
  readonly processGroup: ProcessName;
  readonly session: Session;
  readonly parent: Process | null;
  readonly leader: Caller;
  readonly tasks: readonly Member[];
  readonly exiting: boolean;
  readonly state: "running" | "zombie" | "reaped";
  send(info: SigInfo): void;
}

/** The processes of a PID namespace by their numbers. */
export interface Processes extends PidSpace {
  find(number: number): ProcessName | undefined;
  group(pid: number): Process | undefined;
  groups(): IterableIterator<Process>;
}

export interface ProcessContext extends CallContext {
  /** All of the sandbox, which are in the first namespace too. */
  readonly pids: Processes;
  current: ProcessCaller | null;
}

export interface ProcessCaller extends Caller {
  readonly kernel: ProcessContext;
  readonly group: Process;
  /** The PID namespace that it is in. */
  readonly pids: Processes;
  /** Whether it blocks, or its process ignores, a signal. */
  blocks(signo: number): boolean;
  ignores(signo: number): boolean;
}
