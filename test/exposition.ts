// A reader of both text formats of Prometheus's metrics, as strict as those who take them in: Prometheus's text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0. Whatever is not well-formed, stands
// twice, or is out of its order is told as an error with its line.

export type Format = "prometheus" | "openmetrics";

export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: ReadSample[];
}

export class FormatError extends Error {}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)$/;
const TYPES = ["counter", "gauge", "histogram"];
/** What stands behind the name of a histogram, in this order for each that has the same other labels. */
const HISTOGRAM = /^_(bucket|sum|count)$/;
/** Names that OpenMetrics keeps for samples of other types. */
const KEPT = /_(total|created|bucket|sum|count|gcount|gsum)$/;

class Reader {
  readonly families: ReadFamily[] = [];
  readonly #format: Format;
  readonly #lines: readonly string[];
  readonly #samples = new Set<string>();
  #at = 0;

  constructor(text: string, format: Format) {
    this.#format = format;
    if (!text.endsWith("\n")) throw new FormatError("the last line has no end");
    this.#lines = text.slice(0, -1).split("\n");
  }

  #fail(what: string): never {
    throw new FormatError(`line ${this.#at + 1}: ${what}: ${this.#lines[this.#at]?.slice(0, 200)}`);
  }

  read(): ReadFamily[] {
    const isOpen = this.#format === "openmetrics";
    const end = isOpen ? this.#lines.length - 1 : this.#lines.length;
    if (isOpen && this.#lines.at(-1) !== "# EOF") throw new FormatError("the last line is not # EOF");
    for (this.#at = 0; this.#at < end; this.#at++) {
      const line = this.#lines[this.#at]!;
      if (line === "" && !isOpen) continue;
      if (line.startsWith("# ")) this.#comment(line);
      else this.#sample(line);
    }
    for (const family of this.families) if (family.type === "histogram") this.#histograms(family);
    return this.families;
  }

  #comment(line: string): void {
    const [, word, name, rest] = /^# (\S+) (\S+) (.*)$/s.exec(line) ?? [];
    if (word === "HELP") {
      if (!NAME.test(name!)) this.#fail("no name");
      if (this.families.some((family) => family.name === name)) this.#fail("a family twice");
      const help = this.#unescape(rest!, this.#format === "openmetrics");
      this.families.push({ name: name!, type: "", help, samples: [] });
      return;
    }
    const family = this.families.at(-1);
    if (word !== "TYPE" || family?.name !== name) this.#fail("not a TYPE behind its HELP");
    if (family!.type !== "" || family!.samples.length > 0) this.#fail("a TYPE too much");
    if (!TYPES.includes(rest!)) this.#fail("no type that we have");
    (family as { type: string }).type = rest!;
  }

  #sample(line: string): void {
    const family = this.families.at(-1);
    const [, name, inner, value] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? [];
    if (name === undefined || family === undefined || family.type === "") this.#fail("no sample");
    const suffix = this.#format === "openmetrics" && family.type === "counter" ? "_total" : "";
    const isPart = family.type === "histogram" && HISTOGRAM.test(name.replace(family.name, ""));
    if (!isPart && name !== family.name + suffix) this.#fail(`not of the family ${family.name}`);
    if (!NUMBER.test(value!)) this.#fail("no value");
    const number = Number(value!.replace("Inf", "Infinity"));
    if (family.type !== "gauge" && !(number >= 0)) this.#fail("a counter below 0");
    const labels = this.#labels(inner ?? "");
    const key = JSON.stringify([name, Object.entries(labels).sort()]);
    if (this.#samples.has(key)) this.#fail("a sample twice");
    this.#samples.add(key);
    family.samples.push({ name, labels, value: number });
  }

  /** Buckets by their bounds, each with those below it, up to +Inf; then the sum, then the count, which is that of +Inf. */
  #histograms({ name, samples }: ReadFamily): void {
    let [bound, count, part] = [Number.NEGATIVE_INFINITY, 0, "_count"];
    let others = "";
    for (const sample of samples) {
      const { le, ...rest } = sample.labels;
      const [before, now] = [part, sample.name.replace(name, "")];
      part = now;
      if (now === "_bucket" && before === "_count") {
        [bound, count, others] = [Number.NEGATIVE_INFINITY, 0, JSON.stringify(rest)];
      } else if (JSON.stringify(rest) !== others) throw new FormatError(`${name}: labels of two`);
      if (now === "_bucket") {
        const next = Number(le?.replace("Inf", "Infinity"));
        if (before === "_sum" || !(next > bound)) throw new FormatError(`${name}: buckets out of order`);
        if (sample.value < count) throw new FormatError(`${name}: a bucket has less than the one below`);
        [bound, count] = [next, sample.value];
        continue;
      }
      const isDue = now === "_sum" ? before === "_bucket" : before === "_sum";
      if (le !== undefined || !isDue) throw new FormatError(`${name}: ${now} behind ${before}`);
      if (bound !== Number.POSITIVE_INFINITY) throw new FormatError(`${name}: no bucket +Inf`);
      if (now === "_count" && sample.value !== count) throw new FormatError(`${name}: not the count of +Inf`);
    }
    if (part !== "_count") throw new FormatError(`${name}: no count at the end`);
  }

  #labels(inner: string): Record<string, string> {
    const labels: Record<string, string> = Object.create(null);
    const one = /([^=,]*)="((?:[^"\\]|\\.)*)"(,|$)/sy;
    for (let at = 0; at < inner.length; at = one.lastIndex) {
      one.lastIndex = at;
      const found = one.exec(inner);
      if (found === null) return this.#fail("no labels");
      const [, label, value, comma] = found;
      if (!LABEL.test(label!) || label!.startsWith("__")) this.#fail(`no label: ${label}`);
      if (label! in labels) this.#fail(`a label twice: ${label}`);
      labels[label!] = this.#unescape(value!, true);
      if (comma === "" && one.lastIndex < inner.length) this.#fail("labels without a comma");
      if (comma === "," && one.lastIndex === inner.length) this.#fail("a comma at the end");
    }
    return labels;
  }

  #unescape(text: string, isQuoted: boolean): string {
    if (!text.isWellFormed()) this.#fail("no Unicode");
    if (isQuoted && /^(?:[^"\\]|\\.)*"/s.test(text)) this.#fail("a quote that is not quoted");
    const known = isQuoted ? /\\(n|\\|")/g : /\\(n|\\)/g;
    if (text.replace(known, "").includes("\\")) this.#fail("a backslash that means nothing");
    return text.replace(known, (_all, letter: string) => (letter === "n" ? "\n" : letter));
  }
}

/** What is wrong with names, as `promtool check metrics` and OpenMetrics would say it. */
export function faultsOf(families: readonly ReadFamily[], format: Format): string[] {
  const faults: string[] = [];
  const bases = new Set<string>();
  for (const { name, type, help, samples } of families) {
    const base = name.replace(/_total$/, "");
    if (bases.has(base)) faults.push(`${name}: another family has this name`);
    bases.add(base);
    if (help === "") faults.push(`${name}: no help`);
    if (samples.length === 0) faults.push(`${name}: no samples`);
    if (name.includes(":")) faults.push(`${name}: a colon is for rules`);
    if (format === "prometheus" && type === "counter" && base === name) faults.push(`${name}: no _total`);
    if (type === "gauge" && KEPT.test(name)) faults.push(`${name}: a name of another type`);
    if (/_(milli|micro|nano)?(ms|milliseconds|minutes|kilobytes|kib|percent)(_|$)/i.test(base))
      faults.push(`${name}: no base unit`);
    if (/[A-Z]/.test(name)) faults.push(`${name}: capital letters`);
  }
  return faults;
}

/** Throws a FormatError. */
export function readExposition(text: string, format: Format): ReadFamily[] {
  return new Reader(text, format).read();
}
