// An open generated file: its text is made when it is read from the start, and stays the same for reads
// further on, so that what one reader sees is of one moment.

import { EINVAL, EIO, ESRCH } from "../../../shared/abi/errno.ts";
import { SEEK_CUR } from "../../../shared/abi/fcntl.ts";
import type { Credentials } from "../../supervisor/credentials.ts";
import type { Task } from "../../supervisor/task.ts";
import type { Inode } from "../inode.ts";
import { SeekableFile } from "../seekable_file.ts";
import type { FileNode, Subject } from "./nodes.ts";

export class GeneratedFile extends SeekableFile {
  readonly #node: FileNode<Subject>;
  readonly #subject: Subject;
  readonly #credentials: Credentials;
  #text: Buffer | null = null;

  constructor(
    inode: Inode,
    node: FileNode<Subject>,
    subject: Subject,
    flags: number,
    credentials: Credentials,
  ) {
    super(inode, flags);
    this.#node = node;
    this.#subject = subject;
    this.#credentials = credentials;
  }

  override pread(task: Task, offset: number, length: number, position: number): number {
    if (this.#text === null || position === 0) {
      if (!this.#subject.exists) return -ESRCH;
      const text = this.#node.read(this.#subject);
      if (typeof text === "number") return text;
      this.#text = Buffer.from(text, "latin1");
    }
    const part = this.#text.subarray(position, position + length);
    task.bytes.set(part, task.base + offset);
    return part.length;
  }

  override pwrite(task: Task, offset: number, length: number): number {
    const { write } = this.#node;
    if (write === undefined) return -EIO;
    if (!this.#subject.exists) return -ESRCH;
    const at = task.base + offset;
    const text = Buffer.from(task.bytes.subarray(at, at + length)).toString("latin1");
    const error = write.call(this.#node, this.#subject, text, this.#credentials);
    return error < 0 ? error : length;
  }

  /** There is no end to seek to. */
  override seek(offset: number, whence: number): number {
    return whence > SEEK_CUR ? -EINVAL : super.seek(offset, whence);
  }

  release(): void {
    this.#text = null;
  }
}
