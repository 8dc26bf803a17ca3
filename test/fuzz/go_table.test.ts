// Go's table of functions, in a guest's hands: whatever it says, the search ends after few looks at the memory, throws
// nothing, and finds no function behind the address that was asked for. RINGFENCE_FUZZ_SEED and RINGFENCE_FUZZ_RUNS
// repeat and lengthen a run.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FP, FP_SIZE } from "../../src/shared/ring/layout.ts";
import type { MemCaller } from "../../src/workers/mem/caller.ts";
import { GO_SECTIONS, goFunction } from "../../src/workers/patch/go_table.ts";
import { findSections } from "../../src/workers/patch/program_file.ts";
import { isInstalled } from "../software/compare.ts";

const seed = Number(process.env["RINGFENCE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env["RINGFENCE_FUZZ_RUNS"] ?? 3000);

const AT = 0x500000;
const TEXT = 0x401000;
const LIST = 72;
const ROUNDS_MAX = 8;

/** A guest that has some bytes at AT, and nothing else. */
class Guest {
  readonly base = 0;
  readonly bytes = new Uint8Array(FP + FP_SIZE);
  readonly #memory: Uint8Array;
  #pieces: [number, number, number][] = [];
  rounds = 0;

  constructor(memory: Uint8Array) {
    this.#memory = memory;
  }

  outAt(address: number, length: number, offset: number): void {
    assert.ok(offset >= FP && offset + length <= FP + FP_SIZE);
    this.#pieces.push([address, length, offset]);
  }

  *copyInRound(): Generator<void, number> {
    this.rounds++;
    yield;
    let copied = 0;
    for (const [address, length, offset] of this.#pieces) {
      const from = address - AT;
      if (!(from >= 0 && from + length <= this.#memory.length)) break;
      this.bytes.set(this.#memory.subarray(from, from + length), offset);
      copied += length;
    }
    this.#pieces = [];
    return copied;
  }
}

/** The function around an address, by a table. */
function search(table: Uint8Array, size: number, address: number): number {
  const call = new Guest(table);
  const found = goFunction({ call } as unknown as MemCaller, { address: AT, size }, TEXT, address);
  let step = found.next();
  while (!step.done && call.rounds <= ROUNDS_MAX) step = found.next();
  assert.ok(step.done);
  assert.ok(call.rounds <= ROUNDS_MAX, `${call.rounds} rounds`);
  assert.ok(step.value === -1 || step.value <= address);
  return step.value;
}

interface Made {
  magic?: number;
  quantum?: number;
  pointer?: number;
  functions?: number;
  text?: number;
  list?: number;
}

/** A table with functions at these distances; the last is the text's end. */
function made(distances: readonly number[], odd: Made = {}): Uint8Array {
  const list = odd.list ?? LIST;
  const bytes = new Uint8Array(LIST + distances.length * 8 + 64);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, odd.magic ?? 0xfffffff1, true);
  bytes[6] = odd.quantum ?? 1;
  bytes[7] = odd.pointer ?? 8;
  view.setBigUint64(8, BigInt(odd.functions ?? distances.length - 1), true);
  view.setBigUint64(24, BigInt(odd.text ?? TEXT), true);
  view.setBigUint64(64, BigInt(list), true);
  for (const [index, distance] of distances.entries())
    if (list + index * 8 + 4 <= bytes.length) view.setUint32(list + index * 8, distance, true);
  return bytes;
}

test("a table by hand", () => {
  const distances = [0, 0x40, 0x60, 0x1000, 0x1200];
  for (const odd of [{}, { magic: 0xfffffff0 }, { text: 0 }]) {
    const table = made(distances, odd);
    const find = (address: number) => search(table, table.length, address);
    assert.is(find(TEXT - 1), -1);
    assert.is(find(TEXT), TEXT);
    assert.is(find(TEXT + 0x3f), TEXT);
    assert.is(find(TEXT + 0x40), TEXT + 0x40);
    assert.is(find(TEXT + 0xfff), TEXT + 0x60);
    assert.is(find(TEXT + 0x11ff), TEXT + 0x1000);
    assert.is(find(TEXT + 0x1200), -1);
  }
  const refused = [
    { magic: 0xfffffffa },
    { quantum: 4 },
    { pointer: 4 },
    { functions: 0 },
    { functions: 2 ** 40 },
  ];
  for (const odd of refused) assert.is(search(made(distances, odd), 4096, TEXT + 0x50), -1);
  // More rows than the section has bytes for, or than are mapped.
  assert.is(search(made(distances), LIST + 4 * 8, TEXT + 0x50), -1);
  assert.is(search(made(distances, { functions: 100_000 }), 1 << 24, TEXT + 0x50), -1);
});

const number64 = fc.oneof(
  fc.constantFrom(0, 1, LIST, TEXT, 2 ** 31, 2 ** 32, 2 ** 47, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64 - 1024),
  fc.nat(0x10000),
  fc.maxSafeInteger().map(Math.abs),
);

test(`made-up tables (seed ${seed})`, () => {
  const odd = fc.record(
    {
      magic: fc.constantFrom(0xfffffff0, 0xfffffff1, 0xfffffffb, 0),
      quantum: fc.constantFrom(1, 1, 1, 0, 4),
      pointer: fc.constantFrom(8, 8, 8, 4),
      functions: number64,
      text: number64,
      list: fc.oneof(fc.constant(LIST), fc.nat(200), number64),
    },
    { requiredKeys: [] },
  );
  const distances = fc.array(fc.oneof(fc.nat(0x2000), fc.nat(0xffffffff)), { minLength: 1, maxLength: 3000 });
  fc.assert(
    fc.property(
      distances,
      odd,
      fc.boolean(),
      number64,
      fc.nat(0x3000),
      (some, how, isSorted, size, offset) => {
        const table = made(isSorted ? some.sort((a, b) => a - b) : some, how);
        search(table, size, TEXT + offset);
        search(table, table.length, TEXT + offset);
      },
    ),
    { seed, numRuns },
  );
});

/** The table of a Go program, and its functions by its symbols. */
function program(): { table: Uint8Array; functions: number[] } {
  const directory = mkdtempSync("/tmp/ringfence-test-");
  try {
    const path = `${directory}/program`;
    writeFileSync(`${path}.go`, "package main\nfunc main() { println(1) }\n");
    const env = { PATH: process.env["PATH"], HOME: directory, GOFLAGS: "-p=1", CGO_ENABLED: "0" };
    execFileSync("go", ["build", "-o", path, `${path}.go`], { env, cwd: directory, stdio: "pipe" });
    const file = readFileSync(path);
    const read = (offset: number, length: number) => file.subarray(offset, offset + length);
    assert.is(findSections(read, GO_SECTIONS)!.size, 1);
    execFileSync("objcopy", ["-O", "binary", "--only-section=.gopclntab", path, `${path}.table`]);
    const listed = execFileSync("nm", [path], { encoding: "latin1" });
    const text = [
      ...listed.matchAll(/^([0-9a-f]+) [Tt] (runtime|syscall|internal\/runtime\/syscall)\.(?!etext)\w+$/gm),
    ];
    const functions = text.map(([, address]) => Number.parseInt(address!, 16));
    return { table: readFileSync(`${path}.table`), functions };
  } finally {
    execFileSync("chmod", ["-R", "u+w", directory]);
    rmSync(directory, { recursive: true, force: true });
  }
}

if (isInstalled("go", "golang-go"))
  test(`a real table, and with bytes changed (seed ${seed})`, () => {
    const { table, functions } = program();
    assert.ok(functions.length > 300);
    // Not at its own address: rows are relative to the text, whose address it says.
    for (const start of functions) assert.is(search(table, table.length, start), start);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(fc.nat(80), fc.nat(table.length - 1)), fc.nat(255)), { maxLength: 6 }),
        fc.oneof(fc.constant(table.length), fc.nat(table.length)),
        fc.constantFrom(...functions),
        (changes, length, address) => {
          const other = table.slice(0, length);
          for (const [at, byte] of changes) if (at < other.length) other[at] = byte;
          search(other, table.length, address + 1);
        },
      ),
      { seed, numRuns: Math.ceil(numRuns / 10) },
    );
  });

test.run();
