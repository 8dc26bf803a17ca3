// An open regular file of a memory file system. While the contents are the lower file's it reads that;
// as soon as anybody has written, all of the file's open descriptions see the new contents.

import type { Mapped } from "../../mem/vma.ts";
import type { Credentials } from "../../supervisor/credentials.ts";
import type { Task } from "../../supervisor/task.ts";
import type { OpenFile } from "../file.ts";
import { SeekableFile } from "../seekable_file.ts";
import type { MemoryInode } from "./memory_inode.ts";

export class MemoryFile extends SeekableFile {
  readonly #node: MemoryInode;
  readonly #credentials: Credentials;
  /** The lower file, opened at the first read. */
  #lower: OpenFile | null = null;

  constructor(node: MemoryInode, flags: number, credentials: Credentials) {
    super(node, flags);
    this.#node = node;
    this.#credentials = credentials;
  }

  #openLower(): OpenFile | number {
    if (this.#lower !== null) return this.#lower;
    const file = this.#node.lower!.open(0, this.#credentials);
    if (typeof file !== "number") this.#lower = file;
    return file;
  }

  override pread(task: Task, offset: number, length: number, position: number): number {
    const { data } = this.#node;
    if (data !== null) return data.read(task, offset, length, position);
    const lower = this.#openLower();
    return typeof lower === "number" ? lower : lower.pread(task, offset, length, position);
  }

  override pwrite(task: Task, offset: number, length: number, position: number): number {
    const data = this.#node.ownData();
    if (typeof data === "number") return data;
    const n = data.write(task, offset, length, position);
    if (n > 0) this.#node.written();
    return n;
  }

  override map(writable: boolean): { backing: Mapped; hostFd: number; offset: number } | number {
    if (this.#node.data === null && !writable) {
      const lower = this.#openLower();
      return typeof lower === "number" ? lower : lower.map(false);
    }
    const data = this.#node.ownData();
    if (typeof data === "number") return data;
    const fd = data.hostFd();
    if (fd < 0) return fd;
    const { native, descriptors } = this.#node.fs.kernel;
    const hostFd = native.reopen(descriptors.proc, fd, writable ? 2 : 0);
    return hostFd < 0 ? hostFd : { backing: this.#node.mapped(), hostFd, offset: 0 };
  }

  release(): void {
    this.#lower?.release();
    this.#lower = null;
    this.#node.closed();
  }
}
