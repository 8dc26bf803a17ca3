// An open regular file of a memory file system. While the contents are the lower file's it reads that;
// as soon as anybody has written, all of the file's open descriptions see the new contents.

import { EBADF, EFBIG, EINVAL, EPERM } from "../../../shared/abi/errno.ts";
import { F_ADD_SEALS, F_GET_SEALS, O_APPEND } from "../../../shared/abi/fcntl.ts";
import type { Coroutine } from "../../call/call.ts";
import type { Mapped } from "../../mem/vma.ts";
import { keepsAccessTimes } from "../access_time.ts";
import type { VfsCaller } from "../caller.ts";
import { type MappedFile, NOT_AT_ONCE, type OpenFile } from "../file.ts";
import type { Loan, Offer } from "../loan.ts";
import { displayName } from "../path.ts";
import { SeekableFile } from "../seekable_file.ts";
import { allowedLength } from "../size_limit.ts";
import type { MemoryRegular } from "./memory_regular.ts";
import { addSeals, sealedAllocate, sealedLength, sealsMappings } from "./seals.ts";

export class MemoryFile extends SeekableFile {
  readonly #node: MemoryRegular;
  /** The lower file, while it may be read. */
  #lower: OpenFile | null = null;
  #released = false;

  constructor(node: MemoryRegular, flags: number) {
    super(node, flags);
    this.#node = node;
  }

  /** Opens what it reads: 0 or a negative errno. From then on nothing on the host comes in between. */
  begin(): number {
    if (!this.readable || this.#node.data !== null) return 0;
    const lower = this.#openLower();
    return typeof lower === "number" ? lower : 0;
  }

  override offer(): Offer | null {
    const { data } = this.#node;
    if (data === null) {
      const lower = this.#openLower();
      const offer = lower instanceof SeekableFile ? lower.offer() : null;
      return offer === null ? null : { ...offer, mayBeWritten: false };
    }
    // Written they are here alone: how long they are, and what they take of the space, is known here.
    const hostFd = data.lend();
    const keepsAccessTime = keepsAccessTimes(this.flags, this.path);
    return hostFd < 0
      ? null
      : { hostFd, tells: false, warmEnd: Number.POSITIVE_INFINITY, mayBeWritten: false, keepsAccessTime };
  }

  override lend(loan: Loan): void {
    super.lend(loan);
    this.#node.lentFiles.add(this);
  }

  /** Its contents are others. */
  offerAnew(): void {
    this.loan?.changed(this.offer());
  }

  #openLower(): OpenFile | number {
    if (this.#lower !== null) return this.#lower;
    if (this.#released) return -EBADF; // closed under a call that is still under way
    const file = this.#node.lower!.open(0, this.#node.fs.kernel.rootCredentials);
    if (typeof file !== "number") this.#lower = file;
    return file;
  }

  override pread(task: VfsCaller, offset: number, length: number, position: number): number {
    const { data } = this.#node;
    this.#node.accessed(this.flags, this.path);
    if (data !== null) return data.read(task, offset, length, position);
    const lower = this.#openLower();
    return typeof lower === "number" ? lower : lower.pread(task, offset, length, position);
  }

  override preadCached(task: VfsCaller, offset: number, length: number, position: number): number {
    const lower = this.#node.data === null ? this.#openLower() : null;
    if (!(lower instanceof SeekableFile)) return this.pread(task, offset, length, position);
    return lower.preadCached(task, offset, length, position);
  }

  override preadDirectly(task: VfsCaller, address: number, length: number, position: number): number {
    const { data } = this.#node;
    if (data !== null) {
      this.#node.accessed(this.flags, this.path);
      return data.readDirectly(task, address, length, position);
    }
    const lower = this.#openLower();
    return lower instanceof SeekableFile ? lower.preadDirectly(task, address, length, position) : NOT_AT_ONCE;
  }

  override noteRead(): void {
    this.#node.accessed(this.flags, this.path);
  }

  override *warm(task: VfsCaller, position: number, length: number): Generator<void, void, void> {
    if (this.#node.data === null && this.#lower instanceof SeekableFile)
      yield* this.#lower.warm(task, position, length);
    this.offerAnew();
  }

  override pwrite(task: VfsCaller, offset: number, length: number, position: number): number {
    return this.#write(task, offset, -1, length, position);
  }

  override pwriteDirectly(task: VfsCaller, address: number, length: number, position: number): number {
    return this.#write(task, 0, address, length, position);
  }

  /** From guest memory at `address`, or, where that is -1, from the window. */
  #write(task: VfsCaller, offset: number, address: number, length: number, position: number): number {
    const data = this.#node.ownData();
    if (typeof data === "number") return data;
    const at = (this.flags & O_APPEND) !== 0 ? data.size : position;
    const allowed = allowedLength(task, at, length);
    if (allowed === 0 && length > 0) return -EFBIG;
    const unsealed = sealedLength(this.#node.seals, data.size, at, allowed);
    if (unsealed < 0) return unsealed;
    const n =
      address >= 0 ? data.writeDirectly(task, address, unsealed, at) : data.write(task, offset, unsealed, at);
    if (n > 0) this.#node.written(task);
    return n;
  }

  protected override seekData(offset: number, whence: number): number {
    const { data } = this.#node;
    if (data !== null) return data.seek(offset, whence);
    const lower = this.#openLower();
    return typeof lower === "number" ? lower : lower.seek(offset, whence);
  }

  override allocate(task: VfsCaller, mode: number, position: number, length: number, later: number): number {
    const data = this.#node.ownData();
    if (typeof data === "number") return data;
    const refused = sealedAllocate(this.#node.seals, data.size, mode, position + length + later);
    if (refused < 0) return refused;
    const error = data.allocate(mode, position, length, later);
    if (error === 0) this.#node.written(task);
    return error;
  }

  override get keepable(): object | null {
    const { data } = this.#node;
    if (data !== null) return data.isHostFile ? data : null;
    const lower = this.#openLower();
    return typeof lower === "number" ? null : lower.keepable;
  }

  override get backing(): Mapped {
    return this.#backing();
  }

  override map(writable: boolean): MappedFile | number {
    if (this.#node.data === null && !writable) {
      const lower = this.#openLower();
      if (typeof lower === "number") return lower;
      const mapped = lower.map(false);
      return typeof mapped === "number" ? mapped : { ...mapped, backing: this.#backing() };
    }
    const data = this.#node.ownData();
    if (typeof data === "number") return data;
    const fd = data.hostFd();
    if (fd < 0) return fd;
    const { native, descriptors } = this.#node.fs.kernel;
    const hostFd = native.reopen(descriptors.proc, fd, writable ? 2 : 0);
    if (hostFd < 0) return hostFd;
    data.mapped(writable);
    return { backing: this.#backing(), hostFd, offset: 0 };
  }

  #backing(): Mapped {
    const { kernel } = this.#node.fs;
    return this.#node.mapped(this.path === null ? "" : displayName(this.path, kernel.root));
  }

  override get isWriteSealed(): boolean {
    return sealsMappings(this.#node.seals);
  }

  override fcntl(task: VfsCaller, command: number, value: number, argument: number): number {
    if (command !== F_ADD_SEALS && command !== F_GET_SEALS)
      return super.fcntl(task, command, value, argument);
    if (command === F_GET_SEALS) return this.#node.isSealable ? this.#node.seals : -EINVAL;
    if (!this.writable) return -EPERM;
    return this.#node.isSealable ? task.call.start(addSeals(task, this.#node, value)) : -EINVAL;
  }

  override opening(task: VfsCaller): Coroutine | null {
    return this.writable ? this.#node.beforeWriting(task) : null;
  }

  release(): void {
    const lower = this.#lower;
    this.#lower = null;
    this.#released = true;
    this.#node.lentFiles.delete(this);
    this.releaseThen(() => lower?.release());
  }
}
