// Stacks that name lines of the sources, not of the bundles. Where each piece of a bundle comes from stands in a file
// that set-up makes (scripts/source_positions.mjs has its form). A sandbox opens it while it can still open
// files, and reads of it what an error needs when there is one: a few records for each frame.

import { openSync, readSync } from "node:fs";

const RECORD = 12;
const DIRECTORY_MAX = 1 << 20;
/** Frames that are looked up in one text. */
const FRAMES_MAX = 64;

interface Directory {
  sources: string[];
  /** First record and number of records, by the name of the bundle's file. */
  bundles: Record<string, [number, number]>;
}

/** Opens the file; -1 where there is none: stacks stay as they are. */
export function openSourcePositions(path: string): number {
  try {
    return openSync(path, "r");
  } catch {
    return -1;
  }
}

function bytesAt(fd: number, place: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, place);
  return bytes;
}

/** `src/...ts:LINE` for a place in a bundle, line and column from 1; null where nothing is known of it. */
function sourceOf(fd: number, first: number, [start, count]: [number, number], line: number, column: number) {
  let [low, high] = [0, count];
  let found: Buffer | null = null;
  while (low < high) {
    const middle = (low + high) >> 1;
    const record = bytesAt(fd, first + (start + middle) * RECORD, RECORD);
    const [atLine, atColumn] = [record.readUInt32LE(0) + 1, record.readUInt32LE(4) + 1];
    if (atLine > line || (atLine === line && atColumn > column)) high = middle;
    else {
      low = middle + 1;
      if (atLine === line) found = record;
    }
  }
  return found === null ? null : { source: found.readUInt16LE(8), line: found.readUInt16LE(10) };
}

/**
 * What says where code at a place of a bundle's comes from, by the file that was opened as `fd`: what is no bundle's stays as it
 * is. Line and column count from 1.
 */
export function sourcePositions(
  fd: number,
): (url: string, line: number, column: number) => { source: string; line: number } {
  let first = 0;
  let directory: Directory = { sources: [], bundles: {} };
  try {
    const length = fd < 0 ? 0 : bytesAt(fd, 0, 4).readUInt32LE();
    if (length > 0 && length <= DIRECTORY_MAX) {
      directory = JSON.parse(bytesAt(fd, 4, length).toString()) as Directory;
      first = 4 + length;
    }
  } catch {
    // As where there is none.
  }
  return (url, line, column) => {
    const bundle = url.slice(url.lastIndexOf("/") + 1);
    if (!Object.hasOwn(directory.bundles, bundle)) return { source: url, line };
    const found = sourceOf(fd, first, directory.bundles[bundle]!, line, column);
    return found === null
      ? { source: url, line }
      : { source: directory.sources[found.source]!, line: found.line };
  };
}

/** The stack with places in bundles replaced by those in the sources, by the file that was opened as `fd`. */
export function inSources(fd: number, stack: string): string {
  if (fd < 0) return stack;
  try {
    const length = bytesAt(fd, 0, 4).readUInt32LE();
    if (length > DIRECTORY_MAX) return stack;
    const { sources, bundles } = JSON.parse(bytesAt(fd, 4, length).toString()) as Directory;
    let frames = 0;
    return stack.replace(/[^\s()]*?([\w.]+\.cjs):(\d+):(\d+)/g, (place, bundle, line, column) => {
      if (!Object.hasOwn(bundles, bundle) || ++frames > FRAMES_MAX) return place;
      const found = sourceOf(fd, 4 + length, bundles[bundle]!, Number(line), Number(column));
      return found === null ? place : `${sources[found.source]}:${found.line}`;
    });
  } catch {
    return stack; // what is told of an error must not be lost by another one
  }
}
