// An open generated file: records are made when a reader comes to them, and forgotten when they were read, so
// that neither the length of the whole nor the number of open files costs anything (Linux's seq_file). A read
// at another place than where the last one ended makes the records anew, from the first on.

import { EAGAIN, EINVAL, EIO, ESRCH } from "../../../shared/abi/errno.ts";
import { SEEK_CUR } from "../../../shared/abi/fcntl.ts";
import { POLLERR, POLLIN, POLLPRI, POLLRDNORM } from "../../../shared/abi/poll.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import type { VfsCaller } from "../caller.ts";
import type { Inode } from "../inode.ts";
import { SeekableFile } from "../seekable_file.ts";
import type { Contents, FileNode, Subject, Text } from "./nodes.ts";

/** What is made while nobody else is served, in records; long ones count for more. */
const RECORDS_PER_TURN = 256;
const CHARS_PER_RECORD = 512;

/** How much may still be made in this turn. */
interface Budget {
  left: number;
}

export class GeneratedFile extends SeekableFile {
  readonly #node: FileNode<Subject>;
  readonly #subject: Subject;
  readonly #credentials: Credentials;
  readonly #contents: Contents;
  /** The pass that is under way; null: none, or its records were given up. */
  #pass: Iterator<Text> | null = null;
  /** The record that is being read, how much of it was, and the position of what comes next. */
  #record = "";
  #done = 0;
  #at = 0;
  /** The count of changes that who polls knows. */
  #seen: number;

  constructor(
    inode: Inode,
    node: FileNode<Subject>,
    subject: Subject,
    flags: number,
    credentials: Credentials,
    contents: Contents,
  ) {
    super(inode, flags, contents.changes?.waiters);
    this.#seen = contents.changes?.count() ?? 0;
    this.#node = node;
    this.#subject = subject;
    this.#credentials = credentials;
    this.#contents = contents;
  }

  override preadCached(task: VfsCaller, offset: number, length: number, position: number): number {
    const { bytes } = this.#contents;
    if (bytes !== undefined) {
      const part = bytes(position, length);
      if (typeof part === "number") return part;
      task.call.bytes.set(part, task.call.base + offset);
      return part.length;
    }
    const budget: Budget = { left: RECORDS_PER_TURN };
    const error = this.#reach(position, budget);
    return error < 0 ? error : this.#fill(task, task.call.base + offset, length, budget);
  }

  override pread(task: VfsCaller, offset: number, length: number, position: number): number {
    for (;;) {
      const n = this.preadCached(task, offset, length, position);
      if (n !== -EAGAIN || this.#contents.wait !== undefined) return n;
    }
  }

  /** Makes records up to the position, in turns between which others are served, and waits for the next. */
  override *warm(task: VfsCaller, position: number): Generator<void, void, void> {
    const { wait } = this.#contents;
    for (;;) {
      let error = this.#reach(position, { left: RECORDS_PER_TURN });
      if (error === 0 && wait !== undefined && this.#done === this.#record.length)
        error = this.#next({ left: 1 });
      if (error !== -EAGAIN) return;
      if (wait !== undefined) yield* wait(task);
      else {
        task.call.replyBlocked();
        task.call.completeWait(0);
        yield;
      }
    }
  }

  // Goes to a position: 0, a negative errno, or -EAGAIN when the budget is used up.
  #reach(position: number, budget: Budget): number {
    const isWaiting = position === 0 && this.#at === 0 && this.#contents.wait !== undefined;
    if (this.#pass === null || position < this.#at || (position === 0 && !isWaiting)) {
      this.#hold("");
      this.#pass = this.#contents.records!();
      this.#at = 0;
    }
    while (this.#at < position) {
      if (this.#done < this.#record.length) {
        this.#skip(Math.min(position - this.#at, this.#record.length - this.#done));
        continue;
      }
      if (budget.left <= 0) return -EAGAIN;
      const error = this.#next(budget);
      if (error !== 0) return Math.min(error, 0);
    }
    return 0;
  }

  // Fills `length` bytes at `to` from where the pass stands.
  #fill(task: VfsCaller, to: number, length: number, budget: Budget): number {
    const { bytes } = task.call;
    let filled = 0;
    while (filled < length) {
      if (this.#done === this.#record.length) {
        if (filled > 0 && budget.left <= 0) break;
        const error = this.#next(budget);
        if (error < 0 && filled === 0) return error;
        if (error !== 0) break;
        continue;
      }
      const record = this.#record;
      const count = Math.min(length - filled, record.length - this.#done);
      for (let i = 0; i < count; i++) bytes[to + filled + i] = record.charCodeAt(this.#done + i);
      filled += count;
      this.#skip(count);
    }
    return filled;
  }

  // Makes the next record: 0, 1 at the end, or a negative errno, which ends the pass as well.
  #next(budget: Budget): number {
    const step = this.#pass!.next();
    if (step.done) return 1;
    const record = step.value;
    if (typeof record === "number") {
      if (record === -EAGAIN && this.#contents.wait !== undefined) return record;
      this.#pass = null;
      return record;
    }
    budget.left -= 1 + Math.floor(record.length / CHARS_PER_RECORD);
    this.#hold(record);
    return 0;
  }

  #skip(count: number): void {
    this.#done += count;
    this.#at += count;
    if (this.#done === this.#record.length) this.#hold("");
  }

  #hold(record: string): void {
    const { generatedTexts } = this.inode!.fs.kernel;
    if (this.#record !== "") generatedTexts.remove(this);
    this.#record = record;
    this.#done = 0;
    if (record !== "") generatedTexts.add(this, record.length);
  }

  /** Others need the room: what is read on is made anew. */
  shrink(): void {
    this.#pass = null;
    this.#hold("");
  }

  override pwrite(task: VfsCaller, offset: number, length: number, position: number): number {
    const { write: own } = this.#contents;
    const { write } = this.#node;
    if (own === undefined && write === undefined) return -EIO;
    if (!this.#subject.exists) return -ESRCH;
    const at = task.call.base + offset;
    const text = Buffer.from(task.call.bytes.subarray(at, at + length)).toString("latin1");
    const taken =
      own?.(text, position) ?? write!.call(this.#node, this.#subject, text, this.#credentials, position);
    return taken === 0 ? length : taken;
  }

  override get pollable(): boolean {
    return this.#contents.changes !== undefined;
  }

  override poll(): number {
    const { changes } = this.#contents;
    if (changes === undefined) return super.poll();
    const count = changes.count();
    const isNew = count !== this.#seen;
    this.#seen = count;
    return POLLIN | POLLRDNORM | (isNew ? POLLERR | POLLPRI : 0);
  }

  /** There is no end to seek to. */
  override seek(offset: number, whence: number): number {
    return whence > SEEK_CUR ? -EINVAL : super.seek(offset, whence);
  }

  release(): void {
    this.#pass = null;
    this.#hold("");
    this.#contents.release?.();
  }
}
