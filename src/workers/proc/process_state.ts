// The state letter of a task, as /proc/PID/stat has it.

import type { Task } from "../process/task.ts";

export type StateLetter = "R" | "S" | "D" | "T" | "Z" | "X";

export const STATE_NAMES: Readonly<Record<StateLetter, string>> = {
  R: "running",
  S: "sleeping",
  D: "disk sleep",
  T: "stopped",
  Z: "zombie",
  X: "dead",
};

export function stateOf(task: Task): StateLetter {
  const { group } = task;
  if (group.state === "zombie" || task.dead || group.exiting) return "Z";
  if (group.stopSignal !== 0) return "T";
  if (task.kernel.current === task) return "R";
  return task.call.waiter !== null || task.call.owned ? "S" : "R";
}
