// What a run of the bench found, and what follows from it: the one form that table and JSON are made of.

import type { Unit } from "../src/main/report/units.ts";
import type { Before, While } from "./busy.ts";
import { type Judged, judge } from "./goals.ts";
import type { Machine } from "./machine.ts";
import { pairedRatio, type Ratio, type Summary, summarize } from "./statistics.ts";
import type { Row } from "./subject.ts";

export interface Measured {
  readonly suite: string;
  readonly row: Row;
  /** Way → samples, in the row's unit, in the order of the runs. */
  readonly samples: ReadonlyMap<string, readonly number[]>;
  /** What others did while this row was measured. */
  readonly meanwhile: While;
}

/** One thing that could not be measured. */
export interface Failure {
  readonly what: string;
  readonly why: string;
}

export interface Results {
  /** When it began: ISO 8601. */
  readonly made: string;
  readonly machine: Machine;
  readonly before: Before;
  readonly meanwhile: While;
  readonly runs: number;
  readonly effort: { readonly budgetMs: number; readonly quick: boolean; readonly libc: string };
  /** In the order of the table's columns. */
  readonly ways: readonly { readonly name: string; readonly version: string; readonly isHere: boolean }[];
  /** What is not installed, in one line each. */
  readonly missing: readonly string[];
  readonly failures: readonly Failure[];
  readonly rows: readonly Measured[];
}

/** A way of ours and another. */
export interface Compared extends Ratio {
  readonly way: string;
  readonly against: string;
}

export interface Analysed {
  readonly unit: Unit;
  /** Way → its figures; ways without a figure are absent. */
  readonly summaries: ReadonlyMap<string, Summary>;
  /** What a way of ours took, as a multiple of what another way took. */
  readonly ratios: readonly Compared[];
  /** Way of ours → its goals. */
  readonly goals: ReadonlyMap<string, readonly Judged[]>;
}

export function analyse({ row, samples }: Measured, ways: Results["ways"]): Analysed {
  const unit = row.unit ?? "ns";
  const summaries = new Map<string, Summary>();
  for (const { name } of ways) {
    const summary = summarize(samples.get(name) ?? []);
    if (summary !== undefined) summaries.set(name, summary);
  }
  const ratios = pairs(ways).flatMap(({ way, against }) => {
    const ratio = pairedRatio(samples.get(way) ?? [], samples.get(against) ?? []);
    return ratio === undefined ? [] : [{ way, against, ...ratio }];
  });
  const ours = ways.filter(({ isHere }) => isHere);
  const goals = new Map(ours.map(({ name }) => [name, judge(row.goals ?? [], unit, name, samples)] as const));
  return { unit, summaries, ratios, goals };
}

/** Every way of ours with every other. */
export function pairs(ways: Results["ways"]): { readonly way: string; readonly against: string }[] {
  const ours = ways.filter(({ isHere }) => isHere);
  const others = ways.filter(({ isHere }) => !isHere);
  return ours.flatMap(({ name: way }) => others.map(({ name: against }) => ({ way, against })));
}
