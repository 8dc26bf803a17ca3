// How far the machine's processors are apart, while something is measured: a call that another thread answers is a cache
// line's way there and back. Where a hypervisor moves its processors, that changes by the factor of seven from one minute
// to the next, and with it all figures.

import { spawnSync } from "node:child_process";
import { withUnit } from "../src/main/report/units.ts";
import { BenchError } from "./error.ts";

/** Nanoseconds for a cache line there and back: the least and the most that was seen. */
export type Distance = readonly [least: number, most: number];

/** A look while others want the processors differs by less. */
const MOVED = 2;
/** It takes milliseconds, unless others have the processors. */
const DEADLINE_MS = 5000;

/**
 * What looks, by the program `cpus`, of which `compiled` gives the path; undefined where there is one processor, or others
 * leave none. Without a compiler nobody looks: there are rows that need none.
 */
export function distanceLook(compiled: () => string): () => number | undefined {
  let program: string;
  try {
    program = compiled();
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    return () => undefined;
  }
  return () => {
    const { status, stdout } = spawnSync(program, { encoding: "utf8", timeout: DEADLINE_MS });
    const ns = Number.parseFloat(stdout);
    return status === 0 && ns > 0 ? ns : undefined;
  };
}

export function joined(a: Distance | null, b: Distance | null): Distance | null {
  if (a === null || b === null) return a ?? b;
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

export const hasMoved = (distance: Distance | null): boolean =>
  distance !== null && distance[1] > MOVED * distance[0];

export function distanceText([least, most]: Distance): string {
  const [low, high] = [withUnit("ns", least), withUnit("ns", most)];
  return low === high ? low : `${low} to ${high}`;
}

/** What is to be known of the whole run; empty where nobody looked. */
export function distanceTexts(distance: Distance | null): string[] {
  if (distance === null) return [];
  const text = `a cache line to another processor and back takes ${distanceText(distance)}`;
  return [hasMoved(distance) ? `THE PROCESSORS HAVE MOVED: ${text}` : text];
}
