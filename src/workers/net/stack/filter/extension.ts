// What matches and targets of rules have in common: by which name and revision rules name them, how long their data is, where
// they may stand, and how they are made of their data.

import type { Match, Target } from "./evaluation.ts";
import type { Rule } from "./rule.ts";

/** Of the rule that it stands in. */
export interface Place {
  readonly isV6: boolean;
  readonly rule: Rule;
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
