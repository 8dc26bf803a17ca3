// The process of an `exec` in a container: an OCI process object, or the container's own process with what
// the command line changes.

import type { CapabilitySets, ProcessSpec } from "../../shared/process_spec.ts";
import { RequestError } from "../control/request_error.ts";
import { capabilities, id, ociProcess, strings } from "../oci/process.ts";
import { absolutePath, boolean, list, object, optional, SchemaError } from "../oci/schema.ts";

const GROUPS_MAX = 65_536; // NGROUPS_MAX

const readChanges = object({
  args: strings,
  env: optional(strings, []),
  cwd: optional(absolutePath, undefined),
  uid: optional(id, undefined),
  gid: optional(id, undefined),
  groups: optional(list(id, GROUPS_MAX), undefined),
  capabilities: optional(capabilities, undefined),
  noNewPrivileges: optional(boolean, false),
  terminal: optional(boolean, false),
});

/** Later entries win, as in a shell. */
function merged(env: readonly string[], added: readonly string[]): string[] {
  const name = (entry: string) => entry.split("=", 1)[0]!;
  const names = new Set(added.map(name));
  return [...env.filter((entry) => !names.has(name(entry))), ...added];
}

/** As runc adds them: ambient ones take inheritable ones, of which it adds none. */
function withMore(sets: CapabilitySets, more: string | undefined): CapabilitySets {
  if (more === undefined) return sets;
  const both = (set: string) => (BigInt(`0x${set}`) | BigInt(`0x${more}`)).toString(16).padStart(16, "0");
  const { bounding, effective, permitted } = sets;
  return { ...sets, bounding: both(bounding), effective: both(effective), permitted: both(permitted) };
}

function changed(base: ProcessSpec, params: Record<string, unknown>): ProcessSpec {
  const { args, env, cwd, uid, gid, groups, terminal, ...privileges } = readChanges(params, "");
  if (args.length === 0) throw new SchemaError("args must name a program");
  const user = uid === undefined ? {} : { uid, gid: gid ?? 0, groups: [] };
  return {
    ...base,
    ...user,
    ...(groups && { groups: [...(uid === undefined ? base.groups : []), ...groups] }),
    args,
    env: merged(base.env, env),
    cwd: cwd ?? base.cwd,
    terminal,
    container: {
      ...base.container!,
      capabilities: withMore(base.container!.capabilities, privileges.capabilities),
      noNewPrivileges: base.container!.noNewPrivileges || privileges.noNewPrivileges,
    },
  };
}

/** Throws a RequestError that says what is wrong. */
export function checkProcess(base: ProcessSpec, params: Record<string, unknown>): ProcessSpec {
  try {
    const spec = params.process === undefined ? changed(base, params) : ociProcess(params.process, "process");
    const { persona } = base.container!;
    return { ...spec, container: { ...spec.container!, isFirst: false, persona } };
  } catch (error) {
    if (error instanceof SchemaError) throw new RequestError("ERR_PARAMS", error.message);
    throw error;
  }
}
