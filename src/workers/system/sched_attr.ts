// sched_setattr(2) and sched_getattr(2): what the older calls set, and niceness, in one structure. There is no
// bandwidth to give out, so SCHED_DEADLINE ends as where admission control refuses it.

import { E2BIG, EBUSY, EFAULT, EINVAL, EPERM } from "../../shared/abi/errno.ts";
import { CAP_SYS_NICE } from "../../shared/abi/prctl.ts";
import * as S from "../../shared/abi/sched.ts";
import { sched_attr } from "../../shared/abi/structs.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { Task } from "../process/task.ts";
import { cpuCount } from "../vfs/sys/cpus.ts";
import { REALTIME, setNice, setPolicy, targetOf } from "./sched_calls.ts";

const SIZE_VER0 = 48;
const SIZE_MAX = 4096;
const KNOWN_FLAGS =
  S.SCHED_FLAG_RESET_ON_FORK |
  S.SCHED_FLAG_RECLAIM |
  S.SCHED_FLAG_DL_OVERRUN |
  S.SCHED_FLAG_KEEP_POLICY |
  S.SCHED_FLAG_KEEP_PARAMS |
  S.SCHED_FLAG_UTIL_CLAMP_MIN |
  S.SCHED_FLAG_UTIL_CLAMP_MAX;
const CLAMPS = S.SCHED_FLAG_UTIL_CLAMP_MIN | S.SCHED_FLAG_UTIL_CLAMP_MAX;
const UTIL_MAX = 1024;

/** The scheduler's slice, as Linux shows it of a fair task: it grows with the CPUs, up to 8 of them. */
function sliceNs(cpus: number): number {
  return 700_000 * (1 + Math.floor(Math.log2(Math.min(cpus, 8))));
}

/** The structure, whose first word is its size, or a negative errno. */
function* readAttributes(
  task: Task,
  address: number,
): Generator<void, ReturnType<typeof sched_attr.decode> | number, void> {
  task.call.outAt(address, 4, WINDOW);
  if ((yield* task.call.copyInRound()) < 4) return -EFAULT;
  const given = task.call.view.getUint32(task.call.base + WINDOW, true);
  const size = given === 0 ? SIZE_VER0 : given;
  if (size < SIZE_VER0 || size > SIZE_MAX) return yield* tooBig(task, address);
  task.call.outAt(address, size, WINDOW);
  if ((yield* task.call.copyInRound()) < size) return -EFAULT;
  const bytes = new Uint8Array(Math.max(size, sched_attr.size));
  bytes.set(task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + size));
  // Fields of a later version must be zero.
  if (bytes.subarray(sched_attr.size).some((byte) => byte !== 0)) return yield* tooBig(task, address);
  const attributes = sched_attr.decode(bytes);
  if ((attributes.sched_flags & CLAMPS) !== 0 && size < sched_attr.size) return -EINVAL;
  return attributes;
}

/** Says which size is known. */
function* tooBig(task: Task, address: number): Generator<void, number, void> {
  task.call.view.setUint32(task.call.base + WINDOW, sched_attr.size, true);
  task.call.outAt(address, 4, WINDOW);
  yield* task.call.copyOutRound();
  return -E2BIG;
}

function* setAttributes(task: Task, pid: number, address: number): Coroutine {
  const attributes = yield* readAttributes(task, address);
  if (typeof attributes === "number") return attributes;
  const { sched_policy, sched_flags, sched_nice, sched_priority } = attributes;
  if (sched_policy > 0x7fffffff) return -EINVAL;
  const target = targetOf(task, pid);
  if (typeof target === "number") return target;
  const flags = sched_flags & KNOWN_FLAGS;
  if (flags !== sched_flags) return -EINVAL;
  if (attributes.sched_util_min > UTIL_MAX || attributes.sched_util_max > UTIL_MAX) return -EINVAL;
  const policy = (flags & S.SCHED_FLAG_KEEP_POLICY) !== 0 ? target.policy : sched_policy;
  if (policy === S.SCHED_DEADLINE)
    return capable(task.credentials, task.kernel.users.initial, CAP_SYS_NICE) ? -EBUSY : -EPERM;
  // Then Linux changes nothing at all: the policy is one of the parameters.
  if ((flags & S.SCHED_FLAG_KEEP_PARAMS) !== 0) return 0;
  if (!REALTIME.has(policy)) {
    const error = setNice(task, target, sched_nice);
    if (error < 0) return error;
  }
  const resets = (flags & S.SCHED_FLAG_RESET_ON_FORK) !== 0;
  return setPolicy(task, target, resets ? policy | S.SCHED_RESET_ON_FORK : policy, sched_priority);
}

export const SCHED_ATTR_HANDLERS: Handlers<Task> = {
  sched_setattr: (task, pid, address, flags) => {
    if (address === 0 || pid < 0 || flags !== 0) return -EINVAL;
    return task.call.start(setAttributes(task, pid, address));
  },

  sched_getattr: (task, pid, address, given, flags) => {
    const size = given >>> 0;
    if (address === 0 || pid < 0 || size > SIZE_MAX || size < SIZE_VER0 || flags !== 0) return -EINVAL;
    const target = targetOf(task, pid);
    if (typeof target === "number") return target;
    const bytes = new Uint8Array(sched_attr.size);
    const isRealtime = REALTIME.has(target.policy);
    sched_attr.encode(
      {
        size: Math.min(size, sched_attr.size),
        sched_policy: target.policy,
        sched_flags: target.resetsOnFork ? S.SCHED_FLAG_RESET_ON_FORK : 0,
        sched_nice: isRealtime ? 0 : target.nice,
        sched_priority: target.realtimePriority,
        sched_runtime: isRealtime ? 0 : sliceNs(cpuCount(task.kernel)),
        sched_deadline: 0,
        sched_period: 0,
        sched_util_min: 0,
        sched_util_max: UTIL_MAX,
      },
      bytes,
      0,
    );
    const length = Math.min(size, sched_attr.size);
    task.call.bytes.set(bytes.subarray(0, length), task.call.out(address, length));
    return 0;
  },
};
