// Call frame information: rows as readelf has them, of the whole C library and of instructions that compilers seldom write, and nothing
// of what is not as it should be.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Cursor } from "../../src/workers/unwind/cursor.ts";
import { evaluate } from "../../src/workers/unwind/expression.ts";
import { FileFrames } from "../../src/workers/unwind/file_frames.ts";
import { FrameEntries } from "../../src/workers/unwind/frame_entries.ts";
import { listEntries } from "../../src/workers/unwind/frame_table.ts";
import { type Row, Rule } from "../../src/workers/unwind/row.ts";
import { rowFor } from "../../src/workers/unwind/row_machine.ts";
import {
  cie,
  expression,
  FUNCTION,
  FUNCTION_SIZE,
  le32,
  NUMBERED,
  SECTION,
  section,
  sleb,
  USUAL,
  uleb,
} from "./unwind_made.ts";

function rowOf(common: readonly number[], instructions: readonly number[], offset = 0, lsda: number[] = []) {
  const { section: bytes, fde } = section(common, instructions, lsda);
  const found = new FrameEntries(bytes).fdeAt(fde);
  return found === null ? null : rowFor(bytes, found, FUNCTION + offset);
}

/** A row in few words. */
function told(row: Row | null) {
  if (row === null) return null;
  const { register, offset, rules, isSignal } = row;
  return [
    register < 0 ? "by" : `${register}+${offset}`,
    ...rules.map(({ register: to, rule, value }) => `${to}:${rule}:${value}`),
    ...(isSignal ? ["signal"] : []),
  ].join(" ");
}

const RETURN = "16:2:-8";

test("instructions hold from where they stand on", () => {
  // push %rbp; mov %rsp,%rbp; ...; leave
  const usual = [0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x50, 0xc6, 0x0c, 7, 8];
  const at = (offset: number) => told(rowOf(cie(), usual, offset));
  assert.is(at(0), `7+8 ${RETURN}`);
  assert.is(at(1), `7+16 6:2:-16 ${RETURN}`);
  assert.is(at(3), `7+16 6:2:-16 ${RETURN}`);
  assert.is(at(4), `6+16 6:2:-16 ${RETURN}`);
  assert.is(at(20), `7+8 ${RETURN}`);
  assert.is(at(FUNCTION_SIZE - 1), `7+8 ${RETURN}`);
});

const DEEP = [0x0e, ...uleb(0x12345)];

for (const [what, instructions, row] of [
  ["advance_loc1, 2 and 4", [2, 1, 0x0e, 16, 3, 2, 0, 0x0e, 24, 4, ...le32(3), 0x0e, 32], `7+32 ${RETURN}`],
  ["advance_loc4 beyond it", [4, ...le32(200), 0x0e, 32], `7+8 ${RETURN}`],
  ["set_loc", [1, 0xff, 0xff, 0xff, 0x7f, 0x0e, 32], `7+8 ${RETURN}`],
  ["remember and restore", [0x0a, 0x86, 2, ...DEEP, 0x0b], `7+8 ${RETURN}`],
  ["two of them", [0x0a, 0x0e, 16, 0x0a, 0x0e, 24, 0x0b, 0x83, 3, 0x0b], `7+8 ${RETURN}`],
  ["offset_extended", [5, 12, 5, 0x11, 13, 2], `7+8 12:2:-40 13:2:-16 ${RETURN}`],
  ["offset_extended_sf, of others", [0x11, 3, ...sleb(-2), 5, 40, 3], `7+8 3:2:16 ${RETURN}`],
  ["restore_extended", [0x86, 2, 6, 6, 0x90, 5, 6, 16], `7+8 ${RETURN}`],
  ["undefined", [7, 16], "7+8 16:1:0"],
  ["same_value", [0x86, 2, 8, 6], `7+8 ${RETURN}`],
  ["register", [9, 3, 12], `7+8 3:4:12 ${RETURN}`],
  ["def_cfa_sf and def_cfa_offset_sf", [0x12, 6, ...sleb(-3), 0x13, ...sleb(-4)], `6+32 ${RETURN}`],
  ["def_cfa_expression", [0x0f, 3, 0x77, 8, 6], `by ${RETURN}`],
  ["expression", [0x10, 3, 2, 0x77, 8], `7+8 3:5:0 ${RETURN}`],
  ["val_offset", [0x14, 3, 2, 0x15, 12, ...sleb(-2)], `7+8 3:3:-16 12:3:16 ${RETURN}`],
  ["val_expression", [0x16, 3, 2, 0x77, 8], `7+8 3:6:0 ${RETURN}`],
  ["GNU_args_size", [0x2e, ...uleb(4096), 0], `7+8 ${RETURN}`],
  ["GNU_negative_offset_extended", [0x2f, 3, 2], `7+8 3:2:16 ${RETURN}`],
  // What there cannot be.
  ["an unknown instruction", [0x3c], null],
  ["of SPARC", [0x2d], null],
  ["a restore of what was not remembered", [0x0b], null],
  ["too many that are remembered", Array(17).fill(0x0a), null],
  ["a register that is none", [0x0d, 17], null],
  ["a frame that is too large", [0x0e, ...uleb(2 ** 40)], null],
  ["a number without an end", Array(40).fill(0x8e), null],
  ["what is cut off", [0x0f, 100, 0x77], null],
  ["much to remember", Array(300).fill([0x0a, 0x0b]).flat(), null],
  ["too many instructions", Array(5000).fill([0x0e, 8]).flat(), null],
] as const)
  test(`instructions: ${what}`, () => assert.is(told(rowOf(cie(), instructions, 100)), row));

test("what a common part says", () => {
  const personality = [0x9b, 1, 2, 3, 4, 0x1b, 0x1b];
  for (const [common, row] of [
    [cie(), `7+8 ${RETURN}`],
    [cie({ version: 3 }), `7+8 ${RETURN}`],
    [cie({ augmentation: "zPLR", data: personality }), `7+8 ${RETURN}`],
    [cie({ augmentation: "zRS" }), `7+8 ${RETURN} signal`],
    // Pointers of eight bytes are not what the function's entry has here.
    [cie({ augmentation: "", data: [] }), null],
    [cie({ version: 4 }), null],
    [cie({ version: 2 }), null],
    [cie({ augmentation: "eh", data: [] }), null],
    [cie({ augmentation: "zQ" }), null],
    [cie({ augmentation: "zRRRRRRRRRRR" }), null],
    [cie({ register: 17 }), null],
    [cie({ data: [0x2b] }), null],
    [cie({ data: [] }), null],
    [cie({ instructions: [] }), null],
    [cie({ instructions: [0x3c] }), null],
  ] as const)
    assert.is(told(rowOf([...common], [])), row);
  assert.is(
    told(rowOf(cie({ augmentation: "zPLR", data: personality }), [0x0e, 16], 0, [1, 2, 3, 4])),
    `7+16 ${RETURN}`,
  );
  // Its length leads out of the section.
  const cut = section(cie(), []);
  cut.section.view.setUint32(0, 0x7fffffff, true);
  assert.is(new FrameEntries(cut.section).fdeAt(cut.fde), null);
  for (const at of [-4, 0, 1, 1e9, Number.NaN]) assert.is(new FrameEntries(cut.section).fdeAt(at), null);
});

test("expressions have the values of DWARF", () => {
  const MEMORY = new Map([
    [1015, 0x123456789abc],
    [1007, 7],
  ]);
  const readWord = (address: number) => MEMORY.get(address) ?? -1;
  const evaluated = (bytes: readonly number[], first = -1) =>
    evaluate(expression(bytes), NUMBERED, readWord, first);
  for (const [bytes, value] of [
    [[0x77, 0], 1007],
    [[0x77, ...sleb(-8)], 999],
    [[0x92, 7, ...sleb(8), 6], 0x123456789abc],
    [[0x77, 0, 6], 7],
    // The table of calls to libraries: 8 more from the 11th of 16 bytes on.
    [[0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22], 1015],
    [[0x77, 8, 0x80, 3, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22], 1023],
    [[0x08, 200, 0x09, 0xff, 0x22], 199],
    [[0x0a, 0, 2, 0x0b, 0xff, 0xff, 0x1c], 513],
    [[0x0c, ...le32(-1), 0x0d, ...le32(-1), 0x22], 2 ** 32 - 2],
    [[0x10, ...uleb(300), 0x11, ...sleb(-299), 0x22], 1],
    [[0x35, 0x32, 0x1e], 10],
    [[0x35, 0x32, 0x1b], 2],
    [[0x35, 0x32, 0x1d], 1],
    [[0x35, 0x30, 0x1b], 0],
    [[0x31, 0x32, 0x12], 2],
    [[0x31, 0x32, 0x14], 1],
    [[0x31, 0x32, 0x16], 1],
    [[0x31, 0x32, 0x33, 0x15, 2], 1],
    [[0x31, 0x32, 0x13], 1],
    [[0x31, 0x23, ...uleb(1000)], 1001],
    [[0x31, 0x1f, 0x19], 1],
    [[0x31, 0x20, 0x20], 1],
    [[0x35, 0x33, 0x21], 7],
    [[0x35, 0x33, 0x27], 6],
    [[0x31, 0x08, 63, 0x24, 0x08, 63, 0x25], 1],
    [[0x31, 0x08, 64, 0x24], 0],
    [[0x31, 0x11, 0x7f, 0x24], 0],
    [[0x31, 0x1f, 0x08, 200, 0x26, 0x1f], 1],
    [[0x31, 0x2f, 1, 0, 0x35, 0x96], 1],
    [[0x31, 0x30, 0x28, 1, 0, 0x37, 0x38], 8],
    [[0x31, 0x31, 0x28, 1, 0, 0x37], 1],
    [[0x31, 0x32, 0x29], 0],
    [[0x31, 0x32, 0x2b], 0],
    [[0x31, 0x32, 0x2c], 1],
    [[0x31, 0x32, 0x2d], 1],
    [[0x31, 0x32, 0x2e], 1],
    // What has no value.
    [[], -1],
    [[0x06], -1],
    [[0x31, 0x06], -1],
    [[0x22], -1],
    [[0x31, 0x22], -1],
    [[0x31, 0x15, 1], -1],
    [[0x92, 17, 0], -1],
    [[0x92, ...uleb(1e6), 0], -1],
    [[0x9c], -1],
    [[0xff], -1],
    [[0x77], -1],
    [[0x31, 0x2f, 0xff, 0x7f], -1],
    [[0x31, 0x2f, 0x00, 0x80], -1],
    // For ever.
    [[0x31, 0x2f, 0xfd, 0xff], -1],
    [Array(100).fill(0x31), -1],
    [[0x31, ...Array(1000).fill(0x96)], -1],
  ] as const)
    assert.is(evaluated(bytes), value, bytes.map((byte) => byte.toString(16)).join(" "));
  assert.is(evaluated([0x23, 8], 100), 108);
});

test("numbers and pointers have the values of their encodings, or none", () => {
  const read = (bytes: readonly number[], encoding: number) => {
    const all = Uint8Array.from(bytes);
    const cursor = new Cursor({ view: new DataView(all.buffer), address: 1000 }, 0, all.length);
    const value = cursor.pointer(encoding, 5000);
    return cursor.failed ? null : value;
  };
  const ones = Array(8).fill(0xff);
  for (const [bytes, encoding, value] of [
    [[1, 0, 0, 0, 0, 0, 0, 0], 0x00, 1],
    [[...uleb(300)], 0x01, 300],
    [[0xff, 0xff], 0x02, 0xffff],
    [ones, 0x03, 0xffffffff],
    [ones, 0x14, 999],
    [sleb(-300), 0x09, -300],
    [[0xfe, 0xff], 0x1a, 998],
    [le32(-8), 0x1b, 992],
    [le32(-8), 0x3b, 4992],
    [le32(-8), 0x9b, 992],
    [ones, 0x1c, 999],
    [le32(1), 0x2b, null],
    [le32(1), 0x4b, null],
    [le32(1), 0x50, null],
    [le32(1), 0xff, null],
    [[1, 0, 0], 0x1b, null],
    [[0, 0, 0, 0, 0, 0, 0, 0x70], 0x00, null],
    [Array(20).fill(0xff), 0x01, null],
    [Array(20).fill(0xff), 0x09, null],
    [[], 0x02, null],
  ] as const)
    assert.is(read(bytes, encoding), value, `${encoding}: ${bytes}`);
});

// ---- Whole files ----

function loaded(file: Uint8Array): { frames: FileFrames; pieces: number } {
  let left = 32 << 20;
  const take = (length: number) => {
    left -= length;
    return left >= 0;
  };
  const frames = new FileFrames((at, length) => file.slice(at, at + length), take);
  let pieces = 0;
  for (; frames.isLoading; pieces++) frames.loadPiece();
  return { frames, pieces };
}

const LIBRARY = execFileSync("gcc", ["-print-file-name=libc.so.6"], { encoding: "utf8" }).trim();
const library = readFileSync(LIBRARY);
const NAMES = [..."rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 ra".split(" ")];

/** Of a register, as readelf tells it. */
function column(row: Row, name: string): string {
  const found = row.rules.find(({ register }) => NAMES[register] === name);
  if (found === undefined || found.rule === Rule.UNDEFINED) return "u";
  if (found.rule === Rule.SAVED) return `c${found.value < 0 ? "" : "+"}${found.value}`;
  return found.rule === Rule.SAVED_BY ? "exp" : String(found.rule);
}

test("rows of the C library are those of readelf", () => {
  // It finds fault with what is not of this, and says so by its exit code.
  const lines = spawnSync("readelf", ["--debug-dump=frames-interp", LIBRARY], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  }).stdout.split("\n");
  // Addresses of code are places in the file, less what its segment is moved by.
  const code = execFileSync("readelf", ["-lW", LIBRARY], { encoding: "utf8" });
  const [, offset, address] = /LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) .* R E /.exec(code)!;
  const moved = Number.parseInt(offset!, 16) - Number.parseInt(address!, 16);
  const { frames } = loaded(library);
  assert.ok(frames.isKnown);
  let columns: string[] = [];
  let rows = 0;
  let isFunction = false;
  for (const line of lines) {
    if (/ (CIE|FDE) /.test(line)) isFunction = line.includes(" FDE ");
    const [first, ...rest] = line.trim().split(/ +/);
    if (first === "LOC") columns = rest;
    else if (isFunction && /^[0-9a-f]{16}$/.test(first!) && rest.length === columns.length) {
      const row = frames.rowAt(Number.parseInt(first!, 16) + moved);
      assert.ok(row !== null, line);
      const frame = row.expression === null ? `${NAMES[row.register]}+${row.offset}` : "exp";
      const all = columns.map((name) => (name === "CFA" ? frame : column(row, name)));
      assert.equal(
        all,
        rest.map((one) => (one === "s" ? "u" : one)),
        line,
      );
      rows++;
    }
  }
  assert.ok(rows > 5000, `${rows} rows`);
});

test("of places that are no functions nothing is said", () => {
  const { frames, pieces } = loaded(library);
  for (const place of [0, 100, library.length - 1, library.length, 1e15, -1])
    assert.is(frames.rowAt(place), null);
  assert.ok(pieces < 100, `${pieces}`);
  for (const file of [
    Buffer.alloc(0),
    Buffer.from("#!/bin/sh\n"),
    library.subarray(0, 5000),
    library.subarray(0, 64),
  ])
    assert.not(loaded(file).frames.isKnown);
  const none = new FileFrames(
    (at, length) => library.subarray(at, at + length),
    () => false,
  );
  while (none.isLoading) none.loadPiece();
  assert.not(none.isKnown);
});

test("files that are damaged say something else, or nothing", () => {
  const headers = execFileSync("readelf", ["-SW", LIBRARY], { encoding: "utf8" });
  const placeOf = (name: string) => {
    const [, at, size] = new RegExp(` \\${name} +PROGBITS +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) `).exec(
      headers,
    )!;
    return { at: Number.parseInt(at!, 16), size: Number.parseInt(size!, 16) };
  };
  const [list, entries] = [placeOf(".eh_frame_hdr"), placeOf(".eh_frame")];
  const byte = fc.integer({ min: 0, max: 255 });
  // Most entries are of the usual form, so that a damage is met: rows are asked for where it is.
  const damages = fc.record({
    head: fc.array(fc.tuple(fc.nat(1023), byte), { maxLength: 3 }),
    list: fc.array(fc.tuple(fc.nat(list.size - 1), byte), { maxLength: 30 }),
    entries: fc.array(fc.tuple(fc.nat(entries.size - 1), byte), { maxLength: 3000, size: "max" }),
    first: fc.array(fc.tuple(fc.nat(200), byte), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(damages, fc.nat(1000), ({ head, list: inList, entries: inEntries, first }, step) => {
      const file = Buffer.from(library);
      for (const [at, value] of head) file[at] = value;
      for (const [at, value] of inList) file[list.at + at] = value;
      for (const [at, value] of [...inEntries, ...first]) file[entries.at + at] = value;
      const { frames, pieces } = loaded(file);
      assert.ok(pieces < 2000, `${pieces}`);
      for (let place = 0x28000; place < 0x170000; place += 997 + step) {
        const row = frames.rowAt(place);
        if (row === null) continue;
        for (const by of [row.expression, ...row.rules.map((rule) => rule.expression)])
          if (by !== null) assert.ok(evaluate(by, NUMBERED, (address) => address % 4096, 8) >= -1);
      }
    }),
    { numRuns: 100 },
  );
});

test("entries alone, without a list of them, are found as well", () => {
  // What names the list is something else.
  const file = Buffer.from(library);
  for (let at = 64; at < 64 + 56 * 20; at += 56)
    if (file.readUInt32LE(at) === 0x6474e550) file.writeUInt32LE(0, at);
  const [{ frames: listed }, { frames, pieces }] = [loaded(library), loaded(file)];
  assert.ok(frames.isKnown && pieces > 4, `${pieces}`);
  let rows = 0;
  for (let place = 0x28000; place < 0x170000; place += 61) {
    const row = listed.rowAt(place);
    assert.is(told(frames.rowAt(place)), told(row), `${place}`);
    if (row !== null) rows++;
  }
  assert.ok(rows > 1000 && USUAL.length > 0, `${rows}`);
});

test("a list of many entries, in whatever order, is made in short pieces", () => {
  const common = cie();
  for (const count of [0, 1, 4095, 4096, 4097, 20_000, 65_536]) {
    const view = new DataView(new ArrayBuffer(common.length + 20 * count + 4));
    new Uint8Array(view.buffer).set(common);
    const placeOf = (i: number) => common.length + 20 * i;
    // 7919 has no factor in common with the counts above one.
    const functionOf = (i: number) => 0x100000 + 16 * ((i * 7919) % count);
    for (let i = 0; i < count; i++) {
      const at = placeOf(i);
      const words = [16, at + 4, functionOf(i) - (SECTION + at + 8), 16, 0];
      for (const [k, word] of words.entries()) view.setInt32(at + 4 * k, word, true);
    }
    const making = listEntries(new FrameEntries({ view, address: SECTION }));
    let pieces = 0;
    let step = making.next();
    for (; step.done !== true; step = making.next()) pieces++;
    const table = step.value!;
    assert.is(table.size, count);
    for (let i = 0; i < count; i += 7)
      assert.is(table.find(functionOf(i) + 15), SECTION + placeOf(i), `${count}: ${i}`);
    assert.is(table.find(0xfffff), -1);
    // The entries; a part of the list is sorted, merged with others, or written, in each.
    const parts = Math.floor(count / 4096);
    assert.ok(pieces >= count / 1024 - 1 + parts * (2 + Math.log2(Math.max(1, parts))), `${pieces}`);
  }
});

test.run();
