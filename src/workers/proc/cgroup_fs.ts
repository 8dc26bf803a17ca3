// File systems of control groups: see cgroup_files.ts.

import { EPERM } from "../../shared/abi/errno.ts";
import type { CgroupHierarchy } from "../../shared/cgroup.ts";
import type { SupervisorContext } from "../process/context.ts";
import { GeneratedFs } from "../vfs/generated/generated_fs.ts";
import type { AnyNode } from "../vfs/generated/nodes.ts";
import { CgroupSubject, legacyOptions, legacyRoot, unifiedRoot } from "./cgroup_files.ts";

class CgroupFs extends GeneratedFs {
  override readonly refusesNames = -EPERM;
  override readonly options: string;

  constructor(kernel: SupervisorContext, type: "cgroup" | "cgroup2", root: AnyNode, options: string) {
    super(kernel, type, root, new CgroupSubject(kernel));
    this.options = options;
  }
}

/** A file system of that type with these mount options, or a negative errno. As on Linux, one hierarchy is one of them. */
export function makeCgroups(
  kernel: SupervisorContext,
  type: "cgroup" | "cgroup2",
  data: readonly string[],
  hierarchies: readonly CgroupHierarchy[],
  made: Map<string, GeneratedFs>,
): GeneratedFs | number {
  const options = type === "cgroup2" ? "" : legacyOptions(data);
  if (typeof options === "number") return options;
  const known = made.get(options);
  if (known !== undefined) return known;
  const root = type === "cgroup2" ? unifiedRoot(hierarchies) : legacyRoot(options);
  const fs = new CgroupFs(kernel, type, root, options);
  // Of names there are any; of controllers a few.
  if (!options.includes("name=")) made.set(options, fs);
  return fs;
}
