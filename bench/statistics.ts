// What is said of the samples of one row on one way: median, spread, and how far the median may be off; and of two ways
// that were measured in turn, how they compare round by round.

/** What an interval should hold with; with few samples it holds with less, and says so. */
export const CONFIDENCE = 0.95;

export interface Interval {
  readonly low: number;
  readonly high: number;
  /** The probability with which such an interval has the true value in it. */
  readonly confidence: number;
}

export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly most: number;
  /** Of the median. */
  readonly interval: Interval;
}

/** What one way took as a multiple of what another took. */
export interface Ratio extends Interval {
  readonly ratio: number;
}

/** The value below which a share of the samples lies, between neighbours by their distance. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const next = sorted[Math.min(below + 1, sorted.length - 1)]!;
  // Of factors some may be infinite: nothing of one is NaN.
  return at === below || next === sorted[below]
    ? sorted[below]!
    : sorted[below]! + (next - sorted[below]!) * (at - below);
}

export function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

export function median(values: readonly number[]): number {
  return quantile(ascending(values), 0.5);
}

/** For each `heads`, up to half of `count`: P(at most so many of `count` tosses of a fair coin are heads). */
function* binomialTails(count: number): Generator<number, void> {
  // By its logarithm: 2^-1075 is no number any more.
  let logarithm = -count * Math.LN2;
  let sum = 0;
  for (let heads = 0; heads <= count / 2; heads++) {
    sum += Math.exp(logarithm);
    yield sum;
    logarithm += Math.log((count - heads) / (heads + 1));
  }
}

/**
 * The interval between two samples that has the median of what they are drawn from in it. The probability is exact,
 * whatever that is: the number of samples below its median is binomial with 1/2. Of the intervals that hold with
 * CONFIDENCE it is the narrowest; of less than six samples none does, and it is their range.
 */
export function medianInterval(sorted: readonly number[]): Interval {
  const count = sorted.length;
  let skipped = -1;
  let confidence = 0;
  for (const tail of binomialTails(count)) {
    const held = Math.max(0, 1 - 2 * tail);
    if (skipped >= 0 && held < CONFIDENCE) break;
    confidence = held;
    skipped++;
  }
  return { low: sorted[skipped]!, high: sorted[count - 1 - skipped]!, confidence };
}

/** Of no samples there is nothing to say. */
export function summarize(samples: readonly number[]): Summary | undefined {
  if (samples.length === 0) return undefined;
  const sorted = ascending(samples);
  return {
    median: quantile(sorted, 0.5),
    least: sorted[0]!,
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    most: sorted.at(-1)!,
    interval: medianInterval(sorted),
  };
}

/**
 * The median of the rounds' ratios. A round's samples were taken one after the other, so that what the machine did
 * meanwhile is in both.
 */
export function pairedRatio(samples: readonly number[], against: readonly number[]): Ratio | undefined {
  const rounds = samples.slice(0, against.length).map((sample, round) => sample / against[round]!);
  // Where the other took no time at all this one took longer than any multiple; where neither did there is no ratio.
  const sorted = ascending(rounds.filter((ratio) => !Number.isNaN(ratio)));
  const ratio = sorted.length === 0 ? Number.NaN : quantile(sorted, 0.5);
  return Number.isFinite(ratio) ? { ratio, ...medianInterval(sorted) } : undefined;
}
