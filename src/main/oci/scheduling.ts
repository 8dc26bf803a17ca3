// What an OCI config.json says of how a process is scheduled: process.scheduler, process.ioPriority,
// process.execCPUAffinity and linux.personality, with runc's bounds.

import { PER_LINUX, PER_LINUX32 } from "../../shared/abi/prctl.ts";
import * as S from "../../shared/abi/sched.ts";
import { readCpuList } from "../../shared/cpu_list.ts";
import type { Scheduling } from "../../shared/process_spec.ts";
import { byteString, integer, list, object, optional, type Reader, SchemaError } from "./schema.ts";

const NICE_MIN = -20;
const NICE_MAX = 19;
const PRIORITY_MAX = 99;
const IO_LEVEL_MAX = 7;
const IO_CLASS_SHIFT = 13;
const TIME_MAX = 2 ** 53 - 1;

const POLICIES: Readonly<Record<string, number>> = {
  SCHED_OTHER: S.SCHED_NORMAL,
  SCHED_FIFO: S.SCHED_FIFO,
  SCHED_RR: S.SCHED_RR,
  SCHED_BATCH: S.SCHED_BATCH,
  SCHED_ISO: -1,
  SCHED_IDLE: S.SCHED_IDLE,
  SCHED_DEADLINE: S.SCHED_DEADLINE,
};
const REALTIME: ReadonlySet<string> = new Set(["SCHED_FIFO", "SCHED_RR"]);
const FLAGS: ReadonlySet<string> = new Set([
  "SCHED_FLAG_RESET_ON_FORK",
  "SCHED_FLAG_RECLAIM",
  "SCHED_FLAG_DL_OVERRUN",
  "SCHED_FLAG_KEEP_POLICY",
  "SCHED_FLAG_KEEP_PARAMS",
  "SCHED_FLAG_UTIL_CLAMP_MIN",
  "SCHED_FLAG_UTIL_CLAMP_MAX",
]);
const IO_CLASSES: Readonly<Record<string, number>> = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
};
const DOMAINS: Readonly<Record<string, number>> = { LINUX: PER_LINUX, LINUX32: PER_LINUX32 };

function named(names: Readonly<Record<string, number>>, given: string, at: string): number {
  const value = Object.hasOwn(names, given) ? names[given] : undefined;
  if (value === undefined || value < 0)
    throw new SchemaError(`${at} must be one of ${Object.keys(names).join(", ")}`);
  return value;
}

const time = optional(integer(0, TIME_MAX), 0);
const schedulerMembers = object({
  policy: byteString,
  nice: optional(integer(-(2 ** 31), 2 ** 31 - 1), 0),
  priority: optional(integer(-(2 ** 31), 2 ** 31 - 1), 0),
  flags: optional(list(byteString, FLAGS.size), []),
  runtime: time,
  deadline: time,
  period: time,
});

/** There is no bandwidth to give out (sched_attr.ts), so SCHED_DEADLINE is refused. */
export const scheduler: Reader<Scheduling> = (value, at) => {
  const { policy: name, nice, priority, runtime, deadline, period, ...rest } = schedulerMembers(value, at);
  const flags: readonly string[] = rest.flags;
  const policy = named(POLICIES, name, `${at}.policy`);
  if (policy === S.SCHED_DEADLINE) throw new SchemaError(`${at}.policy SCHED_DEADLINE is not supported`);
  if (runtime + deadline + period > 0)
    throw new SchemaError(`${at}: runtime, deadline and period are for SCHED_DEADLINE alone`);
  if (nice < NICE_MIN || nice > NICE_MAX)
    throw new SchemaError(`${at}.nice must be an integer from ${NICE_MIN} to ${NICE_MAX}`);
  const least = REALTIME.has(name) ? 1 : 0;
  if (priority < least || priority > (REALTIME.has(name) ? PRIORITY_MAX : 0))
    throw new SchemaError(
      `${at}.priority must be from 1 to 99 for SCHED_FIFO and SCHED_RR, and 0 for others`,
    );
  const unknown = flags.find((flag) => !FLAGS.has(flag));
  if (unknown !== undefined) throw new SchemaError(`${at}.flags: ${unknown} is no flag`);
  const resetsOnFork = flags.includes("SCHED_FLAG_RESET_ON_FORK");
  // A new process has the parameters that would be kept.
  const keeps = flags.includes("SCHED_FLAG_KEEP_POLICY") || flags.includes("SCHED_FLAG_KEEP_PARAMS");
  return keeps ? { policy: 0, nice: 0, priority: 0, resetsOnFork } : { policy, nice, priority, resetsOnFork };
};

const ioPriorityMembers = object({ class: byteString, priority: optional(integer(0, IO_LEVEL_MAX), 0) });

/** As ioprio_set(2) takes it. */
export const ioPriority: Reader<number> = (value, at) => {
  const { class: name, priority } = ioPriorityMembers(value, at);
  return (named(IO_CLASSES, name, `${at}.class`) << IO_CLASS_SHIFT) | priority;
};

/** CPUs of a list such as "0-2,7". */
const cpuList: Reader<number[]> = (value, at) => {
  const cpus = readCpuList(byteString(value, at));
  if (cpus === null) throw new SchemaError(`${at} must be a list of CPUs such as 0-2,7`);
  return [...cpus];
};

/** `initial` is for the time before the process is in its control group, of which a guest's has none. */
export const execCpuAffinity: Reader<{ initial: number[] | null; final: number[] | null }> = object({
  initial: optional(cpuList, null),
  final: optional(cpuList, null),
});

const personalityMembers = object({ domain: byteString, flags: optional(list(byteString, 64), []) });

/** As personality(2) takes it. The specification names no flags, and runc ignores them. */
export const personality: Reader<number> = (value, at) =>
  named(DOMAINS, personalityMembers(value, at).domain, `${at}.domain`);
