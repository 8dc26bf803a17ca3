// Files of the host that somebody else may have made long, or a pipe.

import { closeSync, constants, openSync, readSync } from "node:fs";

/** Files of /proc and of control groups mostly fit. */
const PIECE = 16_384;

/** Reads a file of at most `limit` bytes, or throws what Node throws. */
export function readBounded(path: string, limit: number): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length <= limit) {
      const piece = Buffer.allocUnsafe(PIECE);
      const n = readSync(fd, piece, 0, Math.min(PIECE, limit + 1 - length), null);
      if (n === 0) return Buffer.concat(pieces, length).toString("utf8");
      pieces.push(piece.subarray(0, n));
      length += n;
    }
    throw new RangeError(`${path} is too long`);
  } finally {
    closeSync(fd);
  }
}
