// The end of tasks and thread groups (exit(2), exit_group(2)): what is released when, who is told,
// who inherits the children. The guest's process is over as soon as this says so; its host process
// follows, and what only the host process holds (chunks, slots) goes when its pidfd fires.

import { POLLIN, POLLRDNORM } from "../../shared/abi/poll.ts";
import { SA_NOCLDWAIT, SIG_IGN, SIGCHLD } from "../../shared/abi/signal.ts";
import * as L from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import { fromUser } from "../call/siginfo.ts";
import { wakeFutex } from "../futex/futex.ts";
import { releaseRobustList } from "../futex/robust_list.ts";
import { deliver } from "../mem/direct_copy.ts";
import { endOf, isTracersFirst, stopsBeing, tellTracer, tracerEnded } from "../ptrace/relation.ts";
import { sendToGroup } from "../signals/send_signal.ts";
import { signalName } from "../strace/strace_values.ts";
import { keepTimeOf, TICK_NS } from "../time/cpu_time.ts";
import { wakeWaiters } from "./child_waiters.ts";
import { endingIsOver, endOwnGroup } from "./end_group.ts";
import { endNamespace, isInit } from "./namespace_end.ts";
import { hangUpOrphans, isLink } from "./orphans.ts";
import type { Pid } from "./pids.ts";
import { keepUseOf } from "./resource_use.ts";
import type { Task, ThreadGroup } from "./task.ts";
import { reap } from "./wait.ts";

const SIGNAL_MASK = 0x7f;
const EXIT_THREAD = 0;

/** Ends one task; the last one of a group ends the group. */
export function exitTask(task: Task, status: number): number {
  const waitStatus = (status & 0xff) << 8;
  return task.group.alive === 1 ? endOwnGroup(task, waitStatus) : endThread(task, waitStatus);
}

/** Ends one task of several of its group, with this wait status. */
export function endThread(task: Task, status: number): number {
  return task.call.start(leave(task, status));
}

/** exit_group(2) */
export function exitGroupCall(task: Task, status: number): number {
  return endOwnGroup(task, (status & 0xff) << 8);
}

// clear_child_tid is cleared by the stub while it still stands in the address space, then the host
// thread leaves, or waits for another guest thread.
function* leave(task: Task, status: number): Coroutine {
  yield* releaseRobustList(task, task);
  yield* clearChildTid(task);
  task.kernel.tracer?.ended(task, status);
  if (!task.kernel.stubs.park(task)) {
    task.kernel.slots.setNumber(task.call.slot, L.REP_RESULT, EXIT_THREAD);
    task.call.replyFinal(Reply.EXIT);
  }
  releaseTask(task, status);
  return NO_RESULT;
}

function* clearChildTid(task: Task): Generator<void, void, void> {
  if (task.clearChildTid === 0) return;
  const address = task.clearChildTid;
  task.call.view.setInt32(task.call.base + L.WINDOW, 0, true);
  yield* deliver(task, address, L.WINDOW, 4);
  wakeFutex(task, address, 1);
}

/** The task is no more for the guest. */
function releaseTask(task: Task, status: number): void {
  const { group, kernel } = task;
  kernel.stubs.closeSlot(task);
  kernel.futexes.pi.ownerGone(task);
  task.releaseFiles();
  task.pending.clear();
  tracerEnded(task);
  passOnChildren(task);
  // A traced thread has its number until its tracer has waited for it; the first one, until its process ends.
  if (task === group.leader) stopsBeing(task);
  if (task === group.leader || !tellTracer(task, status)) task.id.leaveTask(task);
  if (task !== group.leader) {
    const index = group.tasks.indexOf(task);
    if (index >= 0) group.tasks.splice(index, 1);
  }
}

/** See ThreadGroup.exit. */
export function exitGroup(group: ThreadGroup, given: number): void {
  if (group.exiting) return;
  const status = group.ending?.status ?? given;
  group.exitStatus = status;
  endingIsOver(group);
  tell(group);
  const stubs = new Set(group.tasks.map((task) => task.stub));
  for (const stub of stubs) {
    keepTimeOf(group, stub);
    keepUseOf(group, stub);
  }
  group.itimers.stopAll();
  group.cpuLimit.stop();
  group.posixTimers.deleteAll();
  for (const task of [...group.tasks]) {
    try {
      task.releaseFiles();
    } catch (error) {
      // It ends all the same.
      group.kernel.throws.caught("a file could not be closed", error, { pid: group.id.first });
    }
    tracerEnded(task);
    if (task === group.leader) stopsBeing(task);
    else if (!tellTracer(task, status)) task.id.leaveTask(task);
    if (!task.dead) task.call.cancelWait();
  }
  for (const task of group.tasks) {
    group.kernel.futexes.pi.ownerGone(task);
    task.pending.clear();
  }
  group.pending.clear();
  // Who is ended by a signal has written nothing more when its end is seen.
  for (const stub of stubs) stub.leave(group, (status & 0x7f) === 0);
  group.vforkDone?.();
  group.vforkDone = null;
  if (!isInit(group)) afterExit(group);
  else {
    // Nobody waits for those that have ended.
    giveAwayChildren(group);
    endNamespace(group, () => afterExit(group));
  }
}

/** What is told of an end to who looks for its cause. */
function tell(group: ThreadGroup): void {
  const { kernel, exitStatus, leader, fatalSignal } = group;
  kernel.tracer?.ended(leader, exitStatus);
  const signo = exitStatus & SIGNAL_MASK;
  if (signo === 0) return;
  const { code, addr, pid, from } = fatalSignal ?? {};
  const sender = from?.first ?? pid;
  kernel.log("debug", "a process was ended by a signal", {
    pid: group.id.first,
    program: leader.comm,
    signal: signalName(signo),
    ...(code !== undefined && { code }),
    ...(addr !== undefined ? { address: `0x${addr.toString(16)}` } : sender ? { sender } : {}),
  });
}

function afterExit(group: ThreadGroup): void {
  const { kernel } = group;
  kernel.counters.processes--;
  group.state = "zombie";
  kernel.counters.unreaped++;
  kernel.onGroupExit(group);
  if (group.session.id === group.id) group.session.terminal?.disassociate(true);
  const unlinked = new Set<Pid>();
  if (isLink(group, group.parent)) unlinked.add(group.processGroup);
  for (const child of group.children) if (isLink(child, group)) unlinked.add(child.processGroup);
  giveAwayChildren(group);
  if (unlinked.size > 0) hangUpOrphans(group, unlinked);
  for (const listener of group.onExit.splice(0)) listener(group.exitStatus);
  group.exitWatchers.wake(POLLIN | POLLRDNORM);
  if (!isTracersFirst(group, () => endForParent(group))) endForParent(group);
}

/** The process is its parent's to wait for. */
function endForParent(group: ThreadGroup): void {
  const { parent } = group;
  if (group.state !== "zombie") return;
  if (parent === null || parent.exiting) {
    reap(group);
    return;
  }
  const action = parent.leader.handlers.get(SIGCHLD);
  const unwanted =
    group.leader.tracee === null &&
    group.exitSignal === SIGCHLD &&
    (action.handler === SIG_IGN || (action.flags & SA_NOCLDWAIT) !== 0);
  // Before the parent looks, so that its wait does not find what is not for it.
  if (unwanted) reap(group);
  if (group.exitSignal !== 0 && !(unwanted && action.handler === SIG_IGN)) tellParent(group, parent);
  wakeWaiters(parent);
}

function tellParent(group: ThreadGroup, parent: ThreadGroup): void {
  sendToGroup(parent, {
    signo: group.exitSignal,
    ...endOf(group.exitStatus),
    pid: group.id.in(parent.pids),
    uid: group.leader.credentials.uid,
    utime: Math.floor(group.pastTime.user / TICK_NS),
    stime: Math.floor(group.pastTime.system / TICK_NS),
  });
}

/** PR_SET_PDEATHSIG of each of the child's threads: its parent, for which Linux takes a thread, has ended. */
function tellOfDeath(parent: Task, child: ThreadGroup): void {
  if (child.state !== "running") return;
  for (const { parentDeathSignal } of [...child.tasks])
    if (parentDeathSignal !== 0) sendToGroup(child, fromUser(parent, parentDeathSignal));
}

/** A thread has ended: another of its group is the parent of its children from now on. */
function passOnChildren(task: Task): void {
  for (const child of task.group.children) {
    if (child.creator !== task) continue;
    child.creator = null;
    tellOfDeath(task, child);
  }
}

// Children go to the nearest reaper; where there is none, the kernel reaps them itself.
function giveAwayChildren(group: ThreadGroup): void {
  const reaper = group.pids.reaper(group);
  for (const child of group.children) {
    child.parent = reaper;
    child.creator = null;
    tellOfDeath(group.leader, child);
    const isOurs = child.state === "zombie" && child.whenUntraced === null;
    if (reaper === null) {
      if (isOurs) reap(child);
    } else {
      reaper.children.add(child);
      child.exitSignal = SIGCHLD;
      if (isOurs) {
        tellParent(child, reaper);
        wakeWaiters(reaper);
      }
    }
  }
  group.children.clear();
}
