// A request of asynchronous I/O (struct iocb, io_submit(2)): what it asks for is done before io_submit goes on, as
// Linux does for files that it has to wait for.

import {
  EBADF,
  EFAULT,
  EINTR,
  EINVAL,
  EOPNOTSUPP,
  ERESTARTNOHAND,
  ERESTARTSYS,
} from "../../../shared/abi/errno.ts";
import * as F from "../../../shared/abi/fcntl.ts";
import { IN_ACCESS, IN_MODIFY } from "../../../shared/abi/poll.ts";
import { readI64, readU64 } from "../../../shared/abi/struct.ts";
import { NOT_AT_HAND } from "../../call/asked.ts";
import type { Coroutine } from "../../call/call.ts";
import { readGuest } from "../../call/guest_copy.ts";
import { EventFile } from "../anonymous/event_file.ts";
import type { VfsCaller } from "../caller.ts";
import { type OpenFile, OWN_OFFSET } from "../file.ts";
import { readRounds, writeRounds } from "../read_write.ts";
import { IOVEC_SIZE, Segments, segmentOf, segmentsOf } from "../segments.ts";

export const REQUEST_SIZE = 64;
const SSIZE_END = 2 ** 63;
// IOCB_CMD_*
const PREAD = 0;
const PWRITE = 1;
const FSYNC = 2;
const FDSYNC = 3;
const PREADV = 7;
const PWRITEV = 8;
/** IOCB_FLAG_RESFD: the eventfd to be told. */
const TELLS = 1;
/** RWF_* that change nothing here. */
const HINTS = F.RWF_HIPRI | F.RWF_DSYNC | F.RWF_SYNC;

const OPERATIONS: ReadonlySet<number> = new Set([PREAD, PWRITE, FSYNC, FDSYNC, PREADV, PWRITEV]);

/** One that has been looked at, and may be done. */
export interface AioRequest {
  readonly data: Uint8Array;
  readonly operation: number;
  readonly file: OpenFile;
  readonly address: number;
  readonly length: number;
  readonly position: number;
  /** Told when it is over; null: nobody. */
  readonly told: EventFile | null;
}

/** The request, or the negative errno with which io_submit refuses it: EINVAL, EBADF, EOPNOTSUPP. */
export function requestIn(task: VfsCaller, bytes: Buffer): AioRequest | number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = readU64(view, 32);
  if (readU64(view, 48) !== 0 || length >= SSIZE_END) return -EINVAL;
  const file = task.files.usable(view.getInt32(20, true));
  if (file === undefined) return -EBADF;
  let told: EventFile | null = null;
  if ((view.getUint32(56, true) & TELLS) !== 0) {
    const named = task.files.usable(view.getInt32(60, true));
    if (named === undefined) return -EBADF;
    if (!(named instanceof EventFile)) return -EINVAL;
    told = named;
  }
  const operation = view.getUint16(16, true);
  if (!OPERATIONS.has(operation)) {
    task.kernel.counters.unsupportedCalls++;
    return -EINVAL;
  }
  const position = readI64(view, 40);
  const address = readU64(view, 24);
  const flags = view.getInt32(12, true);
  const refused = refusal(file, operation, position, address, length, flags);
  if (refused < 0) return refused;
  const data = Uint8Array.from(bytes.subarray(0, 8));
  return { data, operation, file, address, length, position, told };
}

function refusal(
  file: OpenFile,
  operation: number,
  position: number,
  address: number,
  length: number,
  flags: number,
): number {
  if (operation === FSYNC || operation === FDSYNC)
    return position !== 0 || address !== 0 || length !== 0 || flags !== 0 ? -EINVAL : 0;
  if ((flags & ~HINTS) !== 0) return -EOPNOTSUPP;
  const reads = operation === PREAD || operation === PREADV;
  if (!(reads ? file.readable : file.writable)) return -EBADF;
  // What is read and written as whole messages takes no part.
  if (file.inode?.isDirectory === true || file.servesWholeCalls) return -EINVAL;
  return position < 0 && !file.isStream ? -EINVAL : 0;
}

/** The guest memory that it is about, or the negative errno with which io_submit refuses it. */
export function* memoryOf(
  task: VfsCaller,
  { operation, address, length }: AioRequest,
): Generator<void, Segments | number, void> {
  if (operation === FSYNC || operation === FDSYNC) return new Segments();
  const isVector = operation === PREADV || operation === PWRITEV;
  const segments = isVector ? yield* vectorsAt(task, address, length) : segmentOf(address, length);
  return typeof segments !== "number" && segments.invalid ? -EFAULT : segments;
}

/** Does it: bytes, or a negative errno, which the event tells. The file is held. */
export function* perform(task: VfsCaller, request: AioRequest, segments: Segments): Coroutine {
  const { operation, file } = request;
  if (operation === FSYNC || operation === FDSYNC) {
    const synced = file.syncing(task, operation === FDSYNC);
    return typeof synced === "number" ? synced : yield* synced;
  }
  if (segments.total === 0) return 0;
  const reads = operation === PREAD || operation === PREADV;
  const position = file.isStream ? OWN_OFFSET : request.position;
  let moved: number;
  do {
    const rounds = reads
      ? readRounds(task, file, segments, position, false)
      : writeRounds(task, file, segments, position, false, 0, false);
    moved = yield* delivered(task, rounds);
    if (moved === NOT_AT_HAND) yield* task.call.answer();
  } while (moved === NOT_AT_HAND);
  if (moved > 0) task.kernel.fileEvents.used(file, reads ? IN_ACCESS : IN_MODIFY);
  return moved === -ERESTARTSYS || moved === -ERESTARTNOHAND ? -EINTR : moved;
}

/** The last round of a read goes out with its call's result: here it has none of its own. */
function* delivered(task: VfsCaller, rounds: Coroutine): Coroutine {
  const moved = yield* rounds;
  const { call } = task;
  const { outBytes, outFault } = call;
  call.outFault = null;
  if (moved <= 0 || outBytes === 0) return moved;
  const copied = yield* call.copyOutRound();
  if (copied >= outBytes) return moved;
  return outFault === null ? -EFAULT : outFault(copied);
}

function* vectorsAt(
  task: VfsCaller,
  address: number,
  count: number,
): Generator<void, Segments | number, void> {
  if (count > F.IOV_MAX) return -EINVAL;
  if (count === 0) return new Segments();
  const copy = yield* readGuest(task, address, count * IOVEC_SIZE);
  return typeof copy === "number" ? copy : segmentsOf(copy, count);
}
