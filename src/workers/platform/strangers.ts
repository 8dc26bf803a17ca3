// The account of clones that were let go on (docs/hardening.md, F24). A guest can make the clone that its list
// announces and never name what came of it: a host process, or a thread, that the kernel does not know.
// So what is owed is looked after: the sandbox's processes and the debtor's threads are compared with those that
// are known, and strangers are killed. Looks come at intervals, and are counted instead of timed: a
// sandbox that was frozen as a whole is not late.

import { Looks } from "../call/looks.ts";
import type { Birth } from "./births.ts";
import type { PlatformContext } from "./context.ts";
import { hostProcesses, hostThreads, parentOf } from "./host_tasks.ts";
import type { StubProcess } from "./stub_process.ts";

const LOOK_NS = 250e6;
/** Looks for which a newborn may be unnamed, and an unknown task be on its way out. */
const PATIENCE = 20;
/** Looks after which an account without strangers is settled: a clone may be under way while its list has ended. */
const CLEAN_LOOKS = 4;
/** Debtors whose threads are compared in one look (F26). */
const DEBTORS_A_LOOK = 16;
/** Unsettled clones of one stub, beyond which it gets EAGAIN. */
const DEBT_MAX = 64;

/** Strangers between a stranger and the zygote. */
const GENERATIONS_MAX = 16;

interface Debt {
  clones: number;
  cleanLooks: number;
  /** Unknown threads, and for how many looks they have been seen. */
  unknown: Map<number, number>;
}

export class Strangers {
  readonly #kernel: PlatformContext;
  /** Clones that went on and whose task has not named itself, with the looks since then. */
  readonly #unnamed = new Map<Birth, number>();
  readonly #debts = new Map<StubProcess, Debt>();
  /** Looks at all processes that are still to come. */
  #processLooks = 0;
  /** Unknown processes, and for how many looks they have been seen. */
  #unknown = new Map<number, number>();
  readonly #looks: Looks;

  constructor(kernel: PlatformContext) {
    this.#kernel = kernel;
    this.#looks = new Looks(kernel, LOOK_NS, () => this.#look());
  }

  /** What is looked after: for counters. */
  get size(): number {
    return this.#unnamed.size + this.#debts.size + this.#unknown.size;
  }

  /** A clone was let go on. */
  continued(birth: Birth): void {
    this.#unnamed.set(birth, 0);
    this.#looks.begin();
  }

  /** Its task has named itself. */
  named(birth: Birth): void {
    this.#unnamed.delete(birth);
  }

  /** Its task has ended, or its list has, and nobody named himself. */
  unpaid(birth: Birth): void {
    if (!this.#unnamed.delete(birth)) return; // there was no clone
    const { from } = birth;
    if (from === null) return;
    if (birth.task.stub !== from) this.#processLooks = CLEAN_LOOKS;
    if (from.isAlive) {
      const debt = this.#debtOf(from);
      debt.clones++;
      debt.cleanLooks = 0;
    }
    this.#looks.begin();
  }

  /** Whether a stub may make one more host task before its account is settled. */
  mayClone(stub: StubProcess): boolean {
    return (this.#debts.get(stub)?.clones ?? 0) < DEBT_MAX;
  }

  /** A stub has ended: no clone of it is under way any more. */
  ended(stub: StubProcess): void {
    if (!this.#debts.delete(stub)) return;
    this.#processLooks = CLEAN_LOOKS;
    this.#looks.begin();
  }

  #debtOf(stub: StubProcess): Debt {
    let debt = this.#debts.get(stub);
    if (debt === undefined) {
      debt = { clones: 0, cleanLooks: 0, unknown: new Map() };
      this.#debts.set(stub, debt);
    }
    return debt;
  }

  #look(): boolean {
    this.#lookAtUnnamed();
    if (this.#processLooks > 0) this.#lookAtProcesses();
    for (const [stub, debt] of [...this.#debts].slice(0, DEBTORS_A_LOOK)) {
      this.#debts.delete(stub);
      if (this.#owesAfterLook(stub, debt)) this.#debts.set(stub, debt); // at the end: others come first
    }
    return this.#unnamed.size > 0 || this.#processLooks > 0 || this.#debts.size > 0;
  }

  // A newborn's first act is to name itself.
  #lookAtUnnamed(): void {
    for (const [birth, looks] of this.#unnamed) {
      this.#unnamed.set(birth, looks + 1);
      if (looks < PATIENCE) continue;
      this.#warn("a clone's task does not name itself: killed", birth.task.group.id.first);
      // A child that has not appeared yet goes with its creator.
      if (birth.creator !== null && !birth.creator.dead) birth.creator.killHostile();
      if (this.#unnamed.has(birth)) birth.task.killHostile();
    }
  }

  #lookAtProcesses(): void {
    const { stubs, platform } = this.#kernel;
    const unknown = new Map<number, number>();
    const processes = hostProcesses(this.#kernel);
    // What cannot be seen is no clean look.
    if (processes === null) return;
    this.#processLooks--;
    // It may be somebody's who is about to name himself, or whom the zygote has made, and has not told of.
    const mayBeAnnounced = this.#unnamed.size > 0 || platform.asked > 0;
    for (const pid of processes) {
      if (stubs.knows(pid)) continue;
      const isOurs = this.#comesOfZygote(pid);
      if (isOurs === null) {
        this.#processLooks++;
        return;
      }
      if (!isOurs) continue;
      const looks = this.#unknown.get(pid) ?? 0;
      if (mayBeAnnounced && looks < PATIENCE) {
        unknown.set(pid, looks + 1);
        continue;
      }
      this.#warn("a process that nobody announced: killed", pid);
      stubs.killStranger(pid);
    }
    this.#unknown = unknown;
    if (unknown.size > 0 && this.#processLooks === 0) this.#processLooks = 1;
  }

  // Others are not this kernel's: of a process that several kernels share each has a zygote. null: it cannot be seen.
  #comesOfZygote(pid: number): boolean | null {
    const { zygotePid } = this.#kernel.platform;
    let parent: number | null = pid;
    for (let step = 0; step < GENERATIONS_MAX && parent !== null && parent > 1; step++) {
      parent = parentOf(this.#kernel, parent);
      if (parent === zygotePid) return true;
    }
    return parent === null ? null : false;
  }

  #owesAfterLook(stub: StubProcess, debt: Debt): boolean {
    const unknown = new Map<number, number>();
    const known = new Set([stub.pid, ...[...stub.tasks, ...stub.parked].map(({ hostTid }) => hostTid)]);
    const threads = hostThreads(this.#kernel, stub.pid);
    if (threads === null) return true;
    for (const tid of threads) {
      if (known.has(tid)) continue;
      const looks = debt.unknown.get(tid) ?? 0;
      unknown.set(tid, looks + 1);
      if (looks < PATIENCE) continue;
      // One thread cannot be ended from outside.
      this.#warn("a thread that nobody announced: its process is killed", tid);
      stub.kill();
      return false;
    }
    debt.unknown = unknown;
    if (unknown.size > 0) debt.cleanLooks = 0;
    else debt.clones = 0;
    return ++debt.cleanLooks <= CLEAN_LOOKS;
  }

  #warn(message: string, hostTask: number): void {
    this.#kernel.counters.strangers++;
    this.#kernel.log("warn", message, { hostTask });
  }
}
