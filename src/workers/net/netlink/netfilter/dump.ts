// Dumps of nf_tables: they stop while a batch is under way, and say so when one was committed since they began.

import * as N from "../../../../shared/abi/netlink.ts";
import type { Nft } from "../../stack/filter/nft/nft.ts";
import type { Answer, Told } from "../answer.ts";
import type { Asked } from "./edit.ts";

/** What a dump asks before each message. */
export class Stopped {
  readonly #nft: Nft;
  readonly #generation: number;

  constructor(nft: Nft) {
    this.#nft = nft;
    this.#generation = nft.generation;
  }

  *untilReady(): Generator<Told> {
    while (this.#nft.editor !== null) yield null;
  }

  /** Of a message: another state of things is told than at the beginning. */
  get flags(): number {
    return N.NLM_F_MULTI | (this.#nft.generation === this.#generation ? 0 : N.NLM_F_DUMP_INTR);
  }
}

export function dump(
  asked: Asked,
  tell: (asked: Asked, stopped: Stopped) => Generator<Told, number>,
): Answer {
  return tell(asked, new Stopped(asked.nft));
}
