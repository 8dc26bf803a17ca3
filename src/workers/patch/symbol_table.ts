// Where functions begin, by the symbols that an ELF file exports (.dynsym): for files without unwind entries, as C
// libraries of small systems are. A function that is not exported lies behind one that is, in code that compilers have
// laid out without gaps but nops: decoding goes on through it.

import { TWO_32 } from "../../shared/abi/struct.ts";

const DT_HASH = 4;
const DT_SYMTAB = 6;
const STT_FUNC = 2;
const SYMBOLS_MAX = 65536;

// Elf64_Dyn: tag, value. Elf64_Sym: name, info, other, section, value, size.
const DYNAMIC_SIZE = 16;
export const SYMBOL_SIZE = 24;
const INFO_AT = 4;
const SECTION_AT = 6;
const VALUE_AT = 8;

function u64At(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}

export interface SymbolTable {
  /** Addresses of the symbols, and of the hash table that says how many there are. */
  readonly symbols: number;
  readonly hash: number;
}

/** Finds the tables in a dynamic section; `bias` is what is added to the file's addresses. Null if it has none. */
export function findSymbolTable(dynamic: Uint8Array, base: number, bias: number): SymbolTable | null {
  const values = new Map<number, number>();
  const view = new DataView(dynamic.buffer, dynamic.byteOffset, dynamic.byteLength);
  for (let at = 0; at + DYNAMIC_SIZE <= dynamic.length; at += DYNAMIC_SIZE) {
    const tag = u64At(view, at);
    if (tag === 0) break;
    values.set(tag, u64At(view, at + 8));
  }
  const [hash, symbols] = [values.get(DT_HASH), values.get(DT_SYMTAB)];
  if (hash === undefined || symbols === undefined) return null;
  // Some dynamic linkers have added the bias already.
  const address = (value: number) => (value >= base ? value : value + bias);
  return { symbols: address(symbols), hash: address(hash) };
}

/** Number of symbols, by the hash table's header: as many as its chains. */
export function symbolCount(header: Uint8Array): number {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return Math.min(view.getUint32(4, true), SYMBOLS_MAX);
}

/** The highest address up to `address` at which a function of these symbols begins; `found` if there is none higher. */
export function lastFunction(symbols: Uint8Array, bias: number, address: number, found: number): number {
  const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
  let best = found;
  for (let at = 0; at + SYMBOL_SIZE <= symbols.length; at += SYMBOL_SIZE) {
    if ((symbols[at + INFO_AT]! & 0xf) !== STT_FUNC || view.getUint16(at + SECTION_AT, true) === 0) continue;
    const start = u64At(view, at + VALUE_AT) + bias;
    if (start <= address && start > best) best = start;
  }
  return best;
}
