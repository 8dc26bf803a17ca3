// What of a program is not in its memory: the list of its sections, read from the file that it was started from.

import { TWO_32 } from "../../shared/abi/struct.ts";
import { elf64_ehdr } from "../../shared/abi/structs_elf.ts";
import type { MemCaller } from "../mem/caller.ts";
import type { Vma } from "../mem/vma.ts";
import { closeMapped, readMapped } from "../vfs/mapped_file.ts";

const SECTION_SIZE = 64;
const SECTIONS_MAX = 256;
const NAMES_MAX = 8192;

export interface Section {
  /** Address in the file's own terms, and size. */
  readonly address: number;
  readonly size: number;
}

export type Sections = ReadonlyMap<string, Section>;

/** Sections of the task's program by their names; null if the mapping is of another file, or they cannot be read. */
export function sectionsOfProgram(task: MemCaller, vma: Vma, names: readonly string[]): Sections | null {
  const { native, rootCredentials } = task.kernel;
  const inode = task.stub.space.program?.inode;
  const file = inode?.open(0, rootCredentials);
  if (file === undefined || typeof file === "number") return null;
  const mapped = file.map(false);
  file.release();
  if (typeof mapped === "number") return null;
  try {
    if (mapped.backing !== vma.backing) return null;
    return findSections((offset, length) => {
      const bytes = readMapped(native, mapped, offset, length);
      return typeof bytes !== "number" && bytes.length === length ? bytes : null;
    }, names);
  } finally {
    closeMapped(native, mapped);
  }
}

/** Those sections of an ELF file that have one of the names, the first of each, by what reads the file. */
export function findSections(
  read: (offset: number, length: number) => Uint8Array | null,
  names: readonly string[],
): Sections | null {
  const head = read(0, elf64_ehdr.size);
  if (head === null) return null;
  const { e_shoff, e_shentsize, e_shnum, e_shstrndx } = elf64_ehdr.decode(head);
  if (e_shentsize !== SECTION_SIZE || e_shnum === 0 || e_shnum > SECTIONS_MAX || e_shstrndx >= e_shnum)
    return null;
  const table = Number.isSafeInteger(e_shoff) ? read(e_shoff, e_shnum * SECTION_SIZE) : null;
  if (table === null) return null;
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const u64 = (at: number) => view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
  const list = e_shstrndx * SECTION_SIZE;
  const text = read(u64(list + 24), Math.min(u64(list + 32), NAMES_MAX));
  if (text === null) return null;
  const ends = names.map((name) => Buffer.from(`${name}\0`, "latin1"));
  const found = new Map<string, Section>();
  for (let at = 0; at < table.length; at += SECTION_SIZE) {
    const start = view.getUint32(at, true);
    const name = names[ends.findIndex((end) => end.equals(text.subarray(start, start + end.length)))];
    if (name !== undefined && !found.has(name))
      found.set(name, { address: u64(at + 16), size: u64(at + 32) });
  }
  return found;
}
