// The process of an `exec` in a container: an OCI process object, or the container's own process with what
// the command line changes.

import type { ProcessSpec } from "../../shared/process_spec.ts";
import { RequestError } from "../control/request_error.ts";
import { id, ociProcess, strings } from "../oci/process.ts";
import { absolutePath, boolean, object, optional, SchemaError } from "../oci/schema.ts";

const readChanges = object({
  args: strings,
  env: optional(strings, []),
  cwd: optional(absolutePath, undefined),
  uid: optional(id, undefined),
  gid: optional(id, undefined),
  terminal: optional(boolean, false),
});

/** Later entries win, as in a shell. */
function merged(env: readonly string[], added: readonly string[]): string[] {
  const name = (entry: string) => entry.split("=", 1)[0]!;
  const names = new Set(added.map(name));
  return [...env.filter((entry) => !names.has(name(entry))), ...added];
}

function changed(base: ProcessSpec, params: Record<string, unknown>): ProcessSpec {
  const { args, env, cwd, uid, gid, terminal } = readChanges(params, "");
  if (args.length === 0) throw new SchemaError("args must name a program");
  const user = uid === undefined ? {} : { uid, gid: gid ?? 0, groups: [] };
  return { ...base, ...user, args, env: merged(base.env, env), cwd: cwd ?? base.cwd, terminal };
}

/** Throws a RequestError that says what is wrong. */
export function checkProcess(base: ProcessSpec, params: Record<string, unknown>): ProcessSpec {
  try {
    const spec = params.process === undefined ? changed(base, params) : ociProcess(params.process, "process");
    // The first process's directory is made for it; a further one's must be there.
    return { ...spec, container: { ...spec.container!, makesDirectory: false } };
  } catch (error) {
    if (error instanceof SchemaError) throw new RequestError("ERR_PARAMS", error.message);
    throw error;
  }
}
