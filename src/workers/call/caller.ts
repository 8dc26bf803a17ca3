// What a call needs of the task that makes it. The rooms above add what they need (vfs/caller.ts, ...): a Task has
// all of it, and a subsystem that serves calls on another thread has its own.

import type { Credentials } from "../credentials/credentials.ts";
import type { Call } from "./call.ts";
import type { CallContext } from "./context.ts";
import type { OperationList } from "./operation_list.ts";
import type { PidNumbers } from "./pid.ts";
import type { SigInfo } from "./siginfo.ts";
import type { SignalSet } from "./signal_set.ts";

export interface Caller {
  readonly kernel: CallContext;
  readonly call: Call;
  /** Its process's number in its own PID namespace. */
  readonly pid: number;
  /** As the sandbox's first PID namespace numbers them, and logs do: the thread, and its process. */
  readonly firstTid: number;
  readonly firstPid: number;
  /** Its process; null: another kernel thread has it. */
  readonly process: PidNumbers | null;
  readonly credentials: Credentials;
  /** Which calls it may make whatever their arguments are; null: all. judge() knows of the others. */
  readonly seccomp: { allows(nr: number): boolean } | null;
  /**
   * Of the call in progress: null: it may be made, with the arguments that stand in its frame by then; else its result, by
   * which it is over. `wasTraced`: they have left it to its tracer before.
   */
  judge(nr: number, wasTraced: boolean): number | null;
  /** Somebody traces it by ptrace(2): each of its calls is told by `enters`. */
  readonly isTraced: boolean;
  /**
   * Of a traced one, whose call of that number has been claimed. True: its tracer has stopped it there, and has the call served
   * later (Dispatcher.serveStopped).
   */
  enters(nr: number): boolean;
  /** All its calls are to come by kernel thread 0. */
  readonly isWatched: boolean;
  /** It has ended, or its group is about to: it gets no results any more. */
  readonly isEnding: boolean;
  /** A signal or a stop has come that an interruptible wait must not sleep through. */
  readonly interruptPending: boolean;
  /** Something stands between the end of a call and guest code. */
  readonly hasWork: boolean;
  /**
   * Goes back to guest code by way of what stands in between (deliver_signal.ts); the result of a call, or null
   * after a fault, a trap or a kick.
   */
  returnToGuest(result: number | null): void;
  /** Runs the handler of the call in progress once more, with the same arguments (asked.ts). */
  serveAgain(): void;
  /** The frame of a signal handler faulted on its way to guest memory. */
  onUnwritableFrame(): void;
  /** Runs an operation list in the stub, up to its outcome: whether all of it was done. */
  run(list: OperationList): Generator<void, boolean, void>;
  /**
   * As run; the stub goes back to its guest with the result, and what its coroutine does then may not wait. `isOwn`: it may
   * be done late, since what the list changes is its process's alone.
   */
  runAndReturn(list: OperationList, result: number, isOwn?: boolean): Generator<void, boolean, void>;
  /** A signal for this task alone (SIGPIPE, SIGXFSZ). */
  send(info: SigInfo): void;
  /** Another signal mask until the call's wait is over; restoreMask() says whether there was one. */
  useMask(mask: SignalSet): void;
  restoreMask(): boolean;
  /** Makes guest code enter the stub soon. */
  kick(): void;
  /** Ends its process by SIGKILL: it broke the protocol, or a handler threw. */
  killHostile(): void;
  /** A limit of resources, its soft value (RLIMIT_*); RLIM_INFINITY is Infinity. */
  limit(resource: number): number;
}
