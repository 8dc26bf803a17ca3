// Host tasks on their way. The kernel lets a clone go on, and the new task names itself: its first call
// carries the one-shot random token of its birth, and the notification of that call tells its host number.

import type { Newborn } from "../call/operation_list.ts";
import { randomWord } from "../random_words.ts";
import type { HostThread } from "./host_thread.ts";
import type { StubProcess } from "./stub_process.ts";

/** Who looks after clones that went on and whose task has not named itself (strangers.ts). */
export interface CloneAccount {
  continued(birth: Birth): void;
}

/** A host descriptor that a stub gets, and the number that it gets there. */
export interface Gift {
  readonly hostFd: number;
  readonly fd: number;
}

export class Birth implements Newborn {
  /** The two halves of the token. */
  readonly low: number;
  readonly high: number;
  /** The task that is to name it. */
  readonly task: HostThread;
  /** Whose list makes the clone, and in which stub; null: the zygote makes it. */
  readonly creator: HostThread | null;
  readonly from: StubProcess | null;
  /** What it is given when it names itself. */
  readonly gifts: readonly Gift[];
  readonly onNamed: () => void;
  /** Its clone was let go on: from now on there is, or will be, a host task. */
  continued = false;
  readonly #account: CloneAccount;

  constructor(
    account: CloneAccount,
    task: HostThread,
    creator: HostThread | null,
    gifts: readonly Gift[],
    onNamed: () => void,
  ) {
    this.#account = account;
    this.low = randomWord();
    this.high = randomWord();
    this.task = task;
    this.creator = creator;
    this.from = creator?.stub ?? null;
    this.gifts = gifts;
    this.onNamed = onNamed;
  }

  wasMade(): void {
    this.continued = true;
    this.#account.continued(this);
  }
}

/** Births by their tokens and by their tasks, until the task has named itself or has ended. */
export class Births {
  readonly #byToken = new Map<string, Birth>();
  readonly #byTask = new Map<HostThread, Birth>();
  readonly #account: CloneAccount;

  constructor(account: CloneAccount) {
    this.#account = account;
  }

  get count(): number {
    return this.#byToken.size;
  }

  expect(task: HostThread, creator: HostThread | null, gifts: readonly Gift[], onNamed: () => void): Birth {
    const birth = new Birth(this.#account, task, creator, gifts, onNamed);
    this.#byToken.set(keyOf(birth.low, birth.high), birth);
    this.#byTask.set(task, birth);
    return birth;
  }

  /** The birth with this token, which is used up by it. */
  take(low: number, high: number): Birth | undefined {
    const birth = this.#byToken.get(keyOf(low, high));
    if (birth !== undefined) this.#remove(birth);
    return birth;
  }

  /** The birth of a task that ends before it has named itself. */
  takeOf(task: HostThread): Birth | undefined {
    const birth = this.#byTask.get(task);
    if (birth !== undefined) this.#remove(birth);
    return birth;
  }

  #remove(birth: Birth): void {
    this.#byToken.delete(keyOf(birth.low, birth.high));
    this.#byTask.delete(birth.task);
  }
}

function keyOf(low: number, high: number): string {
  return `${high.toString(16)}:${low.toString(16)}`;
}
