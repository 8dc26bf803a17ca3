// Sending signals: to a task, to a thread group, to many; who of a group takes it; and what happens
// at once (SIGKILL, SIGCONT), before anything is delivered (deliver_signal.ts).

import { EAGAIN, EPERM } from "../../shared/abi/errno.ts";
import { POLLIN } from "../../shared/abi/poll.ts";
import { CAP_KILL } from "../../shared/abi/prctl.ts";
import { RLIMIT_SIGPENDING } from "../../shared/abi/resource.ts";
import {
  SI_KERNEL,
  SI_SIGIO,
  SI_TIMER,
  SIG_DFL,
  SIG_IGN,
  SIGCONT,
  SIGKILL,
  SIGRTMIN,
  SIGSTOP,
} from "../../shared/abi/signal.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { SignalSet } from "../call/signal_set.ts";
import { capable } from "../credentials/credentials.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { continueGroup } from "./job_control.ts";
import { CORE_SIGNALS, STOP_SIGNALS } from "./signals.ts";

/** Of siginfo_t, where it says who has sent it. */
const SI_PID_AT = 16;
const SI_PID_SIZE = 4;
const SI_UID_AT = 20;

const CONTINUE = SignalSet.of(SIGCONT);

// Stops cancel a pending SIGCONT and the other way round, whether or not they are blocked.
function prepare(group: ThreadGroup, signo: number): void {
  const cancelled = signo === SIGCONT ? STOP_SIGNALS : STOP_SIGNALS.has(signo) ? CONTINUE : null;
  if (cancelled !== null) {
    group.pending.discard(cancelled);
    for (const task of group.tasks) task.pending.discard(cancelled);
  }
  if (signo === SIGCONT) continueGroup(group);
}

function dropped(task: Task, info: SigInfo): boolean {
  const { signo } = info;
  // One that is blocked may have a handler by the time it is not; a tracer hears of all.
  if (task.blocked.has(signo) || task.tracee !== null) return false;
  return task.handlers.ignores(signo) || isRefused(task.group, task, info);
}

/** Whether the init of a container or a PID namespace does not get it (pid_namespaces(7)). */
function isRefused(group: ThreadGroup, task: Task, { signo, isFromOutside }: SigInfo): boolean {
  if (!group.isUnkillable || task.handlers.get(signo).handler !== SIG_DFL) return false;
  return isFromOutside !== true || (signo !== SIGKILL && signo !== SIGSTOP);
}

function overLimit(group: ThreadGroup, info: SigInfo, queued: number): boolean {
  // Of standard signals one is kept, but of a timer's each.
  if (info.signo < SIGRTMIN && info.timer === undefined) return false;
  return queued >= group.rlimits[RLIMIT_SIGPENDING]![0] || !group.kernel.heap.hasRoom("queuedSignals");
}

function kill(group: ThreadGroup, info: SigInfo): number {
  if (!isRefused(group, group.leader, info)) group.end(SIGKILL);
  return 0;
}

/**
 * Whether it ends the process there and then, as Linux's complete_signal has it: also a task that waits for what no signal
 * ends. Others come to it by themselves, and take it when their calls are over.
 */
function endsAtOnce(task: Task, { signo }: SigInfo): boolean {
  if (!task.waitsForGood || task.tracee !== null || task.isHeld || task.blocked.has(signo)) return false;
  const isFatal = task.handlers.get(signo).handler === SIG_DFL && !task.handlers.ignores(signo);
  return isFatal && !STOP_SIGNALS.has(signo) && !CORE_SIGNALS.has(signo);
}

function endAtOnce(task: Task, info: SigInfo): number {
  task.kernel.tracer?.signal(task, info);
  task.group.fatalSignal = info;
  task.group.end(info.signo);
  return 0;
}

/** Whether siginfo that a guest has made says who has sent it. */
function tellsSender({ code }: SigInfo): boolean {
  return code <= 0 && code !== SI_TIMER && code !== SI_SIGIO;
}

/** With the sender's user id as it is in the user namespace of who gets it. */
function withUserFor({ kernel, leader }: ThreadGroup, info: SigInfo): SigInfo {
  const { uids } = leader.credentials.userNamespace;
  const { raw, uid, code } = info;
  if (raw === undefined) {
    if (uid === undefined || code === SI_KERNEL) return info;
    const told = uids.told(uid);
    return told === uid ? info : { ...info, uid: told };
  }
  const own = kernel.current?.credentials.userNamespace.uids ?? uids;
  if (own === uids || !tellsSender(info)) return info;
  const told = raw.slice();
  const view = new DataView(told.buffer);
  view.setUint32(SI_UID_AT, uids.told(own.toKernel(view.getUint32(SI_UID_AT, true))), true);
  return { ...info, raw: told };
}

/** As a process is told of it: nothing of a sender that it cannot see, which is in a PID namespace above. */
function asSeenBy(group: ThreadGroup, given: SigInfo): SigInfo {
  const info = withUserFor(group, given);
  const { from, raw } = info;
  if (!from || group.pids.level === 0 || from.in(group.pids) !== 0) return info;
  if (raw === undefined) return { ...info, pid: 0, isFromOutside: true };
  if (!tellsSender(info)) return info;
  const told = raw.slice();
  told.fill(0, SI_PID_AT, SI_PID_AT + SI_PID_SIZE);
  return { ...info, raw: told, isFromOutside: true };
}

/** Sends to one task; 0 or -EAGAIN when too many signals wait. */
export function sendToTask(task: Task, given: SigInfo): number {
  const { group } = task;
  const info = asSeenBy(group, given);
  if (group.exiting || task.dead) return 0;
  prepare(group, info.signo);
  if (info.signo === SIGKILL) return kill(group, info);
  if (dropped(task, info)) return 0;
  if (endsAtOnce(task, info)) return endAtOnce(task, info);
  if (overLimit(group, info, task.pending.length)) return -EAGAIN;
  if (task.pending.add(info)) {
    task.handlers.watchers.wake(POLLIN);
    task.notice(info.signo);
  }
  return 0;
}

/** Sends to a thread group: any task that does not block the signal may take it. */
export function sendToGroup(group: ThreadGroup, given: SigInfo): number {
  if (group.exiting) return 0;
  const info = asSeenBy(group, given);
  prepare(group, info.signo);
  if (info.signo === SIGKILL) return kill(group, info);
  const alive = group.tasks.filter((task) => !task.dead);
  if (alive.length === 0) return 0; // its host process is gone, which ends it
  const mayTake = (task: Task) => !task.blocked.has(info.signo) || task.waitsFor(info.signo);
  // One that its tracer has stopped takes nothing before it goes on.
  const runs = ({ tracee }: Task) => tracee === null || tracee.stop === null;
  const taker = alive.find((task) => mayTake(task) && runs(task)) ?? alive.find(mayTake);
  if (dropped(taker ?? alive[0]!, info)) return 0;
  if (taker !== undefined && endsAtOnce(taker, info)) return endAtOnce(taker, info);
  if (overLimit(group, info, group.pending.length)) return -EAGAIN;
  if (group.pending.add(info)) {
    alive[0]!.handlers.watchers.wake(POLLIN);
    taker?.notice(info.signo);
  }
  return 0;
}

/**
 * A fault of the task's own: it cannot be missed. Blocked or ignored, it kills (Linux's force_sig).
 * The caller delivers.
 */
export function forceSignal(task: Task, info: SigInfo): void {
  const action = task.handlers.get(info.signo);
  if (task.blocked.has(info.signo) || action.handler === SIG_IGN) {
    task.handlers.reset(info.signo);
    task.blocked.remove(info.signo);
  }
  if (task.tracee === null) task.group.isUnkillable = false;
  if (task.handlers.get(info.signo).handler === SIG_DFL) task.group.forcedSignal = info.signo;
  task.pending.add(info);
}

/** Whether `task` may signal that group (kill(2)): 0 or -EPERM. */
export function maySignal(task: Task, group: ThreadGroup, signo: number): number {
  const mine = task.credentials;
  const target = group.leader.credentials;
  if (task.group === group || capable(mine, target.userNamespace, CAP_KILL)) return 0;
  if (mine.euid === target.suid || mine.euid === target.uid) return 0;
  if (mine.uid === target.suid || mine.uid === target.uid) return 0;
  if (signo === SIGCONT && task.group.session === group.session) return 0;
  return -EPERM;
}
