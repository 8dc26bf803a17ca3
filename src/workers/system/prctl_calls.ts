// prctl(2): a table of options. Options that concern hardware or features that the sandbox does not have
// answer EINVAL, as a kernel built without them.

import { EBADF, EFAULT, EINVAL, EPERM } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/prctl.ts";
import { SIGRTMAX } from "../../shared/abi/signal.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import { tellName } from "../process/host_view.ts";
import type { Task } from "../process/task.ts";
import { setFilterMode, setStrictMode } from "../seccomp/calls.ts";

const COMM_SIZE = 16;
const SECUREBITS_MAX = 0xff;
const SECBIT_KEEP_CAPS = 1 << 4;
const SECBIT_KEEP_CAPS_LOCKED = 1 << 5;
const SECBIT_NO_CAP_AMBIENT_RAISE = 1 << 6;
const VMA_NAME_MAX = 80;

type Option = (task: Task, arg2: number, arg3: number, arg4: number, arg5: number) => number;

function writeInt(task: Task, address: number, value: number): number {
  task.call.view.setInt32(task.call.out(address, 4), value, true);
  return 0;
}

function* setName(task: Task, address: number): Coroutine {
  task.call.outAt(address, COMM_SIZE, WINDOW);
  const copied = yield* task.call.copyInRound();
  const bytes = Buffer.from(
    task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + COMM_SIZE),
  );
  const end = bytes.subarray(0, Math.min(copied, COMM_SIZE)).indexOf(0);
  if (copied < COMM_SIZE && end < 0) return -EFAULT;
  task.comm = bytes.toString("latin1", 0, end < 0 ? COMM_SIZE - 1 : Math.min(end, COMM_SIZE - 1));
  yield* tellName(task);
  return 0;
}

function getName(task: Task, address: number): number {
  const at = task.call.out(address, COMM_SIZE);
  task.call.bytes.fill(0, at, at + COMM_SIZE);
  task.call.bytes.set(Buffer.from(task.comm, "latin1").subarray(0, COMM_SIZE - 1), at);
  return 0;
}

/** Whether a capability is in a set of two words. */
function inSet(low: number, high: number, capability: number): boolean {
  return (((capability < 32 ? low : high) >>> (capability & 31)) & 1) !== 0;
}

function wordsWith(low: number, high: number, capability: number, value: boolean): [number, number] {
  const bit = 1 << (capability & 31);
  const change = (word: number) => (value ? word | bit : word & ~bit);
  return capability < 32 ? [change(low), high] : [low, change(high)];
}

const isCapability = (value: number) => value >= 0 && value <= P.CAP_LAST_CAP;

function dropBounding(task: Task, capability: number): number {
  const old = task.credentials;
  if (!capable(old, old.userNamespace, P.CAP_SETPCAP)) return -EPERM;
  if (!isCapability(capability)) return -EINVAL;
  const [boundingLow, boundingHigh] = wordsWith(old.boundingLow, old.boundingHigh, capability, false);
  task.credentials = { ...old, boundingLow, boundingHigh };
  return 0;
}

function setSecurebits(task: Task, bits: number): number {
  const old = task.credentials;
  // Bits at odd places lock the bit before them.
  const locked = (old.securebits & 0xaa) >> 1;
  if (((old.securebits & 0xaa & ~bits) | ((old.securebits ^ bits) & locked)) !== 0) return -EPERM;
  if ((bits & ~SECUREBITS_MAX) !== 0 || !capable(old, old.userNamespace, P.CAP_SETPCAP)) return -EPERM;
  task.credentials = { ...old, securebits: bits };
  return 0;
}

function setKeepCaps(task: Task, value: number): number {
  const old = task.credentials;
  if (value !== 0 && value !== 1) return -EINVAL;
  if ((old.securebits & SECBIT_KEEP_CAPS_LOCKED) !== 0) return -EPERM;
  const securebits = value === 1 ? old.securebits | SECBIT_KEEP_CAPS : old.securebits & ~SECBIT_KEEP_CAPS;
  task.credentials = { ...old, securebits };
  return 0;
}

function ambient(task: Task, operation: number, capability: number, arg4: number, arg5: number): number {
  const old = task.credentials;
  if (arg4 !== 0 || arg5 !== 0) return -EINVAL;
  if (operation === P.PR_CAP_AMBIENT_CLEAR_ALL) {
    if (capability !== 0) return -EINVAL;
    task.credentials = { ...old, ambientLow: 0, ambientHigh: 0 };
    return 0;
  }
  if (!isCapability(capability)) return -EINVAL;
  if (operation === P.PR_CAP_AMBIENT_IS_SET)
    return inSet(old.ambientLow, old.ambientHigh, capability) ? 1 : 0;
  if (operation !== P.PR_CAP_AMBIENT_RAISE && operation !== P.PR_CAP_AMBIENT_LOWER) return -EINVAL;
  const raises = operation === P.PR_CAP_AMBIENT_RAISE;
  if (raises) {
    const allowed =
      inSet(old.permittedLow, old.permittedHigh, capability) &&
      inSet(old.inheritableLow, old.inheritableHigh, capability) &&
      (old.securebits & SECBIT_NO_CAP_AMBIENT_RAISE) === 0;
    if (!allowed) return -EPERM;
  }
  const [ambientLow, ambientHigh] = wordsWith(old.ambientLow, old.ambientHigh, capability, raises);
  task.credentials = { ...old, ambientLow, ambientHigh };
  return 0;
}

function* nameVma(task: Task, start: number, length: number, nameAt: number): Coroutine {
  let name = "";
  if (nameAt !== 0) {
    task.call.outAt(nameAt, VMA_NAME_MAX, WINDOW);
    const copied = yield* task.call.copyInRound();
    const text = Buffer.from(
      task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + copied),
    );
    const end = text.indexOf(0);
    if (end < 0) return copied < VMA_NAME_MAX ? -EFAULT : -EINVAL;
    const given = text.toString("latin1", 0, end);
    if (!/^[ -~]*$/.test(given) || /[\\`$[\]]/.test(given)) return -EINVAL;
    name = `[anon:${given}]`;
  }
  const { space } = task.stub;
  if (start % 4096 !== 0) return -EINVAL;
  const end = start + Math.ceil(length / 4096) * 4096;
  if (end === start) return 0;
  const lock = yield* space.lock(task, start, end);
  try {
    // Files keep their paths as names.
    if (space.vmas.overlapping(start, end).some(({ backing }) => backing !== null)) return -EBADF;
    const plan = space.vmas.planChange(start, end, { name }, "stop");
    if (typeof plan === "number") return plan;
    plan.commit();
    return 0;
  } finally {
    lock.release();
  }
}

const OPTIONS: ReadonlyMap<number, Option> = new Map<number, Option>([
  [P.PR_SET_NAME, (task, address) => task.call.start(setName(task, address))],
  [P.PR_GET_NAME, getName],
  [
    P.PR_SET_PDEATHSIG,
    (task, signo) => {
      if (signo < 0 || signo > SIGRTMAX) return -EINVAL;
      task.parentDeathSignal = signo;
      return 0;
    },
  ],
  [P.PR_GET_PDEATHSIG, (task, address) => writeInt(task, address, task.parentDeathSignal)],
  [P.PR_GET_DUMPABLE, (task) => task.stub.space.dumpable],
  [
    P.PR_SET_DUMPABLE,
    (task, value) => {
      if (value !== 0 && value !== 1) return -EINVAL;
      task.stub.space.dumpable = value;
      return 0;
    },
  ],
  [P.PR_GET_KEEPCAPS, (task) => ((task.credentials.securebits & SECBIT_KEEP_CAPS) !== 0 ? 1 : 0)],
  [P.PR_SET_KEEPCAPS, setKeepCaps],
  [
    P.PR_CAPBSET_READ,
    ({ credentials }, capability) => {
      if (!isCapability(capability)) return -EINVAL;
      return inSet(credentials.boundingLow, credentials.boundingHigh, capability) ? 1 : 0;
    },
  ],
  [P.PR_CAPBSET_DROP, dropBounding],
  [P.PR_GET_SECUREBITS, (task) => task.credentials.securebits],
  [P.PR_SET_SECUREBITS, setSecurebits],
  [P.PR_CAP_AMBIENT, ambient],
  [
    P.PR_SET_NO_NEW_PRIVS,
    (task, value, arg3, arg4, arg5) => {
      if (value !== 1 || arg3 !== 0 || arg4 !== 0 || arg5 !== 0) return -EINVAL;
      task.noNewPrivileges = true;
      return 0;
    },
  ],
  [
    P.PR_GET_NO_NEW_PRIVS,
    (task, ...rest) => (rest.some((value) => value !== 0) ? -EINVAL : task.noNewPrivileges ? 1 : 0),
  ],
  [
    P.PR_SET_CHILD_SUBREAPER,
    (task, value) => {
      task.group.isSubreaper = value !== 0;
      return 0;
    },
  ],
  [P.PR_GET_CHILD_SUBREAPER, (task, address) => writeInt(task, address, task.group.isSubreaper ? 1 : 0)],
  [
    P.PR_SET_TIMERSLACK,
    (task, ns) => {
      task.timerSlackNs = ns <= 0 ? task.defaultTimerSlackNs : ns;
      return 0;
    },
  ],
  [P.PR_GET_TIMERSLACK, (task) => task.timerSlackNs],
  [P.PR_GET_SECCOMP, (task) => task.seccompMode],
  [
    P.PR_SET_SECCOMP,
    (task, mode, address) => {
      if (mode === P.SECCOMP_MODE_STRICT) return setStrictMode(task);
      return mode === P.SECCOMP_MODE_FILTER ? setFilterMode(task, 0, address) : -EINVAL;
    },
  ],
  [P.PR_GET_THP_DISABLE, (_task, ...rest) => (rest.some((value) => value !== 0) ? -EINVAL : 0)],
  [
    P.PR_SET_VMA,
    (task, kind, start, length, name) =>
      kind === P.PR_SET_VMA_ANON_NAME ? task.call.start(nameVma(task, start, length, name)) : -EINVAL,
  ],
]);

export const PRCTL_HANDLERS: Handlers<Task> = {
  prctl: (task, option, arg2, arg3, arg4, arg5) => {
    const serve = OPTIONS.get(option);
    if (serve !== undefined) return serve(task, arg2, arg3, arg4, arg5);
    task.kernel.counters.unsupportedCalls++;
    return -EINVAL;
  },
};
