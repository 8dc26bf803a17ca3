// flock(2), and the lock commands of fcntl(2).

import { EAGAIN, EBADF, EDEADLK, EINVAL, ENOLCK, EOVERFLOW, ERESTARTSYS } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { POLLIN } from "../../shared/abi/poll.ts";
import type { ValueOf } from "../../shared/abi/struct.ts";
import { flock } from "../../shared/abi/structs.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import type { FileLocks, LockTable } from "./file_locks.ts";
import { putFile } from "./file_table.ts";
import { type RecordLock, TO_END } from "./record_locks.ts";
import { waitOn } from "./wait.ts";

const OFFSET_MAX = 2 ** 63;
type Flock = ValueOf<typeof flock>;

/** What a command does, and for whom. */
interface Command {
  readonly get: boolean;
  readonly wait: boolean;
  /** The lock belongs to the open file description. */
  readonly description: boolean;
}

const COMMANDS: ReadonlyMap<number, Command> = new Map([
  [F.F_GETLK, { get: true, wait: false, description: false }],
  [F.F_SETLK, { get: false, wait: false, description: false }],
  [F.F_SETLKW, { get: false, wait: true, description: false }],
  [F.F_OFD_GETLK, { get: true, wait: false, description: true }],
  [F.F_OFD_SETLK, { get: false, wait: false, description: true }],
  [F.F_OFD_SETLKW, { get: false, wait: true, description: true }],
]);

/** The bytes that a struct flock names, or a negative errno. */
function rangeOf(
  file: OpenFile,
  { l_whence, l_start, l_len }: Flock,
): { start: number; end: number } | number {
  let base = 0;
  if (l_whence === F.SEEK_CUR) base = Math.max(0, file.seek(0, F.SEEK_CUR));
  else if (l_whence === F.SEEK_END) {
    const attributes = file.attributes();
    if (typeof attributes === "number") return attributes;
    base = attributes.size;
  } else if (l_whence !== F.SEEK_SET) return -EINVAL;
  const start = base + l_start;
  if (start >= OFFSET_MAX) return -EOVERFLOW;
  if (start < 0) return -EINVAL;
  if (l_len === 0) return { start, end: TO_END };
  if (l_len < 0) return start + l_len < 0 ? -EINVAL : { start: start + l_len, end: start - 1 };
  const end = start + l_len - 1;
  return end >= OFFSET_MAX ? -EOVERFLOW : { start, end };
}

function* lockCommand(task: VfsCaller, file: OpenFile, command: Command, address: number): Coroutine {
  const bytes = yield* readGuest(task, address, flock.size);
  if (typeof bytes === "number") return bytes;
  const given = flock.decode(bytes);
  if (command.description && given.l_pid !== 0) return -EINVAL;
  const type = given.l_type;
  if (type !== F.F_RDLCK && type !== F.F_WRLCK && (type !== F.F_UNLCK || command.get)) return -EINVAL;
  const range = rangeOf(file, given);
  if (typeof range === "number") return range;
  const owner = command.description ? file : task.files;
  const process = command.description ? null : task.process;
  const lock: RecordLock = { ...range, owner, process, write: type === F.F_WRLCK };
  if (command.get) return yield* getLock(task, file, given, lock, address);
  if (type === F.F_RDLCK && !file.readable) return -EBADF;
  if (type === F.F_WRLCK && !file.writable) return -EBADF;
  return yield* setLock(task, file, lock, type === F.F_UNLCK, command);
}

function* getLock(
  task: VfsCaller,
  file: OpenFile,
  given: Flock,
  lock: RecordLock,
  address: number,
): Coroutine {
  const { locks: table } = task.kernel;
  const locks = table.of(file);
  if (typeof locks === "number") return locks;
  const other = locks.records.conflict(lock);
  table.put(locks);
  const answer =
    other === null
      ? { ...given, l_type: F.F_UNLCK }
      : {
          l_type: other.write ? F.F_WRLCK : F.F_RDLCK,
          l_whence: F.SEEK_SET,
          l_start: other.start,
          l_len: other.end === TO_END ? 0 : other.end - other.start + 1,
          l_pid: other.process?.in(task.pids) ?? -1,
        };
  return yield* writeGuest(task, address, flock.encode(answer));
}

function* setLock(
  task: VfsCaller,
  file: OpenFile,
  lock: RecordLock,
  unlock: boolean,
  command: Command,
): Coroutine {
  const { locks: table } = task.kernel;
  const locks = table.of(file);
  if (typeof locks === "number") return locks;
  try {
    if (unlock) {
      table.unsetRecords(locks, lock.owner, lock.start, lock.end);
      return 0;
    }
    const error = yield* waitForRange(task, table, locks, file, lock, command);
    if (error < 0) return error;
    if (table.full) return -ENOLCK;
    table.setRecord(locks, lock);
    return 0;
  } finally {
    table.put(locks);
  }
}

/** Waits, if the command does, until nothing forbids the lock: 0 or a negative errno. */
function* waitForRange(
  task: VfsCaller,
  table: LockTable,
  locks: FileLocks,
  file: OpenFile,
  lock: RecordLock,
  command: Command,
): Generator<void, number, void> {
  for (;;) {
    const other = locks.records.conflict(lock);
    if (other === null) return 0;
    if (!command.wait) return -EAGAIN;
    // Descriptions are nobody's: no deadlock is looked for among them.
    if (!command.description && table.wouldDeadlock(lock.owner, other.owner)) return -EDEADLK;
    if (!command.description) table.waits(lock.owner, other.owner);
    file.references++;
    try {
      if (yield* waitOn(task, locks.waiters, POLLIN)) return -ERESTARTSYS;
    } finally {
      table.waitsNoMore(lock.owner);
      putFile(task.kernel, file);
    }
  }
}

/** Serves the lock commands of fcntl; undefined for any other command. */
export function lockFcntl(
  task: VfsCaller,
  file: OpenFile,
  command: number,
  address: number,
): number | undefined {
  const known = COMMANDS.get(command);
  return known === undefined ? undefined : task.call.start(lockCommand(task, file, known, address));
}

function* lockWhole(task: VfsCaller, file: OpenFile, exclusive: boolean, wait: boolean): Coroutine {
  const { locks: table } = task.kernel;
  const locks = table.of(file);
  if (typeof locks === "number") return locks;
  try {
    if (locks.whole.get(file) === exclusive) return 0;
    // A change of kind gives the old lock up first (flock(2)).
    table.unsetWhole(locks, file);
    while (locks.wholeConflict(file, exclusive)) {
      if (!wait) return -EAGAIN;
      file.references++;
      try {
        if (yield* waitOn(task, locks.waiters, POLLIN)) return -ERESTARTSYS;
      } finally {
        putFile(task.kernel, file);
      }
    }
    if (table.full) return -ENOLCK;
    table.setWhole(locks, file, exclusive);
    return 0;
  } finally {
    table.put(locks);
  }
}

export const LOCK_HANDLERS: Handlers<VfsCaller> = {
  flock: (task, fd, operation) => {
    if ((operation & F.LOCK_MAND) !== 0) return 0; // Linux has forgotten these locks, and says nothing
    const kind = operation & ~F.LOCK_NB;
    if (kind !== F.LOCK_SH && kind !== F.LOCK_EX && kind !== F.LOCK_UN) return -EINVAL;
    const file = task.files.usable(fd);
    if (file === undefined) return -EBADF;
    if (kind !== F.LOCK_UN)
      return task.call.start(lockWhole(task, file, kind === F.LOCK_EX, (operation & F.LOCK_NB) === 0));
    const { locks: table } = task.kernel;
    const locks = table.of(file);
    if (typeof locks === "number") return locks;
    table.unsetWhole(locks, file);
    table.put(locks);
    return 0;
  },
};
