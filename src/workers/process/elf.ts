// ELF files for execve: reads the headers of a program or an interpreter and says which pages to map
// where. The input is hostile; the rules are those of Linux's fs/binfmt_elf.c. Maps nothing itself.
//
// Linux checks some things only after the old program is gone: such a file does not make execve fail,
// it ends the process with SIGSEGV. Those are reported as `fatal`.

import {
  EM_X86_64,
  ET_DYN,
  ET_EXEC,
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
} from "../../shared/abi/elf.ts";
import { EINVAL, EIO, ELIBBAD, ENOEXEC, ENOMEM, EPERM } from "../../shared/abi/errno.ts";
import { PATH_MAX } from "../../shared/abi/fcntl.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import type { ValueOf } from "../../shared/abi/struct.ts";
import { elf64_ehdr, elf64_phdr } from "../../shared/abi/structs_elf.ts";
import { TASK_SIZE } from "../../shared/ring/layout.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { isGuestRange, MMAP_MIN_ADDR } from "../call/guest_range.ts";
import { PAGE_SIZE } from "../mem/vma.ts";

type Phdr = ValueOf<typeof elf64_phdr>;

/** So many bytes of program headers, at most. */
const PHDRS_MAX = 65536;

/** Pages to map, before the bias is added. Later steps map over earlier ones. */
export interface ElfStep {
  /** Page aligned. */
  readonly start: number;
  readonly end: number;
  /** PROT_* */
  readonly prot: number;
  /** Page aligned position in the file; -1: anonymous memory. */
  readonly fileOffset: number;
  /** The bytes from here to `end` are to be zeroed; 0: none. */
  readonly clearFrom: number;
}

/**
 * Where the image goes: `fixed` as linked; `pie` at the layout's pieBase; `mmap` where a free range of
 * its span is found (an interpreter, or a PIE without one).
 */
export type ElfPlacement = "fixed" | "pie" | "mmap";

export interface ElfImage {
  readonly placement: ElfPlacement;
  readonly steps: readonly ElfStep[];
  /** All steps lie in [start, end), page aligned. */
  readonly start: number;
  readonly end: number;
  /** What the base of a `pie` or `mmap` image is a multiple of. */
  readonly alignment: number;
  readonly entry: number;
  /** Address of the program headers in memory, for AT_PHDR; 0 if no segment holds them. */
  readonly phdr: number;
  readonly phentsize: number;
  readonly phnum: number;
  /** First byte behind the highest segment: the heap begins after it. */
  readonly brk: number;
  readonly executableStack: boolean;
  /** Path of the interpreter, one char per byte; "" for none. */
  readonly interpreter: string;
  /** 0, or the negative errno that Linux meets after the point of no return. */
  readonly fatal: number;
}

/** A part of the file that the parser wants to see. */
export interface ElfRead {
  readonly offset: number;
  readonly length: number;
}

/**
 * Parses a program. A coroutine: yields what is to be read, gets the bytes (fewer at the end of the
 * file) or a negative errno, and returns the image or a negative errno. `prefix` is the start of the
 * file, 64 bytes or more if it has them.
 */
export function* parseProgram(prefix: Uint8Array): ElfParse {
  return yield* parse(prefix, "program");
}

/** Parses the interpreter of a program. */
export function* parseInterpreter(prefix: Uint8Array): ElfParse {
  return yield* parse(prefix, "interpreter");
}

export type ElfParse = Generator<ElfRead, ElfImage | number, Uint8Array | number>;

function* parse(prefix: Uint8Array, role: "program" | "interpreter"): ElfParse {
  const wrong = role === "program" ? -ENOEXEC : -ELIBBAD;
  if (!isElf(prefix) || prefix.length < elf64_ehdr.size) return wrong;
  const header = elf64_ehdr.decode(prefix);
  const typeFits = header.e_type === ET_EXEC || header.e_type === ET_DYN;
  if (header.e_machine !== EM_X86_64) return wrong;
  // Linux looks at the type of an interpreter only when it maps it.
  if (!typeFits && role === "program") return wrong;

  const phdrBytes = header.e_phnum * elf64_phdr.size;
  if (header.e_phentsize !== elf64_phdr.size || phdrBytes === 0 || phdrBytes > PHDRS_MAX) return wrong;
  if (!Number.isSafeInteger(header.e_phoff)) return wrong;
  const table = yield { offset: header.e_phoff, length: phdrBytes };
  if (table === NOT_AT_HAND) return table;
  if (typeof table === "number" || table.length < phdrBytes) return wrong;
  const phdrs: Phdr[] = [];
  for (let at = 0; at < phdrBytes; at += elf64_phdr.size) phdrs.push(elf64_phdr.decode(table, at));

  let interpreter = "";
  if (role === "program") {
    const phdr = phdrs.find((candidate) => candidate.p_type === PT_INTERP);
    if (phdr !== undefined) {
      const path = yield* interpreterPath(phdr);
      if (typeof path === "number") return path;
      interpreter = path;
    }
  }
  const segments = phdrs.filter((phdr) => phdr.p_type === PT_LOAD);
  const loaded = loadSegments(segments);
  let fatal = loaded.fatal;
  if (!typeFits) fatal = -EPERM;
  else if (segments.length === 0 && (header.e_type === ET_DYN || role === "interpreter")) fatal = -EINVAL;
  else if (header.e_entry >= TASK_SIZE) fatal = -EINVAL;

  const stack = phdrs.findLast((phdr) => phdr.p_type === PT_GNU_STACK);
  return {
    ...loaded,
    fatal,
    placement: header.e_type === ET_EXEC ? "fixed" : interpreter === "" ? "mmap" : "pie",
    alignment: largestAlignment(segments),
    entry: header.e_entry,
    phdr: headersInMemory(segments, header.e_phoff),
    phentsize: elf64_phdr.size,
    phnum: header.e_phnum,
    executableStack: stack !== undefined && (stack.p_flags & PF_X) !== 0,
    interpreter,
  };
}

export function isElf(prefix: Uint8Array): boolean {
  return prefix[0] === 0x7f && prefix[1] === 0x45 && prefix[2] === 0x4c && prefix[3] === 0x46;
}

function* interpreterPath(phdr: Phdr): Generator<ElfRead, string | number, Uint8Array | number> {
  const { p_filesz: length, p_offset: offset } = phdr;
  if (length > PATH_MAX || length < 2) return -ENOEXEC;
  if (!Number.isSafeInteger(offset)) return -EINVAL;
  const bytes = yield { offset, length };
  if (typeof bytes === "number") return bytes;
  if (bytes.length < length) return -EIO;
  if (bytes[length - 1] !== 0) return -ENOEXEC;
  const text = String.fromCharCode(...bytes);
  return text.slice(0, text.indexOf("\0"));
}

interface Loaded {
  steps: ElfStep[];
  start: number;
  end: number;
  brk: number;
  fatal: number;
}

function loadSegments(segments: readonly Phdr[]): Loaded {
  const steps: ElfStep[] = [];
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const segment of segments) {
    const { p_vaddr: vaddr, p_filesz: filesz, p_memsz: memsz, p_offset: offset } = segment;
    const bad = { steps: [], start: 0, end: 0, brk: 0 };
    if (vaddr >= TASK_SIZE || filesz > memsz || memsz > TASK_SIZE || TASK_SIZE - memsz < vaddr) {
      return { ...bad, fatal: -EINVAL };
    }
    // The file is mapped, so its pages and those in memory must lie alike.
    const inPage = vaddr % PAGE_SIZE;
    if (filesz > 0 && (!Number.isSafeInteger(offset + filesz) || offset % PAGE_SIZE !== inPage)) {
      return { ...bad, fatal: -EINVAL };
    }
    start = Math.min(start, vaddr - inPage);
    end = Math.max(end, vaddr + memsz);
    addSteps(steps, segment);
  }
  if (segments.length === 0) start = 0;
  return { steps, start, end: pageCeil(end), brk: end, fatal: 0 };
}

/** At most two: what comes from the file, and the rest of the memory. */
function addSteps(steps: ElfStep[], segment: Phdr): void {
  const { p_vaddr: vaddr, p_filesz: filesz, p_memsz: memsz, p_offset: offset, p_flags: flags } = segment;
  const prot = protOf(flags);
  const inPage = vaddr % PAGE_SIZE;
  const start = vaddr - inPage;
  let fileEnd = start;
  if (filesz > 0) {
    fileEnd = pageCeil(vaddr + filesz);
    // The rest of the last page is cleared only where that can be done: Linux ignores a read-only segment.
    const clear = memsz > filesz && (prot & PROT_WRITE) !== 0 && vaddr + filesz < fileEnd;
    steps.push({
      start,
      end: fileEnd,
      prot,
      fileOffset: offset - inPage,
      clearFrom: clear ? vaddr + filesz : 0,
    });
  }
  const end = pageCeil(vaddr + memsz);
  if (memsz > filesz && end > fileEnd) {
    // As brk would: always readable and writable, whatever the segment says.
    const zeroProt = PROT_READ | PROT_WRITE | (prot & PROT_EXEC);
    steps.push({ start: fileEnd, end, prot: zeroProt, fileOffset: -1, clearFrom: 0 });
  }
}

function protOf(flags: number): number {
  return (
    ((flags & PF_R) !== 0 ? PROT_READ : 0) |
    ((flags & PF_W) !== 0 ? PROT_WRITE : 0) |
    ((flags & PF_X) !== 0 ? PROT_EXEC : 0)
  );
}

function largestAlignment(segments: readonly Phdr[]): number {
  let alignment = PAGE_SIZE;
  for (const { p_align: align } of segments) {
    const powerOfTwo = align > 0 && align < TASK_SIZE && Number.isInteger(Math.log2(align));
    if (powerOfTwo) alignment = Math.max(alignment, align);
  }
  return alignment;
}

function headersInMemory(segments: readonly Phdr[], phoff: number): number {
  for (const { p_offset: offset, p_filesz: filesz, p_vaddr: vaddr } of segments) {
    if (offset <= phoff && phoff < offset + filesz) return phoff - offset + vaddr;
  }
  return 0;
}

/** What to add to every address of an image that is placed at `base`. */
export function biasAt(image: ElfImage, base: number): number {
  if (image.placement === "fixed") return 0;
  return Math.floor(base / image.alignment) * image.alignment - image.start;
}

/** The steps with the bias added; a negative errno if any lies where a guest may map nothing. */
export function placed(image: ElfImage, bias: number): ElfStep[] | number {
  const steps: ElfStep[] = [];
  for (const step of image.steps) {
    const start = step.start + bias;
    const end = step.end + bias;
    if (start < MMAP_MIN_ADDR) return -EPERM;
    if (!isGuestRange(start, end - start)) return -ENOMEM;
    const clearFrom = step.clearFrom === 0 ? 0 : step.clearFrom + bias;
    steps.push({ ...step, start, end, clearFrom });
  }
  return steps;
}

/** Drives a parse with a function that reads at once. */
export function runParse(
  parse: ElfParse,
  read: (offset: number, length: number) => Uint8Array | number,
): ElfImage | number {
  let step = parse.next();
  while (!step.done) step = parse.next(read(step.value.offset, step.value.length));
  return step.value;
}

function pageCeil(address: number): number {
  return Math.ceil(address / PAGE_SIZE) * PAGE_SIZE;
}
