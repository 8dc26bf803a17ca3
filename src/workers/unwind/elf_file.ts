// What of an ELF file lies where: its segments, by which places in the file are addresses in its own terms, and the reverse. Guests
// choose these files: everything is bounded, and a file that is not as it should be has no segments.

import { TWO_32 } from "../../shared/abi/struct.ts";
import { elf64_ehdr, elf64_phdr } from "../../shared/abi/structs_elf.ts";

const SEGMENTS_MAX = 64;
const MAGIC = 0x464c457f;

/** Bytes of the file, fewer at its end; null: they cannot be read. */
export type ReadFile = (offset: number, length: number) => Uint8Array | null;

export interface ElfHeader {
  readonly e_phoff: number;
  readonly e_phnum: number;
  readonly e_shoff: number;
  readonly e_shentsize: number;
  readonly e_shnum: number;
}

export interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  /** Bytes of it that are in the file. */
  readonly size: number;
}

export function u64(from: DataView, at: number): number {
  return from.getUint32(at + 4, true) * TWO_32 + from.getUint32(at, true);
}

/** So many bytes; null where they are not all there. */
export function exact(read: ReadFile, offset: number, length: number): DataView | null {
  const bytes = Number.isSafeInteger(offset) && offset >= 0 ? read(offset, length) : null;
  if (bytes === null || bytes.length !== length) return null;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Null: it is no ELF file. */
export function readElfHeader(read: ReadFile): ElfHeader | null {
  const head = exact(read, 0, elf64_ehdr.size);
  if (head === null || head.getUint32(0, true) !== MAGIC) return null;
  return elf64_ehdr.decode(new Uint8Array(head.buffer, head.byteOffset, head.byteLength));
}

/** Those of the first SEGMENTS_MAX whose places and addresses are exact numbers, up to their ends: no others can be mapped. */
export function readSegments(read: ReadFile, { e_phoff, e_phnum }: ElfHeader): Segment[] {
  const { size } = elf64_phdr;
  const table = exact(read, e_phoff, Math.min(e_phnum, SEGMENTS_MAX) * size);
  const segments: Segment[] = [];
  for (let at = 0; table !== null && at < table.byteLength; at += size) {
    const segment = {
      type: table.getUint32(at, true),
      offset: u64(table, at + 8),
      address: u64(table, at + 16),
      size: u64(table, at + 32),
    };
    const end = Math.max(segment.offset, segment.address) + segment.size;
    if (end <= Number.MAX_SAFE_INTEGER) segments.push(segment);
  }
  return segments;
}

/** Of a place in the file its address; -1: it is in no segment of those, which are loaded ones. */
export function addressAt(loaded: readonly Segment[], offset: number): number {
  for (const { offset: start, address, size } of loaded)
    if (offset >= start && offset < start + size) return offset - start + address;
  return -1;
}

/** The segment around an address; null: none of them is in the file there. */
export function segmentAt(loaded: readonly Segment[], address: number): Segment | null {
  return loaded.find((one) => address >= one.address && address < one.address + one.size) ?? null;
}
