// Cells, columns and tables of a profile's page.

import type { Histogram } from "../../shared/profile.ts";
import type { Block, Cell, Column, Table } from "../report/document.ts";
import { withUnit } from "../report/units.ts";

export const time = (ns: number): Cell => ({ text: ns > 0 ? withUnit("ns", ns) : "", value: ns });

export const bytes = (size: number): Cell => ({ text: size > 0 ? withUnit("bytes", size) : "", value: size });

export const count = (number: number): Cell => ({
  text: number > 0 ? number.toLocaleString("en") : "",
  value: number,
});

export function share(part: number, whole: number): Cell {
  const value = whole > 0 ? part / whole : 0;
  return { text: value > 0 ? `${(value * 100).toFixed(1)} %` : "", value };
}

/** The median, and below it what one of a hundred exceeds. */
export function spread({ count, p50Ns, p99Ns, maxNs }: Histogram): Cell {
  if (count === 0) return { text: "", value: null };
  const detail = `99 % ${withUnit("ns", p99Ns)}\nmost ${withUnit("ns", maxNs)}`;
  return { text: withUnit("ns", p50Ns), value: p50Ns, detail };
}

function column(label: string, isNumber: boolean, hint: string | undefined): Column {
  return { label, isNumber, ...(hint !== undefined && { hint }) };
}

export const words = (label: string, hint?: string): Column => column(label, false, hint);
export const number = (label: string, hint?: string): Column => column(label, true, hint);

/** A table without rows is left out. */
export function table(caption: string, columns: readonly Column[], rows: Table["rows"]): Block[] {
  return rows.length === 0 ? [] : [{ kind: "table", caption, columns, rows }];
}
