// What a traced thread stops for on its way back to guest code, beside the end of a call: what its tracer has asked for, the
// stop of its group, and each signal before it is delivered (ptrace(2), "Signal-delivery-stop", "Group-stop").

import { SI_USER, SIGKILL } from "../../shared/abi/signal.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Task } from "../process/task.ts";
import { takeGiven } from "./call_stops.ts";
import { unpatch } from "./relation.ts";
import { groupStop, signalStop, stopAt, trapStop } from "./stops.ts";
import type { Tracee } from "./tracee.ts";

type Outcome = number | null;

function* unpatched(task: Task, then: () => void): Coroutine {
  yield* unpatch(task);
  task.call.coroutine = null;
  then();
  return NO_RESULT;
}

/**
 * Something that no signal brings. True: it stops, and `then` is called when it goes on, or when its text is as its file has
 * it, before the first stop of all.
 */
export function stopIfDue(
  task: Task,
  tracee: Tracee<Task>,
  outcome: Outcome,
  then: (task: Task, outcome: Outcome) => void,
): boolean {
  if (!task.stub.space.staysUnpatched) {
    task.call.start(unpatched(task, () => then(task, outcome)));
    return true;
  }
  if (!tracee.hasTrap) return false;
  const stop = tracee.trapsAtHandler ? trapStop(task) : groupStop(task, tracee);
  if (tracee.trapsAtHandler) tracee.trapsAtHandler = false;
  else if (stop === null) tracee.trapStop = tracee.trapNotify = tracee.stopPending = false; // it is over already
  if (stop === null) return false;
  stopAt(task, tracee, stop, outcome, (next) => {
    // A signal that it is let go on with counts where one has stopped it.
    if (stop.kind === "group") tracee.signal = 0;
    else takeGiven(task, tracee);
    then(task, next);
  });
  return true;
}

/** What its tracer has made of a signal: the same, another one, or none. */
function changed(task: Task, { signal, tracer }: Tracee<Task>, info: SigInfo): SigInfo | null {
  if (signal === 0) return null;
  if (signal === info.signo) return info;
  const uid = task.credentials.userNamespace.uids.told(tracer.credentials.uid);
  return { signo: signal, code: SI_USER, pid: tracer.group.id.in(task.pids), uid };
}

/** A signal has been taken that is about to be acted upon: it stops; `then` is told what is to be acted upon instead, or null. */
export function stopForSignal(
  task: Task,
  tracee: Tracee<Task>,
  info: SigInfo,
  outcome: Outcome,
  then: (task: Task, info: SigInfo | null, outcome: Outcome) => void,
): void {
  const stop = signalStop(info);
  stopAt(task, tracee, stop, outcome, (next) => {
    const given = changed(task, tracee, stop.info ?? info);
    tracee.signal = 0;
    // One that is blocked by now comes later.
    if (given !== null && given.signo !== SIGKILL && task.blocked.has(given.signo)) {
      task.pending.add(given);
      then(task, null, next);
    } else then(task, given, next);
  });
}
