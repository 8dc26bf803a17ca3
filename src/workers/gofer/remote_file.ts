// An open regular file of a remote mount. Its bytes come and go by jobs of the mount's lane, through the job's record: what
// was read for a call is kept for that call alone, until it takes it or ends.

import { EAGAIN, EFBIG } from "../../shared/abi/errno.ts";
import { O_APPEND } from "../../shared/abi/fcntl.ts";
import { S_ISGID, S_ISUID } from "../../shared/abi/stat.ts";
import { NOT_AT_HAND, numberAnswered, untilAnswered } from "../call/asked.ts";
import type { Coroutine } from "../call/call.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import type { MappedFile, SlowDescriptor } from "../vfs/file.ts";
import { holding } from "../vfs/file_table.ts";
import type { Attributes } from "../vfs/inode.ts";
import { withoutPrivileges } from "../vfs/permission.ts";
import { SeekableFile } from "../vfs/seekable_file.ts";
import { allowedLength } from "../vfs/size_limit.ts";

import { JOB_DATA_SIZE, JobOperation } from "./job_record.ts";
import { attributesOf, openRemotely } from "./remote.ts";
import type { RemoteInode } from "./remote_inode.ts";
import type { Loan, Question, Transaction } from "./transaction.ts";

const { READ, WRITE, FSYNC, SEEK, ALLOCATE } = JobOperation;

/** What a job has read: bytes, or an error. */
interface Piece {
  readonly position: number;
  readonly bytes: Buffer;
  readonly error: number;
}

interface Written {
  readonly n: number;
  readonly attributes: Attributes | null;
}

/** A descriptor that was opened to be mapped, as the kernel itself reads it: what a call has read it finds again. */
class RemoteDescriptor implements SlowDescriptor {
  readonly #inode: RemoteInode;
  readonly #loan: Loan;

  constructor(inode: RemoteInode, loan: Loan) {
    this.#inode = inode;
    this.#loan = loan;
  }

  #key(position: number): string {
    return `read:${this.#inode.hostDev}:${this.#inode.hostIno}:${position}`;
  }

  read(position: number, length: number): Uint8Array | number {
    const { lane, fs } = this.#inode;
    return fs.kernel.gofer.ask<Uint8Array | number>(this.#key(position), () => ({
      lane,
      args: { operation: READ, a: this.#loan.fd, length: Math.min(length, JOB_DATA_SIZE), position },
      read: (record) =>
        record.result < 0 ? record.result : Uint8Array.from(record.data.subarray(0, record.result)),
    }));
  }

  taken(position: number): void {
    this.#inode.fs.kernel.gofer.take(this.#key(position));
  }

  close(): void {
    this.#loan.close();
  }
}

export class RemoteFile extends SeekableFile {
  readonly #inode: RemoteInode;
  readonly #loan: Loan;
  #fd: number;
  /** Under which a call has the bytes that it has read and not yet taken. */
  readonly #readKey: string;

  constructor(inode: RemoteInode, loan: Loan, flags: number) {
    super(inode, flags);
    this.#inode = inode;
    this.#loan = loan;
    this.#fd = loan.fd;
    this.#readKey = `read:${loan.fd}`;
    inode.opened(this.#fd);
  }

  #ask<T>(what: string, question: () => Omit<Question<T>, "lane">): T | number {
    const { gofer } = this.#inode.fs.kernel;
    return gofer.ask<T>(`${what}:${this.#fd}`, () => ({ ...question(), lane: this.#inode.lane }));
  }

  // ---- Reading ----

  /** What warm() has read for this call, which keeps it until then or until its end; -EAGAIN: nothing. */
  override pread(task: VfsCaller, offset: number, length: number, position: number): number {
    const transaction = task.call.asked as Transaction | null;
    const piece = transaction?.answered<Piece>(this.#readKey);
    if (piece === undefined || piece.position !== position) return -EAGAIN;
    transaction!.take(this.#readKey);
    if (piece.error < 0) return piece.error;
    const n = Math.min(length, piece.bytes.length);
    task.call.bytes.set(piece.bytes.subarray(0, n), task.call.base + offset);
    return n;
  }

  override preadCached(task: VfsCaller, offset: number, length: number, position: number): number {
    return this.pread(task, offset, length, position);
  }

  override *warm(task: VfsCaller, position: number, length: number): Generator<void, void, void> {
    const { gofer } = this.#inode.fs.kernel;
    const args = { operation: READ, a: this.#fd, length: Math.min(length, JOB_DATA_SIZE), position };
    const key = this.#readKey;
    gofer.transaction?.discard(key);
    const piece = yield* untilAnswered<Piece>(task, () =>
      gofer.ask<Piece>(key, () => ({
        lane: this.#inode.lane,
        args,
        read: ({ result, data }) => ({
          position,
          error: Math.min(result, 0),
          bytes: Buffer.from(data.subarray(0, Math.max(result, 0))),
        }),
      })),
    );
    if (typeof piece !== "number") return;
    const none = { position, error: piece, bytes: Buffer.alloc(0) };
    gofer.transaction?.putBack<Piece>(key, none, () => {});
  }

  // ---- Writing ----

  override pwrite(task: VfsCaller, offset: number, length: number, position: number): number {
    return this.#write(task, offset, length, position, () => {});
  }

  /**
   * At the file's own position, one after the other: a position that the host has not answered for yet is somebody's, as a
   * name is that changes. It moves when the host answers, whether or not the caller is there to hear that.
   */
  override write(task: VfsCaller, offset: number, length: number): number {
    const { gofer } = this.#inode.fs.kernel;
    const place = `position:${this.#fd}`;
    const isAsked = gofer.transaction?.has(`write:${this.#fd}`) === true;
    if (!isAsked && gofer.isChanging(place)) return NOT_AT_HAND;
    const n = this.#write(
      task,
      offset,
      length,
      this.position,
      ({ n, attributes }) => this.#moved(n, attributes),
      place,
    );
    if (n !== NOT_AT_HAND) gofer.changeKnown(place);
    return n;
  }

  #moved(n: number, attributes: Attributes | null): void {
    if (n > 0 && (this.flags & O_APPEND) === 0) this.position += n;
    else if (n > 0 && attributes !== null) this.position = attributes.size;
  }

  /** `place`: the name of the position that it moves. */
  #write(
    task: VfsCaller,
    offset: number,
    length: number,
    position: number,
    moved: (written: Written) => void,
    place?: string,
  ): number {
    const { fs } = this.#inode;
    const { gofer } = fs.kernel;
    const key = "write";
    const isAsked = gofer.transaction?.has(`${key}:${this.#fd}`) === true;
    const appends = (this.flags & O_APPEND) !== 0;
    let mode = -1;
    let allowed = length;
    if (!isAsked) {
      const before = this.#inode.attributes();
      if (typeof before === "number") return before;
      allowed = allowedLength(task, appends ? before.size : position, length);
      if (allowed === 0 && length > 0) return -EFBIG;
      if ((before.mode & (S_ISUID | S_ISGID)) !== 0) mode = withoutPrivileges(task, before) & 0o7777;
    }
    const at = task.call.base + offset;
    const part = Math.min(allowed, JOB_DATA_SIZE);
    const answer = this.#ask<Written>(key, () => {
      if (place !== undefined) gofer.beginChange(place, place);
      return {
        args: {
          operation: WRITE,
          a: this.#fd,
          b: appends ? 1 : 0,
          c: mode,
          d: fs.kernel.descriptors.proc,
          length: part,
          position,
          fill: ({ data }) => data.set(task.call.bytes.subarray(at, at + part)),
        },
        read: (record) => {
          const attributes = record.second === 0 ? attributesOf(fs, record) : null;
          const written = { n: record.result, attributes };
          moved(written);
          return written;
        },
        ended: () => {
          this.#inode.changed();
          if (place !== undefined) gofer.changeEnded(place);
        },
      };
    });
    if (typeof answer === "number") return answer;
    gofer.take(`${key}:${this.#fd}`);
    if (answer.attributes !== null) this.#inode.learn(answer.attributes);
    return answer.n;
  }

  override sync(task: VfsCaller, dataOnly: boolean): number {
    const syncing = this.syncing(task, dataOnly);
    return typeof syncing === "number" ? syncing : task.call.start(holding(task, this, syncing));
  }

  override syncing(task: VfsCaller, dataOnly: boolean): Coroutine | number {
    if (!this.writable) return 0;
    return numberAnswered(task, () =>
      this.#ask<number>("fsync", () => ({
        args: { operation: FSYNC, a: this.#fd, b: dataOnly ? 1 : 0 },
        read: (record) => record.result,
      })),
    );
  }

  // ---- Where data is ----

  protected override seekData(offset: number, whence: number): number {
    return this.#ask<number>("seek", () => ({
      args: { operation: SEEK, a: this.#fd, b: whence, position: offset },
      read: (record) => (record.result < 0 ? record.result : record.value),
    }));
  }

  override allocate(_task: VfsCaller, mode: number, position: number, length: number): number {
    const { gofer } = this.#inode.fs.kernel;
    const what = `allocate:${position}`;
    const done = this.#ask<number>(what, () => ({
      args: { operation: ALLOCATE, a: this.#fd, b: mode, position, value: length },
      read: (record) => record.result,
      ended: () => this.#inode.changed(),
    }));
    if (done !== NOT_AT_HAND) gofer.take(`${what}:${this.#fd}`);
    return done;
  }

  override map(writable: boolean): MappedFile | number {
    const loan = openRemotely(this.#inode, writable ? 2 : 0, "map");
    if (typeof loan === "number") return loan;
    const { fs, hostDev, hostIno, path } = this.#inode;
    const slow = new RemoteDescriptor(this.#inode, loan);
    return { backing: fs.mapped(hostDev, hostIno, path, true), hostFd: loan.fd, offset: 0, slow };
  }

  release(): void {
    this.#inode.closed(this.#fd);
    this.#fd = -1;
    this.#loan.close();
  }
}
