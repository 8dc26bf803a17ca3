// On which of the host's CPUs the kernel thread and the stubs run, and how long they poll for each other. What is
// best depends on the guests, and on who else wants the CPUs, so it is decided again every few milliseconds:
//
//   APART      One guest calls and calls: the kernel thread polls on a CPU of its own, and answers in a fraction
//              of a microsecond.
//   TOGETHER   Guests wait for each other, or others want the CPUs: all threads on one CPU, nobody polls. A
//              hand-off is a switch of threads, of two microseconds; a wake-up on another CPU takes tens of them.
//   YIELDING   Guests compute side by side while others want the CPUs: they run anywhere, and the kernel thread
//              sleeps as soon as it has nothing to do.
//
// Nothing here is taken from a guest's word. A guest can slow itself down, and nobody else.

import { slotNumber } from "../../shared/ring/guest_memory.ts";
import type { KernelPage } from "../../shared/ring/kernel_page.ts";
import { ASLEEP, SLEEPING } from "../../shared/ring/layout.ts";
import type { Counters } from "../counters.ts";
import type { PlatformContext } from "./context.ts";

type Mode = "APART" | "TOGETHER" | "YIELDING";

/** What is polled, and for how long: nanoseconds of the kernel thread, looks of a stub at its reply word. */
const POLLS: Readonly<Record<Mode, { kernelNs: number; stub: number }>> = {
  // Whoever sleeps is woken in tens of microseconds: with a tenth of either, find takes twice as long.
  APART: { kernelNs: 100e3, stub: 4000 },
  // Stubs on the kernel thread's CPU poll in no case (stub_request.c).
  TOGETHER: { kernelNs: 0, stub: 500 },
  YIELDING: { kernelNs: 0, stub: 500 },
};

const WINDOW_NS = 5e6;
/** With fewer requests in a window the guests compute, or sleep: they say nothing about hand-offs. */
const REQUESTS_MIN = 20;
/** Of so many requests one waits for another guest: a wake-up costs as much as so many switches. */
const HANDOFF_SHARE = 0.3;
/** Guests compute that run side by side for so much of the time while the kernel thread has nothing to do. */
const COMPUTING_SHARE = 1 / 4;
/**
 * Of so many requests the stub had gone to sleep, though its answer took no time: where nobody is bound that is a stub
 * on the kernel thread's own CPU, and the host, which sees two threads take turns, leaves them there.
 */
const SHARING_SHARE = 0.3;
const PART_NS = 1e6;
/** Windows until the next try where a step aside has not helped: at most so many. */
const ASIDE_WAIT_MAX = 8;
/** Windows that agree before anything is changed. */
const AGREEING = 3;
/**
 * On one CPU guests that hand work to each other seldom find that the other has not come yet, and look as if they did not. So
 * whoever has been let go and is back so soon stays for twice as long as before, at most so many windows.
 */
const BACK_SOON_NS = 100e6;
const AGREEING_MAX = 64;
/** While the kernel thread sleeps for so long and a guest runs, that one may go where it likes. */
const RELEASE_NS = 10e6;
/** Among others, and after so long a sleep, the host finds a new CPU for the sandbox. */
const AGAIN_NS = 100e6;
/** Weight of a new sample of how many others run. */
const WEIGHT = 1 / 8;
/** Shares of another thread, at which a CPU counts as wanted, and as free again. */
const WANTED = 0.8;
const FREE = 0.4;
/** Sandboxes with more threads are left to the host. */
const THREADS_MAX = 128;
/** Numbers of threads that cross to the host's calls at once. */
const BATCH = 1024;

/** Who decides on which CPUs a kernel's threads run. */
export interface Placement {
  readonly pollNs: number;
  readonly sleepsAtOnce: boolean;
  readonly isGathered: boolean;
  /** What a stub polls at first. */
  readonly stubPolls: number;
  look(nowNs: number): void;
  boundSleep(timeoutNs: number): number;
  slept(sleptNs: number, nowNs: number): void;
  born(tid: number, isForked: boolean): void;
}

/** Where several kernels share a process the host decides: what is best for one thread of it is not for all its kernels. */
export function sharedPlacement(): Placement {
  return {
    pollNs: POLLS.YIELDING.kernelNs,
    sleepsAtOnce: true,
    isGathered: false,
    stubPolls: POLLS.YIELDING.stub,
    look: () => {},
    boundSleep: (timeoutNs) => timeoutNs,
    slept: () => {},
    born: () => {},
  };
}

interface PlacementContext extends PlatformContext {
  readonly page: KernelPage;
  readonly counters: Counters;
  readonly thread: number;
}

export class CpuPlacement implements Placement {
  readonly #kernel: PlacementContext;
  readonly #net: number;
  #mode: Mode = "APART";
  /** Windows in a row that wanted another mode. */
  #wanted: Mode = "APART";
  #agreed = 0;
  /** Windows that are to agree before guests on one CPU are let go, and when they were. */
  #agreeing = AGREEING;
  #letGoNs = 0;
  /** The CPU that all are on, or -1. */
  #home = -1;
  #homeSinceNs = 0;
  /** When threads were let go: who was made before may still be bound. */
  #releasedNs = 0;
  #cpus = 0;
  /** Others that run or want to, on average. */
  #others = 0;
  #crowded = false;

  /** Windows until the kernel thread may step aside again, and how many it was to wait the last time. */
  #asideWait = 0;
  #asideWaited = 0;

  #windowNs = 0;
  #requests = 0;
  /** The same of a shorter window. */
  #partNs = 0;
  #partRequests = 0;
  #partSleepers = 0;
  #handOffs = 0;
  #computedNs = 0;
  /** What the other threads of this process wanted of the CPUs so far. */
  #helpersNs = 0;
  /** Guest threads that run or want to, and stubs that poll, as last counted. */
  #guests = 0;
  #polling = 0;

  /** `net`: the kernel thread that sockets are on, or -1: this one. */
  constructor(kernel: PlacementContext, net: number) {
    this.#kernel = kernel;
    this.#net = net;
  }

  /** How long the kernel thread polls before it sleeps. */
  get pollNs(): number {
    return POLLS[this.#mode].kernelNs;
  }

  get sleepsAtOnce(): boolean {
    return this.#mode !== "APART";
  }

  /** All threads are on one CPU. */
  get isGathered(): boolean {
    return this.#home >= 0;
  }

  get stubPolls(): number {
    return POLLS[this.#mode].stub;
  }

  /** The kernel thread is about to sleep, at most so long (negative: for ever): how long it may. */
  boundSleep(timeoutNs: number): number {
    if (this.#mode === "APART") return timeoutNs;
    this.#count();
    if (this.#home < 0 || this.#guests === 0) return timeoutNs;
    return timeoutNs < 0 ? RELEASE_NS : Math.min(timeoutNs, RELEASE_NS);
  }

  /** It has slept. */
  slept(sleptNs: number, nowNs: number): void {
    if (this.#mode === "APART") return;
    if (this.#guests > 1) this.#computedNs += sleptNs;
    if (sleptNs >= (this.#guests > 0 ? RELEASE_NS : AGAIN_NS)) this.#release(nowNs);
  }

  /** The kernel thread has work, and has looked at the clock. */
  look(nowNs: number): void {
    if (this.#mode === "APART" && nowNs - this.#partNs >= PART_NS) this.#part(nowNs);
    const elapsed = nowNs - this.#windowNs;
    if (elapsed < WINDOW_NS) return;
    const { counters } = this.#kernel;
    const requests = counters.requests - this.#requests;
    const handOffs = this.#handOffsSoFar() - this.#handOffs;
    const computed = this.#computedNs > elapsed * COMPUTING_SHARE;
    this.#windowNs = nowNs;
    this.#requests += requests;
    this.#handOffs += handOffs;
    this.#computedNs = 0;
    const helpers = this.#helpers(elapsed);
    // The window was mostly sleep: the next one tells more.
    if (elapsed > 4 * WINDOW_NS) return;
    this.#lookAround(helpers);
    if (this.#cpus <= 1) this.#enter("YIELDING", nowNs);
    else this.#consider(this.#verdict(requests, handOffs, computed), computed, nowNs);
    if (this.#mode === "TOGETHER") this.#gather(nowNs);
  }

  /** Where a stub cannot poll for want of a CPU of its own, the kernel thread leaves it the one that both are on. */
  #part(nowNs: number): void {
    const { native, page, thread, platform, counters, slots } = this.#kernel;
    const requests = counters.requests - this.#partRequests;
    const sleepers = slots.wakes - slots.blocked - this.#partSleepers;
    this.#partNs = nowNs;
    this.#partRequests += requests;
    this.#partSleepers += sleepers;
    if (requests < REQUESTS_MIN) return;
    if (sleepers < requests * SHARING_SHARE) {
      this.#asideWaited = 0;
      this.#asideWait = 0;
      return;
    }
    if (this.#asideWait-- > 0) return;
    this.#asideWaited = Math.min(ASIDE_WAIT_MAX, this.#asideWaited * 2 + 1);
    this.#asideWait = this.#asideWaited;
    const cpu = native.stepAside(platform.zygotePid);
    if (cpu < 0) return;
    counters.placements++;
    page.setCpu(thread, cpu);
  }

  #handOffsSoFar(): number {
    const { slots, counters, platform } = this.#kernel;
    return slots.blocked + (platform.handsOver ? counters.trappedCalls : 0);
  }

  #verdict(requests: number, handOffs: number, computed: boolean): Mode {
    if (this.#isMany || computed) return this.#crowded ? "YIELDING" : "APART";
    if (this.#crowded) return "TOGETHER";
    if (requests < REQUESTS_MIN) return this.#mode === "YIELDING" ? "APART" : this.#mode;
    return handOffs > requests * HANDOFF_SHARE ? "TOGETHER" : "APART";
  }

  #consider(mode: Mode, computed: boolean, nowNs: number): void {
    if (mode === this.#mode) {
      this.#agreed = 0;
      return;
    }
    this.#agreed = mode === this.#wanted ? this.#agreed + 1 : 1;
    this.#wanted = mode;
    // Guests that compute are let go soon, however often.
    const isLettingGo = this.#mode === "TOGETHER" && mode === "APART" && !computed;
    if (this.#agreed >= (isLettingGo ? this.#agreeing : AGREEING)) this.#enter(mode, nowNs);
  }

  #enter(mode: Mode, nowNs: number): void {
    if (mode === this.#mode) return;
    if (mode === "TOGETHER") {
      const isSoon = nowNs - this.#letGoNs < BACK_SOON_NS;
      this.#agreeing = isSoon ? Math.min(2 * this.#agreeing, AGREEING_MAX) : AGREEING;
    } else if (this.#mode === "TOGETHER" && mode === "APART") this.#letGoNs = nowNs;
    this.#mode = mode;
    this.#agreed = 0;
    this.#kernel.counters.placements++;
    this.#kernel.log("debug", "threads are placed anew", { mode, others: this.#others.toFixed(2) });
    this.#kernel.page.setSpin(POLLS[mode].stub);
    if (mode !== "TOGETHER") this.#release(nowNs);
  }

  /** How many CPUs there are for the sandbox, and how many other threads of the host want one. */
  #lookAround(helpers: number): void {
    const { native, descriptors, platform, page } = this.#kernel;
    this.#cpus = native.cpusOf(platform.zygotePid);
    const running = native.runnable(descriptors.loadavg);
    this.#count();
    if (running < 0) return;
    // One for this thread.
    const others = Math.max(0, running - 1 - this.#guests - this.#polling - helpers);
    // The network's thread is among the helpers, and wants a CPU of its own: guests have to wait for it.
    const net = this.#net > 0 && !page.isSleeping(this.#net) ? 1 : 0;
    this.#others += (others + net - this.#others) * WEIGHT;
    // There is a CPU for the kernel thread and one for a guest, or there is not.
    this.#crowded = this.#others > this.#cpus - 2 + (this.#crowded ? FREE : WANTED);
  }

  /** V8 compiles and collects on threads of ours as well: as many as these, on average, ran or waited for a CPU. */
  #helpers(elapsedNs: number): number {
    const { native, descriptors } = this.#kernel;
    const beforeNs = this.#helpersNs;
    this.#helpersNs = Math.max(0, native.helpersNs(descriptors.proc));
    return Math.max(0, this.#helpersNs - beforeNs) / elapsedNs;
  }

  #count(): void {
    this.#guests = 0;
    this.#polling = 0;
    if (this.#isMany) return;
    const { active, claims, slots, taskAt } = this.#kernel;
    const limit = active.limit();
    for (let chunk = 0; chunk < limit; chunk++) {
      const width = active.width(chunk);
      for (let slot = 0; slot < width; slot++) {
        const number = slotNumber(chunk, slot);
        if (taskAt[number] === undefined) continue;
        if (claims.isWithGuest(number)) {
          // Its stub may have been woken and have no CPU yet: that it sleeps is what it has said last.
          if (slots.word(number, ASLEEP) === 0) this.#guests++;
        } else if (slots.word(number, SLEEPING) === 0) this.#polling++;
      }
    }
  }

  get #isMany(): boolean {
    return this.#kernel.counters.tasks > THREADS_MAX;
  }

  /** Has all threads run on one CPU: the one that the host has found for the kernel thread. */
  #gather(nowNs: number): void {
    const { native, page, thread } = this.#kernel;
    if (this.#home >= 0) {
      if (this.#isMany || (this.#crowded && nowNs - this.#homeSinceNs > AGAIN_NS)) this.#release(nowNs);
      return;
    }
    if (this.#isMany) return;
    const cpu = native.getcpu();
    if (!this.#place(cpu)) return;
    this.#home = cpu;
    this.#homeSinceNs = nowNs;
    page.setCpu(thread, cpu);
  }

  #release(nowNs: number): void {
    if (this.#home < 0) return;
    this.#home = -1;
    this.#releasedNs = nowNs;
    this.#place(-1);
  }

  /** A new host task: it runs where its creator does, or where the zygote may. */
  born(tid: number, isForked: boolean): void {
    const since = this.#home < 0 ? this.#releasedNs : this.#homeSinceNs;
    if ((isForked || this.#home < 0) && this.#kernel.nowNs - since > AGAIN_NS) return;
    const { native, platform } = this.#kernel;
    native.scratchWords[0] = tid;
    native.place(1, this.#home, platform.zygotePid);
  }

  /** Puts all our threads on that CPU, or with -1 wherever the sandbox may run. False: the CPU is not the sandbox's. */
  #place(cpu: number): boolean {
    const { native, platform, stubs } = this.#kernel;
    const words = native.scratchWords;
    words[0] = 0; // the calling thread
    let count = 1;
    for (const tid of platform.threads) words[count++] = tid;
    for (const tid of stubs.hostThreads()) {
      words[count++] = tid;
      if (count < BATCH) continue;
      if (native.place(count, cpu, platform.zygotePid) < 0) return false;
      count = 0;
    }
    return native.place(count, cpu, platform.zygotePid) >= 0;
  }
}
