// Kernel page: what every stub of the sandbox may know, and reads without a request: which kernel
// threads sleep, how long to spin, where a system call goes and what to copy for it. Stubs see it
// read-only (docs/hardening.md, F2), so what stands here is the kernel's own word.
//
// Each sleeping flag is written by its kernel thread alone, the number of polls by kernel thread 0; the rest by the
// thread that starts the sandbox, before the first stub.

import { TWO_32 } from "../abi/struct.ts";
import { chunkWord } from "./guest_memory.ts";
import {
  KERNEL_PAGE_CHUNK,
  KP_CPU,
  KP_MAGIC,
  KP_MAGIC_VALUE,
  KP_MARSHAL,
  KP_MARSHAL_COUNT,
  KP_MOVERS,
  KP_SLEEPING,
  KP_SPIN,
  KP_THREAD,
  KP_THREAD_STRIDE,
  KP_THREADS,
  KP_TIMED,
  KP_VDSO,
  ROUTE_FD,
} from "./layout.ts";

const BASE = chunkWord(KERNEL_PAGE_CHUNK);

function threadWord(thread: number, field: number): number {
  return BASE + ((KP_THREAD + thread * KP_THREAD_STRIDE + field) >>> 2);
}

export class KernelPage {
  readonly #words: Int32Array;

  constructor(guestWords: Int32Array) {
    this.#words = guestWords;
  }

  /**
   * Fills in the fixed part; native code has mapped the page at its place before. `movers`: from which number on kernel
   * threads are not rung while they sleep; 0: none.
   */
  initialise(threads: number, spin: number, movers: number): void {
    Atomics.store(this.#words, BASE + (KP_MOVERS >>> 2), movers);
    Atomics.store(this.#words, BASE + (KP_THREADS >>> 2), threads);
    Atomics.store(this.#words, BASE + (KP_SPIN >>> 2), spin);
    Atomics.store(this.#words, BASE + (KP_MAGIC >>> 2), KP_MAGIC_VALUE);
  }

  /** By kernel thread 0, at any time: polls of its reply word that a stub makes before it sleeps. */
  setSpin(polls: number): void {
    Atomics.store(this.#words, BASE + (KP_SPIN >>> 2), polls);
  }

  /** The two words of a system call's marshal entry (layout.h says what they hold). */
  setMarshal(nr: number, pieces: number, route: number): void {
    if (nr < 0 || nr >= KP_MARSHAL_COUNT) throw new RangeError(`marshal entry ${nr} is outside the table`);
    const word = BASE + (KP_MARSHAL >>> 2) + nr * 2;
    Atomics.store(this.#words, word, pieces);
    Atomics.store(this.#words, word + 1, route);
  }

  /** By kernel thread 0, at any time: the second word of a call's entry, which says whom a stub rings for it. */
  setRoute(nr: number, route: number): void {
    Atomics.store(this.#words, BASE + (KP_MARSHAL >>> 2) + nr * 2 + 1, route);
  }

  /** Whether a stub may look up whom it is to ring for the call's descriptor. */
  isRouted(nr: number): boolean {
    return ((this.#words[BASE + (KP_MARSHAL >>> 2) + nr * 2 + 1]! >>> 8) & 0xff) === ROUTE_FD;
  }

  /** Addresses of the host's vDSO's functions in every stub. */
  setVdso(targets: readonly number[]): void {
    for (const [index, target] of targets.entries()) {
      const word = BASE + (KP_VDSO >>> 2) + index * 2;
      Atomics.store(this.#words, word, target | 0);
      Atomics.store(this.#words, word + 1, Math.floor(target / TWO_32));
    }
  }

  /** By that kernel thread alone: it is about to block, and its last look comes after this. */
  setSleeping(thread: number): void {
    Atomics.store(this.#words, threadWord(thread, KP_SLEEPING), 1);
  }

  /** By that kernel thread alone, when it is awake again. */
  clearSleeping(thread: number): void {
    Atomics.store(this.#words, threadWord(thread, KP_SLEEPING), 0);
  }

  isSleeping(thread: number): boolean {
    return Atomics.load(this.#words, threadWord(thread, KP_SLEEPING)) !== 0;
  }

  /** By that kernel thread alone: whether stubs tell when they post calls to it, and when they go on. */
  setTimed(thread: number, isTimed: boolean): void {
    Atomics.store(this.#words, threadWord(thread, KP_TIMED), isTimed ? 1 : 0);
  }

  setCpu(thread: number, cpu: number): void {
    Atomics.store(this.#words, threadWord(thread, KP_CPU), cpu);
  }
}
