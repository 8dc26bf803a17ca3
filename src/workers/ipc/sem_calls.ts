// semget(2), semop(2), semtimedop(2) and semctl(2).

import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EFBIG,
  EIDRM,
  EINTR,
  EINVAL,
  ENOMEM,
  ENOSPC,
  ERANGE,
} from "../../shared/abi/errno.ts";
import * as I from "../../shared/abi/ipc.ts";
import { sembuf, semid64_ds, seminfo } from "../../shared/abi/structs.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { NEVER, readTimespec, TIMESPEC_SIZE } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import { waitUntil } from "../call/timed_wait.ts";
import type { IpcCaller } from "./caller.ts";
import { SEMAEM, SEMVMX } from "./limits.ts";
import { IpcPermissions, mayControl, mayUse, S_IRUGO, S_IWUGO } from "./permissions.ts";
import { Operations, PENDING, SemaphoreSet, SemaphoreWaiter, WOULD_BLOCK } from "./semaphore_set.ts";

const SEMUSZ = 20;
const VALUE_SIZE = 2;

function makeSet(task: IpcCaller, key: number, count: number, flags: number): SemaphoreSet | number {
  const { namespace } = task.ipc;
  const { kernel, limits, sets } = namespace;
  if (count === 0) return -EINVAL;
  if (namespace.semaphores + count > limits.semmns || !sets.hasRoom(limits.semmni)) return -ENOSPC;
  if (!kernel.heap.hasRoom("semaphores", count)) return -ENOMEM;
  kernel.counters.semaphores += count;
  namespace.semaphores += count;
  return new SemaphoreSet(namespace, new IpcPermissions(key, flags, task.credentials), count);
}

// ---- semop ----

function* operate(task: IpcCaller, id: number, address: number, count: number, timeoutNs: number): Coroutine {
  const given = yield* readGuest(task, address, count * sembuf.size);
  if (typeof given === "number") return given;
  if (id < 0) return -EINVAL;
  if (timeoutNs < 0) return timeoutNs;
  const operations = new Operations(given, count);
  const set = task.ipc.namespace.sets.find(id);
  if (typeof set === "number") return set;
  if (operations.highest >= set.count) return -EFBIG;
  const refused = mayUse(task, set.permissions, operations.alters ? S_IWUGO : S_IRUGO);
  if (refused < 0) return refused;
  const adjustments = operations.undoes ? task.ipc.undoList().of(set) : null;
  if (typeof adjustments === "number") return adjustments;
  const result = set.perform(operations, adjustments, task.process);
  if (result === 0) set.operated(operations);
  if (result !== WOULD_BLOCK) return result;
  return yield* wait(task, set, new SemaphoreWaiter(task, operations, adjustments), timeoutNs);
}

// A signal always ends this wait for good (signal(7)).
function* wait(task: IpcCaller, set: SemaphoreSet, waiter: SemaphoreWaiter, timeoutNs: number): Coroutine {
  set.enqueue(waiter);
  try {
    const end = yield* waitUntil(task, task.kernel.native.monotonicNs() + timeoutNs);
    if (waiter.result !== PENDING) return waiter.result;
    return end === "late" ? -EAGAIN : -EINTR;
  } finally {
    set.dequeue(waiter);
  }
}

function checkCount(task: IpcCaller, count: number): number {
  if (count >>> 0 > task.ipc.namespace.limits.semopm) return -E2BIG;
  return count < 1 ? -EINVAL : 0;
}

// ---- semctl ----

function found(task: IpcCaller, id: number, wanted: number): SemaphoreSet | number {
  const set = task.ipc.namespace.sets.find(id);
  if (typeof set === "number") return set;
  const refused = mayUse(task, set.permissions, wanted);
  return refused < 0 ? refused : set;
}

function put(task: IpcCaller, address: number, bytes: Uint8Array, result: number): number {
  task.call.bytes.set(bytes, task.call.out(address, bytes.length));
  return result;
}

function information(task: IpcCaller, command: number, buffer: number): number {
  const { limits, sets, semaphores } = task.ipc.namespace;
  const { semmsl, semmns, semopm, semmni } = limits;
  const isUsage = command === I.SEM_INFO;
  const bytes = seminfo.encode({
    semmap: 1024000000,
    semmni,
    semmns,
    semmnu: 1024000000,
    semmsl,
    semopm,
    semume: 500,
    semusz: isUsage ? sets.size : SEMUSZ,
    semvmx: SEMVMX,
    semaem: isUsage ? semaphores : SEMAEM,
  });
  return put(task, buffer, bytes, sets.highestIndex);
}

function status(task: IpcCaller, command: number, id: number, buffer: number): number {
  const { sets } = task.ipc.namespace;
  const set = command === I.IPC_STAT ? sets.find(id) : sets.atIndexOf(id);
  if (typeof set === "number") return set;
  const { permissions } = set;
  const refused = command === I.SEM_STAT_ANY ? 0 : mayUse(task, permissions, S_IRUGO);
  if (refused < 0) return refused;
  const bytes = semid64_ds.encode({
    sem_perm: permissions.toStruct(task.credentials.userNamespace),
    sem_otime: set.operationTime,
    sem_ctime: set.changeTime,
    sem_nsems: set.count,
  });
  return put(task, buffer, bytes, command === I.IPC_STAT ? 0 : permissions.id);
}

function controlled(task: IpcCaller, id: number): SemaphoreSet | number {
  const set = task.ipc.namespace.sets.find(id);
  if (typeof set === "number") return set;
  const refused = mayControl(task, set.permissions);
  return refused < 0 ? refused : set;
}

function* setPermissions(task: IpcCaller, id: number, buffer: number): Coroutine {
  const given = yield* readGuest(task, buffer, semid64_ds.size);
  if (typeof given === "number") return given;
  const set = controlled(task, id);
  if (typeof set === "number") return set;
  const error = set.permissions.update(task.credentials.userNamespace, semid64_ds.decode(given).sem_perm);
  if (error === 0) set.changeTime = set.namespace.now();
  return error;
}

function one(task: IpcCaller, id: number, number: number, command: number): number {
  const set = found(task, id, S_IRUGO);
  if (typeof set === "number") return set;
  if (number < 0 || number >= set.count) return -EINVAL;
  switch (command) {
    case I.GETVAL:
      return set.values[number]!;
    case I.GETPID:
      return set.pids[number]?.in(task.pids) ?? 0;
    case I.GETNCNT:
      return set.waitingForIncrease(number);
    default:
      return set.waitingForZero(number);
  }
}

function setValue(task: IpcCaller, id: number, number: number, value: number): number {
  if (value < 0 || value > SEMVMX) return -ERANGE;
  const set = task.ipc.namespace.sets.find(id);
  if (typeof set === "number") return set;
  if (number < 0 || number >= set.count) return -EINVAL;
  const refused = mayUse(task, set.permissions, S_IWUGO);
  if (refused < 0) return refused;
  for (const adjustments of set.adjustments) adjustments.set(number, 0);
  set.values[number] = value;
  set.pids[number] = task.process;
  set.changeTime = set.namespace.now();
  set.changed(number);
  return 0;
}

function* getAll(task: IpcCaller, id: number, buffer: number): Coroutine {
  const set = found(task, id, S_IRUGO);
  if (typeof set === "number") return set;
  return yield* writeGuest(task, buffer, new Uint8Array(set.values.slice().buffer));
}

function* setAll(task: IpcCaller, id: number, buffer: number): Coroutine {
  const set = found(task, id, S_IWUGO);
  if (typeof set === "number") return set;
  const given = yield* readGuest(task, buffer, set.count * VALUE_SIZE);
  if (typeof given === "number") return given;
  const values = new Uint16Array(set.count);
  new Uint8Array(values.buffer).set(given);
  if (values.some((value) => value > SEMVMX)) return -ERANGE;
  if (set.permissions.removed) return -EIDRM;
  for (const adjustments of set.adjustments) adjustments.clear();
  set.values.set(values);
  set.pids.fill(task.process);
  set.changeTime = set.namespace.now();
  set.allChanged();
  return 0;
}

function remove(task: IpcCaller, id: number): number {
  const set = controlled(task, id);
  if (typeof set === "number") return set;
  set.namespace.removeSet(set);
  return 0;
}

export const SEM_HANDLERS: Handlers<IpcCaller> = {
  semget: (task, key, count, flags) => {
    const { sets, limits } = task.ipc.namespace;
    if (count < 0 || count > limits.semmsl) return -EINVAL;
    return sets.get(
      task,
      key,
      flags,
      () => makeSet(task, key, count, flags),
      (set) => count <= set.count,
    );
  },

  semop: (task, id, operations, count) => {
    const error = checkCount(task, count);
    return error < 0 ? error : task.call.start(operate(task, id, operations, count, NEVER));
  },

  semtimedop: (task, id, operations, count, timeout) => {
    if (timeout !== 0 && !task.call.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
    const timeoutNs = timeout === 0 ? NEVER : readTimespec(task.call.view, task.call.base + WINDOW);
    const error = checkCount(task, count);
    return error < 0 ? error : task.call.start(operate(task, id, operations, count, timeoutNs));
  },

  semctl: (task, id, number, command, argument) => {
    if (id < 0) return -EINVAL;
    switch (command) {
      case I.IPC_INFO:
      case I.SEM_INFO:
        return information(task, command, argument);
      case I.IPC_STAT:
      case I.SEM_STAT:
      case I.SEM_STAT_ANY:
        return status(task, command, id, argument);
      case I.GETVAL:
      case I.GETPID:
      case I.GETNCNT:
      case I.GETZCNT:
        return one(task, id, number, command);
      case I.GETALL:
        return task.call.start(getAll(task, id, argument));
      case I.SETALL:
        return task.call.start(setAll(task, id, argument));
      case I.SETVAL:
        return setValue(task, id, number, task.call.frame.argumentLow(3));
      case I.IPC_SET:
        return task.call.start(setPermissions(task, id, argument));
      case I.IPC_RMID:
        return remove(task, id);
      default:
        return -EINVAL;
    }
  },
};
