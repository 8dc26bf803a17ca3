// Random words of the host's, of which it is asked for many at once: a question costs ten times as much as what is done with a
// word. None is given twice.

import { randomFillSync } from "node:crypto";

const WORDS = 1024;

const words = new Uint32Array(WORDS);
let used = WORDS;

/** 32 random bits, as an unsigned number. */
export function randomWord(): number {
  if (used === WORDS) {
    randomFillSync(words);
    used = 0;
  }
  const word = words[used]!;
  words[used++] = 0;
  return word;
}
