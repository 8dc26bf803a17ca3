// An ordered tree of VMAs that also knows its gaps: a persistent AVL tree keyed by start address.
// Persistent means that no node is ever changed: an operation returns a new root and shares the rest,
// so that fork copies an address space by keeping a reference. Each node sums up its subtree (first
// start, last end, widest gap), which makes finding an address for mmap O(log n).

import { STACK_GUARD_GAP, VM_GROWSDOWN, type Vma } from "./vma.ts";

export interface VmaNode {
  readonly vma: Vma;
  readonly left: VmaNode | null;
  readonly right: VmaNode | null;
  readonly height: number;
  readonly size: number;
  /** Lowest address that the subtree claims: a stack claims its guard gap too. */
  readonly first: number;
  /** Highest end in the subtree. */
  readonly last: number;
  /** Widest gap between two neighbours of the subtree. */
  readonly gap: number;
}

export type VmaTree = VmaNode | null;

/** Where a VMA begins to be in the way of others (Linux: vm_start_gap). */
export function claimedStart(vma: Vma): number {
  return (vma.flags & VM_GROWSDOWN) === 0 ? vma.start : Math.max(0, vma.start - STACK_GUARD_GAP);
}

function height(tree: VmaTree): number {
  return tree === null ? 0 : tree.height;
}

function node(left: VmaTree, vma: Vma, right: VmaTree): VmaNode {
  const start = claimedStart(vma);
  let first = start;
  let last = vma.end;
  let gap = 0;
  let size = 1;
  if (left !== null) {
    first = Math.min(left.first, start);
    gap = Math.max(left.gap, start - left.last);
    size += left.size;
  }
  if (right !== null) {
    last = right.last;
    gap = Math.max(gap, right.gap, right.first - vma.end);
    size += right.size;
  }
  return { vma, left, right, height: Math.max(height(left), height(right)) + 1, size, first, last, gap };
}

/** A node whose subtrees differ in height by at most two, rotated so that they differ by at most one. */
function balanced(left: VmaTree, vma: Vma, right: VmaTree): VmaNode {
  const lean = height(left) - height(right);
  if (lean > 1) {
    const l = left!;
    if (height(l.left) >= height(l.right)) return node(l.left, l.vma, node(l.right, vma, right));
    const lr = l.right!;
    return node(node(l.left, l.vma, lr.left), lr.vma, node(lr.right, vma, right));
  }
  if (lean < -1) {
    const r = right!;
    if (height(r.right) >= height(r.left)) return node(node(left, vma, r.left), r.vma, r.right);
    const rl = r.left!;
    return node(node(left, vma, rl.left), rl.vma, node(rl.right, r.vma, r.right));
  }
  return node(left, vma, right);
}

/** Adds a VMA; none in the tree may start at the same address. */
export function insert(tree: VmaTree, vma: Vma): VmaNode {
  if (tree === null) return node(null, vma, null);
  return vma.start < tree.vma.start
    ? balanced(insert(tree.left, vma), tree.vma, tree.right)
    : balanced(tree.left, tree.vma, insert(tree.right, vma));
}

/** Takes away the VMA that starts at `start`; it must be there. */
export function remove(tree: VmaTree, start: number): VmaTree {
  const { left, vma, right } = tree!;
  if (start < vma.start) return balanced(remove(left, start), vma, right);
  if (start > vma.start) return balanced(left, vma, remove(right, start));
  if (left === null) return right;
  if (right === null) return left;
  const next = leftmost(right);
  return balanced(left, next, remove(right, next.start));
}

function leftmost(tree: VmaNode): Vma {
  while (tree.left !== null) tree = tree.left;
  return tree.vma;
}

/** The first VMA that ends above `address` (Linux: find_vma); it need not contain it. */
export function findFrom(tree: VmaTree, address: number): Vma | null {
  let found: Vma | null = null;
  while (tree !== null) {
    if (tree.vma.end > address) {
      found = tree.vma;
      tree = tree.left;
    } else {
      tree = tree.right;
    }
  }
  return found;
}

/** The last VMA that starts below `address`. */
export function findBelow(tree: VmaTree, address: number): Vma | null {
  let found: Vma | null = null;
  while (tree !== null) {
    if (tree.vma.start < address) {
      found = tree.vma;
      tree = tree.right;
    } else {
      tree = tree.left;
    }
  }
  return found;
}

/** Appends the VMAs that overlap [start, end) to `into`, in order. */
export function collect(tree: VmaTree, start: number, end: number, into: Vma[]): void {
  if (tree === null || tree.last <= start) return;
  if (tree.vma.start > start) collect(tree.left, start, end, into);
  if (tree.vma.start >= end) return;
  if (tree.vma.end > start) into.push(tree.vma);
  collect(tree.right, start, end, into);
}

/**
 * The highest address at which a gap of `length` bytes ends, within [low, high): the gap is
 * [result - length, result). -1 if there is none.
 */
export function highestGap(tree: VmaTree, low: number, high: number, length: number): number {
  if (tree === null) return high - low >= length ? high : -1;
  const { vma, left, right } = tree;
  if (!mayHold(tree, low, high, length)) return -1;
  if (vma.end < high) {
    const found = highestGap(right, Math.max(low, vma.end), high, length);
    if (found >= 0) return found;
  }
  const start = claimedStart(vma);
  return start > low ? highestGap(left, low, Math.min(high, start), length) : -1;
}

/** The lowest address at which a gap of `length` bytes starts, within [low, high). -1 if there is none. */
export function lowestGap(tree: VmaTree, low: number, high: number, length: number): number {
  if (tree === null) return high - low >= length ? low : -1;
  const { vma, left, right } = tree;
  if (!mayHold(tree, low, high, length)) return -1;
  const start = claimedStart(vma);
  if (start > low) {
    const found = lowestGap(left, low, Math.min(high, start), length);
    if (found >= 0) return found;
  }
  return vma.end < high ? lowestGap(right, Math.max(low, vma.end), high, length) : -1;
}

/** False if no gap of the subtree, or beside it within the bounds, is wide enough. */
function mayHold(tree: VmaNode, low: number, high: number, length: number): boolean {
  return (
    high - low >= length && (tree.gap >= length || tree.first - low >= length || high - tree.last >= length)
  );
}
