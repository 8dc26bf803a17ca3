// Memory calls: mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2), brk(2), mlock(2), msync(2). They
// check their arguments as Linux does; mapping.ts and remap.ts make the changes.

import {
  EACCES,
  EBADF,
  EFAULT,
  EINVAL,
  ENOMEM,
  ENOSPC,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from "../../shared/abi/errno.ts";
import * as M from "../../shared/abi/mman.ts";
import { MS_NOEXEC } from "../../shared/abi/mount.ts";
import { CAP_IPC_LOCK } from "../../shared/abi/prctl.ts";
import { RLIMIT_MEMLOCK } from "../../shared/abi/resource.ts";
import { TASK_SIZE, WINDOW } from "../../shared/ring/layout.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { OperationList, SYS_madvise } from "../call/operation_list.ts";
import { capable } from "../credentials/credentials.ts";
import type { OpenFile } from "../vfs/file.ts";
import { closeMapped } from "../vfs/mapped_file.ts";
import { setBreak } from "./break.ts";
import type { MemCaller } from "./caller.ts";
import {
  ANONYMOUS,
  advise,
  hintFollowed,
  hostRanges,
  ITS_ADDRESS,
  type MapRequest,
  type MapSource,
  map,
  pageCeil,
  protect,
  unmap,
} from "./mapping.ts";
import { MEMBARRIER_HANDLERS } from "./membarrier.ts";
import { remap } from "./remap.ts";
import { PAGES_AT_ONCE, Residency } from "./residency.ts";
import { sharedMemory, showsFile } from "./shared_memory.ts";
import {
  PAGE_SIZE,
  VM_DONTDUMP,
  VM_DONTFORK,
  VM_GROWSDOWN,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_SHARED,
  VM_WIPEONFORK,
  type VmaChange,
} from "./vma.ts";

const PROT_ALL = M.PROT_READ | M.PROT_WRITE | M.PROT_EXEC;
/** Flags that MAP_SHARED_VALIDATE knows (LEGACY_MAP_MASK): with others, that ask for more, it fails. */
const VALIDATED =
  M.MAP_TYPE |
  M.MAP_FIXED |
  M.MAP_ANONYMOUS |
  M.MAP_32BIT |
  M.MAP_ABOVE4G |
  M.MAP_GROWSDOWN |
  M.MAP_DENYWRITE |
  M.MAP_EXECUTABLE |
  M.MAP_LOCKED |
  M.MAP_NORESERVE |
  M.MAP_POPULATE |
  M.MAP_NONBLOCK |
  M.MAP_STACK |
  M.MAP_HUGETLB |
  (0x1f << M.MAP_HUGE_SHIFT);

const LOW_2_GIB: [number, number] = [0x40000000, 0x80000000];

const isAligned = (address: number) => address % PAGE_SIZE === 0;

/** Whether a shared mapping of the file may ever be written to. */
function mapsWritable(file: OpenFile | undefined): boolean {
  return file?.writable === true && !file.isWriteSealed;
}

/** Whether it lies on a mount from which nothing is executed, by a later mprotect neither. */
function isOnNoexec(file: OpenFile | undefined): boolean {
  return file?.path != null && (file.path.mount.flags & MS_NOEXEC) !== 0;
}

function sourceOf(
  task: MemCaller,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): MapSource | number {
  const shared = (flags & M.MAP_TYPE) !== M.MAP_PRIVATE;
  if ((flags & M.MAP_ANONYMOUS) !== 0) return shared ? sharedMemory(task.kernel, length) : ANONYMOUS;
  const file = task.files.get(fd)!;
  if (!file.readable) return -EACCES;
  if (shared && (prot & M.PROT_WRITE) !== 0 && !file.writable) return -EACCES;
  if (shared && (prot & M.PROT_WRITE) !== 0 && file.isWriteSealed) return -EPERM;
  if ((prot & M.PROT_EXEC) !== 0 && isOnNoexec(file)) return -EPERM;
  const { zeros } = file;
  if (zeros !== null)
    return shared ? sharedMemory(task.kernel, length) : { ...ANONYMOUS, backing: zeros, offset };
  const writes = shared && mapsWritable(file);
  const { backing, keepable } = file;
  if (!writes && keepable !== null && backing !== null && !task.files.isSplit)
    return { backing, offset, hostFd: -1, file };
  const mapped = file.map(writes);
  return typeof mapped === "number" ? mapped : { ...mapped, offset };
}

function mapCall(
  task: MemCaller,
  address: number,
  given: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): number {
  const file = (flags & M.MAP_ANONYMOUS) === 0 ? task.files.get(fd) : undefined;
  const before = file?.beforeMap(task, offset, pageCeil(given)) ?? 0;
  if (typeof before !== "number")
    return task.call.start(mapBehind(task, file!, before, address, given, prot, flags, fd, offset));
  if (before < 0) return before;
  const request = requestOf(task, address, given, prot, flags, fd, offset);
  return typeof request === "number" ? request : task.call.start(mapOf(task, request, flags));
}

/** Of a file that has to find out what it maps. */
function* mapBehind(
  task: MemCaller,
  file: OpenFile,
  before: Coroutine,
  address: number,
  given: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): Coroutine {
  const error = yield* before;
  if (error < 0) return error;
  // What it has found out is not of another file, which may stand there by now.
  if (task.files.get(fd) !== file) return -EBADF;
  const request = requestOf(task, address, given, prot, flags, fd, offset);
  return typeof request === "number" ? request : yield* mapOf(task, request, flags);
}

function mapOf(task: MemCaller, request: MapRequest, flags: number): Coroutine {
  const isLow = (flags & M.MAP_32BIT) !== 0 && request.placement === "any";
  const mapping = isLow ? mapLow(task, request) : map(task, request, ITS_ADDRESS);
  // Another thread may close it meanwhile.
  const { file } = request.source;
  return file === undefined ? mapping : task.files.holding(file, mapping);
}

function requestOf(
  task: MemCaller,
  address: number,
  given: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): MapRequest | number {
  const type = flags & M.MAP_TYPE;
  if (!isAligned(offset)) return -EINVAL;
  const anonymous = (flags & M.MAP_ANONYMOUS) !== 0;
  if (!anonymous && task.files.usable(fd) === undefined) return -EBADF;
  if (given === 0) return -EINVAL;
  const length = pageCeil(given);
  if (length > TASK_SIZE) return -ENOMEM;
  if (offset + length > Number.MAX_SAFE_INTEGER) return -EOVERFLOW;
  const validates = type === M.MAP_SHARED_VALIDATE && !anonymous;
  if (type !== M.MAP_SHARED && type !== M.MAP_PRIVATE && !validates) return -EINVAL;
  // As with an empty huge page pool; no file is of huge pages.
  if ((flags & M.MAP_HUGETLB) !== 0) return anonymous ? -ENOMEM : -EINVAL;
  if ((flags & M.MAP_SYNC) !== 0 && validates) return -EOPNOTSUPP;
  const placement =
    (flags & M.MAP_FIXED_NOREPLACE) !== 0 ? "free" : (flags & M.MAP_FIXED) !== 0 ? "fixed" : "any";
  if (placement !== "any" && !isAligned(address)) return -EINVAL;
  const shared = type !== M.MAP_PRIVATE;
  if (validates && (flags & ~VALIDATED) !== 0) return -EOPNOTSUPP;
  if ((flags & M.MAP_GROWSDOWN) !== 0 && type !== M.MAP_PRIVATE) return -EINVAL;
  const source = sourceOf(task, length, prot, flags, fd, offset);
  if (typeof source === "number") return source;
  const locked = (flags & M.MAP_LOCKED) !== 0;
  if (locked && !mayLock(task, length)) {
    closeMapped(task.kernel.native, source);
    return -EPERM;
  }
  if ((flags & M.MAP_GROWSDOWN) !== 0) {
    // A mapping that grows by faults is not offered: programs that ask for one get told.
    task.kernel.counters.unsupportedCalls++;
    closeMapped(task.kernel.native, source);
    return -EOPNOTSUPP;
  }
  const writableFile = anonymous || !shared || mapsWritable(task.files.get(fd));
  return {
    address: placement === "any" ? Math.floor(address / PAGE_SIZE) * PAGE_SIZE : address,
    length,
    prot: prot & PROT_ALL,
    maxProt:
      PROT_ALL &
      ~(writableFile ? 0 : M.PROT_WRITE) &
      ~(!anonymous && isOnNoexec(task.files.get(fd)) ? M.PROT_EXEC : 0),
    flags:
      (shared ? VM_SHARED : 0) |
      ((flags & M.MAP_NORESERVE) !== 0 ? VM_NORESERVE : 0) |
      (locked ? VM_LOCKED : 0),
    placement,
    source,
    name: "",
    populate:
      (flags & M.MAP_POPULATE) !== 0 || locked
        ? (prot & M.PROT_WRITE) !== 0
          ? M.MADV_POPULATE_WRITE
          : M.MADV_POPULATE_READ
        : -1,
  };
}

// MAP_32BIT: in the second gigabyte, for code that wants 32-bit addresses, or where a hint says that lies below its end.
function* mapLow(task: MemCaller, request: MapRequest): Coroutine {
  const [low, high] = LOW_2_GIB;
  const { length } = request;
  const hinted = hintFollowed(task, request);
  const at =
    hinted >= 0 && hinted + length <= high
      ? hinted
      : task.stub.space.vmas.findGap({ low, high, length, align: PAGE_SIZE, topDown: false });
  if (at < 0) {
    closeMapped(task.kernel.native, request.source);
    return at;
  }
  return yield* map(task, { ...request, address: at, placement: "free" });
}

function mayLock(task: MemCaller, bytes: number): boolean {
  if (capable(task.credentials, task.kernel.users.initial, CAP_IPC_LOCK)) return true;
  return task.stub.space.vmas.totals.locked + bytes <= task.limit(RLIMIT_MEMLOCK);
}

function* changeFlags(
  task: MemCaller,
  start: number,
  end: number,
  change: VmaChange,
  holes: "stop" | "skip",
): Coroutine {
  const { space } = task.stub;
  const lock = yield* space.lock(task, start, end);
  try {
    const plan = space.vmas.planChange(start, end, change, holes);
    if (typeof plan === "number") return plan;
    yield* plan.commitInPieces(() => breatheOn(task));
    return plan.error;
  } finally {
    lock.release();
  }
}

/** What an advice changes in the VMA set, and whether the host is told. */
const ADVICE: ReadonlyMap<number, { change?: VmaChange; host: boolean }> = new Map([
  [M.MADV_NORMAL, { host: true }],
  [M.MADV_RANDOM, { host: true }],
  [M.MADV_SEQUENTIAL, { host: true }],
  [M.MADV_WILLNEED, { host: true }],
  [M.MADV_DONTNEED, { host: true }],
  [M.MADV_FREE, { host: true }],
  [M.MADV_REMOVE, { host: true }],
  [M.MADV_HUGEPAGE, { change: { setFlags: VM_HUGEPAGE, clearFlags: VM_NOHUGEPAGE }, host: true }],
  [M.MADV_NOHUGEPAGE, { change: { setFlags: VM_NOHUGEPAGE, clearFlags: VM_HUGEPAGE }, host: true }],
  [M.MADV_COLD, { host: true }],
  [M.MADV_PAGEOUT, { host: true }],
  [M.MADV_POPULATE_READ, { host: true }],
  [M.MADV_POPULATE_WRITE, { host: true }],
  [M.MADV_DONTNEED_LOCKED, { host: true }],
  [M.MADV_DONTFORK, { change: { setFlags: VM_DONTFORK }, host: false }],
  [M.MADV_DOFORK, { change: { clearFlags: VM_DONTFORK }, host: false }],
  [M.MADV_WIPEONFORK, { change: { setFlags: VM_WIPEONFORK }, host: false }],
  [M.MADV_KEEPONFORK, { change: { clearFlags: VM_WIPEONFORK }, host: false }],
  [M.MADV_DONTDUMP, { change: { setFlags: VM_DONTDUMP }, host: false }],
  [M.MADV_DODUMP, { change: { clearFlags: VM_DONTDUMP }, host: false }],
]);

/** Advices that locked memory is not open to. */
const NOT_OF_LOCKED: ReadonlySet<number> = new Set([
  M.MADV_DONTNEED,
  M.MADV_FREE,
  M.MADV_REMOVE,
  M.MADV_COLD,
  M.MADV_PAGEOUT,
]);

function* advice(task: MemCaller, start: number, given: number, code: number): Coroutine {
  const { change, host } = ADVICE.get(code)!;
  const { space } = task.stub;
  let end = given;
  const lock = yield* space.lock(task, start, end);
  try {
    let error = 0;
    if (NOT_OF_LOCKED.has(code) && space.vmas.totals.locked > 0) {
      // What lies below the first locked page is advised all the same.
      const locked = space.vmas.overlapping(start, end).find(({ flags }) => (flags & VM_LOCKED) !== 0);
      if (locked !== undefined) error = -EINVAL;
      if (locked !== undefined) end = Math.max(start, locked.start);
    }
    if (code === M.MADV_WIPEONFORK) {
      // Only private anonymous memory can be wiped (madvise(2)).
      const unfit = space.vmas
        .overlapping(start, end)
        .some((vma) => vma.backing !== null || (vma.flags & VM_SHARED) !== 0);
      if (unfit) return -EINVAL;
    }
    if (change !== undefined) {
      const plan = space.vmas.planChange(start, end, change, "skip");
      if (typeof plan === "number") return plan;
      yield* plan.commitInPieces(() => breatheOn(task));
      error = plan.error;
    }
    if (host && start < end) {
      space.ownPages.forget();
      const list = new OperationList(task.kernel.slots, task.call.slot);
      // In the host nothing is locked.
      const hostCode = code === M.MADV_DONTNEED_LOCKED ? M.MADV_DONTNEED : code;
      for (const [from, to] of hostRanges(task, start, end))
        list.call(SYS_madvise, from, to - from, hostCode);
      if (!(yield* task.run(list)))
        return task.call.listResult < 0 && task.call.listResult > -4096 ? task.call.listResult : -EINVAL;
    }
    if (error === 0 && !space.vmas.covers(start, end)) return -ENOMEM;
    return error;
  } finally {
    lock.release();
  }
}

/** Brings what was locked into memory: 0, or -ENOMEM where some of it cannot be used. */
function* populate(task: MemCaller, start: number, end: number): Coroutine {
  let error = 0;
  let vma = task.stub.space.vmas.findFrom(start);
  while (vma !== null && vma.start < end) {
    const from = Math.max(start, vma.start);
    const to = Math.min(end, vma.end);
    // What is shared is written to only where it cannot be read.
    const isPrivate = (vma.flags & VM_SHARED) === 0;
    const writes = (vma.prot & M.PROT_WRITE) !== 0 && (isPrivate || (vma.prot & M.PROT_READ) === 0);
    if ((vma.prot & PROT_ALL) === 0) error = -ENOMEM;
    else yield* advise(task, from, to - from, writes ? M.MADV_POPULATE_WRITE : M.MADV_POPULATE_READ);
    vma = to < end ? task.stub.space.vmas.findFrom(to) : null; // it may reach beyond what was asked for
  }
  return error;
}

/** mlock: what is mapped up to the first hole becomes locked, and comes into memory. */
function* lockRange(task: MemCaller, start: number, end: number): Coroutine {
  const error = yield* changeFlags(task, start, end, { setFlags: VM_LOCKED }, "stop");
  return error < 0 ? error : yield* populate(task, start, end);
}

function* lockEverything(task: MemCaller, change: VmaChange): Coroutine {
  const { space } = task.stub;
  const lock = yield* space.lockAll(task);
  try {
    const plan = space.vmas.planChange(0, TASK_SIZE, change, "skip");
    if (typeof plan !== "number") yield* plan.commitInPieces(() => breatheOn(task));
    return 0;
  } finally {
    lock.release();
  }
}

function* lockAll(task: MemCaller, onFault: boolean): Coroutine {
  yield* lockEverything(task, { setFlags: VM_LOCKED });
  if (!onFault) yield* populate(task, 0, TASK_SIZE);
  return 0;
}

function lockCall(
  task: MemCaller,
  address: number,
  length: number,
  kind: "lock" | "lazy" | "unlock",
): number {
  const start = Math.floor(address / PAGE_SIZE) * PAGE_SIZE;
  const end = pageCeil(address + length);
  if (end > TASK_SIZE) return -ENOMEM;
  if (start === end) return 0;
  if (kind !== "unlock") {
    const limit = task.limit(RLIMIT_MEMLOCK);
    if (limit === 0 && !capable(task.credentials, task.kernel.users.initial, CAP_IPC_LOCK)) return -EPERM;
    if (!mayLock(task, end - start)) return -ENOMEM;
  }
  if (kind === "lock") return task.call.start(lockRange(task, start, end));
  const change = kind === "lazy" ? { setFlags: VM_LOCKED } : { clearFlags: VM_LOCKED };
  return task.call.start(changeFlags(task, start, end, change, "stop"));
}

function* mincore(task: MemCaller, start: number, pages: number, vector: number): Coroutine {
  const { kernel, stub } = task;
  if (!stub.space.vmas.covers(start, start + pages * PAGE_SIZE)) return -ENOMEM;
  for (let done = 0; done < pages; ) {
    const n = Math.min(pages - done, PAGES_AT_ONCE);
    const from = start + done * PAGE_SIZE;
    const map = new Residency(kernel, stub.pid);
    map.look(from, n, task.call.bytes, task.call.base + WINDOW);
    map.close();
    for (const vma of stub.space.vmas.overlapping(from, from + n * PAGE_SIZE)) {
      if (!showsFile(vma)) continue;
      const first = Math.max(0, vma.start - from) / PAGE_SIZE;
      const last = Math.min(n, (vma.end - from) / PAGE_SIZE);
      task.call.bytes.fill(1, task.call.base + WINDOW + first, task.call.base + WINDOW + last);
    }
    task.call.outAt(vector + done, n, WINDOW);
    if ((yield* task.call.copyOutRound()) < n) return -EFAULT;
    done += n;
  }
  return 0;
}

export const MEM_HANDLERS: Handlers<MemCaller> = {
  ...MEMBARRIER_HANDLERS,

  mmap: mapCall,

  munmap: (task, address, given) => {
    const length = pageCeil(given);
    if (!isAligned(address) || address + length > TASK_SIZE || length === 0) return -EINVAL;
    return task.call.start(unmap(task, address, address + length, 0));
  },

  mprotect: (task, address, given, given_prot) => {
    if (given_prot > 0xffffffff) return -EINVAL;
    const grows = given_prot & (M.PROT_GROWSDOWN | M.PROT_GROWSUP);
    const prot = given_prot & ~grows;
    if (grows === (M.PROT_GROWSDOWN | M.PROT_GROWSUP) || !isAligned(address)) return -EINVAL;
    const length = pageCeil(given);
    if (length === 0) return 0;
    if (address + length > TASK_SIZE) return -ENOMEM;
    if ((prot & ~(PROT_ALL | M.PROT_SEM)) !== 0) return -EINVAL;
    let start = address;
    if ((grows & M.PROT_GROWSDOWN) !== 0) {
      const vma = task.stub.space.vmas.find(address);
      if (vma === null || (vma.flags & VM_GROWSDOWN) === 0) return -EINVAL;
      start = vma.start;
    } else if (grows !== 0) return -EINVAL;
    return task.call.start(protect(task, start, address + length, prot & PROT_ALL));
  },

  mremap: (task, oldAddress, oldSize, newSize, flags, newAddress) =>
    remap(task, oldAddress, oldSize, newSize, flags, newAddress),

  madvise: (task, address, given, code) => {
    if (!isAligned(address)) return -EINVAL;
    if (!ADVICE.has(code)) {
      task.kernel.counters.unsupportedCalls++;
      return -EINVAL;
    }
    const length = pageCeil(given);
    if (given > 0 && length === 0) return -EINVAL;
    if (address + length > TASK_SIZE) return length > TASK_SIZE ? -EINVAL : -ENOMEM;
    if (length === 0) return 0;
    return task.call.start(advice(task, address, address + length, code));
  },

  mincore: (task, address, length, vector) => {
    if (!isAligned(address)) return -EINVAL;
    if (address + length > TASK_SIZE) return -ENOMEM;
    const pages = pageCeil(length) / PAGE_SIZE;
    if (!isGuestRange(vector, pages)) return -EFAULT;
    return pages === 0 ? 0 : task.call.start(mincore(task, address, pages, vector));
  },

  brk: setBreak,

  mlock: (task, address, length) => lockCall(task, address, length, "lock"),
  mlock2: (task, address, length, flags) =>
    (flags & ~M.MLOCK_ONFAULT) !== 0
      ? -EINVAL
      : lockCall(task, address, length, flags === 0 ? "lock" : "lazy"),
  munlock: (task, address, length) => lockCall(task, address, length, "unlock"),

  // Protection keys are not offered: as on a processor that has them and has none left (F17).
  pkey_alloc: (_task, flags, rights) =>
    flags !== 0 || (rights & ~(M.PKEY_DISABLE_ACCESS | M.PKEY_DISABLE_WRITE)) !== 0 ? -EINVAL : -ENOSPC,

  mlockall: (task, flags) => {
    const known = M.MCL_CURRENT | M.MCL_FUTURE | M.MCL_ONFAULT;
    if (flags === 0 || (flags & ~known) !== 0 || flags === M.MCL_ONFAULT) return -EINVAL;
    if (!capable(task.credentials, task.kernel.users.initial, CAP_IPC_LOCK)) {
      const limit = task.limit(RLIMIT_MEMLOCK);
      if (limit === 0) return -EPERM;
      if ((flags & M.MCL_CURRENT) !== 0 && task.stub.space.vmas.totals.total > limit) return -ENOMEM;
    }
    if ((flags & M.MCL_CURRENT) === 0) return 0;
    return task.call.start(lockAll(task, (flags & M.MCL_ONFAULT) !== 0));
  },

  munlockall: (task) => task.call.start(lockEverything(task, { clearFlags: VM_LOCKED })),

  msync: (task, address, given, flags) => {
    if ((flags & ~(M.MS_ASYNC | M.MS_INVALIDATE | M.MS_SYNC)) !== 0 || !isAligned(address)) return -EINVAL;
    if ((flags & M.MS_ASYNC) !== 0 && (flags & M.MS_SYNC) !== 0) return -EINVAL;
    const length = pageCeil(given);
    if (address + length > TASK_SIZE) return -ENOMEM;
    if (length === 0) return 0;
    // Shared pages are the host's page cache, which every reader sees; nothing is held back here.
    return task.stub.space.vmas.covers(address, address + length) ? 0 : -ENOMEM;
  },
};
