// Maps of ids as they are written (user_namespaces(7), "Defining user and group ID mappings"): a line each of the first id in
// the namespace, the first beside it in the one above, and how many there are.

import { EINVAL } from "../../shared/abi/errno.ts";
import type { IdRange } from "../../shared/process_spec.ts";

/** UID_GID_MAP_MAX_EXTENTS */
export const LINES_MAX = 340;
const ID_MAX = 0xffffffff;
const WORDS = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/;

/** As Linux reads it into 32 bits. */
function number32(digits: string): number {
  return Number(BigInt(digits) & 0xffffffffn);
}

function lineOf(text: string): IdRange | null {
  const words = WORDS.exec(text);
  if (words === null) return null;
  const [first, above, count] = words.slice(1).map(number32) as [number, number, number];
  if (first === ID_MAX || above === ID_MAX || count === 0) return null;
  return first + count > ID_MAX || above + count > ID_MAX ? null : [first, above, count];
}

const overlap = (a: number, b: number, aCount: number, bCount: number) => a < b + bCount && b < a + aCount;

/** The lines of a text, or -EINVAL: of one that is malformed, twice about the same ids or empty. */
export function readMap(text: string): readonly IdRange[] | number {
  const lines = text.replace(/\0.*$/s, "").split("\n");
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  if (lines.length > LINES_MAX) return -EINVAL;
  const ranges: IdRange[] = [];
  for (const text of lines) {
    const line = lineOf(text);
    if (line === null) return -EINVAL;
    const [first, above, count] = line;
    for (const [otherFirst, otherAbove, otherCount] of ranges)
      if (overlap(first, otherFirst, count, otherCount) || overlap(above, otherAbove, count, otherCount))
        return -EINVAL;
    ranges.push(line);
  }
  return ranges;
}
