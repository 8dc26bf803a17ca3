// Orphaned process groups: those of which no member has a parent elsewhere in its session, who could continue it (POSIX,
// 3.264). Signals of terminals do not stop them, and one that becomes orphaned while members are stopped is let go.

import { SIGCONT, SIGHUP } from "../../shared/abi/signal.ts";
import { fromKernel } from "../call/siginfo.ts";
import type { Pid } from "./pids.ts";
import type { ThreadGroup } from "./thread_group.ts";

/** Whether a process keeps its process group from being orphaned: its parent is in another one of the session. */
export function isLink(group: ThreadGroup, parent: ThreadGroup | null): boolean {
  return parent !== null && parent.processGroup !== group.processGroup && parent.session === group.session;
}

/** Linux's will_become_orphaned_pgrp: those that have ended are no links. */
export function isOrphaned({ members }: Pid): boolean {
  for (const group of members) if (group.state === "running" && isLink(group, group.parent)) return false;
  return true;
}

function isStopped({ state, stopSignal }: ThreadGroup): boolean {
  return state === "running" && stopSignal !== 0;
}

function hasStopped({ members }: Pid): boolean {
  for (const group of members) if (isStopped(group)) return true;
  return false;
}

/**
 * These process groups have lost a link by the end of a process. Where it was the last one, and members are stopped, all of
 * them get SIGHUP and SIGCONT (Linux's kill_orphaned_pgrp).
 */
export function hangUpOrphans({ kernel }: ThreadGroup, processGroups: ReadonlySet<Pid>): void {
  if (kernel.counters.stopped === 0) return;
  for (const processGroup of processGroups) {
    if (!hasStopped(processGroup) || !isOrphaned(processGroup)) continue;
    const members = [...processGroup.members].filter(({ state }) => state === "running");
    kernel.broadcasts.send(members, [fromKernel(SIGHUP), fromKernel(SIGCONT)]);
  }
}
