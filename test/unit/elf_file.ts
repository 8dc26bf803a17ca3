// Builds small ELF files for tests.

import { EM_X86_64, ET_DYN, PF_R, PF_X, PT_LOAD } from "../../src/shared/abi/elf.ts";
import type { ValueOf } from "../../src/shared/abi/struct.ts";
import { elf64_ehdr, elf64_phdr } from "../../src/shared/abi/structs.ts";

export type Ehdr = ValueOf<typeof elf64_ehdr>;
export type Phdr = ValueOf<typeof elf64_phdr>;

export const IDENT = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** A loadable segment: text at 0 of the file, unless told otherwise. */
export function load(over: Partial<Phdr>): Partial<Phdr> {
  return {
    p_type: PT_LOAD,
    p_flags: PF_R | PF_X,
    p_align: 0x1000,
    p_filesz: 0x1000,
    p_memsz: 0x1000,
    ...over,
  };
}

/** A file of `size` bytes with a header, program headers behind it, and further pieces. */
export function elfFile(
  phdrs: Partial<Phdr>[],
  header: Partial<Ehdr> = {},
  pieces: [number, Uint8Array | string][] = [],
  size = 0x4000,
): Uint8Array {
  const file = new Uint8Array(size);
  elf64_ehdr.encode(
    {
      e_ident: IDENT,
      e_type: ET_DYN,
      e_machine: EM_X86_64,
      e_version: 1,
      e_entry: 0x100,
      e_phoff: elf64_ehdr.size,
      e_ehsize: elf64_ehdr.size,
      e_phentsize: elf64_phdr.size,
      e_phnum: phdrs.length,
      ...header,
    },
    file,
  );
  for (const [i, phdr] of phdrs.entries())
    elf64_phdr.encode(phdr, file, elf64_ehdr.size + i * elf64_phdr.size);
  for (const [at, piece] of pieces) {
    file.set(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece, at);
  }
  return file;
}

/** Reads of a file in memory. */
export function readerOf(file: Uint8Array) {
  return (offset: number, length: number) => file.subarray(offset, offset + length);
}
