// What Node's memory has alike in every sandbox, as one file whose pages an idle sandbox maps over its own
// (native/host/alike.c, which has the form): u64 number of pieces; u64 place and length of each; the pieces, each as far
// into a page as it stands in memory.

import { readFileSync, writeFileSync } from "node:fs";

const PAGE = 4096;
/** A block of the C library that is a mapping of its own: its size stands before it. */
const BLOCK_HEADER = 16;
/** A large object of V8's heap begins a page of its own; map, hash and length of a string stand before its characters. */
const LARGE_STRING_HEADER = 0x20;
/** The table of Abseil's order of locks: 262 139 places, empty. */
const LOCK_ORDER = Buffer.alloc(4 * 262_139, 0xff);

/** V8's part of a snapshot that Node has written, which Node keeps in memory. */
function heapOf(blob) {
  // u32 magic, u8 kind; version, architecture and platform, each a u64 length and its text; u32 flags, u32 length.
  let at = 5;
  for (let text = 0; text < 3; text++) at += 8 + Number(blob.readBigUInt64LE(at));
  const length = blob.readUInt32LE(at + 4);
  const from = at + 8;
  if (length < blob.length / 2 || from + length > blob.length)
    throw new Error("Node writes its snapshots differently");
  return blob.subarray(from, from + length);
}

/** The file for the solo sandbox's snapshot and the text of its bundle. */
export function writeAlike(file, blobFile, bundleFile) {
  const pieces = [
    { bytes: heapOf(readFileSync(blobFile)), offset: BLOCK_HEADER },
    { bytes: readFileSync(bundleFile), offset: LARGE_STRING_HEADER },
    { bytes: LOCK_ORDER, offset: 0 },
  ];
  const head = Buffer.alloc(PAGE);
  head.writeBigUInt64LE(BigInt(pieces.length));
  const parts = [head];
  let end = PAGE;
  pieces.forEach(({ bytes, offset }, index) => {
    head.writeBigUInt64LE(BigInt(end + offset), 8 + 16 * index);
    head.writeBigUInt64LE(BigInt(bytes.length), 16 + 16 * index);
    const filled = offset + bytes.length;
    parts.push(Buffer.alloc(offset), bytes, Buffer.alloc(-filled & (PAGE - 1)));
    end += filled + (-filled & (PAGE - 1));
  });
  writeFileSync(file, Buffer.concat(parts));
}
