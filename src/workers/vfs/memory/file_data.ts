// Contents of a regular file of a memory file system. Small ones stand in the kernel's own memory; one
// that grows, has holes, is mapped or is executed moves to a host memfd of its own, which holds nothing
// else (docs/hardening.md, F1), so that mappings, reads and writes see the same pages, and truncation and hole
// punching reach them. Every page counts against the file system's space.

import { EFAULT, EFBIG, EMFILE, ENFILE, ENOSPC, ENXIO, EOPNOTSUPP } from "../../../shared/abi/errno.ts";
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  SEEK_DATA,
  SEEK_HOLE,
  SEEK_SET,
} from "../../../shared/abi/fcntl.ts";
import { readI64 } from "../../../shared/abi/struct.ts";
import { copyBytes } from "../../../shared/copy_bytes.ts";
import { PAGE_SIZE } from "../../mem/vma.ts";
import { SCRATCH_SIZE } from "../../native.ts";
import type { VfsCaller } from "../caller.ts";
import type { VfsContext } from "../context.ts";
import { NOT_AT_ONCE } from "../file.ts";

/** Largest content that stands in the kernel's memory while there are descriptors to be had. */
const INLINE_MAX = 65536;
/** The same when descriptors are short. */
const INLINE_MAX_SCARCE = 64 << 20;
/** What is copied from a lower file in one step, while nobody else is served. */
export const COPY_ROUND = 1 << 20;
/** A lower file of up to so many bytes is copied when it is written to, a larger one when it is opened for that. */
export const COPY_INLINE = 4 * COPY_ROUND;
/** What the host frees in one step. */
const TRUNCATE_STEP = 16 << 20;
const STEPS_MAX = 16384;
const STAT_BLOCKS_AT = 64;
const BLOCK = 512;
const EMPTY = new Uint8Array(0);

/** Bytes that all files of a file system may hold. */
export interface Space {
  /** Sets aside (or gives back, when negative) so many bytes; false when there is no room. */
  take(bytes: number): boolean;
  /** Counts (or uncounts) bytes that are there already, whether or not there is room. */
  charge(bytes: number): void;
}

const pages = (bytes: number) => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;

/**
 * Closes the last descriptor of a host file of so many bytes, which the host frees meanwhile; then they are nobody's any
 * more, and `closed` uncharges them.
 */
export function closeLarge(kernel: VfsContext, fd: number, bytes: number, closed: () => void): void {
  const { counters, native } = kernel;
  if (bytes <= TRUNCATE_STEP) {
    native.close(fd);
    closed();
    return;
  }
  counters.goingFileBytes += bytes;
  native.background("close", [fd], () => {
    counters.goingFileBytes -= bytes;
    closed();
  });
}

export class FileData {
  readonly #kernel: VfsContext;
  readonly #space: Space;
  #bytes: Uint8Array = EMPTY;
  #fd = -1;
  #size = 0;
  /** Bytes set aside in the file system's space. */
  #taken = 0;
  /** The memfd has, or may have, holes: the host alone knows what it holds. */
  #sparse = false;
  /** Somebody may have the host file mapped: it stays the file's own. */
  #isShown = false;
  /** Other kernel threads may be on the way to it. */
  #isLent = false;

  constructor(kernel: VfsContext, space: Space) {
    this.#kernel = kernel;
    this.#space = space;
  }

  /** They stand in a host file of their own. */
  get isHostFile(): boolean {
    return this.#fd >= 0;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes that the contents take up, whole pages. */
  get allocated(): number {
    if (this.#sparse) this.#recount();
    return this.#taken;
  }

  // ---- Copying from a lower file ----

  /** Copies the next round of `size` bytes of a host file: bytes done so far, or a negative errno. */
  copyRound(hostFd: number, done: number, size: number): number {
    return size <= INLINE_MAX ? this.#copySmall(hostFd, size) : this.#copyLarge(hostFd, done, size);
  }

  #copySmall(hostFd: number, size: number): number {
    const { native } = this.#kernel;
    if (!this.#account(size)) return -ENOSPC;
    this.#reserve(size);
    const n = native.preadScratch(hostFd, 0, Math.min(size, SCRATCH_SIZE), 0);
    if (n < 0) return n;
    this.#bytes.set(native.scratch.subarray(0, n));
    this.#size = n;
    return size;
  }

  // Holes stay holes: a sparse image of a disk is not blown up.
  #copyLarge(hostFd: number, done: number, size: number): number {
    const { native } = this.#kernel;
    const fd = this.hostFd();
    if (fd < 0) return fd;
    const data = native.seek(hostFd, done, SEEK_DATA);
    if (data === -ENXIO || data >= size) return this.#endCopy(size);
    const from = data < 0 ? done : data;
    const hole = data < 0 ? size : native.seek(hostFd, from, SEEK_HOLE);
    const end = Math.min(hole < 0 ? size : hole, size, from + COPY_ROUND);
    if (from > this.#size) this.#sparse = true;
    if (!this.#space.take(pages(end - from))) return -ENOSPC;
    this.#taken += pages(end - from);
    if (native.seek(fd, from, SEEK_SET) < 0) return -ENOSPC;
    const n = native.copyBytes(hostFd, from, fd, end - from);
    if (n < 0) return n;
    if (n === 0) return this.#endCopy(from); // the file is shorter than it was
    this.#size = from + n;
    return this.#size >= size ? this.#endCopy(size) : this.#size;
  }

  /** As copyRound, of bytes that were read elsewhere; none: the file is shorter than it was. */
  copyPiece(piece: Uint8Array, done: number, size: number): number {
    // The file may have grown since it was asked for its size.
    const bytes = piece.subarray(0, Math.max(0, size - done));
    if (size <= INLINE_MAX) {
      if (!this.#account(size)) return -ENOSPC;
      this.#reserve(size);
      this.#bytes.set(bytes, done);
      this.#size = done + bytes.length;
      return bytes.length === 0 ? size : this.#size;
    }
    const { native } = this.#kernel;
    const fd = this.hostFd();
    if (fd < 0) return fd;
    if (bytes.length === 0) return this.#endCopy(done);
    if (done + bytes.length < size && bytes.every((byte) => byte === 0)) {
      // Where it has holes nobody says; zeros become such.
      this.#sparse = true;
      return done + bytes.length;
    }
    const more = pages(done + bytes.length) - pages(done);
    if (!this.#space.take(more)) return -ENOSPC;
    this.#taken += more;
    native.scratch.set(bytes);
    const n = native.pwriteScratch(fd, bytes.length, done);
    if (n < 0) return n;
    this.#size = done + n;
    return this.#size >= size ? this.#endCopy(size) : this.#size;
  }

  #endCopy(size: number): number {
    const error = this.truncate(size);
    return error < 0 ? error : Number.MAX_SAFE_INTEGER;
  }

  // ---- Reading and writing ----

  read(task: VfsCaller, offset: number, length: number, position: number): number {
    const n = Math.max(0, Math.min(length, this.#size - position));
    if (n === 0) return 0;
    if (this.#fd >= 0)
      return this.#kernel.native.pread(this.#fd, task.call.chunk, task.call.base + offset, n, position);
    copyBytes(this.#bytes, position, task.call.bytes, task.call.base + offset, n);
    return n;
  }

  /** As OpenFile.readDirectly. */
  readDirectly(task: VfsCaller, address: number, length: number, position: number): number {
    const { native } = this.#kernel;
    const n = Math.max(0, Math.min(length, this.#size - position));
    if (n === 0) return 0;
    const arrived =
      this.#fd >= 0
        ? native.preadTo(this.#fd, task.stub.pid, address, n, position, 1)
        : native.copyTo(task.stub.pid, address, this.#bytes, position, n);
    return arrived === -EFAULT ? NOT_AT_ONCE : arrived;
  }

  write(task: VfsCaller, offset: number, length: number, position: number): number {
    return this.#write(task, offset, -1, length, position);
  }

  /** As OpenFile.writeDirectly. */
  writeDirectly(task: VfsCaller, address: number, length: number, position: number): number {
    return this.#write(task, 0, address, length, position);
  }

  /** From guest memory at `address`, or, where that is -1, from the window. */
  #write(task: VfsCaller, offset: number, address: number, length: number, position: number): number {
    const end = position + length;
    if (!Number.isSafeInteger(end)) return -EFBIG;
    const error = this.#prepare(end, position > pages(this.#size));
    if (error < 0) return error;
    if (this.#fd >= 0) return this.#writeFile(task, offset, address, length, position);
    if (!this.#account(Math.max(end, this.#size)))
      return this.#writeFitting(task, offset, address, length, position);
    this.#reserve(end);
    let n = length;
    if (address < 0) copyBytes(task.call.bytes, task.call.base + offset, this.#bytes, position, length);
    else n = this.#kernel.native.copyFrom(task.stub.pid, address, this.#bytes, position, length);
    if (n > 0) this.#size = Math.max(this.#size, position + n);
    if (n < length) this.#account(this.#size);
    return n === -EFAULT ? NOT_AT_ONCE : n;
  }

  #writeFile(task: VfsCaller, offset: number, address: number, length: number, position: number): number {
    const end = position + length;
    if (this.#sparse) {
      // What the write takes is seen when it is done; there must be room for the most that it can take.
      if (!this.#fits(this.#need(position, end)))
        return this.#writeFitting(task, offset, address, length, position);
    } else if (!this.#account(Math.max(end, this.#size)))
      return this.#writeFitting(task, offset, address, length, position);
    const { native } = this.#kernel;
    const n =
      address < 0
        ? native.pwrite(this.#fd, task.call.chunk, task.call.base + offset, length, position)
        : native.pwriteFrom(this.#fd, task.stub.pid, address, length, position);
    if (n > 0) this.#size = Math.max(this.#size, position + n);
    if (this.#sparse) this.#recount();
    else if (n < length) this.#account(this.#size);
    return n === -EFAULT ? NOT_AT_ONCE : n;
  }

  /** The first pages of a write that has no room as a whole: Linux takes one after the other. */
  #writeFitting(task: VfsCaller, offset: number, address: number, length: number, position: number): number {
    const start = Math.floor(position / PAGE_SIZE) * PAGE_SIZE;
    let fits = 0;
    let fails = (pages(position + length) - start) / PAGE_SIZE;
    while (fails - fits > 1) {
      const middle = Math.floor((fits + fails) / 2);
      if (this.#fits(this.#need(position, start + middle * PAGE_SIZE))) fits = middle;
      else fails = middle;
    }
    if (fits === 0) return -ENOSPC;
    return this.#write(task, offset, address, start + fits * PAGE_SIZE - position, position);
  }

  /** Bytes of space that a write takes at most, beside what is set aside already. */
  #need(position: number, end: number): number {
    return this.#sparse
      ? pages(end) - Math.floor(position / PAGE_SIZE) * PAGE_SIZE
      : pages(Math.max(end, this.#size)) - this.#taken;
  }

  truncate(size: number): number {
    const grows = size > this.#size;
    const error = grows ? this.#prepare(size, pages(size) > pages(this.#size)) : 0;
    if (error < 0) return error;
    if (size === 0 && !this.#isShown && this.#fd >= 0) {
      this.release();
      return 0;
    }
    if (this.#fd >= 0) {
      const failed = this.#kernel.native.ftruncate(this.#fd, size);
      if (failed < 0) return failed;
    } else if (grows) {
      if (!this.#account(size)) return -ENOSPC;
      this.#reserve(size);
    } else {
      this.#bytes.fill(0, size, this.#size);
      if (size <= this.#bytes.length >>> 2) this.#bytes = this.#bytes.slice(0, size);
    }
    this.#size = size;
    if (this.#sparse) this.#recount();
    else this.#account(size);
    return 0;
  }

  /** fallocate(2), with the modes that tmpfs knows; `later` as in OpenFile.allocate. */
  allocate(mode: number, position: number, length: number, later: number): number {
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0) return -EOPNOTSUPP;
    const fd = this.hostFd();
    if (fd < 0) return fd;
    const punches = (mode & FALLOC_FL_PUNCH_HOLE) !== 0;
    if (!punches && !this.#fits(pages(length + later))) return -ENOSPC;
    this.#sparse = true;
    const error = this.#kernel.native.fallocate(fd, mode, position, length);
    if (error === 0 && (mode & FALLOC_FL_KEEP_SIZE) === 0)
      this.#size = Math.max(this.#size, position + length);
    this.#recount();
    return error;
  }

  /** Where data or a hole is next (lseek(2), SEEK_DATA and SEEK_HOLE), or -ENXIO. */
  seek(offset: number, whence: number): number {
    if (offset < 0 || offset >= this.#size) return -ENXIO;
    // Contents in the kernel's memory have no holes.
    if (this.#fd < 0) return whence === SEEK_DATA ? offset : this.#size;
    return this.#kernel.native.seek(this.#fd, offset, whence);
  }

  // ---- The host file ----

  /** The memfd that holds the contents from now on, or a negative errno. */
  hostFd(): number {
    if (this.#fd >= 0) return this.#fd;
    const { native, counters } = this.#kernel;
    const fd = native.memfdFile();
    if (fd < 0) return fd === -EMFILE ? -ENFILE : fd;
    for (let done = 0; done < this.#size; ) {
      const part = this.#bytes.subarray(done, Math.min(this.#size, done + SCRATCH_SIZE));
      native.scratch.set(part);
      const n = native.pwriteScratch(fd, part.length, done);
      if (n <= 0) {
        native.close(fd);
        return n < 0 ? n : -ENOSPC;
      }
      done += n;
    }
    counters.memoryFiles++;
    this.#fd = fd;
    this.#bytes = EMPTY;
    return fd;
  }

  /** Seals the host file, if there is one (F_SEAL_WRITE, F_SEAL_FUTURE_WRITE): 0, or -EBUSY. */
  seal(seals: number): number {
    return this.#fd < 0 || seals === 0 ? 0 : this.#kernel.native.addSeals(this.#fd, seals);
  }

  /** The guest has a descriptor of the host file: if a writable one, it may write without the kernel's knowing. */
  mapped(writable: boolean): void {
    this.#isShown = true;
    if (writable) this.#sparse = true;
  }

  /** The host file, from which other kernel threads read from now on; -1: there is none. */
  lend(): number {
    if (this.#fd < 0) return -1;
    this.#isShown = true;
    this.#isLent = true;
    return this.#fd;
  }

  /** The next length on the way to a shorter one: what the host frees of it is not too much for one call. */
  nextTruncation(size: number): number {
    const less = this.#size - size;
    // A file with huge holes has larger steps: there must be an end.
    return this.#fd < 0 || less <= TRUNCATE_STEP
      ? size
      : this.#size - Math.max(TRUNCATE_STEP, less / STEPS_MAX);
  }

  release(): void {
    if (this.#fd >= 0) this.#giveUpFile(this.#fd);
    this.#fd = -1;
    this.#isShown = false;
    this.#isLent = false;
    this.#sparse = false;
    this.#bytes = EMPTY;
    this.#size = 0;
    this.#account(0);
  }

  // The file system has its space back at once, the kernel when the host has.
  #giveUpFile(fd: number): void {
    const { counters, lending } = this.#kernel;
    const bytes = this.allocated;
    counters.memoryFileBytes += bytes;
    const close = () =>
      closeLarge(this.#kernel, fd, bytes, () => {
        counters.memoryFiles--;
        counters.memoryFileBytes -= bytes;
      });
    if (this.#isLent && lending !== null) lending.whenPassed(close);
    else close();
  }

  // Moves the contents to a memfd if they outgrow the kernel's memory or are about to have a hole.
  #prepare(size: number, makesHole: boolean): number {
    if (this.#fd < 0) {
      const scarce = this.#kernel.counters.memoryFiles >= this.#kernel.limits.memoryFiles;
      if (size <= (scarce ? INLINE_MAX_SCARCE : INLINE_MAX) && !(makesHole && !scarce)) return 0;
      const fd = this.hostFd();
      if (fd === -ENFILE && size <= INLINE_MAX_SCARCE) return 0;
      if (fd < 0) return fd;
    }
    if (makesHole) this.#sparse = true;
    return 0;
  }

  // What the host says that the memfd holds: taken even when the space is full.
  #recount(): void {
    const { native } = this.#kernel;
    if (native.fstat(this.#fd) < 0) return;
    const held = readI64(native.scratchView, STAT_BLOCKS_AT) * BLOCK;
    this.#space.charge(held - this.#taken);
    this.#taken = held;
  }

  #fits(bytes: number): boolean {
    if (!this.#space.take(bytes)) return false;
    this.#space.take(-bytes);
    return true;
  }

  #account(size: number): boolean {
    const wanted = pages(size);
    if (!this.#space.take(wanted - this.#taken)) return false;
    this.#taken = wanted;
    return true;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, Math.min(this.#bytes.length * 2, INLINE_MAX_SCARCE), 64));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}
