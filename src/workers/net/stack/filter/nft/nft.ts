// The tables of nf_tables of a stack: which there are, and the base chains that packets come to at each hook. They are edited
// by one transaction at a time (transaction.ts), and packets see none of it before it is committed.

import * as A from "../../../../../shared/abi/nftables.ts";
import { HOOKS } from "../evaluation.ts";
import type { BaseChain, NftTable } from "./model.ts";

/** Memory that tables take; take(): false, there is none. */
export interface Charges {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** What holds on to something of the tables without being charged for it. */
export interface Interrupted {
  /** It is to let go of it. */
  interrupt(): void;
}

const FREE: Charges = { take: () => true, give: () => {} };

function key(family: number, name: string): string {
  return `${family} ${name}`;
}

/** Whether tables of a family see packets of IPv4, or of IPv6. */
function sees(family: number, isV6: boolean): boolean {
  return family === A.NFPROTO_INET || family === (isV6 ? A.NFPROTO_IPV6 : A.NFPROTO_IPV4);
}

/** What packets of one family come to. */
class FamilyChains {
  /** By hook, in any order. */
  readonly byHook: BaseChain[][] = Array.from({ length: HOOKS }, () => []);
  usesConntrack = false;
}

export class Nft {
  readonly #changed: () => void;
  readonly #tables = new Map<string, NftTable>();
  readonly newSerial: () => number;
  /** Counted up by each batch that is committed. */
  generation = 1;
  charges: Charges = FREE;
  /** What was taken of that and not given back. */
  charged = 0;
  /** Whose batch is under way: nothing else is served until it is over. */
  editor: object | null = null;
  /** Who lists tables. */
  readonly dumps = new Set<Interrupted>();
  /** Base chains of all tables, by hook, as they are edited. */
  readonly baseCounts = new Int32Array(HOOKS);
  chains4 = new FamilyChains();
  chains6 = new FamilyChains();
  #lastHandle = 0;

  /** `newSerial`: numbers that tell which of two tables or chains is newer. */
  constructor(changed: () => void, newSerial: () => number) {
    this.#changed = changed;
    this.newSerial = newSerial;
  }

  /** False: there is no memory. */
  take(bytes: number): boolean {
    if (!this.charges.take(bytes)) return false;
    this.charged += bytes;
    return true;
  }

  give(bytes: number): void {
    this.charges.give(bytes);
    this.charged -= bytes;
  }

  /** The stack is no more: whoever still edits does it for nothing. */
  end(): void {
    this.charges.give(this.charged);
    this.charges = FREE;
    this.charged = 0;
  }

  newHandle(): number {
    return ++this.#lastHandle;
  }

  get count(): number {
    return this.#tables.size;
  }

  get tables(): Iterable<NftTable> {
    return this.#tables.values();
  }

  table(family: number, name: string): NftTable | null {
    return this.#tables.get(key(family, name)) ?? null;
  }

  add(table: NftTable): void {
    this.#tables.set(key(table.family, table.name), table);
    for (const { hook } of table.bases) this.baseCounts[hook]!++;
  }

  remove(table: NftTable): void {
    this.#tables.delete(key(table.family, table.name));
    for (const { hook } of table.bases) this.baseCounts[hook]!--;
  }

  chains(isV6: boolean): FamilyChains {
    return isV6 ? this.chains6 : this.chains4;
  }

  get isEmpty(): boolean {
    return [this.chains4, this.chains6].every(({ byHook }) => byHook.every((chains) => chains.length === 0));
  }

  /** Packets come to other chains than before. */
  committed(): void {
    this.generation++;
    this.interruptDumps();
    this.chains4 = this.#chainsOf(false);
    this.chains6 = this.#chainsOf(true);
    this.#changed();
  }

  interruptDumps(): void {
    for (const dump of this.dumps) dump.interrupt();
    this.dumps.clear();
  }

  #chainsOf(isV6: boolean): FamilyChains {
    const found = new FamilyChains();
    for (const table of this.#tables.values()) {
      if ((table.flags & A.NFT_TABLE_F_DORMANT) !== 0 || !sees(table.family, isV6)) continue;
      for (const base of table.bases) found.byHook[base.hook]!.push(base);
      if (table.conntrackRules > 0) found.usesConntrack = true;
    }
    return found;
  }
}
