// Strings of guests in events. They are bytes: what is UTF-8 is told as that, anything else as an object with its base64, so
// that a reader gets the very bytes either way. All are bounded.

import { isAscii, isUtf8 } from "node:buffer";

/** Bytes of one string, and of a list of them; strings of a list. */
export const TEXT_MAX = 4096;
export const LIST_BYTES_MAX = 8192;
export const LIST_MAX = 128;

export type Told = string | { base64: string };

/** A byte string (one char a byte), as an event has it. */
export function told(bytes: string): Told {
  const all = Buffer.from(bytes, "latin1");
  if (isAscii(all)) return bytes;
  return isUtf8(all) ? all.toString("utf8") : { base64: all.toString("base64") };
}

/** Of what is too long the beginning, which ends where a character does. */
export function shortened(bytes: string, most = TEXT_MAX): string {
  if (bytes.length <= most) return bytes;
  let end = most;
  // Of UTF-8, bytes behind the first of a character are 10xxxxxx; there are at most three.
  for (let i = 0; i < 3 && end > 0 && (bytes.charCodeAt(end) & 0xc0) === 0x80; i++) end--;
  return bytes.slice(0, end);
}

/** A list as far as there is room, and whether that is all of it. */
export function toldList(list: readonly string[]): { all: Told[]; isWhole: boolean } {
  const all: Told[] = [];
  let left = LIST_BYTES_MAX;
  for (const bytes of list) {
    if (all.length === LIST_MAX || left === 0) return { all, isWhole: false };
    const short = shortened(bytes, left);
    all.push(told(short));
    left -= short.length;
    if (short.length < bytes.length) return { all, isWhole: false };
  }
  return { all, isWhole: true };
}
