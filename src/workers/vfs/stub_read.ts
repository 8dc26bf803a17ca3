// Reading by the stub itself, from a host descriptor that it keeps (mem/kept_files.ts): bytes cross from no CPU to another,
// several guests read side by side, and what must come from a disk is waited for by who asked for it.

import { STUB_READ_MAX } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { OperationList } from "../call/operation_list.ts";
import { giveToKeep, mayKeep } from "../mem/given_file.ts";
import type { VfsCaller } from "./caller.ts";
import { type OpenFile, OWN_OFFSET } from "./file.ts";
import { SeekableFile } from "./seekable_file.ts";

/** A gift takes as long as the kernel thread's reading of so many bytes: a file of which they were read has more to come. */
const GIFT_AFTER = 512 << 10;
/** Less is read as fast by way of the window. */
const LENGTH_MIN = 16384;

/**
 * Whether the stub of a task is to read a file by itself. The position is nobody else's meanwhile: it is known only when
 * the stub has read.
 */
export function readsByItself(
  task: VfsCaller,
  file: OpenFile,
  length: number,
  position: number,
): file is SeekableFile {
  if (length < LENGTH_MIN || length > STUB_READ_MAX || !(file instanceof SeekableFile)) return false;
  if (position === OWN_OFFSET) {
    if (file.loan !== null || file.references !== 1) return false;
  } else if (!Number.isSafeInteger(position + length)) return false;
  if (task.stub.kept.find(file) >= 0) return true;
  file.readByOthers += length;
  return file.readByOthers >= GIFT_AFTER && mayKeep(task, file);
}

/** The bytes that were read; -1: the stub cannot, and nothing was. */
export function* readByStub(
  task: VfsCaller,
  file: SeekableFile,
  address: number,
  length: number,
  position: number,
): Coroutine {
  const { kept } = task.stub;
  if (kept.find(file) < 0) yield* giveToKeep(task, file);
  const fd = kept.find(file);
  if (fd < 0) return -1;
  file.noteRead();
  task.kernel.counters.stubReads++;
  const at = position === OWN_OFFSET ? file.position : position;
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.read(fd, address, length, at);
  if (!(yield* task.runAndReturn(list, 0))) return -1;
  const n = Math.max(0, Math.min(length, task.call.listResult)); // the stub's word for it
  if (position === OWN_OFFSET) file.position = at + n;
  return n;
}
