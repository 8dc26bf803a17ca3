// Tests that mostly wait for times that pass by themselves: several are begun at once, and each ends as if it were alone.

import { test } from "uvu";

export interface Case {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** Makes a test of each; with the first of so many that follow each other all of them begin. */
export function atOnce(count: number, cases: readonly Case[]): void {
  const begun = new Map<Case, Promise<void>>();
  const begin = (one: Case): Promise<void> => {
    const known = begun.get(one);
    if (known !== undefined) return known;
    const running = one.run();
    // Its own test tells what went wrong.
    running.catch(() => {});
    begun.set(one, running);
    return running;
  };
  for (const [index, one] of cases.entries())
    test(one.name, () => {
      const first = index - (index % count);
      for (const other of cases.slice(first, first + count)) begin(other);
      return begin(one);
    });
}
