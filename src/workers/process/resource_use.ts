// Use of resources beside CPU time of a thread group (getrusage(2)): its stubs' accounts, and what its stub has used
// by now.

import { readProc } from "../platform/host_tasks.ts";
import { type ResourceUse, together } from "../platform/resource_use.ts";
import type { StubProcess } from "../platform/stub_process.ts";
import type { ThreadGroup } from "./thread_group.ts";

/** Of a stub that runs. */
function stubUse({ kernel, pid }: StubProcess): ResourceUse {
  const stat = readProc(kernel, `${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readProc(kernel, `${pid}/status`);
  const number = (name: string) => {
    const at = status.indexOf(`\n${name}:`);
    return at < 0 ? 0 : Number.parseInt(status.slice(at + name.length + 2), 10);
  };
  return {
    ru_maxrss: number("VmHWM"),
    ru_minflt: Number(fields[7] ?? 0),
    ru_majflt: Number(fields[9] ?? 0),
    ru_nvcsw: number("voluntary_ctxt_switches"),
    ru_nivcsw: number("nonvoluntary_ctxt_switches"),
  };
}

/** Of a group: with what its stub has used by now, while that has not told. */
export function groupUse(group: ThreadGroup): ResourceUse {
  const { use, leader } = group;
  return group.exiting && use.isComplete ? use.own : together(use.own, stubUse(leader.stub));
}

/** A stub that counts for the group is about to end, or to be exchanged for another. */
export function keepUseOf(group: ThreadGroup, stub: StubProcess): void {
  if (stub.owner !== group || !stub.isAlive) return; // one that never was a process will not tell
  group.use.expect();
  stub.account = group.use;
}
