// The routes of one table: a binary tree of prefixes with the bits between them left out, so that its depth is at most
// the number of bits, and each node has routes or two branches. A lookup walks down once and then from the longest prefix
// that matches to shorter ones, along the parents; it allocates nothing.
//
// Routes of one prefix stand in a list: by TOS (the highest first, none last), then by metric, then the oldest first.

import type { IpAddress } from "../ip_address.ts";
import { maskOf } from "../ip_address.ts";
import { RouteEntry } from "./entry.ts";
import type { RouteRow } from "./rows.ts";

const BITS = 128;

export class PrefixNode {
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  readonly bits: number;
  routes: RouteEntry | null = null;
  parent: PrefixNode | null = null;
  zero: PrefixNode | null = null;
  one: PrefixNode | null = null;

  constructor(address: IpAddress, bits: number) {
    this.w0 = address.w0 & maskOf(bits, 0);
    this.w1 = address.w1 & maskOf(bits, 32);
    this.w2 = address.w2 & maskOf(bits, 64);
    this.w3 = address.w3 & maskOf(bits, 96);
    this.bits = bits;
  }

  /** How many of the address's bits are those of the prefix. */
  common(w0: number, w1: number, w2: number, w3: number): number {
    let bits = BITS;
    if (w0 !== this.w0) bits = Math.clz32(w0 ^ this.w0);
    else if (w1 !== this.w1) bits = 32 + Math.clz32(w1 ^ this.w1);
    else if (w2 !== this.w2) bits = 64 + Math.clz32(w2 ^ this.w2);
    else if (w3 !== this.w3) bits = 96 + Math.clz32(w3 ^ this.w3);
    return Math.min(bits, this.bits);
  }
}

function bitAt(w0: number, w1: number, w2: number, w3: number, at: number): number {
  const word = at < 64 ? (at < 32 ? w0 : w1) : at < 96 ? w2 : w3;
  return (word >>> (31 - (at & 31))) & 1;
}

function childFor(node: PrefixNode, w0: number, w1: number, w2: number, w3: number): PrefixNode | null {
  if (node.bits === BITS) return null;
  return bitAt(w0, w1, w2, w3, node.bits) === 0 ? node.zero : node.one;
}

function attach(parent: PrefixNode, child: PrefixNode): void {
  child.parent = parent;
  if (bitAt(child.w0, child.w1, child.w2, child.w3, parent.bits) === 0) parent.zero = child;
  else parent.one = child;
}

/** Whether one route comes before another of its prefix. */
function precedes(a: RouteEntry, b: RouteEntry): boolean {
  return a.tos !== b.tos ? a.tos > b.tos : a.metric < b.metric;
}

export class PrefixTree {
  #root: PrefixNode | null = null;
  count = 0;

  /** The node of the longest prefix that an address has; shorter ones are its parents. Not every node has routes. */
  longest(w0: number, w1: number, w2: number, w3: number): PrefixNode | null {
    let found: PrefixNode | null = null;
    for (let node = this.#root; node !== null; node = childFor(node, w0, w1, w2, w3)) {
      if (node.common(w0, w1, w2, w3) < node.bits) break;
      found = node;
    }
    return found;
  }

  #nodeOf(entry: RouteEntry): PrefixNode | null {
    const { first, bits } = entry.prefix;
    const node = this.longest(first.w0, first.w1, first.w2, first.w3);
    return node !== null && node.bits === bits ? node : this.#nodeAbove(node, bits);
  }

  #nodeAbove(node: PrefixNode | null, bits: number): PrefixNode | null {
    while (node !== null && node.bits > bits) node = node.parent;
    return node !== null && node.bits === bits ? node : null;
  }

  /** The routes of exactly that prefix, in order. */
  routesOf(entry: RouteEntry): RouteEntry | null {
    return this.#nodeOf(entry)?.routes ?? null;
  }

  add(entry: RouteEntry, isFirst: boolean): void {
    const node = this.#nodeOf(entry) ?? this.#insert(entry);
    let before: RouteEntry | null = null;
    for (let at = node.routes; at !== null; at = at.next) {
      if (precedes(entry, at) || (isFirst && !precedes(at, entry))) break;
      before = at;
    }
    if (before === null) {
      entry.next = node.routes;
      node.routes = entry;
    } else {
      entry.next = before.next;
      before.next = entry;
    }
    this.count++;
  }

  /** These are the routes of a prefix, in that order: entries of rows that stay are kept, so that little is made. */
  set(like: RouteEntry, rows: readonly RouteRow[]): void {
    let node = this.#nodeOf(like);
    if (node === null) {
      if (rows.length === 0) return;
      node = this.#insert(like);
    }
    let old = node.routes;
    let last: RouteEntry | null = null;
    for (let at = old; at !== null; at = at.next) this.count--;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (old?.row !== row && old?.next?.row === row) old = old.next;
      let entry: RouteEntry;
      if (old?.row === row) {
        entry = old;
        old = old.next;
      } else entry = new RouteEntry(row);
      if (last === null) node.routes = entry;
      else last.next = entry;
      last = entry;
    }
    if (last === null) node.routes = null;
    else last.next = null;
    this.count += rows.length;
    this.#prune(node);
  }

  #insert(entry: RouteEntry): PrefixNode {
    const { first, bits } = entry.prefix;
    const node = new PrefixNode(first, bits);
    let parent: PrefixNode | null = null;
    let at = this.#root;
    while (at !== null && at.bits < bits && at.common(first.w0, first.w1, first.w2, first.w3) === at.bits) {
      parent = at;
      at = childFor(at, first.w0, first.w1, first.w2, first.w3);
    }
    if (at !== null) {
      const common = Math.min(bits, at.common(first.w0, first.w1, first.w2, first.w3));
      if (common === bits) {
        this.#place(parent, node);
        attach(node, at);
        return node;
      }
      const fork = new PrefixNode(first, common);
      this.#place(parent, fork);
      attach(fork, at);
      attach(fork, node);
      return node;
    }
    this.#place(parent, node);
    return node;
  }

  #place(parent: PrefixNode | null, node: PrefixNode): void {
    node.parent = parent;
    if (parent === null) this.#root = node;
    else attach(parent, node);
  }

  remove(entry: RouteEntry): boolean {
    const node = this.#nodeOf(entry);
    if (node === null) return false;
    let before: RouteEntry | null = null;
    for (let at = node.routes; at !== null; before = at, at = at.next) {
      if (at !== entry) continue;
      if (before === null) node.routes = at.next;
      else before.next = at.next;
      at.next = null;
      this.count--;
      this.#prune(node);
      return true;
    }
    return false;
  }

  // A node without routes stays only where it branches.
  #prune(node: PrefixNode): void {
    if (node.routes !== null || (node.zero !== null && node.one !== null)) return;
    const child = node.zero ?? node.one;
    const { parent } = node;
    if (child !== null) {
      this.#place(parent, child);
      return;
    }
    if (parent === null) {
      this.#root = null;
      return;
    }
    if (parent.zero === node) parent.zero = null;
    else parent.one = null;
    this.#prune(parent);
  }

  /** All routes, in the order of their prefixes. */
  *entries(): Generator<RouteEntry, void, void> {
    const rest: PrefixNode[] = this.#root === null ? [] : [this.#root];
    for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
      for (let entry = node.routes; entry !== null; entry = entry.next) yield entry;
      if (node.one !== null) rest.push(node.one);
      if (node.zero !== null) rest.push(node.zero);
    }
  }
}
