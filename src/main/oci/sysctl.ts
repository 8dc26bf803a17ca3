// linux.sysctl of an OCI config.json: which settings a container may have of its own, as runc has it
// (libcontainer/configs/validate), by its names for sysctl(8) or with slashes (sysctl.d(5)).

import { IPC_SETTING_NAMES } from "../../shared/ipc_settings.ts";
import { SchemaError } from "./schema.ts";

const OF_IPC: ReadonlySet<string> = new Set(IPC_SETTING_NAMES.map((name) => `kernel.${name}`));

/** With dots between the parts: where a slash is the first separator, dots and slashes change places. */
export function dotted(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === "/" ? name.replaceAll(/[./]/g, (mark) => (mark === "/" ? "." : "/")) : name;
}

/** Null, or why a container with namespaces of those types cannot have it, in runc's words. */
function refusal(name: string, types: ReadonlySet<unknown>): string | null {
  if (OF_IPC.has(name) || name.startsWith("fs.mqueue."))
    return types.has("ipc") ? null : `sysctl "${name}" is not allowed in the hosts ipc namespace`;
  if (name.startsWith("net."))
    return types.has("network") ? null : `sysctl "${name}" not allowed in host network namespace`;
  if (types.has("uts") && name === "kernel.domainname") return null;
  if (types.has("uts") && name === "kernel.hostname")
    return `sysctl "${name}" is not allowed as it conflicts with the OCI "hostname" field`;
  if (name.startsWith("user."))
    return types.has("user") ? null : `setting ucounts without a user namespace not allowed: ${name}`;
  return `sysctl "${name}" is not in a separate kernel namespace`;
}

/** The settings by their names with dots. Throws SchemaError for one that no container may have. */
export function sysctls(given: Record<string, string>, types: ReadonlySet<unknown>): Record<string, string> {
  const settings = Object.entries(given).map(([name, value]) => [dotted(name), value] as const);
  for (const [name] of settings) {
    const wrong = refusal(name, types);
    if (wrong !== null) throw new SchemaError(`linux.sysctl: ${wrong}`);
  }
  return Object.fromEntries(settings);
}
