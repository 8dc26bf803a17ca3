// A message to nf_tables as it is served: its family and attributes, with what it may change, and refusals that say which
// attribute is to blame. What asks alone has no transaction.

import { ENOENT } from "../../../../shared/abi/errno.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import type { Requester } from "../../caller.ts";
import type { Outcome, Refusal } from "../../devices/outcome.ts";
import { Attributes } from "../../stack/filter/nft/attributes.ts";
import type { NftChain, NftSet, NftTable } from "../../stack/filter/nft/model.ts";
import type { Nft } from "../../stack/filter/nft/nft.ts";
import type { Transaction } from "../../stack/filter/nft/transaction.ts";
import type { MessageWriter, Request } from "../message.ts";

/** How a message of a batch is served: in pieces. */
export type Editing = Generator<void, Outcome>;

const ATTRIBUTE_HEADER = 4;
const NAME_MAX = A.NFT_NAME_MAXLEN - 1;

/** What there is in the network of who asks. */
export function nftOf({ network }: Requester): Nft {
  return network.inet.stack.filter.nft;
}

export class Asked {
  readonly by: Requester;
  readonly nft: Nft;
  readonly request: Request;
  readonly family: number;
  readonly attributes: Attributes;

  constructor(by: Requester, nft: Nft, request: Request) {
    this.by = by;
    this.nft = nft;
    this.request = request;
    this.family = request.body[0]!;
    this.attributes = new Attributes(request.body.subarray(A.NFGENMSG_SIZE));
  }

  hasFlag(flag: number): boolean {
    return (this.request.flags & flag) !== 0;
  }

  /** A positive errno, for which that attribute is to blame. */
  blame(error: number, type: number): Refusal {
    const value = this.attributes.bytes(type);
    return value === undefined ? { error: -error, text: "" } : this.blameBytes(error, value);
  }

  blameBytes(error: number, value: Buffer): Refusal {
    const offset = value.byteOffset - ATTRIBUTE_HEADER - this.request.bytes.byteOffset;
    return { error: -error, text: "", offset };
  }

  name(type: number): string | undefined {
    return this.attributes.text(type, NAME_MAX);
  }

  table(type: number): NftTable | Refusal {
    const name = this.name(type);
    const found = name === undefined ? null : this.nft.table(this.family, name);
    return found ?? this.blame(ENOENT, type);
  }

  /** Something was asked for that is not there. */
  unsupported(what: string): void {
    const { kernel } = this.by;
    kernel.counters.unsupportedCalls++;
    kernel.log("warn", "unsupported in nf_tables", { what });
  }
}

export class Edit extends Asked {
  readonly transaction: Transaction;

  constructor(by: Requester, nft: Nft, request: Request, transaction: Transaction) {
    super(by, nft, request);
    this.transaction = transaction;
  }

  /** Sets and chains of a table, by name or by a number of the batch. */
  findSet({ sets }: NftTable, name: string | undefined, id: number | undefined): NftSet | null {
    const named = name === undefined ? undefined : sets.get(name);
    if (named !== undefined || id === undefined) return named ?? null;
    const made = this.transaction.setIds.get(id);
    return made !== undefined && sets.get(made.name) === made ? made : null;
  }

  findChain({ chains }: NftTable, name: string | undefined, id: number | undefined): NftChain | null {
    if (name !== undefined) return chains.get(name) ?? null;
    const made = id === undefined ? undefined : this.transaction.chainIds.get(id);
    return made !== undefined && chains.get(made.name) === made ? made : null;
  }
}

export function isRefusal<T extends object>(one: T | Refusal): one is Refusal {
  return "error" in one;
}

/** A message's type as nf_tables counts, and its head. */
export function beginMessage(
  writer: MessageWriter,
  { generation }: Nft,
  message: number,
  flags: number,
  family: number,
): void {
  const head = Buffer.alloc(A.NFGENMSG_SIZE);
  head[0] = family;
  head.writeUInt16BE(generation & 0xffff, 2);
  writer.begin((A.NFNL_SUBSYS_NFTABLES << 8) | message, flags, head);
}
