// By which number a stub has the file that a list of it maps or reads: it keeps one, is given one to keep, or is given one
// that the list closes behind itself.

import { ENOMEM } from "../../shared/abi/errno.ts";
import { OperationList, SYS_close } from "../call/operation_list.ts";
import type { MappedFile, OpenFile, SlowDescriptor } from "../vfs/file.ts";
import { closeMapped } from "../vfs/mapped_file.ts";
import type { MemCaller } from "./caller.ts";
import { closeNow, KEPT_LOCK } from "./close_kept.ts";
import { PAGE_SIZE } from "./vma.ts";

/** What is to be given: a host descriptor, which goes with it, or a file, whose own that may be. */
export interface Givable {
  /** With no more access than is needed; -1: the file is asked for one, if there is a file. */
  readonly hostFd: number;
  readonly slow?: SlowDescriptor;
  /** Of which the stub may keep a descriptor. Held by the caller. */
  readonly file?: OpenFile;
}

export class GivenFile {
  readonly #task: MemCaller;
  /** Of the stub; -1: there is nothing to give. */
  readonly fd: number;
  /** It gets it by this list. */
  readonly isNew: boolean;
  readonly #host: { readonly hostFd: number; readonly slow?: SlowDescriptor };
  /** It keeps it from then on. */
  readonly #keeps: OpenFile | null;
  #isOver = false;

  constructor(task: MemCaller, fd: number, host: MappedFile | Givable | null, keeps: OpenFile | null) {
    this.#task = task;
    this.fd = fd;
    this.isNew = host !== null;
    this.#host = host ?? { hostFd: -1 };
    this.#keeps = keeps;
  }

  /** What comes first in the list; the next mmap, or gift, is to be of `fd`. */
  openIn(list: OperationList): void {
    if (this.isNew) list.donate(this.#host.hostFd);
  }

  /** ... and last. */
  closeIn(list: OperationList): void {
    if (this.isNew && this.#keeps === null) list.call(SYS_close, this.fd);
  }

  /** The list has ended; a list that has given something has waited for its outcome, and so may this. */
  *ended(isDone: boolean): Generator<void, void, void> {
    if (!this.isNew) return;
    const task = this.#task;
    if (this.#keeps !== null) {
      this.#isOver = true;
      task.stub.kept.end(this.#keeps, isDone);
      yield* closeNow(task);
    } else if (!isDone) {
      const list = new OperationList(task.kernel.slots, task.call.slot);
      list.tell(SYS_close, this.fd);
      yield* task.run(list);
    }
  }

  /** Its call goes on with something else, or is over. */
  release(): void {
    if (!this.isNew) return;
    const { stub, kernel } = this.#task;
    if (this.#keeps === null) stub.donations.end(this.fd);
    else if (!this.#isOver) stub.kept.end(this.#keeps, false);
    closeMapped(kernel.native, this.#host);
  }
}

/** Whether the task's stub may keep one more file, and this is one that is not kept. */
export function mayKeep({ stub, files }: MemCaller, file: OpenFile): boolean {
  return !files.isSplit && stub.kept.hasRoomFor(file) && file.keepable !== null;
}

/** Gives the stub a file that it is to keep, in an exchange of its own; it may have come to nothing. */
export function* giveToKeep(task: MemCaller, file: OpenFile): Generator<void, void, void> {
  const lock = yield* task.stub.space.lock(task, KEPT_LOCK, KEPT_LOCK + PAGE_SIZE);
  try {
    const given = yield* give(task, { hostFd: -1, file });
    if (typeof given === "number" || !given.isNew) return;
    const list = new OperationList(task.kernel.slots, task.call.slot);
    given.openIn(list);
    list.gift(given.fd);
    given.closeIn(list);
    try {
      yield* given.ended(yield* task.run(list));
    } finally {
      given.release();
    }
  } finally {
    lock.release();
  }
}

/** Owns the descriptor of what is to be given, and has locked something of the address space. Or a negative errno. */
export function* give(task: MemCaller, what: Givable): Generator<void, GivenFile | number, void> {
  const { kept, donations } = task.stub;
  const { file } = what;
  let host: MappedFile | Givable = what;
  if (file !== undefined) {
    const fd = kept.find(file);
    yield* closeNow(task);
    if (fd >= 0) return new GivenFile(task, fd, null, null);
    const mapped = file.map(false);
    if (typeof mapped === "number") return mapped;
    host = mapped;
  }
  if (host.hostFd < 0) return new GivenFile(task, -1, null, null);
  if (host.slow !== undefined) task.stub.hasSlowFile = true;
  const fd = donations.begin();
  if (fd < 0) {
    closeMapped(task.kernel.native, host);
    return -ENOMEM;
  }
  const keeps = file !== undefined && mayKeep(task, file) ? file : null;
  if (keeps !== null) kept.begin(keeps, fd, keeps.keepable!, task.files.id);
  return new GivenFile(task, fd, host, keeps);
}
