// Entries of a directory as the host lists them.

import type { DirectoryEntry } from "../vfs/inode.ts";
import { inodeNumber } from "../vfs/stat.ts";

const DIRENT_LENGTH_AT = 16;
const DIRENT_TYPE_AT = 18;
const DIRENT_NAME_AT = 19;

/** Entries of struct linux_dirent64, one after the other. */
export function readEntries(scratch: Uint8Array, length: number, entries: DirectoryEntry[]): void {
  const bytes = Buffer.from(scratch.buffer, scratch.byteOffset, length);
  // One string, of which names are parts: a call into V8 for each name takes longer than all the rest.
  const text = bytes.toString("latin1", 0, length);
  for (let at = 0; at < length; ) {
    const start = at + DIRENT_NAME_AT;
    let end = start;
    while (bytes[end] !== 0) end++;
    const name = text.substring(start, end);
    const ino = inodeNumber(bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4));
    if (name !== "." && name !== "..") entries.push({ name, ino, type: bytes[at + DIRENT_TYPE_AT]! });
    at += bytes.readUInt16LE(at + DIRENT_LENGTH_AT);
  }
}
