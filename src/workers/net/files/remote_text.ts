// A file of /proc/net whose text another kernel thread makes: a part is asked for when a reader comes to it.

import { EAGAIN } from "../../../shared/abi/errno.ts";
import type { Caller } from "../../call/caller.ts";
import type { UserNamespace } from "../../credentials/user_namespace.ts";

/** A kernel thread that makes texts (texts.ts). */
export interface TextOwner {
  /**
   * Asks for what stands in a network's file from a line on, for a reader of that user namespace. `take` gets it, and where
   * the rest begins; -1: nowhere.
   */
  askText(
    network: number,
    file: number,
    from: number,
    reader: UserNamespace,
    take: (text: string, next: number) => void,
  ): void;
}

/** An open file's. */
export class RemoteText {
  readonly #owner: TextOwner;
  readonly #network: number;
  readonly #file: number;
  readonly #reader: UserNamespace;
  /** A part that was told and is not read. */
  #part: string | null = null;
  /** The line that it goes on with; -1: there is none. */
  #next = 0;
  /** Passes so far: what was asked in an earlier one is of no use. */
  #pass = 0;
  #isAsked = false;
  readonly #waiting = new Set<Caller["call"]>();

  constructor(owner: TextOwner, network: number, file: number, reader: UserNamespace) {
    this.#reader = reader;
    this.#owner = owner;
    this.#network = network;
    this.#file = file;
  }

  /** Its parts from the beginning on; -EAGAIN: the next has to be waited for. */
  records(): Iterator<string | number> {
    this.#pass++;
    this.#part = null;
    this.#next = 0;
    this.#isAsked = false;
    return {
      next: () => {
        const part = this.#part;
        if (part === null && this.#next < 0) return { done: true, value: undefined };
        this.#part = null;
        return { done: false, value: part ?? -EAGAIN };
      },
    };
  }

  *wait({ call }: Caller): Generator<void, void, void> {
    if (this.#part !== null || this.#next < 0) return;
    if (!this.#isAsked) this.#ask();
    this.#waiting.add(call);
    try {
      call.replyBlocked();
      yield;
    } finally {
      this.#waiting.delete(call);
    }
  }

  #ask(): void {
    const pass = this.#pass;
    this.#isAsked = true;
    this.#owner.askText(this.#network, this.#file, this.#next, this.#reader, (text, next) => {
      if (pass === this.#pass) {
        this.#isAsked = false;
        this.#part = text;
        this.#next = next;
      }
      for (const call of this.#waiting) call.completeWait(0);
    });
  }
}
