// Sending a signal to a task and what it does by default (signal(7)). A signal that is ignored is
// dropped, one that is blocked or caught becomes pending.

import { SIG_DFL, SIG_IGN } from "./signals.ts";
import type { Task } from "./task.ts";

const SIGKILL = 9;
const SIGCHLD = 17;
const SIGCONT = 18;
const SIGURG = 23;
const SIGWINCH = 28;
const STOPS = new Set([19, 20, 21, 22]); // SIGSTOP SIGTSTP SIGTTIN SIGTTOU
const IGNORED_BY_DEFAULT = new Set([SIGCHLD, SIGCONT, SIGURG, SIGWINCH]);

export function sendSignal(task: Task, signo: number): void {
  const { handler } = task.handlers.get(signo);
  if (signo === SIGKILL) {
    task.group.exit(SIGKILL);
    return;
  }
  if (handler === SIG_IGN || (handler === SIG_DFL && IGNORED_BY_DEFAULT.has(signo))) return;
  const bit = 1 << ((signo - 1) & 31);
  const blocked = ((signo <= 32 ? task.blockedLow : task.blockedHigh) & bit) !== 0;
  if (blocked || handler !== SIG_DFL || STOPS.has(signo)) {
    if (signo <= 32) task.group.signal.pendingLow |= bit;
    else task.group.signal.pendingHigh |= bit;
    return;
  }
  task.group.exit(signo);
}
