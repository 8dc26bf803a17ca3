// Symbols of ELF files: as nm has them, and nothing of files that are not what they should be.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findSymbols, type SymbolWish } from "../../src/workers/profile/elf_symbols.ts";

const SOURCE = `
__attribute__((noinline)) int first_function(int x) { return x * 3 + 1; }
__attribute__((noinline)) int second_function(int x) { return first_function(x) ^ 5; }
int main(int argc, char **argv) { return second_function(argc) & 1; }
`;

const directory = mkdtempSync(join(tmpdir(), "ringfence-symbols-"));
test.after(() => rmSync(directory, { recursive: true, force: true }));

function compiled(name: string, ...flags: string[]): Buffer {
  const [source, program] = [join(directory, "a.c"), join(directory, name)];
  writeFileSync(source, SOURCE);
  execFileSync("gcc", ["-O1", ...flags, "-o", program, source]);
  return readFileSync(program);
}

function look(file: Uint8Array, offsets: readonly number[]): SymbolWish[] {
  const wishes = offsets.map((offset) => ({ offset, symbol: "", symbolOffset: 0 }));
  const read = (at: number, length: number) => file.subarray(at, at + length);
  let pieces = 0;
  for (const _piece of findSymbols(read, wishes)) pieces++;
  assert.ok(pieces <= 64);
  return wishes;
}

for (const flags of [["-static"], ["-pie", "-fPIE"], ["-shared", "-fPIC", "-s"]])
  test(`a program of gcc ${flags.join(" ")}`, () => {
    const file = compiled("program", ...flags);
    // Of code that is mapped at its begin file offsets are addresses, less where the file is linked to.
    const dynamic = flags.includes("-s") ? ["-D"] : [];
    const base = flags[0] === "-static" ? 0x400000 : 0;
    const listed = execFileSync("nm", [...dynamic, "-S", join(directory, "program")], { encoding: "utf8" });
    for (const name of ["first_function", "second_function"]) {
      const [, address, size] = new RegExp(`^([0-9a-f]+) ([0-9a-f]+) [tT] ${name}$`, "m").exec(listed)!;
      const start = Number.parseInt(address!, 16) - base;
      const last = Number.parseInt(size!, 16) - 1;
      const [head, end] = look(file, [start, start + last]);
      assert.equal([head!.symbol, head!.symbolOffset], [name, 0]);
      assert.equal([end!.symbol, end!.symbolOffset], [name, last]);
    }
    assert.is(look(file, [file.length + 10])[0]!.symbol, "");
  });

/** A file whose symbols all lie over all of its code, the next one a byte later. */
function overlapping(symbols: number): Buffer {
  const [SECTIONS, SYMBOLS] = [128, 320];
  const file = Buffer.alloc(SYMBOLS + symbols * 24 + 16);
  file.set([0x7f, 0x45, 0x4c, 0x46]);
  file.writeBigUInt64LE(64n, 32); // e_phoff
  file.writeBigUInt64LE(BigInt(SECTIONS), 40); // e_shoff
  file.writeUInt16LE(56, 54); // e_phentsize
  file.writeUInt16LE(1, 56); // e_phnum
  file.writeUInt16LE(64, 58); // e_shentsize
  file.writeUInt16LE(2, 60); // e_shnum
  file.writeUInt32LE(1, 64); // p_type: PT_LOAD
  file.writeBigUInt64LE(1n << 30n, 64 + 32); // p_filesz
  const symtab = SECTIONS + 64;
  file.writeUInt32LE(2, symtab + 4); // sh_type: SHT_SYMTAB
  file.writeBigUInt64LE(BigInt(SYMBOLS), symtab + 24);
  file.writeBigUInt64LE(BigInt(symbols * 24), symtab + 32);
  file.writeBigUInt64LE(BigInt(SYMBOLS + symbols * 24), SECTIONS + 24); // the names
  file.writeBigUInt64LE(16n, SECTIONS + 32);
  file.write("name", SYMBOLS + symbols * 24);
  for (let i = 0; i < symbols; i++) {
    const at = SYMBOLS + i * 24;
    file[at + 4] = 2; // STT_FUNC
    file.writeUInt16LE(1, at + 6);
    file.writeBigUInt64LE(BigInt(i), at + 8);
    file.writeBigUInt64LE(1n << 29n, at + 16);
  }
  return file;
}

test("no piece is long, and too many symbols that overlap are none", () => {
  const wishes = Array.from({ length: 4096 }, (_none, i) => ({
    offset: 70_000 + i,
    symbol: "",
    symbolOffset: 0,
  }));
  const piecesOf = (file: Buffer) => {
    let pieces = 0;
    for (const _piece of findSymbols((at, length) => file.subarray(at, at + length), wishes)) pieces++;
    return pieces;
  };
  assert.is(piecesOf(overlapping(1 << 16)), 32);
  assert.ok(wishes.every(({ symbol }) => symbol === ""));
  // 2^17 steps, one piece of symbols, and 4096 names.
  assert.is(piecesOf(overlapping(32)), 4 + 1 + 128);
  assert.ok(wishes.every(({ symbol }) => symbol === "name"));
});

test("an address that is no exact number is none of a symbol's", () => {
  const file = overlapping(1);
  const at = 320;
  file.writeBigUInt64LE(1n << 63n, at + 16);
  for (const address of [1n << 20n, 1n << 53n, 1n << 62n]) {
    file.writeBigUInt64LE(address, 64 + 16); // p_vaddr
    const [{ symbol, symbolOffset }] = look(file, [100]) as [SymbolWish];
    const isExact = address < 1n << 53n;
    assert.equal([symbol, symbolOffset], isExact ? ["name", (1 << 20) + 100] : ["", 0]);
  }
});

test("files that are damaged have no symbols, or others", () => {
  const file = compiled("damaged", "-pie", "-fPIE");
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
      fc.array(fc.tuple(fc.nat(63), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      fc.nat(file.length),
      (anywhere, head, length) => {
        const damaged = Buffer.from(file.subarray(0, length));
        for (const [at, value] of [...anywhere, ...head]) if (at < length) damaged[at] = value;
        for (const { symbol } of look(damaged, [0x1140, 0x1150, 1e9])) assert.ok(symbol.length <= 256);
      },
    ),
    { numRuns: 500 },
  );
  assert.is(look(Buffer.from("#!/bin/sh\n"), [3])[0]!.symbol, "");
  assert.is(look(Buffer.alloc(0), [3])[0]!.symbol, "");
});

test.run();
