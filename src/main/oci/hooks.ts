// The startContainer hooks of an OCI config.json. Those of other kinds run on the host: the launcher reads them.

import type { HookSpec } from "../../shared/container_spec.ts";
import { strings } from "./process.ts";
import { absolutePath, integer, list, object, optional, type Reader } from "./schema.ts";
import { OCI_VERSION_LAST } from "./version.ts";

const HOOKS_MAX = 1024;
const TIMEOUT_MAX = 86_400;

const hook = object({
  path: absolutePath,
  args: optional(strings, []),
  env: optional(strings, null),
  timeout: optional(integer(1, TIMEOUT_MAX), 0),
});

export const readHooks: Reader<{ startContainer: HookSpec[] }> = object({
  startContainer: optional(list(hook, HOOKS_MAX), []),
});

/** What such a hook reads: the container as it is seen from within. All are byte strings. */
export function stateOf(id: string, bundle: string, annotations: Record<string, string>): string {
  const state = { ociVersion: OCI_VERSION_LAST, id, status: "created", pid: 1, bundle };
  return JSON.stringify(Object.keys(annotations).length > 0 ? { ...state, annotations } : state);
}
