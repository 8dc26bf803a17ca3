// What a program that has ended has said, as text.

import * as assert from "uvu/assert";
import type { SpawnResult } from "./spawn.ts";

/** On its standard output, one char per byte. */
export const text = ({ stdout }: SpawnResult): string => stdout.toString("latin1");

/** On its standard error, one char per byte. */
export const said = ({ stderr }: SpawnResult): string => stderr.toString("latin1");

/** On both. */
export const told = ({ stdout, stderr }: SpawnResult): string => `${stdout}${stderr}`;

/** It must have ended with 0. */
export function ok(result: SpawnResult): SpawnResult {
  assert.is(result.code, 0, said(result));
  return result;
}
