// seccomp(2), and what prctl(2) has of it: a task gives itself filters, which it and its children do not get rid of.

import * as B from "../../shared/abi/bpf.ts";
import { EACCES, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, ERESTARTNOINTR, ESRCH } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/prctl.ts";
import { nr } from "../../shared/abi/syscalls.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import { closeDue, closeNow } from "../mem/close_kept.ts";
import { fetch } from "../mem/direct_copy.ts";
import { waitForExecs } from "../process/exec_waiters.ts";
import type { Task } from "../process/task.ts";
import { readFilter, SeccompFilter } from "./filter.ts";

const FLAGS =
  P.SECCOMP_FILTER_FLAG_TSYNC |
  P.SECCOMP_FILTER_FLAG_LOG |
  P.SECCOMP_FILTER_FLAG_SPEC_ALLOW |
  P.SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
/** Notifications of user space are not served: nobody can listen. */
const ACTIONS: ReadonlySet<number> = new Set([
  P.SECCOMP_RET_KILL_PROCESS,
  P.SECCOMP_RET_KILL_THREAD,
  P.SECCOMP_RET_TRAP,
  P.SECCOMP_RET_ERRNO,
  P.SECCOMP_RET_TRACE,
  P.SECCOMP_RET_LOG,
  P.SECCOMP_RET_ALLOW,
]);

const STRICT_CALLS = ["read", "write", "exit", "rt_sigreturn"];

/** One instruction, as struct sock_filter. */
function instruction(code: number, jt: number, jf: number, k: number): Buffer {
  const bytes = Buffer.alloc(B.SOCK_FILTER_SIZE);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(jt, 2);
  bytes.writeUInt8(jf, 3);
  bytes.writeUInt32LE(k >>> 0, 4);
  return bytes;
}

/** Strict mode, as a program: four calls, and the end of the thread for any other. */
function strictProgram(): Buffer {
  const numbers = STRICT_CALLS.map(nr);
  return Buffer.concat([
    instruction(B.BPF_LD | B.BPF_W | B.BPF_ABS, 0, 0, 0),
    ...numbers.map((number, i) =>
      instruction(B.BPF_JMP | B.BPF_JEQ | B.BPF_K, numbers.length - i, 0, number),
    ),
    instruction(B.BPF_RET | B.BPF_K, 0, 0, P.SECCOMP_RET_KILL_THREAD),
    instruction(B.BPF_RET | B.BPF_K, 0, 0, P.SECCOMP_RET_ALLOW),
  ]);
}

/** Another filter for a task, in front of those that it has; or a negative errno. */
export function withFilter(task: Task, bytes: Uint8Array, logs: boolean): SeccompFilter | number {
  const program = readFilter(bytes);
  if (program === null) return -EINVAL;
  const filter = new SeccompFilter(program, task.seccomp, logs, task.kernel.counters);
  if (filter.isTooLong || !task.kernel.heap.hasRoom("filterBytes", filter.bytes)) return -ENOMEM;
  return filter;
}

/** The first thread of the process whose filters are not a part of the caller's, or null. */
function notInStep(task: Task): Task | null {
  const own = task.seccomp?.chain();
  for (const other of task.group.tasks) {
    if (other === task || other.dead) continue;
    if (other.seccomp !== null && own?.has(other.seccomp) !== true) return other;
  }
  return null;
}

function install(task: Task, bytes: Uint8Array, flags: number): number {
  const filter = withFilter(task, bytes, (flags & P.SECCOMP_FILTER_FLAG_LOG) !== 0);
  if (typeof filter === "number") return filter;
  if ((flags & P.SECCOMP_FILTER_FLAG_TSYNC) !== 0) {
    const other = notInStep(task);
    if (other !== null)
      return (flags & P.SECCOMP_FILTER_FLAG_TSYNC_ESRCH) !== 0 ? -ESRCH : other.id.in(task.pids);
    for (const thread of task.group.tasks) {
      if (thread === task || thread.dead) continue;
      thread.useFilter(filter, P.SECCOMP_MODE_FILTER);
      if (task.noNewPrivileges) thread.noNewPrivileges = true;
    }
  }
  task.useFilter(filter, P.SECCOMP_MODE_FILTER);
  return 0;
}

function* setFilter(task: Task, flags: number, address: number): Coroutine {
  const { call } = task;
  const at = call.base + WINDOW;
  if ((yield* fetch(task, address, WINDOW, B.SOCK_FPROG_SIZE)) < B.SOCK_FPROG_SIZE) return -EFAULT;
  const count = call.view.getUint16(at, true);
  const where = Number(call.view.getBigUint64(at + 8, true));
  if (count === 0 || count > B.BPF_MAXINSNS) return -EINVAL;
  // Without privilege a program that is started could be led astray by what it may not call.
  const { credentials } = task;
  if (!task.noNewPrivileges && !capable(credentials, credentials.userNamespace, P.CAP_SYS_ADMIN))
    return -EACCES;
  const length = count * B.SOCK_FILTER_SIZE;
  if ((yield* fetch(task, where, WINDOW, length)) < length) return -EFAULT;
  const program = Buffer.from(call.bytes.subarray(at, at + length));
  if ((flags & P.SECCOMP_FILTER_FLAG_TSYNC) !== 0 && !(yield* waitForExecs(task, task.group)))
    return -ERESTARTNOINTR;
  const result = install(task, program, flags);
  const { kept } = task.stub;
  if (!kept.isAllowed) kept.dropAll();
  yield* closeNow(task);
  return result;
}

export function setFilterMode(task: Task, flags: number, address: number): number {
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  if (task.seccompMode === P.SECCOMP_MODE_STRICT) return -EINVAL;
  return task.call.start(setFilter(task, flags, address));
}

export function setStrictMode(task: Task): number {
  if (task.seccompMode !== P.SECCOMP_MODE_DISABLED) {
    if (task.seccompMode !== P.SECCOMP_MODE_STRICT) return -EINVAL;
    return 0;
  }
  const filter = withFilter(task, strictProgram(), false);
  if (typeof filter === "number") return filter;
  task.useFilter(filter, P.SECCOMP_MODE_STRICT);
  const { kept } = task.stub;
  kept.dropAll();
  return kept.isDue ? task.call.start(closeDue(task, 0)) : 0;
}

function* isAvailable(task: Task, address: number): Coroutine {
  if ((yield* fetch(task, address, WINDOW, 4)) < 4) return -EFAULT;
  return ACTIONS.has(task.call.view.getUint32(task.call.base + WINDOW, true)) ? 0 : -EOPNOTSUPP;
}

export const SECCOMP_HANDLERS: Handlers<Task> = {
  seccomp: (task, operation, flags, address) => {
    switch (operation) {
      case P.SECCOMP_SET_MODE_STRICT:
        return flags === 0 && address === 0 ? setStrictMode(task) : -EINVAL;
      case P.SECCOMP_SET_MODE_FILTER:
        return setFilterMode(task, flags, address);
      case P.SECCOMP_GET_ACTION_AVAIL:
        return flags === 0 ? task.call.start(isAvailable(task, address)) : -EINVAL;
      default:
        return -EINVAL;
    }
  },
};
