// Counting traps, and finding where functions begin by the symbols that a file exports.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RIP } from "../../src/shared/ring/layout.ts";
import type { Slots } from "../../src/shared/ring/slot.ts";
import { findSections } from "../../src/workers/patch/program_file.ts";
import {
  findSymbolTable,
  lastFunction,
  SYMBOL_SIZE,
  symbolCount,
} from "../../src/workers/patch/symbol_table.ts";
import { TrapCounts } from "../../src/workers/patch/trap_counts.ts";
import { UnwindEntries } from "../../src/workers/patch/unwind_entries.ts";

/** Slots that say one instruction pointer. */
function at(rip: number): Slots {
  const word = (_slot: number, offset: number) => (offset === RIP ? rip | 0 : Math.floor(rip / 2 ** 32) | 0);
  return { word } as unknown as Slots;
}

test("each site of each address space is counted by itself", () => {
  const counts = new TrapCounts();
  const sites = [0x7f0000001002, 0x7e0000001002, 0x401002];
  for (let round = 1; round <= 5; round++)
    for (const rip of sites) for (const space of [1, 2]) assert.is(counts.count(at(rip), 0, space), round);
  assert.equal(
    counts.most().map(({ count }) => count),
    [5, 5, 5, 5, 5, 5],
  );
  assert.ok(counts.most().some(({ rip, space }) => rip === 0x7e0000001002 && space === 2));
});

test("what is gone is counted from the start", () => {
  const counts = new TrapCounts();
  for (let i = 0; i < 5; i++) counts.count(at(0x7f0000001002), 0, 1);
  counts.forget(0x7f0000001002, 2);
  assert.is(counts.count(at(0x7f0000001002), 0, 1), 6);
  counts.forget(0x7f0000001002, 1);
  assert.is(counts.count(at(0x7f0000001002), 0, 1), 1);
});

test("of many sites each is counted, though perhaps from the start again", () => {
  const counts = new TrapCounts();
  for (let i = 0; i < 20_000; i++) assert.ok(counts.count(at(0x400000 + i * 16), 0, 1) >= 1);
  assert.ok(counts.most().length <= 4096);
});

const BIAS = 0x7f0000000000;

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setBigUint64(index * 8, BigInt(value), true);
  return bytes;
}

test("the tables of a dynamic section, with and without the bias", () => {
  const wanted = { symbols: BIAS + 0x300, hash: BIAS + 0x200 };
  assert.equal(findSymbolTable(words(4, 0x200, 6, 0x300, 0, 0, 4, 0x999), BIAS, BIAS), wanted);
  assert.equal(findSymbolTable(words(6, BIAS + 0x300, 4, BIAS + 0x200), BIAS, BIAS), wanted);
  assert.is(findSymbolTable(words(6, 0x300, 0, 0, 4, 0x200), BIAS, BIAS), null);
  assert.is(findSymbolTable(new Uint8Array(7), BIAS, BIAS), null);
  assert.is(symbolCount(Uint8Array.of(3, 0, 0, 0, 5, 0, 0, 0)), 5);
  assert.is(symbolCount(Uint8Array.of(3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)), 65536);
});

function symbols(...some: [info: number, section: number, value: number][]): Uint8Array {
  const bytes = new Uint8Array(some.length * SYMBOL_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [index, [info, section, value]] of some.entries()) {
    bytes[index * SYMBOL_SIZE + 4] = info;
    view.setUint16(index * SYMBOL_SIZE + 6, section, true);
    view.setBigUint64(index * SYMBOL_SIZE + 8, BigInt(value), true);
  }
  return bytes;
}

test("the last function before an address", () => {
  // Functions, global and weak; one of another file; data.
  const table = symbols([0x12, 9, 0x1000], [0x22, 9, 0x1400], [0x12, 0, 0x1500], [0x11, 9, 0x1480]);
  assert.is(lastFunction(table, BIAS, BIAS + 0x1499, -1), BIAS + 0x1400);
  assert.is(lastFunction(table, BIAS, BIAS + 0x1400, -1), BIAS + 0x1400);
  assert.is(lastFunction(table, BIAS, BIAS + 0x13ff, -1), BIAS + 0x1000);
  assert.is(lastFunction(table, BIAS, BIAS + 0xfff, -1), -1);
  assert.is(lastFunction(table, BIAS, BIAS + 0x1499, BIAS + 0x1450), BIAS + 0x1450);
});

/** Functions of a static program by its symbols, and its unwind entries as it is loaded. */
function staticProgram(): { functions: Map<string, number>; entries: Uint8Array; address: number } {
  const directory = mkdtempSync("/tmp/ringfence-test-");
  try {
    const path = `${directory}/program`;
    execFileSync("gcc", ["-static", "-O1", "-x", "c", "-o", path, "-"], {
      input: "int main() { return 0; }",
    });
    const file = readFileSync(path);
    const read = (offset: number, length: number) => file.subarray(offset, offset + length);
    const section = findSections(read, [".eh_frame", ".none"])!.get(".eh_frame")!;
    const listed = execFileSync("nm", [path], { encoding: "latin1" });
    const functions = new Map<string, number>();
    for (const [, address, name] of listed.matchAll(/^([0-9a-f]+) [TtWw] (\w+)$/gm))
      functions.set(name!, Number.parseInt(address!, 16));
    execFileSync("objcopy", ["-O", "binary", "--only-section=.eh_frame", path, `${path}.eh_frame`]);
    return { functions, entries: readFileSync(`${path}.eh_frame`), address: section.address };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Walks over the entries in rounds of so many bytes. */
function walk(entries: Uint8Array, address: number, wanted: number, round: number): number {
  const walked = new UnwindEntries(wanted);
  const end = address + entries.length;
  for (let at = address; at >= 0 && at < end; ) {
    const length = Math.min(round, end - at);
    at = walked.take(entries.subarray(at - address, at - address + length), at, at + length === end);
  }
  return walked.found;
}

test("functions of a static program, by its unwind entries", () => {
  const { functions, entries, address } = staticProgram();
  assert.ok(entries.length > 10_000);
  for (const name of ["main", "getpid", "read", "malloc"]) {
    const start = functions.get(name)!;
    for (const round of [1 << 20, 12288, 700])
      assert.is(walk(entries, address, start + 2, round), start, `${name} in rounds of ${round}`);
  }
  assert.is(walk(entries, address, 16, 12288), -1);
});

test("entries that are none end the walk", () => {
  for (let length = 0; length < 60; length++) {
    const zeros = new UnwindEntries(0x401000);
    assert.is(zeros.take(new Uint8Array(length), 0x500000, true), -1);
    const ones = new UnwindEntries(0x401000);
    assert.is(ones.take(new Uint8Array(length).fill(0xff), 0x500000, true), -1);
    assert.is(ones.found, -1);
  }
  // A common part whose text has no end.
  const cie = new Uint8Array(40).fill(0x7a);
  new DataView(cie.buffer).setUint32(0, 36, true);
  new DataView(cie.buffer).setUint32(4, 0, true);
  assert.is(new UnwindEntries(1).take(cie, 0x500000, true), 0x500028);
});

test.run();
