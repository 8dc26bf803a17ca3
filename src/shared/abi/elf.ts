// ELF files: elf(5), linux/elf.h, x86-64 only.

// e_ident
export const EI_MAG0 = 0x0;
export const EI_CLASS = 0x4;
export const EI_DATA = 0x5;
export const EI_VERSION = 0x6;
export const ELFCLASS32 = 0x1;
export const ELFCLASS64 = 0x2;
export const ELFDATA2LSB = 0x1;
export const EV_CURRENT = 0x1;

// e_type, e_machine
export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const ET_CORE = 4;
export const EM_386 = 3;
export const EM_X86_64 = 62;

// p_type
export const PT_NULL = 0x0;
export const PT_LOAD = 0x1;
export const PT_DYNAMIC = 0x2;
export const PT_INTERP = 0x3;
export const PT_NOTE = 0x4;
export const PT_SHLIB = 0x5;
export const PT_PHDR = 0x6;
export const PT_TLS = 0x7;
export const PT_GNU_EH_FRAME = 0x6474e550;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PT_GNU_PROPERTY = 0x6474e553;

// p_flags
export const PF_X = 0x1;
export const PF_W = 0x2;
export const PF_R = 0x4;
