// Contents of a regular file of a memory file system. Small ones stand in the kernel's own memory; one
// that grows, is mapped or is executed moves to a host memfd of its own, which holds nothing else
// (hardening.md, F1), so that mappings, reads and writes see the same pages.

import { EFBIG, ENOSPC } from "../../../shared/abi/errno.ts";
import type { Kernel } from "../../kernel.ts";
import type { Task } from "../../supervisor/task.ts";

/** Largest content that stands in the kernel's memory. */
const INLINE_MAX = 65536;
const COPY_ROUND = 8 << 20;
const PAGE = 4096;
const EMPTY = new Uint8Array(0);

/** Bytes that all files of a file system may hold. */
export interface Space {
  /** Sets aside (or gives back, when negative) so many bytes; false when there is no room. */
  take(bytes: number): boolean;
}

export class FileData {
  readonly #kernel: Kernel;
  readonly #space: Space;
  #bytes: Uint8Array = EMPTY;
  #fd = -1;
  #size = 0;
  #taken = 0;

  constructor(kernel: Kernel, space: Space) {
    this.#kernel = kernel;
    this.#space = space;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes accounted for, whole pages. */
  get allocated(): number {
    return this.#taken;
  }

  /** Copies what a host descriptor holds, in bounded rounds; 0 or a negative errno. */
  copyFrom(hostFd: number, size: number): number {
    if (!this.#account(size)) return -ENOSPC;
    const fd = this.hostFd();
    if (fd < 0) return fd;
    const { native } = this.#kernel;
    for (let done = 0; done < size; ) {
      const n = native.copyBytes(hostFd, done, fd, Math.min(COPY_ROUND, size - done));
      if (n < 0) return n;
      if (n === 0) break; // the file is shorter than it was
      done += n;
      this.#size = done;
    }
    return 0;
  }

  read(task: Task, offset: number, length: number, position: number): number {
    const n = Math.max(0, Math.min(length, this.#size - position));
    if (n === 0) return 0;
    if (this.#fd >= 0)
      return this.#kernel.native.pread(this.#fd, task.chunk, task.base + offset, n, position);
    task.bytes.set(this.#bytes.subarray(position, position + n), task.base + offset);
    return n;
  }

  write(task: Task, offset: number, length: number, position: number): number {
    const end = position + length;
    if (!Number.isSafeInteger(end)) return -EFBIG;
    if (end > this.#size && !this.#account(end)) return -ENOSPC;
    if (this.#fd < 0 && end > INLINE_MAX) {
      const fd = this.hostFd();
      if (fd < 0) return fd;
    }
    if (this.#fd >= 0) {
      const n = this.#kernel.native.pwrite(this.#fd, task.chunk, task.base + offset, length, position);
      if (n > 0) this.#size = Math.max(this.#size, position + n);
      return n;
    }
    this.#reserve(end);
    this.#bytes.set(task.bytes.subarray(task.base + offset, task.base + offset + length), position);
    this.#size = Math.max(this.#size, end);
    return length;
  }

  truncate(size: number): number {
    if (size > this.#size && !this.#account(size)) return -ENOSPC;
    if (this.#fd < 0 && size > INLINE_MAX) {
      const fd = this.hostFd();
      if (fd < 0) return fd;
    }
    if (this.#fd >= 0) {
      const error = this.#kernel.native.ftruncate(this.#fd, size);
      if (error < 0) return error;
    } else if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    else this.#reserve(size);
    this.#size = size;
    this.#account(size);
    return 0;
  }

  /** fallocate(2): the modes that a memfd knows. */
  allocate(mode: number, position: number, length: number): number {
    const keepsSize = (mode & 1) !== 0;
    if (!keepsSize && !this.#account(Math.max(this.#size, position + length))) return -ENOSPC;
    const fd = this.hostFd();
    if (fd < 0) return fd;
    const error = this.#kernel.native.fallocate(fd, mode, position, length);
    if (error === 0 && !keepsSize) this.#size = Math.max(this.#size, position + length);
    return error;
  }

  /** The memfd that holds the contents from now on, or a negative errno. */
  hostFd(): number {
    if (this.#fd >= 0) return this.#fd;
    const { native } = this.#kernel;
    const fd = native.memfdFile();
    if (fd < 0) return fd;
    native.scratch.set(this.#bytes.subarray(0, this.#size));
    const n = this.#size === 0 ? 0 : native.pwriteScratch(fd, this.#size, 0);
    if (n < this.#size) {
      native.close(fd);
      return n < 0 ? n : -ENOSPC;
    }
    this.#fd = fd;
    this.#bytes = EMPTY;
    return fd;
  }

  release(): void {
    if (this.#fd >= 0) this.#kernel.native.close(this.#fd);
    this.#fd = -1;
    this.#bytes = EMPTY;
    this.#size = 0;
    this.#account(0);
  }

  #account(size: number): boolean {
    const wanted = Math.ceil(size / PAGE) * PAGE;
    if (!this.#space.take(wanted - this.#taken)) return false;
    this.#taken = wanted;
    return true;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.min(INLINE_MAX, Math.max(size, this.#bytes.length * 2, 256)));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}
