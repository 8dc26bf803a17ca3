// Which call sites can be patched, and what is written for one: over made-up functions, byte by byte.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { TRAMPOLINE_ENTRY } from "../../src/shared/ring/layout.ts";
import { Counters } from "../../src/workers/counters.ts";
import { MemoryBudget } from "../../src/workers/memory_budget.ts";
import { HeldPages } from "../../src/workers/patch/held_pages.ts";
import { type PatchedSite, Patches, Pool } from "../../src/workers/patch/patches.ts";
import { judgeSite, type PatchSite } from "../../src/workers/patch/site.ts";
import {
  basesFor,
  guestAddress,
  jumpTo,
  POOL_SIZE,
  poolHeader,
  secondCopy,
  suits,
  TRAMPOLINE_SIZE,
  trampolineFor,
} from "../../src/workers/patch/trampoline.ts";
import { TrapCounts } from "../../src/workers/patch/trap_counts.ts";
import { functionLength, readUnwindHeader, rowStart } from "../../src/workers/patch/unwind_table.ts";

const START = 0x7f0000001000;

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(" "), (byte) => Number.parseInt(byte, 16));
}

/** Judges the site at the end of a function. */
function judge(text: string, nr: number): PatchSite | string {
  const code = bytes(text);
  return judgeSite(code, START, START + code.length - 2, nr);
}

function site(text: string, nr: number): PatchSite {
  const judged = judge(text, nr);
  if (typeof judged === "string") throw new Error(judged);
  return judged;
}

test("the number's own mov", () => {
  const found = site("f3 0f 1e fa b8 27 00 00 00 0f 05", 39);
  assert.is(found.at, START + 4);
  assert.is(found.syscall, START + 9);
  assert.equal([...found.original], [0xb8, 0x27, 0, 0, 0]);
  assert.equal(found.parts, [{ at: 0, length: 5, ripDisplacementAt: -1, condition: -1, distance: 0 }]);
});

test("the last argument's mov and lea", () => {
  assert.is(site("89 f8 4c 8b 4c 24 08 0f 05", 202).at, START + 2);
  assert.is(site("31 c0 48 8d 94 24 00 01 00 00 0f 05", 0).original.length, 8);
  assert.is(site("b8 01 00 00 00 48 8b 35 10 00 00 00 0f 05", 1).parts[0]!.ripDisplacementAt, 3);
  assert.is(site("31 c0 64 48 8b 14 25 10 00 00 00 0f 05", 0).original.length, 9);
});

// Code before a syscall instruction, the trapped number, why it stays.
const REFUSED: readonly (readonly [string, number, string])[] = [
  ["b8 0f 00 00 00 0f 05", 15, "its number is rt_sigreturn's"],
  ["48 c7 c0 0f 00 00 00 0f 05", 15, "its number is rt_sigreturn's"],
  ["b8 27 00 00 00 0f 05", 40, "another number than the one before it"],
  ["48 c7 c0 27 00 00 00 0f 05", 40, "another number than the one before it"],
  ["31 c0 0f 05", 0, "the instructions before it are too short"],
  ["e8 00 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["e9 00 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["0f 84 00 00 00 00 0f 05", 0, "the instructions before it are too short"],
  ["ff 14 25 00 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["c7 f8 00 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["65 48 8b 14 25 10 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["f0 48 81 06 01 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["67 8b 05 00 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["0f ae 2d 00 00 00 00 0f 05", 0, "the instruction before it is not one to be moved"],
  ["06 b8 27 00 00 00 0f 05", 39, "the code before it is not understood"],
  ["0f 05", 39, "it begins a function"],
  // The bytes of a mov and a syscall inside another instruction.
  ["48 b8 b8 27 00 00 00 0f 05", 39, "it is not an instruction of its function"],
  ["b8 27 00 00 00 0f 04", 39, "it is not an instruction of its function"],
];

test("sites that stay as they are", () => {
  for (const [text, nr, why] of REFUSED) {
    const judged = judge(text, nr);
    // What was not understood may be found out in two ways.
    if (why === "it is not an instruction of its function")
      assert.ok(judged === why || judged === "the code before it is not understood", `${text}: ${judged}`);
    else assert.is(judged, why, text);
  }
});

test("a REX prefix is part of the instruction", () => {
  // mov $39, %r8d: another register's.
  const found = site("41 b8 27 00 00 00 0f 05", 202);
  assert.is(found.original.length, 6);
  assert.is(found.at, START);
});

test("a trampoline, byte by byte", () => {
  const found = site("b8 27 00 00 00 0f 05", 39);
  const pool = START - 0x100000;
  const at = pool + TRAMPOLINE_SIZE;
  const code = trampolineFor(found, at, pool)!;
  assert.is(code.length, TRAMPOLINE_SIZE);
  const view = new DataView(code.buffer);
  assert.equal([...code.subarray(0, 5)], [0xb8, 0x27, 0, 0, 0]);
  assert.equal([...code.subarray(5, 8)], [0x48, 0x8d, 0x0d]);
  assert.is(at + 12 + view.getInt32(8, true), found.syscall + 2);
  assert.equal([...code.subarray(12, 14)], [0xff, 0x25]);
  assert.is(at + 18 + view.getInt32(14, true), pool);
  assert.ok(code.subarray(18).every((byte) => byte === 0xcc));
  assert.is(new DataView(poolHeader().buffer).getBigUint64(0, true), BigInt(TRAMPOLINE_ENTRY));
  const jump = jumpTo(found, at);
  assert.is(jump[0], 0xe9);
  assert.is(found.at + 5 + new DataView(jump.buffer).getInt32(1, true), at);
});

test("shorter instructions and conditional jumps stand between", () => {
  // cmpb $0, 0x100(%rip); je +0x10; xor %eax,%eax; syscall
  const found = site("80 3d 00 01 00 00 00 74 10 31 c0 0f 05", 0);
  assert.is(found.at, START);
  assert.is(found.syscall, START + 11);
  assert.equal(
    found.parts.map(({ at, length, condition }) => [at, length, condition]),
    [
      [0, 7, -1],
      [7, 2, 4],
      [9, 2, -1],
    ],
  );
  const pool = START + 0x200000;
  const at = pool + TRAMPOLINE_SIZE;
  const code = trampolineFor(found, at, pool)!;
  const view = new DataView(code.buffer);
  assert.is(at + 7 + view.getInt32(2, true), START + 7 + 0x100);
  assert.equal([...code.subarray(7, 9)], [0x0f, 0x84]);
  assert.is(at + 13 + view.getInt32(9, true), START + 9 + 0x10);
  assert.equal([...code.subarray(13, 15)], [0x31, 0xc0]);
  assert.is(at + 22 + view.getInt32(18, true), found.syscall + 2);
  assert.equal(
    [0, 7, 13, 15, 22].map((offset) => guestAddress(found, offset) - START),
    [0, 7, 9, 11, 11],
  );
  // A long one, backwards.
  const long = site("b8 00 00 00 00 0f 8f f0 ff ff ff 0f 05", 0);
  assert.equal([long.parts[1]!.condition, long.parts[1]!.distance], [0xf, -16]);
  // What cannot be copied stands between, or too much.
  assert.is(judge("b8 00 00 00 00 eb 00 31 c0 0f 05", 0), "the instructions before it are too short");
  assert.is(judge("b8 00 00 00 00 ff d0 31 c0 0f 05", 0), "the instructions before it are too short");
  assert.is(judge("b8 00 00 00 00 e3 00 0f 05", 0), "the instruction before it is not one to be moved");
  assert.is(
    judge(`b8 00 00 00 00 ${"31 c0 ".repeat(8)}0f 05`, 0),
    "the instructions before it are too short",
  );
  assert.is(judge("b8 27 00 00 00 89 f8 0f 05", 1), "another number than the one before it");
  assert.is(
    trampolineFor(site(`${"48 81 c0 00 00 00 00 ".repeat(1)}${"74 00 ".repeat(7)}0f 05`, 0), at, pool)
      ?.length,
    TRAMPOLINE_SIZE,
  );
});

test("a displacement from the instruction pointer reaches what it reached", () => {
  const found = site("48 8b 35 10 00 00 00 0f 05", 1);
  const target = found.at + 7 + 0x10;
  for (const pool of [START - 0x40000000, START + 0x40000000]) {
    const at = pool + 5 * TRAMPOLINE_SIZE;
    const code = trampolineFor(found, at, pool)!;
    assert.is(at + 7 + new DataView(code.buffer).getInt32(3, true), target);
  }
  assert.is(trampolineFor(found, START + 0x90000000, START + 0x90000000), null);
  // The site reaches the pool, and the pool not what the instruction names.
  const far = site("48 8b 35 f0 ff ff 7f 0f 05", 1);
  assert.is(trampolineFor(far, START - 0x100000, START - 0x100000), null);
});

// mov %rsi,%r10; mov %rdi,%rdx; mov %rcx,%rsi; mov %rbx,%rdi; syscall, as Go's programs call.
const SHORT = "49 89 f2 48 89 fa 48 89 ce 48 89 df 0f 05";

test("of short instructions two are replaced", () => {
  const found = site(SHORT, 39);
  assert.is(found.at, START + 6);
  assert.is(found.border, 3);
  assert.is(found.original.length, 6);
  const four = site("31 c9 48 83 ec 08 31 c0 0f 05", 39);
  assert.equal([four.at, four.border, four.original.length], [START + 2, 4, 6]);
  // The jump would have a border in front.
  assert.is(judge("31 c0 48 89 df 0f 05", 39), "the instructions before it are too short");
  assert.is(judge("31 c0 31 db 31 c9 0f 05", 39), "the instructions before it are too short");
  // A long one is taken first, however far it is.
  assert.is(site(`b8 27 00 00 00 ${SHORT}`, 39).border, -1);
});

test("the jump of a pair has a breakpoint at the border", () => {
  for (const at of [0x408206, 0x7f0000001fff, 0x555555554321])
    for (const [text, border] of [
      [SHORT, 3],
      ["48 83 ec 08 31 c0 0f 05", 4],
    ] as const) {
      const found = { ...site(text, 39), at };
      const bases = basesFor(found);
      assert.is(new Set(bases).size, 16);
      for (const base of bases) {
        assert.is(Math.abs(base % POOL_SIZE), 0);
        if (base < 0) continue;
        const pool = new Pool(base, new HeldPages(new Counters(), 16));
        let places = 0;
        for (let place = pool.freePlace(found); place >= 0; place = pool.freePlace(found)) {
          pool.put({ ...patched(at, place) });
          assert.is(jumpTo(found, place)[border], 0xcc);
          places++;
        }
        assert.ok(places >= POOL_SIZE / TRAMPOLINE_SIZE / 2 - 2, `${places}`);
      }
      assert.not.ok(suits(found, at + 0x10000));
    }
  const found = site(SHORT, 39);
  assert.equal(
    [0, secondCopy(found), 6].map((offset) => guestAddress(found, offset) - found.at),
    [0, 3, 6],
  );
});

test("borders are found, and breakpoints that stood at them", () => {
  const patches = new Patches(new Counters(), new TrapCounts(), 1);
  const pool = patches.addPool(0x10000);
  const found = { ...patched(0x5000, 0x10040), border: 3 };
  patches.add(found, pool);
  patches.add(patched(0x5008, 0x10080), pool);
  assert.is(patches.findByBorder(0x5003), found);
  assert.is(patches.findByBorder(0x5002), null);
  assert.is(patches.findByBorder(0x500b), null);
  assert.ok(patches.hadBreakpointAt(0x5003));
  patches.undone(found);
  assert.is(patches.findByBorder(0x5003), null);
  assert.ok(patches.hadBreakpointAt(0x5003));
});

test("addresses in a trampoline stand for the guest's", () => {
  const found = site("b8 27 00 00 00 0f 05", 39);
  assert.equal(
    [0, 5, 12].map((offset) => guestAddress(found, offset) - found.at),
    [0, 5, 5],
  );
});

const PART = { at: 0, length: 5, ripDisplacementAt: -1, condition: -1, distance: 0 };

function patched(at: number, trampoline: number): PatchedSite {
  const original = bytes("b8 27 00 00 00");
  const jump = bytes("e9 00 00 00 00");
  return { at, syscall: at + 5, original, parts: [PART], border: -1, trampoline, jump };
}

const ANYWHERE = patched(0, 0);

test("sites are found, forgotten and their places used again", () => {
  const counters = new Counters();
  const patches = new Patches(counters, new TrapCounts(), 1);
  const pool = patches.addPool(0x10000);
  const places: number[] = [];
  for (const at of [0x5000, 0x3000, 0x4000]) {
    places.push(pool.freePlace(ANYWHERE));
    patches.add(patched(at, places.at(-1)!), pool);
  }
  assert.equal(places, [0x10040, 0x10080, 0x100c0]);
  assert.is(counters.patchedSites, 3);
  assert.is(patches.find(0x3005)!.at, 0x3000);
  assert.is(patches.find(0x3004), null);
  assert.is(patches.findAt(0x4000)!.at, 0x4000);
  assert.equal(
    patches.within(0x3003, 0x4001).map(({ at }) => at),
    [0x3000, 0x4000],
  );
  assert.is(patches.guestAddressOf(0x10040), 0x5000);
  assert.is(patches.guestAddressOf(0x10045), 0x5005);
  assert.is(patches.guestAddressOf(0x10000), -1);
  assert.is(patches.guestAddressOf(0x10100), -1);
  const copy = patches.copy(2);
  assert.is(counters.patchedSites, 6);
  patches.forget(0x3000, 0x4000);
  assert.is(patches.find(0x3005), null);
  assert.is(pool.freePlace(ANYWHERE), 0x10080);
  // Who was inside an undone site's trampoline finds it.
  patches.undone(patches.findAt(0x4000)!);
  assert.is(patches.guestAddressOf(0x100c0), 0x4000);
  assert.is(counters.patchedSites, 5);
  assert.ok(patches.hadBreakpointAt(0x4000));
  assert.is(copy.find(0x3005)!.at, 0x3000);
  assert.is(copy.pools[0]!.freePlace(ANYWHERE), 0x10100);
  copy.release();
  patches.release();
  assert.is(counters.patchedSites, 0);
});

test("a written page is known until its memory goes, and counts for as long", () => {
  const counters = new Counters();
  const patches = new Patches(counters, new TrapCounts(), 1);
  let page = 0x100000;
  for (let round = 0; patches.mayAdd; round++, page += 0x1000) {
    assert.ok(round < 2000);
    // Its pool goes each time, and with it all that is counted of the site.
    const pool = patches.addPool(0x10000);
    const site = patched(page, pool.freePlace(ANYWHERE));
    patches.add(site, pool);
    patches.undone(site);
    patches.remove(pool);
    patches.remove(pool);
    assert.is(counters.patchedSites, 0);
    assert.ok(patches.hasPatchedPage(page));
  }
  patches.forget(0x100000, 0x101000);
  assert.ok(patches.mayAdd);
  assert.not.ok(patches.hasPatchedPage(0x100000));
  assert.ok(patches.hasPatchedPage(0x101000));
  patches.givePages(0x101000, 0x40000000);
  assert.not.ok(patches.hasPatchedPage(0x101000));
});

test("memory of patches is charged until the last process that shares it has given it back", () => {
  const counters = new Counters();
  const budget = new MemoryBudget(counters, 1 << 30);
  const counts = new TrapCounts();
  const parent = new Patches(counters, counts, 1);
  const pool = parent.addPool(0x10000);
  for (const at of [0x5000, 0x5100, 0x7000]) parent.add(patched(at, pool.freePlace(ANYWHERE)), pool);
  // A pool, and two pages of text.
  assert.is(counters.patchPages, 16 + 2);
  assert.is(budget.used, 18 * 4096);
  const child = parent.copy(2);
  const other = child.copy(3);
  assert.is(counters.patchPages, 18);
  // Of its own: another page, and the pool once more.
  child.add(patched(0x9000, child.pools[0]!.freePlace(ANYWHERE)), child.pools[0]!);
  child.addPool(0x40000);
  assert.is(counters.patchPages, 18 + 1 + 16);
  parent.forget(0x5000, 0x6000);
  parent.remove(pool);
  parent.remove(pool);
  other.givePages(0x5000, 0x8000);
  other.givePages(0x5000, 0x8000);
  assert.is(counters.patchPages, 35);
  child.forget(0x5000, 0x6000);
  assert.is(counters.patchPages, 34);
  child.release();
  assert.is(counters.patchPages, 17);
  other.release();
  assert.is(counters.patchPages, 1);
  parent.release();
  parent.release();
  assert.is(counters.patchPages, 0);
});

test("a pool has an end", () => {
  const pool = new Pool(0, new HeldPages(new Counters(), 16));
  let count = 0;
  for (let at = pool.freePlace(ANYWHERE); at >= 0; at = pool.freePlace(ANYWHERE)) {
    pool.put(patched(0x100000 + count * 16, at));
    count++;
  }
  assert.is(count, POOL_SIZE / TRAMPOLINE_SIZE - 1);
});

test("ranges without pools", () => {
  const patches = new Patches(new Counters(), new TrapCounts(), 1);
  for (const base of [0x20000, 0x50000]) patches.addPool(base);
  assert.equal(patches.outside([[0x10000, 0x70000]]), [
    [0x10000, 0x20000],
    [0x30000, 0x50000],
    [0x60000, 0x70000],
  ]);
  assert.equal(patches.outside([[0x20000, 0x30000]]), []);
  assert.ok(patches.anyPoolIn(0x2f000, 0x31000));
  assert.not.ok(patches.anyPoolIn(0x30000, 0x31000));
});

test("unwind tables", () => {
  const header = bytes("01 1b 03 3b 00 00 00 00 02 00 00 00");
  const table = readUnwindHeader(header, 0x5000)!;
  assert.equal(table, { header: 0x5000, rows: 2 });
  assert.is(readUnwindHeader(bytes("01 1b 03 3c 00 00 00 00 02 00 00 00"), 0x5000), null);
  assert.is(readUnwindHeader(bytes("02 1b 03 3b 00 00 00 00 02 00 00 00"), 0x5000), null);
  assert.is(rowStart(table, new DataView(bytes("00 f0 ff ff 00 00 00 00").buffer), 0), 0x4000);
  // Length, CIE, start from its own place, size.
  const entry = bytes("14 00 00 00 1c 00 00 00 f8 ef ff ff 30 00 00 00");
  assert.is(functionLength(entry, 0x5000, 0x4000), 0x30);
  assert.is(functionLength(entry, 0x5000, 0x4001), 0);
  assert.is(functionLength(bytes("14 00 00 00 00 00 00 00 f8 ef ff ff 30 00 00 00"), 0x5000, 0x4000), 0);
});

test.run();
