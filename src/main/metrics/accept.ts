// Which of the two formats a client wants, by its Accept header (RFC 9110, 12.5.1). Prometheus asks for OpenMetrics first
// and has text/plain behind it; who says nothing, as curl, gets text.

import type { Format } from "./exposition.ts";

const HEADER_MAX = 4096;
const OPENMETRICS = "application/openmetrics-text";
const VERSIONS = ["1.0.0", "1.0", "0.0.1"];
/** What each kind of range is good for text, by how narrow it is. */
const TEXT = ["*/*", "text/*", "text/plain"];
const TEXT_VERSION = "0.0.4";

interface Range {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

function rangeOf(text: string): Range {
  const [type, ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const at = part.indexOf("=");
    if (at < 0) continue;
    const value = part.slice(at + 1).trim();
    parameters.set(part.slice(0, at).trim().toLowerCase(), value.replace(/^"(.*)"$/, "$1"));
  }
  const q = parameters.get("q");
  const quality = q === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q) ? Number(q) : 0;
  return { type: type!.toLowerCase(), parameters, quality };
}

function isOpenMetrics({ type, parameters }: Range): boolean {
  return type === OPENMETRICS && VERSIONS.includes(parameters.get("version") ?? VERSIONS[0]!);
}

function isText({ type, parameters }: Range): boolean {
  return TEXT.includes(type) && (parameters.get("version") ?? TEXT_VERSION) === TEXT_VERSION;
}

const best = (ranges: readonly Range[]) => Math.max(0, ...ranges.map(({ quality }) => quality));

/** A client that takes neither gets text all the same, which it may show to a person. */
export function formatFor(accept: string | undefined): Format {
  if (accept === undefined || accept.length > HEADER_MAX) return "prometheus";
  const ranges = accept.split(",").map(rangeOf);
  const open = best(ranges.filter(isOpenMetrics));
  return open > 0 && open >= best(ranges.filter(isText)) ? "openmetrics" : "prometheus";
}
