// What guest programs print: one line `name value` for each figure, and nothing else.

import { BenchError } from "./error.ts";

export type Figures = ReadonlyMap<string, number>;

/** Reads the figures; throws where a line is none, or where one of `names` is missing or not positive. */
export function parseFigures(text: string, names: readonly string[]): Figures {
  const figures = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const match = /^(\w+) (\d+(?:\.\d+)?)$/.exec(line);
    if (match === null) throw new BenchError(`no figure: ${JSON.stringify(line.slice(0, 100))}`);
    figures.set(match[1]!, Number(match[2]));
  }
  for (const name of names)
    if (!(figures.get(name)! > 0)) throw new BenchError(`it printed no figure for ${name}`);
  return figures;
}
