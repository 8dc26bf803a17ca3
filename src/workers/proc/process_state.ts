// The state letter of a task, as /proc/PID/stat has it.

import { ASLEEP } from "../../shared/ring/layout.ts";
import type { Task } from "../process/task.ts";

export type StateLetter = "R" | "S" | "D" | "T" | "t" | "Z" | "X";

export const STATE_NAMES: Readonly<Record<StateLetter, string>> = {
  R: "running",
  S: "sleeping",
  D: "disk sleep",
  T: "stopped",
  t: "tracing stop",
  Z: "zombie",
  X: "dead",
};

export function stateOf(task: Task): StateLetter {
  const { group } = task;
  if (group.state === "zombie" || task.dead || group.exiting) return "Z";
  if (task.tracee?.stop) return "t";
  if (group.stopSignal !== 0 && task.tracee === null) return "T";
  if (task.kernel.current === task) return "R";
  if (task.call.waiter !== null || task.call.owned) return "S";
  // A call that another kernel thread serves waits, as a rule.
  if (task.kernel.otherThreads?.serves(task.call.slot) === true) return "S";
  return task.kernel.slots.word(task.call.slot, ASLEEP) !== 0 ? "S" : "R"; // asleep at the host, or so it says
}
