// Job control of terminals (credentials(7), termios(3)): which process may read or change the terminal of
// its session now, and what happens to one in the background.

import { EINVAL, EIO, ENOTTY, EPERM, ERESTARTSYS, ESRCH } from "../../../shared/abi/errno.ts";
import { SIGTTIN, SIGTTOU } from "../../../shared/abi/signal.ts";
import { fromKernel } from "../../call/siginfo.ts";
import type { Process, ProcessCaller } from "../processes.ts";
import type { ControllingTerminal } from "./session.ts";

function membersOf({ group }: ProcessCaller): Process[] {
  return [...group.processGroup.members].filter(
    (other) => other.session === group.session && other.state === "running",
  );
}

/** Whether nobody outside a process group could continue it: no parent in the session, in another group. */
function isOrphaned(task: ProcessCaller): boolean {
  const { group } = task;
  return membersOf(task).every(
    ({ parent }) =>
      parent === null || parent.session !== group.session || parent.processGroup === group.processGroup,
  );
}

function isBackground({ group }: ProcessCaller, terminal: ControllingTerminal): boolean {
  return group.session.terminal === terminal && group.processGroup !== terminal.foregroundGroup;
}

function stopBackground(task: ProcessCaller, signo: number): number {
  if (isOrphaned(task)) return -EIO;
  for (const member of membersOf(task)) member.send(fromKernel(signo));
  return -ERESTARTSYS;
}

/** 0, or what a read by a background process answers: SIGTTIN stops its process group. */
export function mayRead(task: ProcessCaller, terminal: ControllingTerminal): number {
  if (!isBackground(task, terminal)) return 0;
  if (task.blocks(SIGTTIN) || task.ignores(SIGTTIN)) return -EIO;
  return stopBackground(task, SIGTTIN);
}

/** As mayRead, of changes, and of writes under TOSTOP: who blocks or ignores SIGTTOU may. */
export function mayChange(task: ProcessCaller, terminal: ControllingTerminal): number {
  if (!isBackground(task, terminal)) return 0;
  if (task.blocks(SIGTTOU) || task.ignores(SIGTTOU)) return 0;
  return stopBackground(task, SIGTTOU);
}

/** TIOCSPGRP */
export function setForegroundGroup(
  task: ProcessCaller,
  terminal: ControllingTerminal,
  processGroup: number,
): number {
  const { group } = task;
  const error = mayChange(task, terminal);
  if (error < 0) return error;
  if (group.session.terminal !== terminal) return -ENOTTY;
  if (processGroup < 0) return -EINVAL;
  const name = task.pids.find(processGroup);
  const all = [...(name?.members ?? [])];
  if (name === undefined || all.length === 0) return -ESRCH;
  if (!all.some((other) => other.session === group.session)) return -EPERM;
  terminal.foregroundGroup = name;
  return 0;
}
