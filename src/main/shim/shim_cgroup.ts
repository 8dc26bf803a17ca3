// The control group that the shim itself is to be in (shim_cgroup).

import { existsSync, readdirSync, writeFileSync } from "node:fs";

/** The hierarchies of control groups: v2's one, or v1's. */
export function joinGroup(group: string): void {
  const top = "/sys/fs/cgroup";
  const hierarchies = ["", ...readdirSync(top)].map((name) => `${top}/${name}/${group}/cgroup.procs`);
  for (const file of hierarchies) if (existsSync(file)) writeFileSync(file, String(process.pid));
}
