// Rules as iptables gives them to the kernel, and gets them back (struct ipt_entry, ip6t_entry): entries one behind the
// other, each with its matches and its target, chains by offsets. What comes from a guest is checked as Linux's
// translate_table does it, in its order, before anything is taken from it; what is made of it is a RuleTable.
//
// Checking goes in pieces (a generator that yields between them), and takes time in proportion to the bytes.

import { EINVAL, ELOOP, ENOENT, ENOMEM } from "../../../../shared/abi/errno.ts";
import { HOOKS, type Match, type Target } from "./evaluation.ts";
import { type Extension, findExtension, makeExtension } from "./extension.ts";
import { MATCHES } from "./matches.ts";
import { ERROR, EXTENSION, type HeaderLayout, INV_MASK, Rule, STANDARD } from "./rule.ts";
import { RETURN, RuleTable } from "./rule_table.ts";
import { TARGETS } from "./targets.ts";

/** struct xt_entry_match, xt_entry_target: size, name, revision. */
const HEAD = 32;
const NAME_AT = 2;
const NAME_SIZE = 29;
const REVISION_AT = 31;
const STANDARD_SIZE = 40;
/** Of those two, what is data and not padding. */
const VERDICT_SIZE = 4;
const ERROR_TEXT = 30;
const ERROR_SIZE = 64;
const [STANDARD_NAME, ERROR_NAME] = ["", "ERROR"];
const NONE = 0xffffffff;
/** NF_DROP, NF_ACCEPT, NF_QUEUE as verdicts. */
const VERDICTS: ReadonlySet<number> = new Set([-1, -2, -4, RETURN]);
const POLICIES: ReadonlySet<number> = new Set([-1, -2]);
/** XT_MAX_TABLE_SIZE, in places of 4 bytes. */
const COUNT_MAX = 2 ** 27;
/** Bytes of entries, or steps of a walk, of one piece. */
const PIECE = 1 << 15;
const WALK_PIECE = 8192;

/** struct ipt_replace, as far as it tells of the entries. */
export interface Replacement {
  /** NF_INET_* hooks that the table has, as bits. */
  readonly hooks: number;
  readonly count: number;
  readonly hookEntries: readonly number[];
  readonly underflows: readonly number[];
}

function textAt(bytes: Buffer, at: number, size: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString("latin1", at, end < 0 || end > at + size ? at + size : end);
}

/** Revisions of a match or target that there are. */
export function revisionsOf(isTarget: boolean, name: string, isV6: boolean): number[] {
  const kinds: readonly Extension<unknown>[] = isTarget ? TARGETS : MATCHES;
  if (isTarget && (name === STANDARD_NAME || name === ERROR_NAME)) return [0];
  return kinds
    .filter((kind) => kind.name === name && (kind.isV6 ?? isV6) === isV6)
    .map((kind) => kind.revision);
}

/** Names as /proc/net/ip_tables_matches and _targets tell them. */
export function namesOf(isTarget: boolean, isV6: boolean): string[] {
  const kinds: readonly Extension<unknown>[] = isTarget ? TARGETS : MATCHES;
  const names = kinds.filter((kind) => (kind.isV6 ?? isV6) === isV6).map((kind) => kind.name);
  return isTarget ? [...names, ERROR_NAME] : names;
}

/** Entries as they are gone through: where each begins, and the rule that it is. */
class Entries {
  readonly bytes: Buffer;
  readonly layout: HeaderLayout;
  readonly offsets: Int32Array;
  readonly rules: Rule[] = [];
  chains = 0;
  usesConntrack = false;

  constructor(bytes: Buffer, layout: HeaderLayout, count: number) {
    this.bytes = bytes;
    this.layout = layout;
    this.offsets = new Int32Array(count);
  }

  targetOf(at: number): number {
    return at + this.bytes.readUInt16LE(at + this.layout.targetOffset);
  }

  endOf(at: number): number {
    return at + this.bytes.readUInt16LE(at + this.layout.nextOffset);
  }

  nameAt(at: number): string {
    return textAt(this.bytes, at + NAME_AT, NAME_SIZE);
  }

  /** The rule that begins at an offset; -1: none does. */
  indexAt(offset: number): number {
    const { offsets } = this;
    let [low, high] = [0, offsets.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const at = offsets[middle]!;
      if (at === offset) return middle;
      if (at < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  isUnconditional(index: number): boolean {
    const at = this.offsets[index]!;
    const { layout, bytes } = this;
    if (bytes.readUInt16LE(at + layout.targetOffset) !== layout.entry) return false;
    for (let i = 0; i < layout.size; i++) if (bytes[at + i] !== 0) return false;
    return true;
  }
}

// ---- Sizes and offsets ----

// check_entry_size_and_hooks, but for hooks: the entry's end, or a negative errno.
function checkEntry({ bytes, layout }: Entries, at: number): number {
  const { entry } = layout;
  if ((at & 7) !== 0 || at + entry >= bytes.length) return -EINVAL;
  const next = bytes.readUInt16LE(at + layout.nextOffset);
  if (at + next > bytes.length || next < entry + HEAD) return -EINVAL;
  if ((bytes[at + layout.flags]! & ~layout.flagsMask) !== 0) return -EINVAL;
  if ((bytes[at + layout.inverted]! & ~INV_MASK) !== 0) return -EINVAL;
  const offset = bytes.readUInt16LE(at + layout.targetOffset);
  if (offset < entry || offset + HEAD > next) return -EINVAL;
  const target = at + offset;
  const size = bytes.readUInt16LE(target);
  if (size < HEAD || offset + size > next) return -EINVAL;
  const name = textAt(bytes, target + NAME_AT, NAME_SIZE);
  if (name === STANDARD_NAME) {
    if (offset + STANDARD_SIZE !== next) return -EINVAL;
    const verdict = bytes.readInt32LE(target + HEAD);
    if (verdict <= 0 && !VERDICTS.has(verdict)) return -EINVAL;
  } else if (name === ERROR_NAME) {
    if (size !== ERROR_SIZE || !bytes.subarray(target + HEAD, target + HEAD + ERROR_TEXT).includes(0))
      return -EINVAL;
  }
  return checkMatches(bytes, at + entry, target) ? at + next : -EINVAL;
}

function checkMatches(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    if (((at - start) & 7) !== 0 || end - at < HEAD) return false;
    const size = bytes.readUInt16LE(at);
    if (size < HEAD || size > end - at) return false;
    at += size;
  }
  return true;
}

/** A chain's end: what becomes of packets that nothing was said of. */
function isPolicy(entries: Entries, index: number): boolean {
  const at = entries.targetOf(entries.offsets[index]!);
  return (
    entries.isUnconditional(index) &&
    entries.nameAt(at) === STANDARD_NAME &&
    POLICIES.has(entries.bytes.readInt32LE(at + HEAD))
  );
}

// xt_check_table_hooks: each hook's chain stands behind that of the one before.
function checkHooks({ hooks, hookEntries, underflows }: Replacement, entries: Entries): number {
  let [lastEntry, lastUnderflow, isFirst] = [0, 0, true];
  for (let hook = 0; hook < HOOKS; hook++) {
    if ((hooks & (1 << hook)) === 0) continue;
    const [entry, underflow] = [hookEntries[hook]!, underflows[hook]!];
    const end = entries.indexAt(underflow);
    if (entries.indexAt(entry) < 0 || end < 0) return -EINVAL;
    if (!isFirst && (lastUnderflow >= underflow || lastEntry >= entry)) return -EINVAL;
    [lastEntry, lastUnderflow, isFirst] = [entry, underflow, false];
  }
  return 0;
}

// ---- Chains ----

const ON_WAY = 1 << HOOKS;

/**
 * mark_source_chains: from which hooks each rule is reached, as bits; null: chains call each other in a ring, or a chain
 * has no end.
 */
function* reach(entries: Entries, { hooks, hookEntries }: Replacement): Generator<void, Uint8Array | null> {
  const count = entries.offsets.length;
  const reached = new Uint8Array(count);
  const back = new Int32Array(count);
  let steps = 0;
  for (let hook = 0; hook < HOOKS; hook++) {
    if ((hooks & (1 << hook)) === 0) continue;
    let index = entries.indexAt(hookEntries[hook]!);
    back[index] = index;
    for (let isOver = false; !isOver; ) {
      if (++steps % WALK_PIECE === 0) yield;
      const wasSeen = (reached[index]! & (1 << hook)) !== 0;
      if ((reached[index]! & ON_WAY) !== 0) return null;
      reached[index]! |= (1 << hook) | ON_WAY;
      const { kind, verdict } = entries.rules[index]!;
      const isEnd = kind === STANDARD && verdict < 0 && entries.isUnconditional(index);
      if (isEnd || wasSeen) {
        // Back to where it was called from, and one further.
        let behind = index;
        do {
          reached[index]! ^= ON_WAY;
          behind = index;
          index = back[index]!;
          back[behind] = 0;
          if (index === behind) {
            isOver = true;
            break;
          }
        } while (behind === index + 1);
        if (isOver) break;
        if (index + 1 >= count) return null;
        back[index + 1] = index;
        index++;
      } else {
        const next = kind === STANDARD && verdict >= 0 ? verdict : index + 1;
        if (next >= count) return null;
        back[next] = index;
        index = next;
      }
    }
  }
  return reached;
}

// ---- Matches and targets ----

function make<T>(
  kind: Extension<T>,
  entries: Entries,
  at: number,
  table: string,
  rule: Rule,
  hooks: number,
): T | number {
  const { bytes, layout } = entries;
  if (kind.usesConntrack === true) entries.usesConntrack = true;
  const data = bytes.subarray(at + HEAD, at + bytes.readUInt16LE(at));
  return makeExtension(kind, data, table, { isV6: layout.isV6, rule, hooks });
}

// find_check_entry: 0, or a negative errno.
function fill(entries: Entries, index: number, table: string, hooks: number): number {
  const { bytes, layout, rules } = entries;
  const { isV6 } = layout;
  const rule = rules[index]!;
  const start = entries.offsets[index]!;
  const target = entries.targetOf(start);
  const matches: Match[] = [];
  for (let at = start + layout.entry; at < target; at += bytes.readUInt16LE(at)) {
    const kind = findExtension<Match>(MATCHES, entries.nameAt(at), bytes[at + REVISION_AT]!, isV6);
    if (typeof kind === "number") return kind;
    const match = make(kind, entries, at, table, rule, hooks);
    if (typeof match === "number") return match;
    matches.push(match);
    rule.cost += kind.cost ?? 1;
  }
  rule.matches = matches;
  if (rule.kind !== EXTENSION) {
    if (bytes[target + REVISION_AT] !== 0) return -ENOENT;
    const [size, used] = rule.kind === STANDARD ? [STANDARD_SIZE, VERDICT_SIZE] : [ERROR_SIZE, ERROR_TEXT];
    if (bytes.readUInt16LE(target) !== size) return -EINVAL;
    bytes.fill(0, target + HEAD + used, target + size);
    return 0;
  }
  const kind = findExtension<Target>(TARGETS, entries.nameAt(target), bytes[target + REVISION_AT]!, isV6);
  if (typeof kind === "number") return kind;
  const made = make(kind, entries, target, table, rule, hooks);
  if (typeof made === "number") return made;
  rule.target = made;
  return 0;
}

// ---- The whole ----

/** Checks and compiles; the bytes are the table's then. A number: a negative errno. */
export function* compile(
  bytes: Buffer,
  layout: HeaderLayout,
  table: string,
  replacement: Replacement,
): Generator<void, RuleTable | number> {
  const { hooks, count, hookEntries, underflows } = replacement;
  if (count > COUNT_MAX) return -ENOMEM;
  if (count > bytes.length / (layout.entry + HEAD)) return -EINVAL;
  const entries = new Entries(bytes, layout, count);
  const { offsets, rules } = entries;
  let at = 0;
  let piece = PIECE;
  for (let index = 0; at < bytes.length; index++) {
    if (at >= piece) {
      piece = at + PIECE;
      yield;
    }
    const end = checkEntry(entries, at);
    if (end < 0) return end;
    // There are more than were told: the rest is checked as well, in Linux's order of errors.
    if (index >= count) return -EINVAL;
    offsets[index] = at;
    const target = entries.targetOf(at);
    const name = entries.nameAt(target);
    const rule = new Rule(bytes.subarray(at, at + layout.entry), layout);
    rule.kind = name === STANDARD_NAME ? STANDARD : name === ERROR_NAME ? ERROR : EXTENSION;
    if (rule.kind === STANDARD) rule.verdict = bytes.readInt32LE(target + HEAD);
    if (rule.kind === ERROR) entries.chains++;
    rules.push(rule);
    for (let hook = 0; hook < HOOKS; hook++)
      if ((hooks & (1 << hook)) !== 0 && underflows[hook] === at && !isPolicy(entries, index)) return -EINVAL;
    at = end;
  }
  if (rules.length !== count) return -EINVAL;
  const order = checkHooks(replacement, entries);
  if (order < 0) return order;
  for (const rule of rules) {
    if (rule.kind !== STANDARD || rule.verdict < 0) continue;
    // Jumps that nothing reaches may lead anywhere.
    rule.verdict = entries.indexAt(rule.verdict);
    if (rule.verdict < 0) rule.verdict = rules.length;
  }
  const reached = yield* reach(entries, replacement);
  if (reached === null) return -ELOOP;
  piece = PIECE;
  for (let index = 0; index < count; index++) {
    if (offsets[index]! >= piece) {
      piece = offsets[index]! + PIECE;
      yield;
    }
    const error = fill(entries, index, table, reached[index]!);
    if (error < 0) return error;
    const start = offsets[index]!;
    bytes.writeUInt32LE(reached[index]!, start + layout.comeFrom);
    bytes.fill(0, start + layout.counters, start + layout.counters + 16);
  }
  const index = (offsetOf: readonly number[], hook: number): number =>
    (hooks & (1 << hook)) === 0 ? -1 : entries.indexAt(offsetOf[hook]!);
  const all = Array.from({ length: HOOKS }, (_, hook) => hook);
  return new RuleTable(
    rules,
    all.map((hook) => index(hookEntries, hook)),
    all.map((hook) => index(underflows, hook)),
    entries.chains,
    entries.usesConntrack,
  );
}

// ---- Entries that the kernel makes ----

/** A table as it is before anybody has said anything: each hook's chain ends in ACCEPT, and an ERROR entry behind all. */
export function initialEntries(
  layout: HeaderLayout,
  hooks: number,
): { bytes: Buffer; replacement: Replacement } {
  const standard = layout.entry + STANDARD_SIZE;
  const last = layout.entry + ERROR_SIZE;
  const offsets: number[] = [];
  let size = 0;
  for (let hook = 0; hook < HOOKS; hook++) {
    if ((hooks & (1 << hook)) === 0) offsets.push(NONE);
    else {
      offsets.push(size);
      size += standard;
    }
  }
  const bytes = Buffer.alloc(size + last);
  const begin = (at: number, next: number, target: number, name: string): void => {
    bytes.writeUInt16LE(layout.entry, at + layout.targetOffset);
    bytes.writeUInt16LE(next, at + layout.nextOffset);
    bytes.writeUInt16LE(target, at + layout.entry);
    bytes.write(name, at + layout.entry + NAME_AT, "latin1");
  };
  for (const at of offsets) {
    if (at === NONE) continue;
    begin(at, standard, STANDARD_SIZE, STANDARD_NAME);
    bytes.writeInt32LE(-2, at + layout.entry + HEAD);
  }
  begin(size, last, ERROR_SIZE, ERROR_NAME);
  bytes.write(ERROR_NAME, size + layout.entry + HEAD, "latin1");
  const count = offsets.filter((at) => at !== NONE).length + 1;
  return { bytes, replacement: { hooks, count, hookEntries: offsets, underflows: offsets } };
}

/** Where the entry's counters stand, of each entry in order, for whoever fills them in. */
export function* counterPlaces(bytes: Buffer, layout: HeaderLayout): Generator<number> {
  for (let at = 0; at < bytes.length; at += bytes.readUInt16LE(at + layout.nextOffset))
    yield at + layout.counters;
}
