// Which function of an ELF file a place in it lies in: by the symbols of the file as it is on disk, .symtab or else .dynsym,
// as far as they can be read. Guests choose these files: everything is bounded, and whatever is not as it should be has no
// symbols. It is read in pieces, and each piece is short (docs/hardening.md, F26).

import { PT_LOAD } from "../../shared/abi/elf.ts";
import { addressAt, exact, type ReadFile, readElfHeader, readSegments, u64 } from "../unwind/elf_file.ts";

const SECTION_SIZE = 64;
const SECTIONS_MAX = 256;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const SYMBOL_SIZE = 24;
const SYMBOLS_MAX = 1 << 16;
const SYMBOLS_PER_PIECE = 2048;
const NAME_BYTES = 256;
const NAMES_PER_PIECE = 32;
/** Symbols that overlap are looked at for each wish: so many in a piece, and in a file, which is given up with more. */
const STEPS_PER_PIECE = 1 << 15;
const STEPS_MAX = 1 << 20;

/** What is asked of one offset of the file, and what was found. */
export interface SymbolWish {
  readonly offset: number;
  symbol: string;
  symbolOffset: number;
}

interface Table {
  readonly offset: number;
  readonly count: number;
  readonly names: number;
  readonly namesSize: number;
}

function findTable(read: ReadFile, at: number, count: number): Table | null {
  if (count === 0 || count > SECTIONS_MAX) return null;
  const sections = exact(read, at, count * SECTION_SIZE);
  if (sections === null) return null;
  for (const wanted of [SHT_SYMTAB, SHT_DYNSYM])
    for (let i = 0; i < count; i++) {
      const section = i * SECTION_SIZE;
      if (sections.getUint32(section + 4, true) !== wanted) continue;
      const names = sections.getUint32(section + 40, true) * SECTION_SIZE;
      const symbols = Math.floor(u64(sections, section + 32) / SYMBOL_SIZE);
      if (names + SECTION_SIZE > sections.byteLength || symbols === 0) continue;
      return {
        offset: u64(sections, section + 24),
        count: Math.min(symbols, SYMBOLS_MAX),
        names: u64(sections, names + 24),
        namesSize: u64(sections, names + 32),
      };
    }
  return null;
}

/** The lowest index of an ascending list whose value is not below `value`. */
function lowerBound(values: Float64Array, value: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Each yield is the end of a piece. Symbols that overlap: the one that begins last. A file with too many of those has none. */
export function* findSymbols(read: ReadFile, all: readonly SymbolWish[]): Generator<void, void> {
  const header = readElfHeader(read);
  if (header === null || header.e_shentsize !== SECTION_SIZE) return;
  const table = findTable(read, header.e_shoff, header.e_shnum);
  if (table === null) return;
  const loaded = readSegments(read, header).filter(({ type }) => type === PT_LOAD);
  const wanted = all
    .map((wish) => ({ wish, address: addressAt(loaded, wish.offset), start: -1, name: 0 }))
    .filter(({ address }) => address >= 0)
    .sort((a, b) => a.address - b.address);
  if (wanted.length === 0) return;
  const addresses = Float64Array.from(wanted, ({ address }) => address);
  let steps = 0;
  for (let first = 0; first < table.count; first += SYMBOLS_PER_PIECE) {
    const count = Math.min(SYMBOLS_PER_PIECE, table.count - first);
    const symbols = exact(read, table.offset + first * SYMBOL_SIZE, count * SYMBOL_SIZE);
    if (symbols === null) break;
    for (let at = 0; at < symbols.byteLength; at += SYMBOL_SIZE) {
      const type = symbols.getUint8(at + 4) & 0xf;
      if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || symbols.getUint16(at + 6, true) === 0) continue;
      const start = u64(symbols, at + 8);
      const end = start + u64(symbols, at + 16);
      for (let i = lowerBound(addresses, start); i < wanted.length && addresses[i]! < end; i++) {
        if (++steps > STEPS_MAX) return;
        if (steps % STEPS_PER_PIECE === 0) yield;
        const one = wanted[i]!;
        if (start <= one.start) continue;
        one.start = start;
        one.name = symbols.getUint32(at, true);
      }
    }
    yield;
  }
  for (const [i, { wish, address, start, name }] of wanted.entries()) {
    if (i % NAMES_PER_PIECE === NAMES_PER_PIECE - 1) yield;
    if (start < 0 || name >= table.namesSize) continue;
    const bytes = read(table.names + name, Math.min(NAME_BYTES, table.namesSize - name));
    if (bytes === null) continue;
    const text = Buffer.from(bytes).toString("latin1");
    const end = text.indexOf("\0");
    wish.symbol = end < 0 ? text : text.slice(0, end);
    wish.symbolOffset = address - start;
  }
}
