// shmget(2) and shmctl(2).

import { EINVAL, ENOMEM, ENOSPC, EPERM } from "../../shared/abi/errno.ts";
import * as I from "../../shared/abi/ipc.ts";
import { CAP_IPC_LOCK } from "../../shared/abi/prctl.ts";
import { RLIMIT_MEMLOCK } from "../../shared/abi/resource.ts";
import type { Word64 } from "../../shared/abi/struct.ts";
import { shm_info, shmid64_ds, shminfo64 } from "../../shared/abi/structs.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest } from "../call/guest_copy.ts";
import { capable } from "../credentials/credentials.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import type { IpcCaller } from "./caller.ts";
import { IpcPermissions, mayControl, mayUse, S_IRUGO } from "./permissions.ts";
import { Segment } from "./segment.ts";

const SHMMIN = 1;
const MASK_32 = 0xffffffffn;

function toWord64(value: bigint): Word64 {
  return { lo: Number(value & MASK_32), hi: Number(value >> 32n) };
}

function makeSegment(task: IpcCaller, key: number, size: number, flags: number): Segment | number {
  const { namespace } = task.ipc;
  const { limits, kernel } = namespace;
  if (size < SHMMIN || size > Number(limits.shmmax)) return -EINVAL;
  const pages = Math.ceil(size / PAGE_SIZE);
  if (namespace.pages + pages > Number(limits.shmall)) return -ENOSPC;
  if ((flags & I.SHM_HUGETLB) !== 0) return -ENOMEM; // as with an empty huge page pool
  if (!namespace.segments.hasRoom(limits.shmmni)) return -ENOSPC;
  // Every segment holds a descriptor of the kernel's.
  if (kernel.counters.memoryFiles >= kernel.limits.memoryFiles) return -ENOSPC;
  const length = pages * PAGE_SIZE;
  if (!Number.isSafeInteger(length) || !kernel.ipcSpace.take(length)) return -ENOMEM;
  const hostFd = kernel.native.memfdCreate(length);
  if (hostFd < 0) {
    kernel.ipcSpace.take(-length);
    return -ENOMEM;
  }
  kernel.counters.memoryFiles++;
  const permissions = new IpcPermissions(key, flags, task.credentials);
  const segment = new Segment(namespace, permissions, size, hostFd, task.process, task.ipc);
  namespace.addSegment(segment);
  return segment;
}

function put(task: IpcCaller, address: number, bytes: Uint8Array, result: number): number {
  task.call.bytes.set(bytes, task.call.out(address, bytes.length));
  return result;
}

function status(task: IpcCaller, command: number, id: number, buffer: number): number {
  const { segments } = task.ipc.namespace;
  const segment = command === I.IPC_STAT ? segments.find(id) : segments.atIndexOf(id);
  if (typeof segment === "number") return segment;
  const { permissions } = segment;
  const refused = command === I.SHM_STAT_ANY ? 0 : mayUse(task, permissions, S_IRUGO);
  if (refused < 0) return refused;
  const bytes = shmid64_ds.encode({
    shm_perm: permissions.toStruct(task.credentials.userNamespace),
    shm_segsz: segment.size,
    shm_atime: segment.attachTime,
    shm_dtime: segment.detachTime,
    shm_ctime: segment.changeTime,
    shm_cpid: segment.creator?.in(task.pids) ?? 0,
    shm_lpid: segment.lastUser?.in(task.pids) ?? 0,
    shm_nattch: segment.attaches,
  });
  return put(task, buffer, bytes, command === I.IPC_STAT ? 0 : permissions.id);
}

function limitsOf(task: IpcCaller, buffer: number): number {
  const { limits, segments } = task.ipc.namespace;
  const { shmmax, shmall, shmmni } = limits;
  const bytes = shminfo64.encode({
    shmmax: toWord64(shmmax),
    shmmin: SHMMIN,
    shmmni,
    shmseg: shmmni,
    shmall: toWord64(shmall),
  });
  return put(task, buffer, bytes, segments.highestIndex);
}

function usage(task: IpcCaller, buffer: number): number {
  const { segments, pages } = task.ipc.namespace;
  let resident = 0;
  for (const segment of segments.all()) resident += segment.resident;
  const bytes = shm_info.encode({
    used_ids: segments.size,
    shm_tot: pages,
    shm_rss: resident / PAGE_SIZE,
  });
  return put(task, buffer, bytes, segments.highestIndex);
}

function controlled(task: IpcCaller, id: number): Segment | number {
  const segment = task.ipc.namespace.segments.find(id);
  if (typeof segment === "number") return segment;
  const refused = mayControl(task, segment.permissions);
  return refused < 0 ? refused : segment;
}

function* set(task: IpcCaller, id: number, buffer: number): Coroutine {
  const given = yield* readGuest(task, buffer, shmid64_ds.size);
  if (typeof given === "number") return given;
  const segment = controlled(task, id);
  if (typeof segment === "number") return segment;
  const error = segment.permissions.update(task.credentials.userNamespace, shmid64_ds.decode(given).shm_perm);
  if (error === 0) segment.changeTime = segment.namespace.now();
  return error;
}

function remove(task: IpcCaller, id: number): number {
  const segment = controlled(task, id);
  if (typeof segment === "number") return segment;
  segment.markForRemoval();
  return 0;
}

// Locked memory is accounted for by the mode alone: the host pages as it likes.
function lock(task: IpcCaller, id: number, locked: boolean): number {
  const segment = task.ipc.namespace.segments.find(id);
  if (typeof segment === "number") return segment;
  const { permissions } = segment;
  if (!capable(task.credentials, task.ipc.namespace.owner, CAP_IPC_LOCK)) {
    const { euid } = task.credentials;
    if (euid !== permissions.uid && euid !== permissions.cuid) return -EPERM;
    const limit = task.limit(RLIMIT_MEMLOCK);
    if (locked && limit === 0) return -EPERM;
    if (locked && segment.length > limit) return -ENOMEM;
  }
  if (locked) permissions.mode |= I.SHM_LOCKED;
  else permissions.mode &= ~I.SHM_LOCKED;
  return 0;
}

export const SHM_HANDLERS: Handlers<IpcCaller> = {
  shmget: (task, key, size, flags) =>
    task.ipc.namespace.segments.get(
      task,
      key,
      flags,
      () => makeSegment(task, key, size, flags),
      (segment) => segment.size >= size,
    ),

  shmctl: (task, id, command, buffer) => {
    if (id < 0 || command < 0) return -EINVAL;
    switch (command) {
      case I.IPC_INFO:
        return limitsOf(task, buffer);
      case I.SHM_INFO:
        return usage(task, buffer);
      case I.SHM_STAT:
      case I.SHM_STAT_ANY:
      case I.IPC_STAT:
        return status(task, command, id, buffer);
      case I.IPC_SET:
        return task.call.start(set(task, id, buffer));
      case I.IPC_RMID:
        return remove(task, id);
      case I.SHM_LOCK:
      case I.SHM_UNLOCK:
        return lock(task, id, command === I.SHM_LOCK);
      default:
        return -EINVAL;
    }
  },
};
