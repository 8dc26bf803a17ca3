// Reads files of control groups again and again: each is opened anew, so that a group that is gone stays held by nobody, and
// read into the same memory.

import { closeSync, openSync, readSync } from "node:fs";

const FILE_MAX = 1 << 16;
/** The host writes what fits into a page at once: less than that is all there is (seq_file). */
const PAGE_SIZE = 4096;

/** A reader for CgroupFiles, which is not to be used before it has come back. Throws what Node throws. */
export function groupReader(): (path: string) => string {
  const bytes = Buffer.allocUnsafeSlow(FILE_MAX);
  return (path) => {
    const fd = openSync(path, "r");
    try {
      let length = 0;
      for (let read = PAGE_SIZE; read >= PAGE_SIZE && length < FILE_MAX; length += read)
        read = readSync(fd, bytes, length, FILE_MAX - length, null);
      return bytes.toString("latin1", 0, length);
    } finally {
      closeSync(fd);
    }
  };
}
