// Dumps of nf_tables: they stop while a batch is under way, and if it has changed anything they end with it, and say so: for
// what it has deleted nobody is charged any more, and who receives a dump may take as long as he likes.

import * as N from "../../../../shared/abi/netlink.ts";
import type { Interrupted, Nft } from "../../stack/filter/nft/nft.ts";
import type { Answer, Told } from "../answer.ts";
import type { Asked } from "./edit.ts";

/** What a dump does before each message. It goes through the tables themselves: a batch ends it. */
export function* untilReady({ nft }: Asked): Generator<Told> {
  while (nft.editor !== null) yield null;
}

class Dump implements Interrupted, IterableIterator<Told, number> {
  readonly #nft: Nft;
  #rest: Iterator<Told, number> | null;

  constructor(nft: Nft, rest: Iterator<Told, number>) {
    this.#nft = nft;
    this.#rest = rest;
    nft.dumps.add(this);
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Told, number> {
    if (this.#rest === null) return { done: true, value: N.NLM_F_DUMP_INTR };
    const next = this.#rest.next();
    if (next.done === true) this.return();
    return next;
  }

  interrupt(): void {
    this.#rest = null;
  }

  /** Nobody asks any more. */
  return(): IteratorResult<Told, number> {
    this.#rest = null;
    this.#nft.dumps.delete(this);
    return { done: true, value: 0 };
  }
}

export function dump(asked: Asked, rest: Iterator<Told, number>): Answer {
  return new Dump(asked.nft, rest);
}
