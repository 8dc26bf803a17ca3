// Where the code of the bundles comes from, as one file of records of a fixed size, which a sandbox searches in place
// when it logs an error (src/shared/source_positions.ts): nothing is loaded for it at a start, and nothing kept.
//
//   u32 length of the directory; the directory, JSON: {sources: [path], bundles: {file: [place, count]}}
//   records: u32 line, u32 column of the bundle, both from 0; u16 source; u16 line of the source, from 1

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const RECORD = 12;
const LINE_MAX = 0xffff;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers of a segment of a source map: base 64, the lowest bits first, sign in the lowest of all. */
function numbersOf(segment) {
  const numbers = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) * 2 ** shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) !== 0 ? -(value >>> 1) : value >>> 1);
    value = shift = 0;
  }
  return numbers;
}

/** Of a map's segments: [line, column, source, line of the source], where the last two change. */
function* changes({ mappings }) {
  let [source, sourceLine] = [0, 0];
  for (const [line, text] of mappings.split(";").entries()) {
    let column = 0;
    let last = "";
    for (const segment of text.split(",")) {
      if (segment === "") continue;
      const [columns, sources, lines] = numbersOf(segment);
      column += columns;
      if (sources !== undefined) [source, sourceLine] = [source + sources, sourceLine + lines];
      const place = `${source}:${sourceLine}`;
      if (place === last) continue;
      last = place;
      yield [line, column, source, sourceLine + 1];
    }
  }
}

/** Writes `file` from the maps (FILE.map) that esbuild has written for bundles: [[map, name of the bundle]]. */
export function writeSourcePositions(checkout, file, maps) {
  const sources = [];
  const bundles = {};
  const records = [];
  for (const [mapFile, name] of maps) {
    const map = JSON.parse(readFileSync(mapFile, "utf8"));
    const first = sources.length;
    for (const source of map.sources) sources.push(relative(checkout, join(dirname(mapFile), source)));
    const start = records.length;
    for (const [line, column, source, sourceLine] of changes(map)) {
      const record = Buffer.alloc(RECORD);
      record.writeUInt32LE(line, 0);
      record.writeUInt32LE(column, 4);
      record.writeUInt16LE(first + source, 8);
      record.writeUInt16LE(Math.min(sourceLine, LINE_MAX), 10);
      records.push(record);
    }
    bundles[name] = [start, records.length - start];
  }
  const directory = Buffer.from(JSON.stringify({ sources, bundles }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(directory.length);
  writeFileSync(file, Buffer.concat([length, directory, ...records]));
}
