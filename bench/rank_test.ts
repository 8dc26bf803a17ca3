// Whether two sets of samples differ: the test of Mann and Whitney, which looks at the order of samples alone and so
// needs no assumption on how they are spread; by how much, as Hodges and Lehmann estimate it; and Holm's correction,
// without which one of twenty tests of noise finds something.

import { ascending, CONFIDENCE, type Interval, median } from "./statistics.ts";

/** Up to so many samples in all, or of the fewer, the distribution is counted out; above, the normal one is close enough. */
const EXACT_MAX = 40;
const EXACT_FEWER = 10;
/** Counting takes so many steps at most: they grow with the cube of all, for each of the fewer. */
const EXACT_STEPS = 5e7;

/** Ranks of values as twice their mean, so that those of equal values are whole numbers. */
function doubledRanks(values: readonly number[]): number[] {
  const order = values.map((_, at) => at).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let at = from; at < to; at++) ranks[order[at]!] = from + 1 + to;
  }
  return ranks;
}

/** How many of the ways to choose `chosen` of the ranks have each sum, as shares of all of them. */
function sumsOfChosen(ranks: readonly number[], chosen: number): Float64Array {
  const most = ranks.reduce((sum, rank) => sum + rank, 0);
  const counts = Array.from({ length: chosen + 1 }, () => new Float64Array(most + 1));
  counts[0]![0] = 1;
  for (const rank of ranks)
    for (let size = chosen; size > 0; size--) {
      const [with_, without] = [counts[size]!, counts[size - 1]!];
      for (let sum = rank; sum <= most; sum++) with_[sum]! += without[sum - rank]!;
    }
  const all = counts[chosen]!.reduce((sum, count) => sum + count, 0);
  return counts[chosen]!.map((count) => count / all);
}

function isExact(a: number, b: number): boolean {
  const [all, fewer] = [a + b, Math.min(a, b)];
  return all <= EXACT_MAX || (fewer <= EXACT_FEWER && fewer * all ** 3 <= EXACT_STEPS);
}

/** P(|Z| ≥ z) of the normal distribution, by Abramowitz and Stegun 7.1.26: to seven digits. */
function normalTails(z: number): number {
  const t = 1 / (1 + (0.3275911 * z) / Math.SQRT2);
  const polynomial =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return polynomial * Math.exp((-z * z) / 2);
}

/**
 * The probability of an order at least as one-sided as this one if both were drawn from the same (two-sided).
 * Exact for the ranks that there are, equal ones included.
 */
export function rankTest(a: readonly number[], b: readonly number[]): number {
  if (a.length > b.length) return rankTest(b, a);
  const ranks = doubledRanks([...a, ...b]);
  const own = ranks.slice(0, a.length).reduce((sum, rank) => sum + rank, 0);
  const count = ranks.length;
  const mean = a.length * (count + 1);
  const off = Math.abs(own - mean);
  if (isExact(a.length, b.length)) {
    let probability = 0;
    for (const [sum, share] of sumsOfChosen(ranks, a.length).entries())
      if (Math.abs(sum - mean) >= off) probability += share;
    return Math.min(1, probability);
  }
  const middle = count + 1;
  const squares = ranks.reduce((sum, rank) => sum + (rank - middle) ** 2, 0);
  return normalProbability(off, (a.length * b.length * squares) / (count * (count - 1)));
}

/** Of a doubled sum of ranks that is so far off its mean. */
function normalProbability(off: number, variance: number): number {
  // A step of the doubled sum is two: half of it for continuity.
  return variance === 0 ? 1 : Math.min(1, normalTails(Math.max(0, off - 1) / Math.sqrt(variance)));
}

/** The least that rankTest says of samples of these numbers: all of one below all of the other. */
export function leastProbability(a: number, b: number): number {
  if (!isExact(a, b)) return normalProbability(a * b, (a * b * (a + b + 1)) / 3);
  let orders = 1;
  for (let i = 1; i <= b; i++) orders = (orders * (a + i)) / i;
  return Math.min(1, 2 / orders);
}

/** How many of the sorted factors lie outside of the interval on each side; and what it holds with. */
function skippedPairs(a: number, b: number): { skipped: number; confidence: number } {
  if (!isExact(a, b)) {
    const deviation = Math.sqrt((a * b * (a + b + 1)) / 12);
    return { skipped: Math.max(0, Math.floor((a * b) / 2 - 1.96 * deviation) - 1), confidence: CONFIDENCE };
  }
  const ranks = Array.from({ length: a + b }, (_, at) => at + 1);
  // Without a pair that is the wrong way round the ranks of one side are the first.
  const fewer = Math.min(a, b);
  const shares = sumsOfChosen(ranks, fewer).subarray((fewer * (fewer + 1)) / 2);
  let outside = shares[0]!;
  let skipped = 0;
  while (1 - 2 * (outside + shares[skipped + 1]!) >= CONFIDENCE) outside += shares[++skipped]!;
  return { skipped, confidence: Math.max(0, 1 - 2 * outside) };
}

export interface Change extends Interval {
  /** What the new samples are as a multiple of the old ones. */
  readonly factor: number;
}

/** The factor between two sets of samples that are not negative: the median over all pairs of a new and an old one, and its interval. */
export function change(old: readonly number[], now: readonly number[]): Change {
  const factors = now.flatMap((value) => old.map((before) => (value === before ? 1 : value / before)));
  const sorted = ascending(factors);
  const { skipped, confidence } = skippedPairs(old.length, now.length);
  return { factor: median(sorted), low: sorted[skipped]!, high: sorted.at(-1 - skipped)!, confidence };
}

/** The probabilities of several tests, each as if there were no others (Holm 1979). */
export function correct(probabilities: readonly number[]): number[] {
  const order = probabilities.map((_, at) => at).sort((a, b) => probabilities[a]! - probabilities[b]!);
  const corrected = new Array<number>(probabilities.length);
  let most = 0;
  for (const [rank, at] of order.entries()) {
    most = Math.max(most, Math.min(1, probabilities[at]! * (probabilities.length - rank)));
    corrected[at] = most;
  }
  return corrected;
}
