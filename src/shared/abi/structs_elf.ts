// Structures of ELF files: elf(5), 64-bit only.

import { array, struct, u8, u16, u32, u64 } from "./struct.ts";

export const elf64_ehdr = struct("Elf64_Ehdr", "linux/elf.h", {
  e_ident: array(u8, 16),
  e_type: u16,
  e_machine: u16,
  e_version: u32,
  e_entry: u64,
  e_phoff: u64,
  e_shoff: u64,
  e_flags: u32,
  e_ehsize: u16,
  e_phentsize: u16,
  e_phnum: u16,
  e_shentsize: u16,
  e_shnum: u16,
  e_shstrndx: u16,
});

export const elf64_phdr = struct("Elf64_Phdr", "linux/elf.h", {
  p_type: u32,
  p_flags: u32,
  p_offset: u64,
  p_vaddr: u64,
  p_paddr: u64,
  p_filesz: u64,
  p_memsz: u64,
  p_align: u64,
});
