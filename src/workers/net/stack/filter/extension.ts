// What matches and targets of rules have in common: by which name and revision rules name them, how long their data is, where
// they may stand, and how they are made of their data.

import { EINVAL, ENOENT, EPROTOTYPE } from "../../../../shared/abi/errno.ts";
import type { Match, Target } from "./evaluation.ts";

/** What a rule asks for by itself. */
export interface AskedProtocol {
  readonly asksForProtocol: boolean;
  readonly protocol: number;
  readonly isProtocolInverted: boolean;
}

/** Of the rule that it stands in. */
export interface Place {
  readonly isV6: boolean;
  readonly rule: AskedProtocol;
  /** Hooks that the rule is reached from, as bits. */
  readonly hooks: number;
}

export interface Extension<T> {
  readonly name: string;
  readonly revision: number;
  /** Of its struct, before it is filled up to 8. */
  readonly size: number;
  /** So much of it is given back; what follows is the kernel's own. */
  readonly userSize?: number;
  /** Of one family alone: whether that is IPv6. */
  readonly isV6?: boolean;
  /** Linux has it once for all families, not once for each: of another revision it says another error. */
  readonly isShared?: boolean;
  /** The one table and the hooks (as bits) where it may stand; anywhere. */
  readonly table?: string;
  readonly hooks?: number;
  /** The protocol that its rule has to ask for. */
  readonly protocol?: number;
  readonly usesConntrack?: boolean;
  /** What a match takes, in rules' worth; 1. */
  readonly cost?: number;
  /** A number: a negative errno. */
  make(data: Buffer, place: Place): T | number;
}

export type MatchKind = Extension<Match>;
export type TargetKind = Extension<Target>;

/** XT_ALIGN */
export function aligned(size: number): number {
  return (size + 7) & ~7;
}

/** xt_find_match, xt_find_target: a number is a negative errno. */
export function findExtension<T>(
  kinds: readonly Extension<T>[],
  name: string,
  revision: number,
  isV6: boolean,
): Extension<T> | number {
  let error = -ENOENT;
  for (const kind of kinds) {
    if (kind.name !== name || (kind.isV6 ?? isV6) !== isV6) continue;
    if (kind.revision === revision) return kind;
    if (kind.isShared === true) error = -EPROTOTYPE;
  }
  return error;
}

/** xt_check_match, xt_check_target: what is made of data that fill so many bytes, or a negative errno. */
export function makeExtension<T>(kind: Extension<T>, data: Buffer, table: string, place: Place): T | number {
  const { rule, hooks } = place;
  if (aligned(kind.size) !== data.length) return -EINVAL;
  if (kind.table !== undefined && kind.table !== table) return -EINVAL;
  if (kind.hooks !== undefined && (hooks & ~kind.hooks) !== 0) return -EINVAL;
  if (kind.protocol !== undefined && (kind.protocol !== rule.protocol || rule.isProtocolInverted))
    return -EINVAL;
  const made = kind.make(data.subarray(0, kind.size), place);
  // Whoever asks gets back what is the user's own (xt_data_to_user).
  data.fill(0, kind.userSize ?? kind.size);
  return made;
}
