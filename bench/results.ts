// What a run of the bench found, and what follows from it: the one form that table and JSON are made of.

import { type Judged, judge } from "./goals.ts";
import type { Before, Machine, While } from "./machine.ts";
import { type Summary, summarize } from "./statistics.ts";
import type { Row } from "./subject.ts";
import type { Unit } from "./units.ts";

export interface Measured {
  readonly suite: string;
  readonly row: Row;
  /** Way → samples, in the row's unit, in the order of the runs. */
  readonly samples: ReadonlyMap<string, readonly number[]>;
}

/** One thing that could not be measured. */
export interface Failure {
  readonly what: string;
  readonly why: string;
}

export interface Results {
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

export interface Analysed {
  readonly unit: Unit;
  /** Way → its figures; ways without a figure are absent. */
  readonly summaries: ReadonlyMap<string, Summary>;
  /** What a way of ours took, as a multiple of what another way took. */
  readonly ratios: readonly { readonly way: string; readonly against: string; readonly ratio: number }[];
  /** Way of ours → its goals. */
  readonly goals: ReadonlyMap<string, readonly Judged[]>;
}

export function analyse({ row, samples }: Measured, ways: Results["ways"]): Analysed {
  const unit = row.unit ?? "ns";
  const summaries = new Map<string, Summary>();
  const medians = new Map<string, number>();
  for (const { name } of ways) {
    const summary = summarize(samples.get(name) ?? []);
    if (summary === undefined) continue;
    summaries.set(name, summary);
    medians.set(name, summary.median);
  }
  const ratios = [];
  for (const { name: way, isHere } of ways)
    for (const { name: against, isHere: isOurs } of ways) {
      if (!isHere || isOurs) continue;
      const ratio = medians.get(way)! / medians.get(against)!;
      if (Number.isFinite(ratio)) ratios.push({ way, against, ratio });
    }
  const ours = ways.filter(({ isHere }) => isHere);
  const goals = new Map(ours.map(({ name }) => [name, judge(row.goals ?? [], unit, name, medians)] as const));
  return { unit, summaries, ratios, goals };
}
