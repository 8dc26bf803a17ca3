// Expressions by name, and how one is made of what a guest gave.

import { EINVAL, ENOENT, EOPNOTSUPP } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { ACTS } from "./acts.ts";
import { Attributes } from "./attributes.ts";
import { COMPATS } from "./compat.ts";
import { COUNTS } from "./counts.ts";
import { ct } from "./ct.ts";
import type { Expression, ExpressionPlace, MakeExpression } from "./expression.ts";
import { LOADS } from "./loads.ts";
import { lookup } from "./lookup.ts";
import { VALUES } from "./values.ts";

interface Kind {
  readonly name: string;
  readonly make: MakeExpression;
}

const KINDS: ReadonlyMap<string, Kind> = new Map(
  Object.entries({ ...VALUES, ...LOADS, ...COUNTS, ...ACTS, ...COMPATS, ct, lookup }).map(([name, make]) => [
    name,
    { name, make },
  ]),
);
const NAME_MAX = 128;
const EMPTY = Buffer.alloc(0);

/**
 * Of an NFTA_LIST_ELEM of a rule's expressions, which stands in bytes that are the rule's own; a negative errno. `unknown`
 * is told the name of what there is not, or not as it was asked for.
 */
export function makeExpression(
  bytes: Buffer,
  all: Buffer,
  place: ExpressionPlace,
  unknown: (name: string) => void,
): Expression | number {
  const attributes = new Attributes(bytes);
  const name = attributes.text(A.EXPR.NAME, NAME_MAX);
  if (attributes.error < 0) return attributes.error;
  if (name === undefined) return -EINVAL;
  const kind = KINDS.get(name);
  if (kind === undefined) {
    unknown(name);
    return -ENOENT;
  }
  const given = attributes.bytes(A.EXPR.DATA) ?? EMPTY;
  const fields = new Attributes(given);
  const made = kind.make(fields, place);
  if (fields.error < 0) return fields.error;
  if (typeof made === "number") {
    if (made === -EOPNOTSUPP) unknown(name);
    return made;
  }
  const from = given.length === 0 ? 0 : given.byteOffset - all.byteOffset;
  made.wasGiven(kind.name, all, from, from + given.length);
  return made;
}
