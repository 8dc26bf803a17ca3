// The registry of handlers: one map from the names in the system call table to the functions that
// serve them, collected from the subsystems.

import type { Handler } from "./call/dispatch.ts";
import { FUTEX_HANDLERS } from "./futex/futex.ts";
import { CREDENTIAL_HANDLERS } from "./identity/credential_calls.ts";
import { IDENTITY_HANDLERS } from "./identity/identity_calls.ts";
import { NAMESPACE_HANDLERS } from "./identity/namespace_calls.ts";
import { SESSION_HANDLERS } from "./identity/session_calls.ts";
import { IPC_HANDLERS } from "./ipc/calls.ts";
import { MEM_HANDLERS } from "./mem/calls.ts";
import { NET_HANDLERS } from "./net/calls.ts";
import { CLONE_HANDLERS } from "./process/clone.ts";
import { EXEC_HANDLERS } from "./process/execve.ts";
import { PIDFD_HANDLERS } from "./process/pidfd_calls.ts";
import type { Task } from "./process/task.ts";
import { TASK_HANDLERS } from "./process/task_calls.ts";
import { USAGE_HANDLERS } from "./process/usage_calls.ts";
import { WAIT_HANDLERS } from "./process/wait.ts";
import { PROCESS_VM_HANDLERS } from "./ptrace/process_vm_calls.ts";
import { PTRACE_HANDLERS } from "./ptrace/requests.ts";
import { SECCOMP_HANDLERS } from "./seccomp/calls.ts";
import { SIGNAL_HANDLERS } from "./signals/signal_calls.ts";
import { SIGNALFD_HANDLERS } from "./signals/signalfd_calls.ts";
import { IO_PRIORITY_HANDLERS } from "./system/io_priority.ts";
import { LIMIT_HANDLERS } from "./system/limit_calls.ts";
import { MACHINE_HANDLERS } from "./system/machine_calls.ts";
import { PERSONALITY_HANDLERS } from "./system/personality.ts";
import { PRCTL_HANDLERS } from "./system/prctl_calls.ts";
import { SCHED_ATTR_HANDLERS } from "./system/sched_attr.ts";
import { SCHED_HANDLERS } from "./system/sched_calls.ts";
import { SYSTEM_HANDLERS } from "./system/system_calls.ts";
import { ADJUST_HANDLERS } from "./time/adjust_calls.ts";
import { RESTART_HANDLERS } from "./time/restart_calls.ts";
import { SLEEP_HANDLERS } from "./time/sleep_calls.ts";
import { TIME_HANDLERS } from "./time/time_calls.ts";
import { TIMER_HANDLERS } from "./time/timer_calls.ts";
import { VFS_HANDLERS } from "./vfs/calls.ts";

export const HANDLERS: ReadonlyMap<string, Handler<Task>> = new Map(
  Object.entries({
    ...TASK_HANDLERS,
    ...CLONE_HANDLERS,
    ...EXEC_HANDLERS,
    ...WAIT_HANDLERS,
    ...PIDFD_HANDLERS,
    ...SESSION_HANDLERS,
    ...FUTEX_HANDLERS,
    ...IDENTITY_HANDLERS,
    ...CREDENTIAL_HANDLERS,
    ...NAMESPACE_HANDLERS,
    ...PRCTL_HANDLERS,
    ...SCHED_HANDLERS,
    ...PERSONALITY_HANDLERS,
    ...SCHED_ATTR_HANDLERS,
    ...IO_PRIORITY_HANDLERS,
    ...LIMIT_HANDLERS,
    ...MACHINE_HANDLERS,
    ...PTRACE_HANDLERS,
    ...PROCESS_VM_HANDLERS,
    ...SECCOMP_HANDLERS,
    ...SIGNAL_HANDLERS,
    ...SIGNALFD_HANDLERS,
    ...SYSTEM_HANDLERS,
    ...TIME_HANDLERS,
    ...ADJUST_HANDLERS,
    ...TIMER_HANDLERS,
    ...USAGE_HANDLERS,
    ...SLEEP_HANDLERS,
    ...RESTART_HANDLERS,
    ...IPC_HANDLERS,
    ...MEM_HANDLERS,
    ...VFS_HANDLERS,
    ...NET_HANDLERS,
  }),
);
