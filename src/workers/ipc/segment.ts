// A System V shared memory segment: one host memfd, which holds nothing else (docs/hardening.md, F1) and whose
// size is sealed. It counts the VMAs that show it, as Linux does; one that is marked for removal goes with the
// last of them. Its pages are nobody's, so its whole size is charged when it is made (F28).

import { SHM_DEST } from "../../shared/abi/ipc.ts";
import { readI64 } from "../../shared/abi/struct.ts";
import type { PidNumbers } from "../call/pid.ts";
import { type CountedBacking, PAGE_SIZE } from "../mem/vma.ts";
import { closeLarge } from "../vfs/memory/file_data.ts";
import type { IpcMember } from "./member.ts";
import type { IpcNamespace } from "./namespace.ts";
import type { IpcPermissions } from "./permissions.ts";

/** Device of System V segments, as Linux's internal tmpfs mount shows it: 0:1. */
const SHM_DEV = 1;
const STAT_BLOCKS_AT = 64;
const BLOCK = 512;

export class Segment {
  readonly namespace: IpcNamespace;
  readonly permissions: IpcPermissions;
  readonly size: number;
  /** Names it in futex keys. */
  readonly mappedId: number;
  readonly creator: PidNumbers | null;
  /** Sealed: neither grows nor shrinks. */
  readonly hostFd: number;
  /** Who attached or detached it last; null: nobody has. */
  lastUser: PidNumbers | null = null;
  attaches = 0;
  attachTime = 0;
  detachTime = 0;
  changeTime: number;
  /** The task that made it; null: that is gone. */
  maker: IpcMember | null;

  constructor(
    namespace: IpcNamespace,
    permissions: IpcPermissions,
    size: number,
    hostFd: number,
    creator: PidNumbers | null,
    maker: IpcMember,
  ) {
    this.namespace = namespace;
    this.permissions = permissions;
    this.size = size;
    this.hostFd = hostFd;
    this.mappedId = namespace.kernel.nextMappedId();
    this.creator = creator;
    this.maker = maker;
    maker.made.add(this);
    this.changeTime = namespace.now();
  }

  get length(): number {
    return Math.ceil(this.size / PAGE_SIZE) * PAGE_SIZE;
  }

  /** Bytes that the host holds for it. */
  get resident(): number {
    const { native } = this.namespace.kernel;
    if (native.fstat(this.hostFd) < 0) return 0;
    return readI64(native.scratchView, STAT_BLOCKS_AT) * BLOCK;
  }

  /** VMAs of it came or went, by the doing of that process. */
  attachesChanged(change: number, process: PidNumbers | null): void {
    const now = this.namespace.now();
    this.attaches += change;
    this.lastUser = process;
    if (change > 0) this.attachTime = now;
    else this.detachTime = now;
    this.release();
  }

  /** The segment stays while a call is about to attach it. */
  hold(): void {
    this.attaches++;
  }

  unhold(): void {
    this.attaches--;
    this.release();
  }

  /** IPC_RMID: from now on only those who have it, or know its identifier, use it. */
  markForRemoval(): void {
    this.permissions.mode |= SHM_DEST;
    this.namespace.segments.forgetKey(this);
    this.release();
  }

  /** Removes it if nobody needs it any more. */
  release(): void {
    if (this.attaches > 0 || this.permissions.removed) return;
    const marked = (this.permissions.mode & SHM_DEST) !== 0;
    const forced = this.maker === null && this.namespace.limits.shm_rmid_forced !== 0;
    if (!marked && !forced && !this.namespace.isGone) return;
    this.maker?.made.delete(this);
    this.namespace.removeSegment(this);
    closeLarge(this.namespace.kernel, this.hostFd, this.length, () => this.namespace.memoryFreed(this));
  }
}

/** One shmat's mapping of a segment: shmdt undoes the pieces of the one that it is given. */
export class Attachment implements CountedBacking {
  readonly id: number;
  readonly path: string;
  readonly dev = SHM_DEV;
  readonly ino: number;
  readonly segment: Segment;

  constructor(segment: Segment) {
    const { key, id } = segment.permissions;
    this.segment = segment;
    this.id = segment.mappedId;
    this.path = `/SYSV${(key >>> 0).toString(16).padStart(8, "0")} (deleted)`;
    this.ino = id;
  }

  vmasChanged(change: number, process: PidNumbers | null): void {
    this.segment.attachesChanged(change, process);
  }
}
