// Reads what an earlier run has written (json.ts). Samples count: whatever follows from them is worked out anew. A file
// of the first form has no time, no machine beyond its processor, and nothing of what others did row by row.

import { readFileSync } from "node:fs";
import {
  boolean,
  list,
  map,
  object,
  optional,
  type Read,
  type Reader,
  SchemaError,
} from "../src/main/oci/schema.ts";
import { UNITS, type Unit } from "../src/main/report/units.ts";
import { QUIET, type While } from "./busy.ts";
import { BenchError } from "./error.ts";
import type { Goal } from "./goals.ts";
import { FORM } from "./json.ts";
import type { Results } from "./results.ts";

const ROWS_MAX = 10_000;
const SAMPLES_MAX = 1000;
const WAYS_MAX = 100;
const LINES_MAX = 1000;
const GOALS_MAX = 1000;

/** What a terminal would act on is not to reach it. */
function shown(value: string): string {
  return value.replace(/\p{Cc}/gu, "\ufffd");
}

const text: Reader<string> = (value, at) => {
  if (typeof value !== "string") throw new SchemaError(`${at} must be a string`);
  return shown(value);
};

const number: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
    throw new SchemaError(`${at} must be a number that is not negative`);
  return value;
};

const unit: Reader<Unit> = (value, at) => {
  if (!UNITS.includes(value as Unit)) throw new SchemaError(`${at} must be one of ${UNITS.join(", ")}`);
  return value as Unit;
};

const form: Reader<number> = (value, at) => {
  if (value !== 1 && value !== FORM) throw new SchemaError(`${at} must be 1 or ${FORM}`);
  return value;
};

function pair<A, B>(first: Reader<A>, second: Reader<B>): Reader<readonly [A, B]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length !== 2) throw new SchemaError(`${at} must be a pair`);
    return [first(value[0], `${at}[0]`), second(value[1], `${at}[1]`)];
  };
}

function orNull<A>(reader: Reader<A>): Reader<A | null> {
  return (value, at) => (value === null ? null : reader(value, at));
}

const meanwhile: Reader<While> = object({
  share: number,
  stolen: number,
  most: list(pair(text, number), LINES_MAX),
  distance: optional(orNull(pair(number, number)), null),
});

const goal = object({
  way: text,
  atMost: number,
  against: optional(text, undefined),
  plus: optional(number, undefined),
});

const row = object({
  suite: text,
  name: text,
  label: text,
  unit,
  meanwhile: optional(meanwhile, QUIET),
  samples: map(list(number, SAMPLES_MAX), WAYS_MAX),
  goals: list(goal, GOALS_MAX),
});

const readFile = object({
  form,
  made: optional(text, ""),
  machine: object({
    processor: text,
    processors: number,
    memoryBytes: number,
    kernel: text,
    node: text,
    system: optional(text, ""),
    isVirtual: optional(boolean, false),
    governor: optional(text, ""),
    mitigations: optional(list(pair(text, text), LINES_MAX), []),
  }),
  busy: object({
    before: object({ share: number, queue: number, load: optional(number, 0) }),
    meanwhile,
  }),
  runs: number,
  effort: object({ budgetMs: number, quick: boolean, libc: text }),
  ways: list(object({ name: text, version: text, isHere: boolean }), WAYS_MAX),
  missing: list(text, LINES_MAX),
  failures: list(object({ what: text, why: text }), LINES_MAX),
  rows: list(row, ROWS_MAX),
});

/** A goal of the file is of one way, by which it is known again. */
function goalOf({ way, atMost, against, plus }: Read<typeof goal>): Goal {
  return { atMost, on: way, ...(against !== undefined && { against }), ...(plus !== undefined && { plus }) };
}

export function parseResults(json: string): Results {
  const { busy, rows, ...rest } = readFile(JSON.parse(json), "");
  return {
    ...rest,
    before: busy.before,
    meanwhile: busy.meanwhile,
    rows: rows.map(({ suite, name, label, unit, goals, samples, meanwhile }) => ({
      suite,
      row: { name, label, unit, goals: goals.map(goalOf) },
      samples: new Map(
        Object.entries(samples)
          .filter(([, values]) => values.length > 0)
          .map(([way, values]) => [shown(way), values]),
      ),
      meanwhile,
    })),
  };
}

/** Throws a BenchError that names the file and what is wrong with it. */
export function readResults(path: string): Results {
  try {
    return parseResults(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SchemaError || error instanceof SyntaxError)
      throw new BenchError(`${path} is no file of \`bench --json\`: ${shown(error.message)}`);
    throw new BenchError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
