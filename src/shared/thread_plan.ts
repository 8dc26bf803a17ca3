// Which kernel threads a sandbox has (--workers), in the order of their numbers: what each of them is for. Nothing but
// this says who has sockets, or whether anybody but thread 0 has.

import { KERNEL_THREADS_MAX } from "./ring/layout.ts";

/**
 * supervisor: tasks, names and tables, and whatever no other thread is for; net: sockets and the network; data: calls
 * that are about bytes alone, and nothing that lasts.
 */
export type ThreadRole = "supervisor" | "net" | "data";

export type ThreadPlan = readonly ThreadRole[];

/** Number of the kernel thread that there always is. */
export const SUPERVISOR = 0;

const MOST = `a sandbox has at most ${KERNEL_THREADS_MAX} kernel threads`;

/** Number of the only thread of a role; -1: there is none. */
export function threadOf(plan: ThreadPlan, role: "supervisor" | "net"): number {
  return plan.indexOf(role);
}

/** Numbers of all threads of a role. */
export function threadsOf(plan: ThreadPlan, role: ThreadRole): readonly number[] {
  return plan.flatMap((each, thread) => (each === role ? [thread] : []));
}

/** A number of threads in all: the network's comes second, and data's last. */
function countedPlan(count: number): ThreadPlan | string {
  if (count < 1) return "there is no kernel without a thread";
  if (count > KERNEL_THREADS_MAX) return MOST;
  const roles = Array.from({ length: count }, (_none, i): ThreadRole => (i === 1 ? "net" : "data"));
  return roles.with(SUPERVISOR, "supervisor");
}

/** A table of what there is beside thread 0: net, data=N. */
function tabledPlan(table: string): ThreadPlan | string {
  const plan: ThreadRole[] = ["supervisor"];
  const given = new Set<string>();
  for (const item of table.split(",")) {
    const [, role = "", number] = /^(net|data)(?:=([1-9]))?$/.exec(item) ?? [];
    if (role === "" || (role === "net" && number !== undefined))
      return `"${item}" is neither auto, solo, a number of threads, net nor data=N`;
    if (given.has(role)) return `"${role}" is named twice`;
    given.add(role);
    if (role === "net") plan.splice(SUPERVISOR + 1, 0, "net");
    else for (let i = 0; i < Number(number ?? 1); i++) plan.push("data");
  }
  return plan.length > KERNEL_THREADS_MAX ? MOST : plan;
}

/**
 * What a value of --workers asks for, which is `auto`, `solo`, a number or a table; a text: what is wrong with it. The
 * launcher accepts the same (native/launcher/workers.c).
 */
export function threadPlan(workers: string): ThreadPlan | string {
  if (workers === "auto" || workers === "solo") return ["supervisor"];
  return /^[0-9]{1,3}$/.test(workers) ? countedPlan(Number(workers)) : tabledPlan(workers);
}
