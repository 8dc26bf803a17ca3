// Where the function around an address begins: from the ELF file that is mapped there, as its own memory shows it.

import { ET_DYN, ET_EXEC, PT_DYNAMIC, PT_GNU_EH_FRAME, PT_LOAD } from "../../shared/abi/elf.ts";
import { elf64_ehdr, elf64_phdr } from "../../shared/abi/structs_elf.ts";
import type { MemCaller } from "../mem/caller.ts";
import type { Vma } from "../mem/vma.ts";
import { GO_SECTIONS, goFunction } from "./go_table.ts";
import { ROUND_MAX, readText } from "./guest_text.ts";
import { type Sections, sectionsOfProgram } from "./program_file.ts";
import { rowBefore } from "./sorted_rows.ts";
import { findSymbolTable, lastFunction, SYMBOL_SIZE, symbolCount } from "./symbol_table.ts";
import { UnwindEntries } from "./unwind_entries.ts";
import {
  functionLength,
  readUnwindHeader,
  rowEntry,
  rowStart,
  UNWIND_ENTRY_SIZE,
  UNWIND_HEADER_SIZE,
  unwindRow,
} from "./unwind_table.ts";

const PHDRS_MAX = 24;
const HEADERS_SIZE = elf64_ehdr.size + PHDRS_MAX * elf64_phdr.size;
const PAGE_SIZE = 4096;
/** How far before the text the file's begin may be mapped. */
const FILE_SPAN = 256 << 20;
const DYNAMIC_MAX = 2048;
/** Bytes of unwind entries that are walked over. */
const ENTRIES_MAX = 1 << 20;
const HASH_HEADER_SIZE = 8;

const TEXT = ".text";
const UNWIND_ENTRIES = ".eh_frame";
const SECTIONS = [TEXT, UNWIND_ENTRIES, ...GO_SECTIONS];

/** What of a mapped ELF file is needed. */
interface Module {
  /** Address at which the file's first byte is mapped. */
  readonly base: number;
  /** What is added to the file's addresses. */
  readonly bias: number;
  /** Address of the header of its unwind table, or 0. */
  readonly unwindHeader: number;
  /** Address of its dynamic section, or 0, and its bytes. */
  readonly dynamic: number;
  readonly dynamicSize: number;
}

/** Start of the function around an address in a mapping, or -1. */
export function* functionAround(task: MemCaller, vma: Vma, address: number): Generator<void, number> {
  const module = yield* moduleOf(task, vma);
  if (module === null) return -1;
  const start = module.unwindHeader === 0 ? -1 : yield* byUnwindTable(task, module.unwindHeader, address);
  if (start >= 0) return start;
  // What follows is named in the program's file alone.
  const sections = sectionsOfProgram(task, vma, SECTIONS);
  const ofGo = sections === null ? -1 : yield* byGoTable(task, sections, module, address);
  if (ofGo >= 0) return ofGo;
  if (module.dynamic !== 0) return yield* bySymbols(task, module, address);
  return sections === null ? -1 : yield* byUnwindEntries(task, sections, module, address);
}

/** Where the file that a mapping shows a part of begins in memory: -1 if nowhere. */
export function fileBase(task: MemCaller, vma: Vma): number {
  const { vmas } = task.stub.space;
  const near = vmas.overlapping(Math.max(0, vma.start - vma.offset - FILE_SPAN), vma.end);
  const first = near.findLast(({ backing, offset }) => backing === vma.backing && offset === 0);
  return first === undefined ? -1 : first.start;
}

function* moduleOf(task: MemCaller, vma: Vma): Generator<void, Module | null> {
  const base = fileBase(task, vma);
  if (base < 0) return null;
  const bytes = yield* readText(task, base, HEADERS_SIZE);
  if (bytes === null) return null;
  const header = elf64_ehdr.decode(bytes);
  if (header.e_type !== ET_DYN && header.e_type !== ET_EXEC) return null;
  if (header.e_phoff !== elf64_ehdr.size || header.e_phentsize !== elf64_phdr.size) return null;
  let bias = Number.NaN;
  let unwind = 0;
  let dynamic = 0;
  let dynamicSize = 0;
  for (let i = 0; i < Math.min(header.e_phnum, PHDRS_MAX); i++) {
    const { p_type, p_offset, p_vaddr, p_memsz } = elf64_phdr.decode(
      bytes,
      elf64_ehdr.size + i * elf64_phdr.size,
    );
    if (p_type === PT_LOAD && p_offset < PAGE_SIZE) bias = base - (p_vaddr - p_offset);
    if (p_type === PT_GNU_EH_FRAME) unwind = p_vaddr;
    if (p_type === PT_DYNAMIC) [dynamic, dynamicSize] = [p_vaddr, p_memsz];
  }
  if (Number.isNaN(bias)) return null;
  const there = (address: number) => (address === 0 ? 0 : address + bias);
  return { base, bias, unwindHeader: there(unwind), dynamic: there(dynamic), dynamicSize };
}

function* byUnwindTable(task: MemCaller, header: number, address: number): Generator<void, number> {
  const head = yield* readText(task, header, UNWIND_HEADER_SIZE);
  const table = head === null ? null : readUnwindHeader(head, header);
  if (table === null) return -1;
  const rows = {
    count: table.rows,
    address: unwindRow(table, 0),
    start: (view: DataView, at: number) => rowStart(table, view, at),
  };
  const found = yield* rowBefore(task, rows, address);
  if (found === null) return -1;
  const start = rowStart(table, found.bytes, 0);
  const entry = rowEntry(table, found.bytes, 0);
  const fde = yield* readText(task, entry, UNWIND_ENTRY_SIZE);
  const length = fde === null ? 0 : functionLength(fde, entry, start);
  return address < start + length ? start : -1;
}

function* byGoTable(
  task: MemCaller,
  sections: Sections,
  { bias }: Module,
  address: number,
): Generator<void, number> {
  const section = GO_SECTIONS.map((name) => sections.get(name)).find((some) => some !== undefined);
  const text = sections.get(TEXT);
  if (section === undefined || text === undefined) return -1;
  const table = { address: section.address + bias, size: section.size };
  return yield* goFunction(task, table, text.address + bias, address);
}

/** Of a static program, which has no sorted list of its unwind entries. */
function* byUnwindEntries(
  task: MemCaller,
  sections: Sections,
  { bias }: Module,
  address: number,
): Generator<void, number> {
  const section = sections.get(UNWIND_ENTRIES);
  if (section === undefined || section.size > ENTRIES_MAX) return -1;
  const entries = new UnwindEntries(address);
  const end = section.address + bias + section.size;
  for (let at = section.address + bias; at >= 0 && at < end; ) {
    const length = Math.min(ROUND_MAX, end - at);
    const bytes = yield* readText(task, at, length);
    if (bytes === null) return -1;
    at = entries.take(bytes, at, at + length === end);
  }
  return entries.found;
}

function* bySymbols(task: MemCaller, module: Module, address: number): Generator<void, number> {
  const { base, bias, dynamic, dynamicSize } = module;
  const section = yield* readText(task, dynamic, Math.min(dynamicSize, DYNAMIC_MAX));
  const table = section === null ? null : findSymbolTable(section, base, bias);
  const header = table === null ? null : yield* readText(task, table.hash, HASH_HEADER_SIZE);
  if (table === null || header === null) return -1;
  const count = symbolCount(header);
  const atOnce = Math.floor(ROUND_MAX / SYMBOL_SIZE);
  let found = -1;
  for (let first = 0; first < count; first += atOnce) {
    const length = Math.min(atOnce, count - first) * SYMBOL_SIZE;
    const symbols = yield* readText(task, table.symbols + first * SYMBOL_SIZE, length);
    if (symbols === null) return -1;
    found = lastFunction(symbols, bias, address, found);
  }
  return found;
}
