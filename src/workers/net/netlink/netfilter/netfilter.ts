// NETLINK_NETFILTER (nfnetlink): the subsystems of nf_tables and of its part for iptables. What changes something comes in
// batches (batch.ts); here is what asks.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import type { Requester } from "../../caller.ts";
import type { Outcome } from "../../devices/outcome.ts";
import { mayAdminister } from "../../privileges.ts";
import { number32 } from "../../stack/filter/nft/attributes.ts";
import type { Answer } from "../answer.ts";
import { type Request, requestsIn } from "../message.ts";
import { type Acknowledge, serveBatch, type Work } from "./batch.ts";
import { getChain } from "./chains.ts";
import { getCompat } from "./compat.ts";
import { Asked, beginMessage, nftOf } from "./edit.ts";
import { getElements } from "./elements.ts";
import { getRule } from "./rules.ts";
import { getSet } from "./sets.ts";
import { getTable } from "./tables.ts";

/** Requests that are served before others may be. */
const PIECE = 16;

function getGeneration({ nft, request: { body } }: Asked): Answer {
  return (writer) => {
    beginMessage(writer, nft, A.NFT_MSG_NEWGEN, 0, body[0]!);
    writer.raw(number32(A.GEN.ID, nft.generation));
    writer.end();
  };
}

/** Of things that there are none of. */
function getNothing(asked: Asked): Answer | Outcome {
  return asked.hasFlag(N.NLM_F_DUMP) ? [] : -E.ENOENT;
}

const QUESTIONS: ReadonlyMap<number, (asked: Asked) => Answer | Outcome> = new Map([
  [A.NFT_MSG_GETGEN, getGeneration],
  [A.NFT_MSG_GETTABLE, getTable],
  [A.NFT_MSG_GETCHAIN, getChain],
  [A.NFT_MSG_GETRULE, getRule],
  [A.NFT_MSG_GETSET, getSet],
  [A.NFT_MSG_GETSETELEM, getElements],
  [A.NFT_MSG_GETOBJ, getNothing],
  [A.NFT_MSG_GETFLOWTABLE, getNothing],
]);

/** A message outside of a batch. */
export function serveNetfilter(by: Requester, request: Request): Answer | Outcome {
  const { type, body } = request;
  if (body.length < A.NFGENMSG_SIZE) return 0;
  const [subsystem, message] = [type >> 8, type & 0xff];
  if (subsystem === A.NFNL_SUBSYS_NFT_COMPAT)
    return message === A.NFNL_MSG_COMPAT_GET ? getCompat(request) : -E.EINVAL;
  const asked = new Asked(by, nftOf(by), request);
  const answer = subsystem === A.NFNL_SUBSYS_NFTABLES ? QUESTIONS.get(message) : undefined;
  if (answer === undefined) {
    asked.unsupported(`message ${message} of subsystem ${subsystem}`);
    return -E.EINVAL;
  }
  return answer(asked);
}

/** All that was sent at once. */
export function* serveAll(
  by: Requester,
  bytes: Buffer,
  acknowledge: Acknowledge,
  serve: (request: Request) => void,
): Work {
  const requests = requestsIn(bytes);
  const first = requests.next();
  if (first.done === true) return;
  if (!mayAdminister(by, by.network)) {
    acknowledge(first.value, -E.EPERM);
    return;
  }
  if (first.value.type === A.NFNL_MSG_BATCH_BEGIN) {
    yield* serveBatch(by, first.value, bytes, acknowledge);
    return;
  }
  const nft = nftOf(by);
  let count = 0;
  for (const request of requestsIn(bytes)) {
    while (nft.editor !== null) yield true;
    serve(request);
    if (++count % PIECE === 0) yield false;
  }
}
