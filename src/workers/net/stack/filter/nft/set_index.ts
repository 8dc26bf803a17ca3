// Elements of a set as packets look for them: their keys in order, in one buffer, and searched by halves; of ranges of
// several fields all are looked at.

import type { Evaluation } from "../evaluation.ts";
import type { SetElement } from "./model.ts";

/** Ranges that are as much work as a rule. */
const RANGES_A_RULE = 2;
/** Elements that are sorted, or gone through, in one piece. */
const PIECE = 1024;

export interface SetIndex {
  /** The element that has the bytes from there on in the registers. */
  find(at: Evaluation, from: number): SetElement | null;
  /** What begins, or ends, the interval that a key is in. */
  around(key: Buffer, isEnd: boolean): SetElement | null;
}

export const EMPTY_INDEX: SetIndex = { find: () => null, around: () => null };

function compare(a: Uint8Array, atA: number, b: Uint8Array, atB: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = a[atA + i]! - b[atB + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

class Sorted implements SetIndex {
  readonly #length: number;
  readonly #isInterval: boolean;
  readonly #elements: readonly SetElement[];
  readonly #keys: Uint8Array;

  constructor(length: number, isInterval: boolean, elements: readonly SetElement[], keys: Uint8Array) {
    this.#length = length;
    this.#isInterval = isInterval;
    this.#elements = elements;
    this.#keys = keys;
  }

  find({ registers }: Evaluation, from: number): SetElement | null {
    const length = this.#length;
    const next = this.#firstAfter(registers.bytes, from);
    if (next === 0) return null;
    const found = this.#elements[next - 1]!;
    if (this.#isInterval) return found.isEnd ? null : found;
    return compare(this.#keys, (next - 1) * length, registers.bytes, from, length) === 0 ? found : null;
  }

  around(key: Buffer, isEnd: boolean): SetElement | null {
    let at = this.#firstAfter(key, 0);
    if (isEnd)
      while (at > 0 && compare(this.#keys, (at - 1) * this.#length, key, 0, this.#length) === 0) at--;
    const found = this.#elements[isEnd ? at : at - 1];
    return found !== undefined && found.isEnd === isEnd ? found : null;
  }

  /** The first element whose key is greater than the bytes from there on. */
  #firstAfter(bytes: Uint8Array, from: number): number {
    const length = this.#length;
    let low = 0;
    let high = this.#elements.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.#keys, middle * length, bytes, from, length) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

class FieldRanges implements SetIndex {
  readonly #fields: readonly number[];
  readonly #elements: readonly SetElement[];

  constructor(fields: readonly number[], elements: readonly SetElement[]) {
    this.#fields = fields;
    this.#elements = elements;
  }

  around(): null {
    return null;
  }

  find(at: Evaluation, from: number): SetElement | null {
    const elements = this.#elements;
    for (let i = 0; i < elements.length; i++) {
      if (i % RANGES_A_RULE === 0) at.rulesLeft--;
      if (at.rulesLeft <= 0) return null;
      if (this.#has(elements[i]!, at.registers.bytes, from)) return elements[i]!;
    }
    return null;
  }

  #has({ key, keyEnd }: SetElement, bytes: Uint8Array, from: number): boolean {
    let at = 0;
    for (let i = 0; i < this.#fields.length; i++) {
      const length = this.#fields[i]!;
      if (compare(bytes, from + at, key, at, length) < 0) return false;
      if (compare(bytes, from + at, keyEnd ?? key, at, length) > 0) return false;
      at += (length + 3) & ~3;
    }
    return true;
  }
}

// Of one key what ends an interval comes before what begins one.
function order(a: SetElement, b: SetElement): number {
  return Buffer.compare(a.key, b.key) || Number(b.isEnd) - Number(a.isEnd);
}

/** As sort(), in pieces. */
function* sorted(elements: readonly SetElement[]): Generator<void, SetElement[]> {
  let from: SetElement[] = [];
  for (let at = 0; at < elements.length; at += PIECE) {
    for (const one of elements.slice(at, at + PIECE).sort(order)) from.push(one);
    yield;
  }
  for (let run = PIECE; run < from.length; run *= 2) {
    const to: SetElement[] = [];
    for (let start = 0; start < from.length; start += 2 * run) {
      const middle = Math.min(start + run, from.length);
      const end = Math.min(start + 2 * run, from.length);
      for (let a = start, b = middle; a < middle || b < end; ) {
        const takesFirst = b >= end || (a < middle && order(from[a]!, from[b]!) <= 0);
        to.push(takesFirst ? from[a++]! : from[b++]!);
        if (to.length % PIECE === 0) yield;
      }
    }
    from = to;
  }
  return from;
}

/** Of all elements of a set, in pieces. `fields`: of a set of ranges of several fields, their lengths; else null. */
export function* indexOf(
  elements: Iterable<SetElement>,
  keyLength: number,
  isInterval: boolean,
  fields: readonly number[] | null,
): Generator<void, SetIndex> {
  const all = [...elements];
  if (all.length === 0) return EMPTY_INDEX;
  if (fields !== null) return new FieldRanges(fields, all);
  const inOrder = yield* sorted(all);
  const keys = new Uint8Array(inOrder.length * keyLength);
  for (let i = 0; i < inOrder.length; i++) {
    keys.set(inOrder[i]!.key, i * keyLength);
    if (i % PIECE === 0) yield;
  }
  return new Sorted(keyLength, isInterval, inOrder, keys);
}
