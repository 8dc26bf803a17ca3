// From the numbers of a table to the 64-bit fields of a message, by the fields' names in the .proto file.

import { type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { Numbers } from "../usage/cgroup_files.ts";

const UINT64_MAX = 2n ** 64n - 1n;

/** No limit (Infinity) is the largest number. */
export const uint64 = (value: number): bigint =>
  value >= 2 ** 64 ? UINT64_MAX : BigInt(Math.max(0, Math.floor(value)));

/** Those that a table has; `nameOf` tells the table's name of a field. */
export function uint64Fields(
  schema: DescMessage,
  table: Numbers,
  nameOf = (field: string) => field,
): Record<string, bigint> {
  const found: Record<string, bigint> = {};
  for (const { fieldKind, scalar, name, localName } of schema.fields) {
    const value = table[nameOf(name)];
    if (fieldKind === "scalar" && scalar === ScalarType.UINT64 && value !== undefined)
      found[localName] = uint64(value);
  }
  return found;
}
