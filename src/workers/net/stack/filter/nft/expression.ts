// An expression of a rule: what it does with a packet, what it is given back as, and what has to be true of the chains that
// it is reached from.

import type { Evaluation } from "../evaluation.ts";
import type { Attributes } from "./attributes.ts";
import type { BaseChain, NftChain, NftSet, NftTable } from "./model.ts";
import type { RegisterUse } from "./registers.ts";

/** The next expression is looked at. Any other number is a verdict, NFT_BREAK among them. */
export const NEXT = -1;

export abstract class Expression {
  /** What it was made of: NFTA_EXPR_NAME, and where NFTA_EXPR_DATA stands in its rule's bytes. */
  name = "";
  #bytes: Buffer | null = null;
  #from = 0;
  #to = 0;

  wasGiven(name: string, bytes: Buffer, from: number, to: number): void {
    this.name = name;
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
  }

  /** NEXT, or a verdict: DROP, ACCEPT or NFT_*. */
  abstract run(at: Evaluation): number;

  /** NFTA_EXPR_DATA as it is now. */
  data(): Buffer {
    return this.#bytes!.subarray(this.#from, this.#to);
  }

  /** 0, or a negative errno: it may not be reached from there. */
  validate(_base: BaseChain): number {
    return 0;
  }

  /** It says something in validate(), or leads to other chains. */
  get isChecked(): boolean {
    return this.chain !== null || this.set?.kind.hasVerdicts === true;
  }

  /** What it costs in memory beside its bytes: measured, and rounded up. */
  get charge(): number {
    return 320;
  }

  get usesConntrack(): boolean {
    return false;
  }

  /** The chain that packets may go on in. */
  get chain(): NftChain | null {
    return null;
  }

  /** The set that it looks into. */
  get set(): NftSet | null {
    return null;
  }
}

/** Of the rule that an expression stands in, and of what else there is while it is made. */
export interface ExpressionPlace {
  readonly table: NftTable;
  readonly chain: NftChain;
  readonly registers: RegisterUse;
  /** What the rule says that it asks for, for matches and targets of iptables. */
  readonly protocol: number;
  readonly isProtocolInverted: boolean;
  /** Sets and chains by name, or by the number that they have within a batch. */
  findSet(name: string | undefined, id: number | undefined): NftSet | null;
  findChain(name: string | undefined, id: number | undefined): NftChain | null;
}

/** Makes one of its attributes; a number: a negative errno. */
export type MakeExpression = (attributes: Attributes, place: ExpressionPlace) => Expression | number;
