// The `process` object of an OCI config.json, or of `exec --process`, as a ProcessSpec.

import { CAPABILITIES } from "../../shared/abi/names.ts";
import type { CapabilitySets, ProcessSpec } from "../../shared/process_spec.ts";
import { execCpuAffinity, ioPriority, scheduler } from "./scheduling.ts";
import {
  absolutePath,
  boolean,
  byteString,
  integer,
  list,
  object,
  optional,
  type Read,
  type Reader,
  SchemaError,
  uint64,
} from "./schema.ts";

const STRINGS_MAX = 65_536;
const GROUPS_MAX = 65_536; // NGROUPS_MAX
const ID_MAX = 0xfffffffe;
const DEFAULT_UMASK = 0o022;
const DIMENSION_MAX = 65_535;

/** A user or group id. */
export const id: Reader<number> = integer(0, ID_MAX);
export const strings: Reader<string[]> = list(byteString, STRINGS_MAX);

/** CAP_* names to numbers; names of a newer Linux are left out, as nobody here could have them. */
const capabilityNumbers: ReadonlyMap<string, number> = new Map(Object.entries(CAPABILITIES));

/** Sets as 16 hexadecimal digits. */
export const capabilities: Reader<string> = (value, at) => {
  let set = 0n;
  for (const name of strings(value, at)) {
    const number = capabilityNumbers.get(name);
    if (number !== undefined) set |= 1n << BigInt(number);
  }
  return set.toString(16).padStart(16, "0");
};

const NONE = "0".repeat(16);
const capabilitySets: Reader<CapabilitySets> = object({
  bounding: optional(capabilities, NONE),
  effective: optional(capabilities, NONE),
  inheritable: optional(capabilities, NONE),
  permitted: optional(capabilities, NONE),
  ambient: optional(capabilities, NONE),
});
const NO_CAPABILITIES = capabilitySets({}, "");

const rlimit = object({ type: byteString, soft: uint64, hard: uint64 });

const readProcess = object({
  terminal: optional(boolean, false),
  consoleSize: optional(
    object({ height: integer(0, DIMENSION_MAX), width: integer(0, DIMENSION_MAX) }),
    undefined,
  ),
  cwd: absolutePath,
  env: optional(strings, []),
  args: strings,
  user: optional(
    object({
      uid: optional(id, 0),
      gid: optional(id, 0),
      umask: optional(integer(0, 0o777), DEFAULT_UMASK),
      additionalGids: optional(list(id, GROUPS_MAX), []),
    }),
    { uid: 0, gid: 0, umask: DEFAULT_UMASK, additionalGids: [] },
  ),
  capabilities: optional(capabilitySets, NO_CAPABILITIES),
  noNewPrivileges: optional(boolean, false),
  rlimits: optional(list(rlimit, 64), []),
  oomScoreAdj: optional(integer(-1000, 1000), undefined),
  scheduler: optional(scheduler, null),
  ioPriority: optional(ioPriority, 0),
  execCPUAffinity: optional(execCpuAffinity, { initial: null, final: null }),
});

function checkRlimits(rlimits: Read<typeof rlimit>[], at: string): void {
  const seen = new Set<string>();
  for (const { type, soft, hard } of rlimits) {
    if (!/^RLIMIT_[A-Z]{2,10}$/.test(type)) throw new SchemaError(`${at}: ${type} is no resource limit`);
    if (seen.has(type)) throw new SchemaError(`${at}: ${type} is there twice`);
    if (BigInt(soft) > BigInt(hard)) throw new SchemaError(`${at}: ${type}: soft is above hard`);
    seen.add(type);
  }
}

/** Reads a process object found at `at`. Throws SchemaError. */
export const ociProcess: Reader<ProcessSpec> = (value, at) => {
  const { user, ...read } = readProcess(value, at);
  if (read.args.length === 0 || read.args[0] === "") throw new SchemaError(`${at}.args must name a program`);
  checkRlimits(read.rlimits, `${at}.rlimits`);
  return {
    args: read.args,
    env: read.env,
    cwd: read.cwd,
    uid: user.uid,
    gid: user.gid,
    groups: user.additionalGids,
    umask: user.umask,
    rlimits: read.rlimits,
    blocked: NONE,
    ignored: NONE,
    terminal: read.terminal,
    closedStreams: 0,
    container: {
      isFirst: true,
      capabilities: read.capabilities,
      noNewPrivileges: read.noNewPrivileges,
      oomScoreAdj: read.oomScoreAdj ?? 0,
      scheduling: read.scheduler,
      ioPriority: read.ioPriority,
      affinity: read.execCPUAffinity.final,
      persona: 0,
    },
  };
};
