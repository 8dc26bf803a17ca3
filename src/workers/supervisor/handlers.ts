// The registry of handlers: one map from the names in the system call table to the functions that
// serve them, collected from the subsystems.

import { IPC_HANDLERS } from "../ipc/calls.ts";
import { MEM_HANDLERS } from "../mem/calls.ts";
import { NET_HANDLERS } from "../net/calls.ts";
import { VFS_HANDLERS } from "../vfs/calls.ts";
import { CLONE_HANDLERS } from "./clone.ts";
import { CREDENTIAL_HANDLERS } from "./credential_calls.ts";
import type { Handler } from "./dispatch.ts";
import { EXEC_HANDLERS } from "./execve.ts";
import { FUTEX_HANDLERS } from "./futex.ts";
import { IDENTITY_HANDLERS } from "./identity_calls.ts";
import { IO_PRIORITY_HANDLERS } from "./io_priority.ts";
import { LIMIT_HANDLERS } from "./limit_calls.ts";
import { NAMESPACE_HANDLERS } from "./namespace_calls.ts";
import { PIDFD_HANDLERS } from "./pidfd_calls.ts";
import { PRCTL_HANDLERS } from "./prctl_calls.ts";
import { RESTART_HANDLERS } from "./restart_calls.ts";
import { SCHED_ATTR_HANDLERS } from "./sched_attr.ts";
import { SCHED_HANDLERS } from "./sched_calls.ts";
import { SESSION_HANDLERS } from "./session_calls.ts";
import { SIGNAL_HANDLERS } from "./signal_calls.ts";
import { SLEEP_HANDLERS } from "./sleep_calls.ts";
import { SYSTEM_HANDLERS } from "./system_calls.ts";
import { TASK_HANDLERS } from "./task_calls.ts";
import { TIME_HANDLERS } from "./time_calls.ts";
import { TIMER_HANDLERS } from "./timer_calls.ts";
import { USAGE_HANDLERS } from "./usage_calls.ts";
import { WAIT_HANDLERS } from "./wait.ts";

export const HANDLERS: ReadonlyMap<string, Handler> = new Map(
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
    ...SCHED_ATTR_HANDLERS,
    ...IO_PRIORITY_HANDLERS,
    ...LIMIT_HANDLERS,
    ...SIGNAL_HANDLERS,
    ...SYSTEM_HANDLERS,
    ...TIME_HANDLERS,
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
