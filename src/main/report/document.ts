// What a report is made of: tables and charts as data, which a command fills (`bench`, `profile`) and the page draws
// (page/). All texts are plain: they may be a guest's, and the page shows them as they are.

import type { Unit } from "./units.ts";

export interface Report {
  readonly title: string;
  readonly subtitle: string;
  /** What has to be known about all of it: the machine, versions. */
  readonly facts: readonly Fact[];
  readonly notices: readonly Notice[];
  readonly sections: readonly Section[];
}

export interface Fact {
  readonly name: string;
  readonly value: string;
}

export interface Notice {
  readonly tone: "warning" | "note";
  readonly text: string;
}

export interface Section {
  /** Names it in the page's address: letters, digits, hyphens. */
  readonly id: string;
  readonly title: string;
  readonly describe: string;
  readonly blocks: readonly Block[];
}

export type Block = Table | IntervalChart | Histogram | FlameGraph | Notes;

export interface Notes {
  readonly kind: "notes";
  readonly notes: readonly Notice[];
}

export interface Table {
  readonly kind: "table";
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Column {
  readonly label: string;
  /** Numbers stand at the right, and the largest comes first when they are sorted. */
  readonly isNumber: boolean;
  /** What the column means, if its name does not say it. */
  readonly hint?: string;
}

export interface Cell {
  readonly text: string;
  /** What it is sorted by; a cell with none comes last. Absent: by its text. */
  readonly value?: number | null;
  /** In small print below the text. */
  readonly detail?: string;
  readonly tone?: "good" | "bad" | "muted";
}

/** Values with intervals, by rows and series: as points on a logarithmic axis, or as bars from zero on a linear one. */
export interface IntervalChart {
  readonly kind: "intervals";
  readonly caption: string;
  readonly scale: "log" | "linear";
  /** What stands at the axis: `times native`, `ms`. */
  readonly axis: string;
  /** Where a line is drawn, and what it is called. */
  readonly reference?: { readonly value: number; readonly label: string };
  readonly series: readonly Series[];
  readonly rows: readonly IntervalRow[];
}

export interface Series {
  readonly name: string;
  /** Colour and shape: one number for one thing in all charts of a report. */
  readonly style: number;
}

export interface IntervalRow {
  readonly label: string;
  readonly values: readonly IntervalValue[];
}

export interface IntervalValue {
  /** Index of its series. */
  readonly series: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** The value as it is told to people. */
  readonly text: string;
  /** What it is the median of. */
  readonly samples?: readonly number[];
}

/** How values are spread: of each series the share of its values in each bin. */
export interface Histogram {
  readonly kind: "histogram";
  readonly caption: string;
  readonly scale: "log" | "linear";
  readonly unit: Unit;
  readonly series: readonly HistogramSeries[];
  /** Lines at values that count: quantiles. */
  readonly marks: readonly { readonly value: number; readonly label: string }[];
}

export interface HistogramSeries extends Series {
  readonly bins: readonly { readonly from: number; readonly to: number; readonly count: number }[];
}

export interface FlameGraph {
  readonly kind: "flame";
  readonly caption: string;
  /** What values are: `samples`, `ms`. */
  readonly unit: string;
  readonly root: Frame;
}

export interface Frame {
  readonly name: string;
  /** Its own and that of its children: at least their sum. */
  readonly value: number;
  readonly children?: readonly Frame[];
}
