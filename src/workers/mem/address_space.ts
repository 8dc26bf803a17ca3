// An address space (Linux's mm_struct): its layout, its VMA set with the locks that order changes, and
// the program break. The stub process whose memory it describes is made equal to it by operation lists
// (mapping.ts).

import { MADV_DONTNEED, PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import type { CallContext } from "../call/context.ts";
import { RESERVED_BASE, RESERVED_END } from "../call/guest_range.ts";
import { OperationList, SYS_madvise, SYS_munmap } from "../call/operation_list.ts";
import type { PidNumbers } from "../call/pid.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { Patches } from "../patch/patches.ts";
import type { Inode } from "../vfs/inode.ts";
import type { Path } from "../vfs/path.ts";
import { type AddressLayout, mmapRanges } from "./address_layout.ts";
import type { MemCaller } from "./caller.ts";
import { OwnPages } from "./own_pages.ts";
import { type RangeLock, RangeLocks } from "./range_lock.ts";
import { type Mapped, PAGE_SIZE, VM_DONTFORK, VM_SHARED, VM_WIPEONFORK } from "./vma.ts";
import { MAX_MAP_COUNT, VmaSet } from "./vma_set.ts";

const EXCLUDED = [{ start: RESERVED_BASE, end: RESERVED_END }];

/** Who asks for a lock on pages. */
interface Asker {
  readonly slot: number;
  readonly granted: () => void;
}

/** A lock on pages, given back in a `finally` block by the coroutine that holds it. */
export class HeldLock {
  readonly #locks: RangeLocks<Asker>;
  readonly #lock: RangeLock<Asker>;

  constructor(locks: RangeLocks<Asker>, lock: RangeLock<Asker>) {
    this.#locks = locks;
    this.#lock = lock;
  }

  /** Gives a lock that was asked for without a range the range that was chosen. */
  place(start: number, end: number): void {
    this.#locks.place(this.#lock, start, end);
  }

  release(): void {
    if (this.#lock.state !== "done") this.#locks.release(this.#lock);
  }
}

export class AddressSpace {
  readonly kernel: CallContext;
  /** Names the address space in futex keys. */
  readonly id: number;
  readonly layout: AddressLayout;
  readonly vmas: VmaSet;
  readonly ownPages = new OwnPages();
  readonly locks = new RangeLocks<Asker>(({ waiter }) => waiter.granted());
  /** Who runs in it is told that somebody, of it or a tracer, waits for pages that are locked. */
  onWait: (() => void) | null = null;
  brkStart: number;
  brk: number;
  /** Address of the vDSO. */
  vdso = 0;
  /** Where /proc/PID/cmdline and environ are. */
  argStart = 0;
  argEnd = 0;
  envStart = 0;
  envEnd = 0;
  /** PR_SET_DUMPABLE */
  dumpable = 1;
  /** The user namespace in which its program was started: who is mighty there may look into what is not dumpable. */
  owner: UserNamespace;
  /** What it has registered for (membarrier(2)). */
  membarriers = 0;
  /** Patched call sites; null: there has never been one. */
  patches: Patches | null = null;
  /** Call sites are not patched any more: somebody traces, or has traced, who runs here. */
  staysUnpatched = false;
  /** Contexts of asynchronous I/O (vfs/aio/), which no child gets; null: there has never been one. */
  aio: { release(): void } | null = null;
  /** How long the kernel thread has waited for its text (text_memory.ts). */
  textWaitMs = 0;
  #program: Path | null = null;
  /** The program's file, which nobody writes to while it runs. */
  #executed: Inode | null = null;
  /** As it was given to the program, for /proc/PID/auxv. */
  auxiliaryVector: Uint8Array = new Uint8Array(0);
  /** Where the program's code and data and its first stack pointer are, for /proc/PID/stat. */
  codeStart = 0;
  codeEnd = 0;
  dataStart = 0;
  dataEnd = 0;
  stackStart = 0;

  constructor(
    kernel: CallContext,
    layout: AddressLayout,
    vmas = new VmaSet(EXCLUDED, MAX_MAP_COUNT, kernel),
    brkStart = 0,
    brk = 0,
  ) {
    this.kernel = kernel;
    this.id = kernel.nextSpaceId();
    this.owner = kernel.users;
    this.layout = layout;
    this.vmas = vmas;
    this.brkStart = brkStart;
    this.brk = brk;
  }

  /** What /proc/PID/exe names. */
  get program(): Path | null {
    return this.#program;
  }

  set program(path: Path | null) {
    this.#program = path;
    const inode = path?.inode ?? null;
    if (inode !== null && inode.denyWriteAccess() === 0) this.#executed = inode;
  }

  /** Nothing runs in it any more. `process`: whose end that was. */
  release(process?: PidNumbers): void {
    this.#executed?.allowWriteAccess();
    this.#executed = null;
    this.patches?.release();
    this.aio?.release();
    this.vmas.clear(process);
  }

  /** Of a forked child. Under lockAll(). */
  copy(): AddressSpace {
    const copy = new AddressSpace(this.kernel, this.layout, this.vmas.clone(), this.brkStart, this.brk);
    copy.vdso = this.vdso;
    copy.argStart = this.argStart;
    copy.argEnd = this.argEnd;
    copy.envStart = this.envStart;
    copy.envEnd = this.envEnd;
    copy.dumpable = this.dumpable;
    copy.owner = this.owner;
    copy.patches = this.patches?.copy(copy.id) ?? null;
    copy.membarriers = this.membarriers;
    copy.textWaitMs = this.textWaitMs;
    copy.program = this.program;
    copy.auxiliaryVector = this.auxiliaryVector;
    copy.codeStart = this.codeStart;
    copy.codeEnd = this.codeEnd;
    copy.dataStart = this.dataStart;
    copy.dataEnd = this.dataEnd;
    copy.stackStart = this.stackStart;
    return copy;
  }

  /**
   * What a forked child, whose host memory is a copy of everything, has to do first: give up what its
   * parent kept from it, and empty what is to be wiped (madvise(2), MADV_DONTFORK and MADV_WIPEONFORK).
   */
  *afterFork(task: MemCaller): Generator<void, void, void> {
    for (const { start, end, flags } of this.vmas.all()) {
      if ((flags & (VM_DONTFORK | VM_WIPEONFORK)) === 0) continue;
      const list = new OperationList(task.kernel.slots, task.call.slot);
      if ((flags & VM_DONTFORK) !== 0) list.call(SYS_munmap, start, end - start);
      else list.call(SYS_madvise, start, end - start, MADV_DONTNEED);
      if (!(yield* task.run(list))) task.killHostile();
      if ((flags & VM_DONTFORK) === 0) continue;
      const plan = this.vmas.planUnmap(start, end);
      if (typeof plan !== "number") plan.commit();
      this.patches?.forget(start, end);
    }
  }

  /** Locks [start, end) for the calling coroutine, waiting if somebody else changes pages of it. */
  *lock(task: MemCaller, start: number, end: number): Generator<void, HeldLock, void> {
    return yield* this.#hold(task, (waiter) => this.locks.request(start, end, waiter));
  }

  /** For a range that is chosen when the lock is held. */
  *lockUnplaced(task: MemCaller): Generator<void, HeldLock, void> {
    return yield* this.#hold(task, (waiter) => this.locks.requestUnplaced(waiter));
  }

  /** fork, exec and exit: everything. */
  *lockAll(task: MemCaller): Generator<void, HeldLock, void> {
    return yield* this.#hold(task, (waiter) => this.locks.requestAll(waiter));
  }

  *#hold(task: MemCaller, request: (waiter: Asker) => RangeLock<Asker>): Generator<void, HeldLock, void> {
    const { call } = task;
    const lock = request({ slot: call.slot, granted: () => call.completeWait(0) });
    const held = new HeldLock(this.locks, lock);
    let granted = lock.state === "held";
    try {
      while (!granted) {
        // No signal that it survives ends this wait: who holds the lock gives it back soon, or dies.
        this.onWait?.();
        call.replyBlocked();
        yield;
        granted = lock.state === "held";
      }
    } finally {
      if (!granted) held.release();
    }
    return held;
  }

  /** An address for a mapping of `length` bytes that names none, or -ENOMEM. Under lockUnplaced(). */
  chooseAddress(length: number, align = PAGE_SIZE): number {
    const { layout } = this;
    const [first, fallback] = mmapRanges(layout);
    const busy = this.locks.busy();
    const blocked =
      this.patches === null
        ? busy
        : [...busy, ...this.patches.pools.map(({ base, end }) => ({ start: base, end }))];
    const request = { length, align, blocked };
    const at = this.vmas.findGap({ ...request, low: first.start, high: first.end, topDown: layout.topDown });
    if (at >= 0) return at;
    return this.vmas.findGap({ ...request, low: fallback.start, high: fallback.end, topDown: false });
  }

  /**
   * Key of a futex that may be shared between address spaces (futex(2)): the object there and the offset in it,
   * or the address space's own memory, which a private futex at that address is not the same as. Null where
   * nothing can be read, and in memory of its own that nobody can write to.
   */
  sharedKey(address: number): string | null {
    const vma = this.vmas.find(address);
    if (vma === null || (vma.prot & (PROT_READ | PROT_WRITE)) === 0) return null;
    if ((vma.flags & VM_SHARED) === 0) {
      if ((vma.prot & PROT_WRITE) !== 0) return `shared ${this.id}:${address}`;
      if (vma.backing === null) return null;
    }
    return `object ${(vma.backing as Mapped).id}:${vma.offset + (address - vma.start)}`;
  }
}
