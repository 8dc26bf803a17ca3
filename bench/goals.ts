// Goals of rows: figures to reach, absolute or as a share of what another way took, and whether they are met.

import { limitText, type Unit } from "../src/main/report/units.ts";
import { median } from "./statistics.ts";

export interface Goal {
  /** The most that is allowed: in the row's unit, or as a multiple of what `against` took. */
  readonly atMost: number;
  /** Name of the way that the goal compares with; absolute if absent. */
  readonly against?: string;
  /** What is allowed beside that multiple, in the row's unit. */
  readonly plus?: number;
  /** Name of the way that it is for; absent: every way with systrap that no goal of the row names. */
  readonly on?: string;
}

export interface Judged {
  readonly goal: Goal;
  readonly text: string;
  /** Absent where there is no figure, or nothing to compare it with. */
  readonly met?: boolean;
}

/** Goals as the tables of rows write them. */
export const atMost = (limit: number): Goal => ({ atMost: limit });
export const timesNative = (factor: number): Goal => ({ atMost: factor, against: "native" });
export const timesRunsc = (factor: number): Goal => ({ atMost: factor, against: "runsc" });
/** So many times faster than runsc. */
export const fasterThanRunsc = (times: number): Goal => timesRunsc(1 / times);
export const on = (way: string, goal: Goal): Goal => ({ ...goal, on: way });

function factorText(factor: number): string {
  const inverse = 1 / factor;
  if (factor === 1) return "";
  if (factor < 1 && Math.abs(inverse - Math.round(inverse)) < 1e-9) return `1/${Math.round(inverse)} of `;
  return `${Number(factor.toFixed(2))} × `;
}

export function goalText(goal: Goal, unit: Unit): string {
  if (goal.against === undefined) return `≤ ${limitText(unit, goal.atMost)}`;
  const plus = goal.plus === undefined ? "" : ` + ${limitText(unit, goal.plus)}`;
  return `≤ ${factorText(goal.atMost)}${goal.against}${plus}`;
}

/** The goals of a row that are for a way. */
export function goalsFor(goals: readonly Goal[], way: string): Goal[] {
  const named = goals.filter((goal) => goal.on === way);
  if (named.length > 0) return named;
  if (way !== "systrap" && !way.startsWith("systrap:")) return [];
  return goals.filter((goal) => goal.on === undefined);
}

/** Judges a way's goals by its median, or by the median of the rounds' ratios, as the table has them. */
export function judge(
  goals: readonly Goal[],
  unit: Unit,
  way: string,
  samples: ReadonlyMap<string, readonly number[]>,
): Judged[] {
  return goalsFor(goals, way).map((goal) => {
    const text = goalText(goal, unit);
    const own = samples.get(way) ?? [];
    const base = goal.against === undefined ? own.map(() => 1) : (samples.get(goal.against) ?? []);
    const rounds = own.slice(0, base.length).map((value, round) => (value - (goal.plus ?? 0)) / base[round]!);
    return rounds.length === 0 ? { goal, text } : { goal, text, met: median(rounds) <= goal.atMost };
  });
}
