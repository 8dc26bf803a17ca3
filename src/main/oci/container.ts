// An OCI config.json as a ContainerSpec (runtime-spec, config.md and config-linux.md). What concerns the
// host side alone (namespaces, cgroups, hooks) is the launcher's to read. What has no effect is told in the log;
// what would be missed is refused.

import { fstatSync, readSync } from "node:fs";
import { PER_LINUX } from "../../shared/abi/prctl.ts";
import { S_IFBLK, S_IFCHR } from "../../shared/abi/stat.ts";
import { __NEW_UTS_LEN } from "../../shared/abi/utsname.ts";
import type { ContainerSpec, DeviceSpec } from "../../shared/container_spec.ts";
import type { SandboxConfig } from "../../shared/process_spec.ts";
import type { Descriptors } from "../boot.ts";
import type { Log } from "../log.ts";
import { readHooks, stateOf } from "./hooks.ts";
import { ociMounts, PROPAGATION } from "./mounts.ts";
import { ociProcess } from "./process.ts";
import { cgroupLimits, deviceRules } from "./resources.ts";
import { personality } from "./scheduling.ts";
import {
  absolutePath,
  boolean,
  byteString,
  integer,
  list,
  map,
  object,
  optional,
  type Reader,
  SchemaError,
} from "./schema.ts";
import { compileSeccomp, readSeccomp } from "./seccomp.ts";
import { sysctls } from "./sysctl.ts";
import { withoutEffect } from "./without_effect.ts";

const PATHS_MAX = 4096;
const MAP_MAX = 4096;
const NAMESPACES_MAX = 64;
const ID_MAX = 0xfffffffe;
const VERSION = /^1\.\d+\.\d+/;
const DEFAULT_DEVICE_MODE = 0o666;
const DEVICE_TYPES: Readonly<Record<string, number>> = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK };

const readDevice = object({
  path: absolutePath,
  type: byteString,
  major: optional(integer(0, 4095), 0),
  minor: optional(integer(0, 1048575), 0),
  fileMode: optional(integer(0, 0xffffffff), DEFAULT_DEVICE_MODE), // podman's has the type in it
  uid: optional(integer(0, ID_MAX), 0),
  gid: optional(integer(0, ID_MAX), 0),
});

const device: Reader<DeviceSpec | null> = (value, at) => {
  const { type, fileMode, ...rest } = readDevice(value, at);
  if (type === "p") return null; // a FIFO: the guest makes its own
  const bits = DEVICE_TYPES[type];
  if (bits === undefined) throw new SchemaError(`${at}.type must be c, b, u or p`);
  return { ...rest, mode: bits | (fileMode & 0o7777) };
};

const paths = list(absolutePath, PATHS_MAX);

const rules = object({ devices: optional(deviceRules, []) });
const resources = (value: unknown, at: string) => ({ ...rules(value, at), cgroup: cgroupLimits(value, at) });

const readLinux = object({
  devices: optional(list(device, 4096), []),
  maskedPaths: optional(paths, []),
  readonlyPaths: optional(paths, []),
  seccomp: optional(readSeccomp, null),
  personality: optional(personality, PER_LINUX),
  rootfsPropagation: optional(byteString, ""),
  namespaces: optional(list(object({ type: byteString }), NAMESPACES_MAX), []),
  sysctl: optional(map(byteString, MAP_MAX), {}),
  resources: optional(resources, resources({}, "")),
});

function readConfig(descriptors: Descriptors) {
  return object({
    ociVersion: byteString,
    root: object({ readonly: optional(boolean, false) }),
    mounts: optional(ociMounts(descriptors), []),
    process: ociProcess,
    hooks: optional(readHooks, { startContainer: [] }),
    hostname: optional(byteString, ""),
    domainname: optional(byteString, ""),
    annotations: optional(map(byteString, MAP_MAX), {}),
    linux: optional(readLinux, readLinux({}, "")),
  });
}

function check(name: string, value: string): string {
  if (value.length > __NEW_UTS_LEN) throw new SchemaError(`${name} must have at most ${__NEW_UTS_LEN} bytes`);
  return value;
}

function rootPropagation(word: string): number {
  if (word === "") return 0;
  if (!Object.hasOwn(PROPAGATION, word))
    throw new SchemaError(`linux.rootfsPropagation must be one of ${Object.keys(PROPAGATION).join(", ")}`);
  return PROPAGATION[word]!;
}

/** As runc has it: the container's first process is process 1. */
function activation(descriptors: number): string[] {
  return descriptors > 0 ? [`LISTEN_FDS=${descriptors}`, "LISTEN_PID=1"] : [];
}

function readText(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  readSync(fd, bytes, 0, bytes.length, 0);
  return bytes.toString("utf8");
}

/** Reads and checks the configuration in memfd `fd`. Throws SchemaError with one line that says what is wrong. */
export function readContainer(
  fd: number,
  id: string,
  { hostname, options, bundle, listening }: SandboxConfig,
  descriptors: Descriptors,
  log: Log,
): ContainerSpec {
  let value: unknown;
  try {
    value = JSON.parse(readText(fd));
  } catch (error) {
    throw new SchemaError(`config.json is not JSON: ${(error as Error).message}`);
  }
  const config = readConfig(descriptors)(value, "");
  const { linux } = config;
  if (!VERSION.test(config.ociVersion))
    throw new SchemaError(`ociVersion ${config.ociVersion} is not supported`);
  const settings = sysctls(linux.sysctl, new Set(linux.namespaces.map(({ type }) => type)));
  const ignored = withoutEffect(value, options.strict);
  if (ignored.length > 0) log.warn(`config.json: accepted without effect: ${ignored.join(", ")}`);
  return {
    id,
    process: {
      ...config.process,
      env: [...config.process.env, ...activation(listening ?? 0)],
      container: { ...config.process.container!, persona: linux.personality },
    },
    startHooks: config.hooks.startContainer,
    startState: stateOf(id, bundle ?? "", config.annotations),
    hostname: check("hostname", config.hostname === "" ? hostname : config.hostname),
    domainname: check("domainname", config.domainname),
    rootReadOnly: config.root.readonly,
    rootPropagation: rootPropagation(linux.rootfsPropagation),
    mounts: config.mounts,
    devices: linux.devices.flatMap((entry) => (entry === null ? [] : [entry])),
    maskedPaths: linux.maskedPaths,
    readOnlyPaths: linux.readonlyPaths,
    tasks: Math.max(0, linux.resources.cgroup.tasks ?? 0),
    memory: Math.max(0, linux.resources.cgroup.memory ?? 0),
    cgroup: linux.resources.cgroup,
    deviceRules: linux.resources.devices,
    seccomp: linux.seccomp === null ? null : compileSeccomp(linux.seccomp),
    annotations: config.annotations,
    settings,
  };
}
