// sendfile(2), splice(2), tee(2), vmsplice(2), copy_file_range(2).

import { EBADF, EFAULT, EINVAL, EISDIR, ERESTARTSYS, ESPIPE, EXDEV } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { IN_ACCESS, IN_MODIFY, POLLOUT } from "../../shared/abi/poll.ts";
import { S_IFREG } from "../../shared/abi/stat.ts";
import { readI64, write64 } from "../../shared/abi/struct.ts";
import { WINDOW, WINDOW_SECOND } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { VfsCaller } from "./caller.ts";
import { type OpenFile, OWN_OFFSET } from "./file.ts";
import { holding } from "./file_table.ts";
import { copyBetween, noWait, PipeEnd, Place, type Source, Stream, type Target } from "./kernel_copy.ts";
import { PipeFile } from "./pipe.ts";
import { readInto, writeRounds, writeVectors } from "./read_write.ts";
import { type Segments, vectors } from "./segments.ts";
import { waitFor } from "./wait.ts";

const MAX_COUNT = 0x7ffff000;
const OFFSET_SIZE = 8;
const SPLICE_FLAGS = F.SPLICE_F_MOVE | F.SPLICE_F_NONBLOCK | F.SPLICE_F_MORE | F.SPLICE_F_GIFT;

/** An offset that a call was given by pointer: in piece 0 or 1. Null: the file's own is meant. */
interface GivenOffset {
  readonly address: number;
  readonly value: number;
}

function offsetIn(task: VfsCaller, address: number, piece: 0 | 1): GivenOffset | null | number {
  if (address === 0) return null;
  if (!task.call.inComplete(piece, OFFSET_SIZE)) return -EFAULT;
  return { address, value: readI64(task.call.view, task.call.base + (piece === 0 ? WINDOW : WINDOW_SECOND)) };
}

/** The place in a file with a position, its own or the one given; or a negative errno. */
function placeIn(file: OpenFile, given: GivenOffset | null): Place | number {
  const position = given === null ? file.seek(0, F.SEEK_CUR) : given.value;
  return position < 0 ? -EINVAL : new Place(file, position);
}

/** The offset that a copy has moved: the file's own, or the caller's. */
function keepPlace(task: VfsCaller, place: Source | Target, given: GivenOffset | null): void {
  if (!(place instanceof Place)) return;
  if (given === null) place.file.seek(place.position, F.SEEK_SET);
  else write64(task.call.view, task.call.out(given.address, OFFSET_SIZE), place.position);
}

/** Who watches the files learns that bytes went from one to the other. */
function tell(task: VfsCaller, source: Source, target: Target): void {
  const { fileEvents } = task.kernel;
  fileEvents.used(source.file, IN_ACCESS);
  fileEvents.used(target.file, IN_MODIFY);
}

// ---- sendfile ----

function* sendfile(
  task: VfsCaller,
  out: OpenFile,
  place: Place,
  given: GivenOffset | null,
  count: number,
): Coroutine {
  const target = out.isStream ? targetStream(out) : placeIn(out, null);
  if (typeof target === "number") return target;
  // Into a pipe it is one splice: as much as there is room for.
  const rules = { sourceNoWait: false, targetNoWait: noWait(out), partial: out instanceof PipeFile };
  const moved = yield* copyBetween(task, place, target, count, rules);
  if (moved < 0) return moved;
  if (moved > 0) tell(task, place, target);
  keepPlace(task, target, null);
  keepPlace(task, place, given);
  return moved;
}

function targetStream(file: OpenFile): Target {
  return file instanceof PipeFile ? new PipeEnd(file) : new Stream(file);
}

// ---- splice ----

interface Spliced {
  readonly source: Source;
  readonly target: Target;
  readonly offsetIn: GivenOffset | null;
  readonly offsetOut: GivenOffset | null;
}

/** The ends of a splice, of which one at least is a pipe; or a negative errno. */
function spliceEnds(
  input: OpenFile,
  output: OpenFile,
  offsetIn: GivenOffset | null,
  offsetOut: GivenOffset | null,
): Spliced | number {
  const fromPipe = input instanceof PipeFile;
  const toPipe = output instanceof PipeFile;
  if (!fromPipe && !toPipe) return -EINVAL;
  if (fromPipe && toPipe && input.pipe === output.pipe) return -EINVAL;
  if (!input.splices || !output.splices) return -EINVAL;
  let source: Source | number = fromPipe ? new PipeEnd(input) : 0;
  let target: Target | number = toPipe ? new PipeEnd(output) : 0;
  if (!fromPipe) {
    if (input.isStream && offsetIn !== null) return -EINVAL;
    source = input.isStream ? new Stream(input) : placeIn(input, offsetIn);
  }
  if (!toPipe) {
    if ((output.flags & F.O_APPEND) !== 0 || (output.isStream && offsetOut !== null)) return -EINVAL;
    target = output.isStream ? new Stream(output) : placeIn(output, offsetOut);
  }
  if (typeof source === "number") return source;
  return typeof target === "number" ? target : { source, target, offsetIn, offsetOut };
}

function* splice(task: VfsCaller, ends: Spliced, length: number, flags: number): Coroutine {
  const { source, target } = ends;
  let asked = (flags & F.SPLICE_F_NONBLOCK) !== 0;
  if (source instanceof PipeEnd && target instanceof PipeEnd)
    asked ||= noWait(source.file) || noWait(target.file);
  const rules = {
    sourceNoWait: asked || noWait(source.file),
    targetNoWait: asked || noWait(target.file),
    partial: true,
  };
  const moved = yield* copyBetween(task, source, target, length, rules);
  if (moved <= 0) return moved;
  tell(task, source, target);
  keepPlace(task, source, ends.offsetIn);
  keepPlace(task, target, ends.offsetOut);
  return moved;
}

// ---- copy_file_range ----

function* copyRange(
  task: VfsCaller,
  from: Place,
  to: Place,
  ends: [GivenOffset | null, GivenOffset | null],
  length: number,
): Coroutine {
  const rules = { sourceNoWait: false, targetNoWait: false, partial: false };
  const moved = yield* copyBetween(task, from, to, length, rules);
  if (moved <= 0) return moved;
  tell(task, from, to);
  keepPlace(task, from, ends[0]);
  keepPlace(task, to, ends[1]);
  return moved;
}

/** 0, or why the two files cannot be copied between. */
function checkRange(input: OpenFile, output: OpenFile): number {
  if (input.inode?.isDirectory === true || output.inode?.isDirectory === true) return -EISDIR;
  if (input.inode?.type !== S_IFREG || output.inode?.type !== S_IFREG) return -EINVAL;
  if (!input.readable || !output.writable || (output.flags & F.O_APPEND) !== 0) return -EBADF;
  return input.inode.fs === output.inode.fs ? 0 : -EXDEV;
}

/** Waits for room alone: once there is some, what fits is enough. */
function* vmspliceTo(task: VfsCaller, file: PipeFile, segments: Segments): Coroutine {
  const { pipe } = file;
  while ((pipe.buffer.full || pipe.keepsOut(POLLOUT)) && pipe.readers > 0)
    if (yield* waitFor(task, file, POLLOUT)) return -ERESTARTSYS;
  const moved = yield* writeRounds(task, file, segments, OWN_OFFSET, true, 0, false);
  if (moved > 0) task.kernel.fileEvents.used(file, IN_MODIFY);
  return moved;
}

export const SPLICE_HANDLERS: Handlers<VfsCaller> = {
  sendfile: (task, outFd, inFd, offset, count) => {
    const given = offsetIn(task, offset, 0);
    if (typeof given === "number") return given;
    const input = task.files.usable(inFd);
    if (input === undefined || !input.readable) return -EBADF;
    if (given !== null && input.isStream) return -ESPIPE;
    const output = task.files.usable(outFd);
    if (output === undefined || !output.writable) return -EBADF;
    if (input.isStream || input.inode?.isDirectory === true) return -EINVAL;
    if ((output.flags & F.O_APPEND) !== 0 || !input.splices || !output.splices) return -EINVAL;
    const place = placeIn(input, given);
    if (typeof place === "number") return place;
    return count === 0
      ? 0
      : task.call.start(sendfile(task, output, place, given, Math.min(count, MAX_COUNT)));
  },

  splice: (task, inFd, inOffset, outFd, outOffset, length, flags) => {
    if ((flags & ~SPLICE_FLAGS) !== 0) return -EINVAL;
    if (length === 0) return 0;
    const input = task.files.usable(inFd);
    const output = task.files.usable(outFd);
    if (input === undefined || output === undefined) return -EBADF;
    if ((input instanceof PipeFile && inOffset !== 0) || (output instanceof PipeFile && outOffset !== 0))
      return -ESPIPE;
    const from = offsetIn(task, inOffset, 0);
    if (typeof from === "number") return from;
    const to = offsetIn(task, outOffset, 1);
    if (typeof to === "number") return to;
    if (!input.readable || !output.writable) return -EBADF;
    const ends = spliceEnds(input, output, from, to);
    return typeof ends === "number"
      ? ends
      : task.call.start(splice(task, ends, Math.min(length, MAX_COUNT), flags));
  },

  tee: (task, inFd, outFd, length, flags) => {
    if ((flags & ~SPLICE_FLAGS) !== 0) return -EINVAL;
    if (length === 0) return 0;
    const input = task.files.usable(inFd);
    const output = task.files.usable(outFd);
    if (input === undefined || output === undefined || !input.readable || !output.writable) return -EBADF;
    if (!(input instanceof PipeFile) || !(output instanceof PipeFile) || input.pipe === output.pipe)
      return -EINVAL;
    const asked = (flags & F.SPLICE_F_NONBLOCK) !== 0 || noWait(input) || noWait(output);
    const rules = { sourceNoWait: asked, targetNoWait: asked, partial: true, once: true };
    return task.call.start(
      copyBetween(task, new PipeEnd(input, true), new PipeEnd(output), Math.min(length, MAX_COUNT), rules),
    );
  },

  vmsplice: (task, fd, _vector, count, flags) => {
    if ((flags & ~SPLICE_FLAGS) !== 0) return -EINVAL;
    const file = task.files.usable(fd);
    if (!(file instanceof PipeFile)) return -EBADF;
    const segments = vectors(task, count);
    if (typeof segments === "number") return segments;
    const asked = (flags & F.SPLICE_F_NONBLOCK) !== 0;
    if (file.writable) {
      if (asked || segments.invalid || segments.total === 0)
        return writeVectors(task, file, segments, OWN_OFFSET, asked);
      return task.call.start(holding(task, file, vmspliceTo(task, file, segments)));
    }
    return readInto(task, file, segments, OWN_OFFSET, asked);
  },

  copy_file_range: (task, inFd, inOffset, outFd, outOffset, length, flags) => {
    const input = task.files.usable(inFd);
    const output = task.files.usable(outFd);
    if (input === undefined || output === undefined) return -EBADF;
    const from = offsetIn(task, inOffset, 0);
    if (typeof from === "number") return from;
    const to = offsetIn(task, outOffset, 1);
    if (typeof to === "number") return to;
    if (flags !== 0) return -EINVAL;
    const error = checkRange(input, output);
    if (error < 0) return error;
    const source = placeIn(input, from);
    const target = placeIn(output, to);
    if (typeof source === "number") return source;
    if (typeof target === "number") return target;
    const bounded = Math.min(length, MAX_COUNT);
    const apart = Math.abs(source.position - target.position) >= bounded;
    if (input.inode === output.inode && !apart) return -EINVAL;
    return bounded === 0 ? 0 : task.call.start(copyRange(task, source, target, [from, to], bounded));
  },
};
