// Which matches and targets of iptables there are, as iptables-nft asks it (Linux's nfnl_compat_get).

import { EINVAL, ENOENT, EPROTONOSUPPORT } from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import { COMPAT } from "../../../../shared/abi/nftables.ts";
import type { Outcome } from "../../devices/outcome.ts";
import { revisionsOf } from "../../stack/filter/blob.ts";
import { Attributes, number32 } from "../../stack/filter/nft/attributes.ts";
import type { Answer } from "../answer.ts";
import type { Request } from "../message.ts";

const NAME_MAX = 31;

export function getCompat({ body }: Request): Answer | Outcome {
  const attributes = new Attributes(body.subarray(A.NFGENMSG_SIZE));
  const family = body[0]!;
  const name = attributes.text(COMPAT.NAME, NAME_MAX);
  const revision = attributes.u32(COMPAT.REV);
  const type = attributes.u32(COMPAT.TYPE);
  if (attributes.error < 0) return attributes.error;
  if (name === undefined || revision === undefined || type === undefined) return -EINVAL;
  const isKnown = family === A.NFPROTO_IPV4 || family === A.NFPROTO_IPV6;
  const revisions = isKnown ? revisionsOf(type === 1, name, family === A.NFPROTO_IPV6) : [];
  if (revisions.length === 0) return -ENOENT;
  if (!revisions.includes(revision)) return -EPROTONOSUPPORT;
  return (writer) => {
    const head = Buffer.alloc(A.NFGENMSG_SIZE);
    head[0] = family;
    writer.begin((A.NFNL_SUBSYS_NFT_COMPAT << 8) | A.NFNL_MSG_COMPAT_GET, N.NLM_F_MULTI, head);
    writer.text(COMPAT.NAME, name);
    writer.raw(number32(COMPAT.REV, Math.max(...revisions)));
    writer.raw(number32(COMPAT.TYPE, type));
    writer.end();
  };
}
