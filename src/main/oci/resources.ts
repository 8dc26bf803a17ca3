// `linux.resources` of an OCI config.json, or of `update`, as far as the sandbox's own kernel tells of it or keeps to it; the
// host's control groups are the launcher's to set.

import type { CgroupLimits } from "../../shared/cgroup.ts";
import { DEVICE_RULES_MAX, type DeviceRule, MAKE, READ, WRITE } from "../../shared/device_rules.ts";
import { boolean, byteString, integer, list, object, optional, type Reader, SchemaError } from "./schema.ts";

const NUMBER_MAX = 2 ** 32 - 1;
const number = optional(integer(-1, Number.MAX_SAFE_INTEGER), 0);
const text = optional(byteString, "");
const limit = optional(object({ limit: number }), { limit: 0 });

const readResources = object({
  memory: optional(object({ limit: number, swap: number, reservation: number }), null),
  cpu: optional(
    object({
      quota: number,
      period: number,
      burst: number,
      shares: number,
      idle: number,
      cpus: text,
      mems: text,
    }),
    null,
  ),
  pids: optional(limit, null),
  blockIO: optional(object({ weight: number }), null),
  unified: optional((value: unknown) => value as Record<string, unknown>, null),
});

/** v2's files by name, of what there is here. */
function unifiedLimits(unified: Readonly<Record<string, unknown>>): Partial<CgroupLimits> {
  const whole = (name: string) => {
    const value = unified[name];
    if (value === "max") return -1;
    return typeof value === "string" && /^\d{1,15}$/.test(value.trim()) ? Number(value) : undefined;
  };
  const [memory, reservation, tasks] = ["memory.max", "memory.low", "pids.max"].map(whole);
  const quota = /^(max|\d{1,12})(?: (\d{1,12}))?$/.exec(String(unified["cpu.max"] ?? ""));
  const cpus = unified["cpuset.cpus"];
  return {
    ...(memory !== undefined && { memory }),
    ...(reservation !== undefined && { reservation }),
    ...(tasks !== undefined && { tasks }),
    ...(quota !== null && { quota: quota[1] === "max" ? -1 : Number(quota[1]) }),
    ...(quota?.[2] !== undefined && { period: Number(quota[2]) }),
    ...(typeof cpus === "string" && { cpus }),
  };
}

/** What is set of the limits; as with runc, 0 says nothing. Throws SchemaError. */
export const cgroupLimits: Reader<Partial<CgroupLimits>> = (value, at) => {
  const { memory, cpu, pids, blockIO, unified } = readResources(value ?? {}, at);
  const given: CgroupLimits = {
    memory: memory?.limit ?? 0,
    swap: memory?.swap ?? 0,
    reservation: memory?.reservation ?? 0,
    quota: cpu?.quota ?? 0,
    period: cpu?.period ?? 0,
    burst: cpu?.burst ?? 0,
    shares: cpu?.shares ?? 0,
    idle: cpu?.idle ?? 0,
    tasks: pids?.limit ?? 0,
    ioWeight: blockIO?.weight ?? 0,
    cpus: cpu?.cpus ?? "",
    mems: cpu?.mems ?? "",
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, one]) => one !== 0 && one !== ""));
  return { ...set, ...unifiedLimits(unified ?? {}) };
};

const readRule = object({
  allow: optional(boolean, false),
  type: optional(byteString, "a"),
  major: optional(integer(-1, NUMBER_MAX), -1),
  minor: optional(integer(-1, NUMBER_MAX), -1),
  access: optional(byteString, ""),
});

const ACCESS: Readonly<Record<string, number>> = { r: READ, w: WRITE, m: MAKE };

const deviceRule: Reader<DeviceRule> = (value, at) => {
  const { type, access, ...rule } = readRule(value, at);
  if (!["", "a", "b", "c"].includes(type)) throw new SchemaError(`${at}.type must be a, b or c`);
  if (access === "") throw new SchemaError(`${at}.access must not be empty`);
  const bits = [...access].reduce((sum, letter) => sum | (ACCESS[letter] ?? 0), 0);
  return { ...rule, type: (type === "" ? "a" : type) as DeviceRule["type"], access: bits };
};

/** `linux.resources.devices`. */
export const deviceRules: Reader<DeviceRule[]> = list(deviceRule, DEVICE_RULES_MAX);
