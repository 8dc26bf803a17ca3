// Use of resources beside CPU time (getrusage(2)): the host's account of a group's stubs, kept when one of
// them ends, and what children that were waited for have used.

import type { StubProcess } from "./stub_process.ts";
import type { ThreadGroup } from "./task.ts";

/** Faults, switches, and the largest size, in KiB. */
export interface ResourceUse {
  readonly ru_maxrss: number;
  readonly ru_minflt: number;
  readonly ru_majflt: number;
  readonly ru_nvcsw: number;
  readonly ru_nivcsw: number;
}

export const NO_USE: ResourceUse = { ru_maxrss: 0, ru_minflt: 0, ru_majflt: 0, ru_nvcsw: 0, ru_nivcsw: 0 };

export function together(a: ResourceUse, b: ResourceUse): ResourceUse {
  return {
    ru_maxrss: Math.max(a.ru_maxrss, b.ru_maxrss),
    ru_minflt: a.ru_minflt + b.ru_minflt,
    ru_majflt: a.ru_majflt + b.ru_majflt,
    ru_nvcsw: a.ru_nvcsw + b.ru_nvcsw,
    ru_nivcsw: a.ru_nivcsw + b.ru_nivcsw,
  };
}

function stubUse({ kernel, pid }: StubProcess): ResourceUse {
  const { native, descriptors } = kernel;
  const read = (file: string) => {
    const n = native.readSmall(descriptors.proc, `${pid}/${file}`);
    return n <= 0 ? "" : Buffer.from(native.scratch.subarray(0, n)).toString("latin1");
  };
  const stat = read("stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = read("status");
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

/** Of a group that has not ended. */
export function groupUse(group: ThreadGroup): ResourceUse {
  return together(group.pastUse, stubUse(group.leader.stub));
}

/** A stub that counts for the group is about to end, or to be exchanged for another. */
export function keepUseOf(group: ThreadGroup, stub: StubProcess): void {
  if (stub.owner === group) group.pastUse = together(group.pastUse, stubUse(stub));
}
