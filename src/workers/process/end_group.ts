// What comes before the end of a process, or of the program that it executes: its threads give up the robust futexes that they
// hold in memory which others share (get_robust_list(2)). Linux's threads do that themselves, each at its own end, whatever ends
// it. Here the memory is gone with the stub; so, before it is killed, all threads of the process stand still, where they would
// go back to guest code, and one of them has its stub walk the lists of all. Of most processes nobody shares memory that
// they could lock anything in, and these end at once.
//
// A process that is to end ends, whatever its stub does or its lists are: at last by a deadline (docs/hardening.md, F14). What
// the host itself kills gives nothing up.

import { breatheOn } from "../call/breathe.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import { isRobustListEmpty, releaseRobustList } from "../futex/robust_list.ts";
import type { StubProcess } from "../platform/stub_process.ts";
import type { Task, ThreadGroup } from "./task.ts";

/** How long all of it may take. */
const END_NS = 1e9;
/** How soon it is looked whether threads stand of which nobody tells. */
const LOOK_NS = 1e6;
/** Of so many threads it is looked whether they hold anything. */
const LOOKED_AT = 8;
/** Threads that are told to come in one turn (F26). */
const NUDGES_AT_ONCE = 256;
/** Of those whose process is killed so many are, of which one is to do the work. */
const CANDIDATES = 64;

/** It runs no guest code, and does not come to before its group goes on. */
function stands({ dead, started, call }: Task): boolean {
  return dead || !started || !call.isWithGuest;
}

/** Whether others have something of what stands in the memory of a group. */
function sharesMemory({ space, tasks }: StubProcess, group: ThreadGroup): boolean {
  return space.vmas.totals.shared > 0 || tasks.some((task) => !task.dead && task.group !== group);
}

/** Whether threads of it may hold locks that others wait for. False is certain. */
function mayHoldLocks(group: ThreadGroup): boolean {
  const { tasks, leader } = group;
  if (tasks.every(({ robustList }) => robustList === 0) || !sharesMemory(leader.stub, group)) return false;
  if (tasks.length > LOOKED_AT) return true;
  return !tasks.every((task) => stands(task) && isRobustListEmpty(task));
}

/** Waits in a coroutine until all others of a task's group stand, and walks the lists of all. */
function* giveUp(task: Task): Generator<void, void, void> {
  const { group, call, kernel } = task;
  const { timers, native, longTurns } = kernel;
  const end = native.monotonicNs() + END_NS;
  let isWaiting = false;
  const look = () => {
    if (isWaiting) call.completeWait(0);
  };
  group.standing = { stands: look, givesUp: true };
  const others = group.tasks.filter((other) => other !== task);
  let nudged = 0;
  while (!group.tasks.every((other) => other === task || stands(other)) && native.monotonicNs() < end) {
    // An execve goes on without those that do not come (F14).
    for (const other of others.slice(nudged, nudged + NUDGES_AT_ONCE)) if (!stands(other)) other.nudge();
    nudged += NUDGES_AT_ONCE;
    const timer = timers.add(native.monotonicNs() + LOOK_NS, look);
    isWaiting = true;
    call.replyBlocked();
    try {
      yield;
    } finally {
      isWaiting = false;
      timers.cancel(timer);
    }
  }
  for (const other of [...group.tasks]) {
    if (longTurns.isFull) yield* breatheOn(task);
    yield* releaseRobustList(task, other);
  }
}

/** Behind a core file, for which they stand already. */
export function* giveUpLocks(task: Task): Generator<void, void, void> {
  // Who was killed meanwhile ends when another one, which has begun with it, has given up all.
  while (task.group.ending !== null) {
    task.call.replyBlocked();
    yield;
  }
  if (mayHoldLocks(task.group)) yield* giveUp(task);
}

// ---- The end of a process ----

function begin(group: ThreadGroup, status: number): void {
  const { timers, native } = group.kernel;
  const deadline = timers.add(native.monotonicNs() + END_NS, () => group.exit(status));
  group.ending = { status, deadline };
}

function* giveUpAndExit(task: Task, status: number): Coroutine {
  yield* giveUp(task);
  task.group.exit(status);
  return NO_RESULT;
}

/** Ends a group with that wait status, but for one that does already: what its threads hold is given up before. */
export function endGroup(group: ThreadGroup, status: number): void {
  if (group.exiting || group.ending !== null) return;
  if (group.standing?.givesUp === true) {
    begin(group, status); // an execve gives up all, or who has written a core file, and ends it then
    return;
  }
  if (!mayHoldLocks(group)) {
    group.exit(status);
    return;
  }
  begin(group, status);
  const { steps, timers, native } = group.kernel;
  let isChosen = false;
  const choose = () => {
    if (isChosen || group.exiting) return;
    isChosen = true;
    // Never from within a step of the one that is chosen.
    steps.later(() => {
      if (setToWork(group, status)) return true;
      // Nobody tells of a stub that is about something for its tracer, or for a call that goes on to wait.
      timers.add(native.monotonicNs() + LOOK_NS, () => {
        isChosen = false;
        choose();
      });
      return true;
    });
  };
  group.standing = { stands: choose, givesUp: true };
  for (const task of group.tasks.slice(0, CANDIDATES)) if (!stands(task)) task.interrupt();
  choose();
}

/** Has one of the threads, whose slot is the kernel's, do the work in place of its call; false: there is none yet. */
function setToWork(group: ThreadGroup, status: number): boolean {
  if (group.exiting) return true;
  const task = group.tasks.find(({ dead, started, call }) => !dead && started && call.owned);
  if (task === undefined) return false;
  const { call } = task;
  call.cancelWait();
  call.dropOut();
  call.park(() => {
    call.start(giveUpAndExit(task, status));
  });
  call.unpark();
  return true;
}

/** exit_group(2), or the last thread's exit(2): the result of that call. */
export function endOwnGroup(task: Task, status: number): number {
  const { group } = task;
  if (group.standing !== null) {
    // Another one gives up all, for the end that has begun or for an execve, and ends it then; or behind a core file.
    if (group.dumping === 0 && group.ending === null) begin(group, status);
    task.call.park(() => {});
    group.standing.stands();
    return NO_RESULT;
  }
  if (!mayHoldLocks(group)) {
    group.exit(status);
    return NO_RESULT;
  }
  begin(group, status);
  return task.call.start(giveUpAndExit(task, status));
}

/** It ends now: nobody waits for anything any more. */
export function endingIsOver(group: ThreadGroup): void {
  if (group.ending !== null) group.kernel.timers.cancel(group.ending.deadline);
}

// ---- execve ----

/** Whether an execve has to wait for giveUpForExec. */
export function mustGiveUpForExec(group: ThreadGroup): boolean {
  return group.standing !== null || mayHoldLocks(group);
}

/** In an execve that does not fail any more: false, the process has ended instead. */
export function* giveUpForExec(task: Task): Generator<void, boolean, void> {
  const { group } = task;
  // Another one has come so far first, and this one ends with it; or all of them end.
  while (group.standing !== null) {
    task.call.replyBlocked();
    yield;
  }
  yield* giveUp(task);
  group.standing = null;
  if (group.ending === null) return true;
  group.exit(group.ending.status);
  return false;
}
