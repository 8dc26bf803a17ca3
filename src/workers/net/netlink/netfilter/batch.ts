// A batch of changes to nf_tables (Linux's nfnetlink_rcv_batch): messages between a beginning and an end, of which packets
// see all or nothing. Errors are told when all of it was gone through. It goes in pieces.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import type { Requester } from "../../caller.ts";
import { errorOf, type Outcome } from "../../devices/outcome.ts";
import { Attributes } from "../../stack/filter/nft/attributes.ts";
import type { Nft } from "../../stack/filter/nft/nft.ts";
import { Transaction } from "../../stack/filter/nft/transaction.ts";
import { type Request, requestsIn } from "../message.ts";
import { deleteChain, newChain } from "./chains.ts";
import { Edit, type Editing, nftOf } from "./edit.ts";
import { deleteElements, newElements } from "./elements.ts";
import { deleteRule, newRule } from "./rules.ts";
import { deleteSet, newSet } from "./sets.ts";
import { deleteTable, newTable } from "./tables.ts";

/** Work in pieces; true: nothing can be done now. */
export type Work = Generator<boolean, void>;

/** Acknowledges a message: 0 or what is wrong with it. */
export type Acknowledge = (request: Request, outcome: Outcome) => void;

type Serves = (edit: Edit) => Editing | Outcome;

const EDITS: ReadonlyMap<number, Serves> = new Map<number, Serves>([
  [A.NFT_MSG_NEWTABLE, newTable],
  [A.NFT_MSG_DELTABLE, (edit) => deleteTable(edit, false)],
  [A.NFT_MSG_DESTROYTABLE, (edit) => deleteTable(edit, true)],
  [A.NFT_MSG_NEWCHAIN, newChain],
  [A.NFT_MSG_DELCHAIN, (edit) => deleteChain(edit, false)],
  [A.NFT_MSG_DESTROYCHAIN, (edit) => deleteChain(edit, true)],
  [A.NFT_MSG_NEWRULE, newRule],
  [A.NFT_MSG_DELRULE, (edit) => deleteRule(edit, false)],
  [A.NFT_MSG_DESTROYRULE, (edit) => deleteRule(edit, true)],
  [A.NFT_MSG_NEWSET, newSet],
  [A.NFT_MSG_DELSET, (edit) => deleteSet(edit, false)],
  [A.NFT_MSG_DESTROYSET, (edit) => deleteSet(edit, true)],
  [A.NFT_MSG_NEWSETELEM, newElements],
  [A.NFT_MSG_DELSETELEM, (edit) => deleteElements(edit, false)],
  [A.NFT_MSG_DESTROYSETELEM, (edit) => deleteElements(edit, true)],
]);
/** Objects with a name and tables of flows there are none. */
const ABSENT: ReadonlySet<number> = new Set([
  A.NFT_MSG_NEWOBJ,
  A.NFT_MSG_DELOBJ,
  A.NFT_MSG_DESTROYOBJ,
  A.NFT_MSG_NEWFLOWTABLE,
  A.NFT_MSG_DELFLOWTABLE,
  A.NFT_MSG_DESTROYFLOWTABLE,
]);
/** Messages whose rules or elements may lead where they must not. */
const CHECKED: ReadonlySet<number> = new Set([A.NFT_MSG_NEWRULE, A.NFT_MSG_NEWSETELEM]);
/** Errors that are told in one piece. */
const PIECE = 16;
/** Of more it is told that there is no memory. */
const TOLD_MAX = 16384;
/** Rules of which each is looked at by itself where one of a batch is wrong; of more it is told that the batch is. */
const BLAMED_MAX = 64;
/** What a message costs while its batch is under way: how it is undone. */
const CHARGE = 256;

interface Told {
  readonly request: Request;
  readonly outcome: Outcome;
}

function* serve(edit: Edit, isBlaming: boolean): Editing {
  const message = edit.request.type & 0xff;
  const serveIt = EDITS.get(message);
  if (serveIt === undefined) {
    if (!ABSENT.has(message)) return -E.EINVAL;
    edit.unsupported(`message ${message}`);
    return -E.EOPNOTSUPP;
  }
  const served = serveIt(edit);
  const outcome = typeof served === "object" && "next" in served ? yield* served : served;
  if (errorOf(outcome) < 0 || !isBlaming || !CHECKED.has(message)) return outcome;
  return yield* edit.transaction.check();
}

function* inPieces<T>(pieces: Generator<void, T>): Generator<boolean, T> {
  for (;;) {
    const { done, value } = pieces.next();
    if (done === true) return value;
    yield false;
  }
}

/** A batch is gone through, once. */
class Run {
  readonly #by: Requester;
  readonly #nft: Nft;
  readonly #begin: Request;
  readonly #isBlaming: boolean;
  readonly #transaction: Transaction;
  /** What is to be acknowledged. */
  told: Told[] = [];
  #hasFailed = false;
  /** What ends it; null: there was nothing of the kind. */
  #end: Request | null = null;
  /** Messages that may lead where they must not, and whether one of them did. */
  checked = 0;
  isInvalid = false;

  constructor(by: Requester, nft: Nft, begin: Request, isBlaming: boolean) {
    this.#by = by;
    this.#nft = nft;
    this.#begin = begin;
    this.#isBlaming = isBlaming;
    this.#transaction = new Transaction(nft);
  }

  /** Of all that was sent, the first of which begins the batch. */
  *run(bytes: Buffer): Generator<boolean, void> {
    let isOver = false;
    try {
      const isTaken = (yield* this.#goThrough(bytes)) && (yield* this.#commit());
      if (!isTaken) yield* inPieces(this.#transaction.abort());
      isOver = true;
    } finally {
      // Something has thrown: nothing may be left half done.
      if (!isOver) for (const _ of this.#transaction.abort());
    }
  }

  /** False: it is not to be committed. */
  *#goThrough(bytes: Buffer): Generator<boolean, boolean> {
    const requests = requestsIn(bytes);
    requests.next();
    if ((this.#begin.flags & N.NLM_F_ACK) !== 0) this.told.push({ request: this.#begin, outcome: 0 });
    for (const request of requests) {
      const { type, flags, body } = request;
      if (body.length < A.NFGENMSG_SIZE || type === A.NFNL_MSG_BATCH_BEGIN) {
        // What has no form is not told of.
        this.told = [];
        return false;
      }
      const isAsked = (flags & N.NLM_F_REQUEST) !== 0;
      if (type === A.NFNL_MSG_BATCH_END && isAsked) {
        this.#end = request;
        break;
      }
      const isOurs = type >> 8 === A.NFNL_SUBSYS_NFTABLES && isAsked;
      if (CHECKED.has(type & 0xff)) this.checked++;
      const hasMemory = this.#transaction.borrow(CHARGE) && this.told.length < TOLD_MAX;
      const outcome = !hasMemory ? -E.ENOMEM : isOurs ? yield* this.#serve(request) : -E.EINVAL;
      const error = errorOf(outcome);
      if (error === -E.ENOMEM) {
        this.told = [{ request: this.#begin, outcome }];
        return false;
      }
      if (error < 0) this.#hasFailed = true;
      if (error < 0 || (flags & N.NLM_F_ACK) !== 0) this.told.push({ request, outcome });
      yield false;
    }
    return this.#end !== null && !this.#hasFailed;
  }

  *#serve(request: Request): Generator<boolean, Outcome> {
    const edit = new Edit(this.#by, this.#nft, request, this.#transaction);
    return yield* inPieces(serve(edit, this.#isBlaming));
  }

  *#commit(): Generator<boolean, boolean> {
    const wrong = yield* inPieces(this.#transaction.check());
    this.isInvalid = wrong < 0;
    const error = wrong < 0 ? wrong : yield* inPieces(this.#transaction.commit());
    if (error < 0) this.told.push({ request: this.#begin, outcome: error });
    else if ((this.#end!.flags & N.NLM_F_ACK) !== 0) this.told.push({ request: this.#end!, outcome: 0 });
    return error >= 0;
  }
}

/** What was sent at once and begins with that message. */
export function* serveBatch(by: Requester, begin: Request, bytes: Buffer, acknowledge: Acknowledge): Work {
  if (begin.body.length < A.NFGENMSG_SIZE) return;
  const given = begin.body.readUInt16BE(2);
  // Old programs tell it in their own byte order.
  const subsystem = given === A.NFNL_SUBSYS_NFTABLES << 8 ? A.NFNL_SUBSYS_NFTABLES : given;
  if (subsystem !== A.NFNL_SUBSYS_NFTABLES) {
    acknowledge(begin, subsystem >= A.NFNL_SUBSYS_COUNT ? -E.EINVAL : -E.EOPNOTSUPP);
    return;
  }
  const nft = nftOf(by);
  while (nft.editor !== null) yield true;
  const generation = new Attributes(begin.body.subarray(A.NFGENMSG_SIZE)).u32(A.NFNL_BATCH_GENID) ?? 0;
  if (generation !== 0 && generation !== nft.generation) {
    acknowledge(begin, -E.ERESTART);
    return;
  }
  nft.editor = begin;
  let run = new Run(by, nft, begin, false);
  try {
    yield* run.run(bytes);
    if (run.isInvalid && run.checked <= BLAMED_MAX) {
      run = new Run(by, nft, begin, true);
      yield* run.run(bytes);
    }
  } finally {
    nft.editor = null;
  }
  if (run.told.some(({ outcome }) => errorOf(outcome) < 0)) by.kernel.counters.filterRefusals++;
  let count = 0;
  for (const { request, outcome } of run.told) {
    acknowledge(request, outcome);
    if (++count % PIECE === 0) yield false;
  }
}
