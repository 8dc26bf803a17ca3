// What a metric is: a row of one of the tables beside this file (server_metrics.ts, sandbox_metrics.ts,
// container_metrics.ts). Names are without their prefix (--exporter-prefix); docs/metrics.md and the dashboard are checked
// against the rows.

/** Base units alone (https://prometheus.io/docs/practices/naming/); "": a number of things. */
export type Unit = "seconds" | "bytes" | "";

/** Of several values of one metric, each with labels of its own. */
export interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram's: what stands behind its name. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
}

/** undefined: it is not known, and is left out. */
export type Value = number | undefined | readonly Labelled[];

export interface Metric<Source> {
  readonly name: string;
  /** A counter only grows, until what counts begins anew; its name ends with _total. So do all values of a histogram. */
  readonly kind: "counter" | "gauge" | "histogram";
  readonly unit: Unit;
  /** One line, without quotes. */
  readonly help: string;
  /** Where the value comes from, for docs/metrics.md. */
  readonly from: string;
  /** Names of labels beside those of what it is about. */
  readonly labels?: readonly string[];
  /** By the name that it has everywhere (process_*), whatever the prefix. */
  readonly isBare?: true;
  readonly value: (source: Source) => Value;
}

export type Sample = { readonly sharedLabels: Readonly<Record<string, string>> } & Labelled;

const NONE: Readonly<Record<string, string>> = Object.freeze({});

/** From here on numbers have no exponent in Go, whose form those who compare labels as text go by (OpenMetrics 1.0). */
const PLAIN = 1e-4;

const boundText = (bound: number) =>
  bound < PLAIN ? bound.toExponential().replace(/e-(\d)$/, "e-0$1") : String(bound);

/**
 * A histogram's values of one thing: `counts` of each bucket by itself, of which the last has what lies above all bounds.
 * Buckets with `le` have what those below them have.
 */
export function histogram(
  labels: Labelled["labels"],
  bounds: readonly number[],
  counts: readonly number[],
  sum: number,
): Labelled[] {
  let count = 0;
  const buckets = counts.map((one, i): Labelled => {
    count += one;
    const le = i < bounds.length ? boundText(bounds[i]!) : "+Inf";
    return { labels: { ...labels, le }, value: count, suffix: "_bucket" };
  });
  return [...buckets, { labels, value: sum, suffix: "_sum" }, { labels, value: count, suffix: "_count" }];
}

/** Adds what a metric says of one thing to its samples; `sharedLabels`: labels that all samples of that thing have. */
export function addSamples(
  into: Sample[],
  value: Value,
  sharedLabels: Readonly<Record<string, string>>,
): void {
  if (value === undefined) return;
  if (typeof value === "number") into.push({ labels: NONE, sharedLabels, value });
  else for (const one of value) into.push({ ...one, sharedLabels });
}
