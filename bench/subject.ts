// What a suite consists of: subjects, each of which measures some rows of the table on one way.

import type { Unit } from "../src/main/report/units.ts";
import type { Goal } from "./goals.ts";
import type { Figures } from "./output.ts";
import type { Way } from "./ways.ts";
import type { Workplace } from "./workplace.ts";

export interface Row {
  /** As guest programs print it and the command line takes it. */
  readonly name: string;
  readonly label: string;
  /** ns if absent. */
  readonly unit?: Unit;
  readonly goals?: readonly Goal[];
}

export interface Subject {
  readonly rows: readonly Row[];
  /** What is not installed, if anything: the rows are left out. */
  readonly missing?: () => string | undefined;
  /** Why it means nothing on a way; undefined where it does. */
  readonly leavesOut?: (way: Way) => string | undefined;
  /** How often it is measured where nobody says how often: for what takes a minute. */
  readonly usualRuns?: number;
  /** Figures of the rows that are named, at least. */
  readonly measure: (way: Way, place: Workplace, names: readonly string[]) => Promise<Figures>;
}

export interface Suite {
  readonly name: string;
  readonly describe: string;
  readonly subjects: readonly Subject[];
}
