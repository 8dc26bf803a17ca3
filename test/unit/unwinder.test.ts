// Stacks of guests that are made up: by what a file says of its functions, by frame pointers, across signals; and as guests that mean harm
// make them: whatever stands in registers, memory and files, a stack ends, and little is read.

import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PT_GNU_EH_FRAME } from "../../src/shared/abi/elf.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/shared/abi/mman.ts";
import { STACK_FRAMES_MAX } from "../../src/shared/profile_record.ts";
import { VM_SHARED } from "../../src/workers/mem/vma.ts";
import { DW_RBP, DW_RIP, DW_RSP, REGISTERS } from "../../src/workers/unwind/row.ts";
import { Unwinder } from "../../src/workers/unwind/unwinder.ts";
import { elfFile, load, readerOf } from "./elf_file.ts";
import { cie, FUNCTION, FUNCTION_SIZE, le32, section } from "./unwind_made.ts";

const FILE = 0x400000;
const MADE = 0x700000;
const STACK = 0x10_0000_0000;
const STACK_END = STACK + 0x100000;
const SIGNALS = 0x20_0000_0000;
const LIST = 0x4000;
const ENTRIES = 0x10000;

/** A file with one function, whose frames are described so. */
function fileOf(common: readonly number[], instructions: readonly number[]): Uint8Array {
  const { section: made, fde } = section(common, instructions);
  const list = [1, 0x1b, 0x03, 0x3b, ...le32(ENTRIES - (LIST + 4)), ...le32(1)];
  const row = [...le32(FUNCTION - LIST), ...le32(ENTRIES + fde - LIST)];
  const segments = [
    load({ p_filesz: 0x20000, p_memsz: 0x20000 }),
    { p_type: PT_GNU_EH_FRAME, p_offset: LIST, p_vaddr: LIST, p_filesz: 20, p_memsz: 20 },
  ];
  return elfFile(
    segments,
    {},
    [
      [LIST, Uint8Array.from([...list, ...row])],
      [ENTRIES, new Uint8Array(made.view.buffer)],
    ],
    0x20000,
  );
}

interface World {
  /** Null: none can be read. */
  readonly file?: Uint8Array | null;
  /** Words by their addresses; all others are 0. */
  readonly words?: Readonly<Record<number, number | bigint>>;
  readonly stackFlags?: number;
  readonly stackBacking?: object | null;
  readonly locks?: number;
  /** How long the host takes for a read of a file. */
  readonly readMs?: number;
  /** How much time goes by from one look at the clock to the next. */
  readonly lookMs?: number;
}

function world({
  file = null,
  words = {},
  stackFlags = 0,
  stackBacking = null,
  locks = 0,
  readMs = 0,
  lookMs = 0,
}: World = {}) {
  const backing = { id: 1, path: "/program" };
  const data = { prot: PROT_READ | PROT_WRITE, offset: 0 };
  const code = { prot: PROT_READ | PROT_EXEC, offset: 0, flags: 0 };
  const vmas = [
    { ...code, start: FILE, end: FILE + 0x20000, backing },
    { ...code, start: MADE, end: MADE + 0x1000, backing: null },
    { ...data, start: STACK, end: STACK_END, backing: stackBacking, flags: stackFlags },
    { ...data, start: SIGNALS, end: SIGNALS + 0x100000, backing: null, flags: 0 },
  ];
  let reads = 0;
  const scratch = new Uint8Array(65536);
  const view = new DataView(scratch.buffer);
  const processRead = (_pid: number, at: number, length: number) => {
    reads++;
    scratch.fill(0);
    for (const [address, word] of Object.entries(words)) {
      const place = Number(address) - at;
      if (place >= 0 && place + 8 <= length) view.setBigUint64(place, BigInt(word), true);
    }
    return length;
  };
  let nowMs = 0;
  const readFile = readerOf(file ?? new Uint8Array(0));
  const read = (at: number, length: number) => {
    nowMs += readMs;
    return readFile(at, length);
  };
  const guestFile = { number: 0, isReadable: file !== null, read };
  const files = { of: () => guestFile };
  const clock = () => {
    nowMs += lookMs;
    return nowMs;
  };
  const unwinder = new Unwinder({ processRead, scratch } as never, files as never, clock);
  const find = (address: number) => vmas.find(({ start, end }) => address >= start && address < end) ?? null;
  const made = { stub: { space: { vmas: { find }, locks: { size: locks } }, readablePid: 1 } };
  const task = made as unknown as Parameters<Unwinder["follow"]>[0];
  const follow = (rip: number, rsp: number, rbp = 0, isExact = false) => {
    const registers = new Float64Array(REGISTERS);
    registers[DW_RIP] = rip;
    registers[DW_RSP] = rsp;
    registers[DW_RBP] = rbp;
    const run = () => unwinder.follow(task, registers, isExact);
    run();
    for (let pieces = 0; unwinder.isLoading; pieces++) {
      unwinder.loadPiece();
      assert.ok(pieces < 1000);
    }
    reads = 0;
    run();
    return unwinder.counters;
  };
  return { unwinder, follow, task, reads: () => reads };
}

const IN = FILE + FUNCTION + 0x20;
/** Its frame is of three words, of which the lowest is rbp. */
const THREE = [0x0e, 24, 0x86, 3];
const TOP = STACK_END - 0x1000;

test("callers are found by what the file says", () => {
  const file = fileOf(cie(), THREE);
  const words = { [TOP]: 77, [TOP + 16]: IN + 1, [TOP + 40]: IN + 2, [TOP + 64]: 0 };
  const { unwinder, follow, reads } = world({ file, words });
  assert.equal(follow(IN, TOP), [IN, IN + 1, IN + 2]);
  assert.equal(unwinder.addresses, [IN - 1, IN, IN + 1]);
  assert.is(unwinder.isWhole, true);
  assert.is(reads(), 1);
  // Once more, and from elsewhere.
  assert.equal(follow(IN + 2, TOP + 48), [IN + 2]);
  assert.is(unwinder.isWhole, true);
});

test("until a file is read frame pointers lead on, and what was found is preliminary", () => {
  const words = { [TOP + 16]: IN + 1, [TOP + 0x100]: TOP + 0x200, [TOP + 0x108]: IN + 2 };
  const { unwinder, follow, task } = world({ file: fileOf(cie(), THREE), words, readMs: 2 });
  const registers = new Float64Array(REGISTERS);
  registers.set([TOP + 0x100, TOP], DW_RBP);
  registers[DW_RIP] = IN;
  unwinder.follow(task, registers, false);
  assert.ok(unwinder.isPreliminary && unwinder.isLoading && !unwinder.isWhole);
  assert.equal(unwinder.counters, [IN, IN + 2]);
  assert.equal(follow(IN, TOP, TOP + 0x100), [IN, IN + 1]);
  assert.not(unwinder.isPreliminary);
});

test("a function that has no return address is the outermost", () => {
  const { unwinder, follow } = world({ file: fileOf(cie(), [7, 16]), words: { [TOP]: IN } });
  assert.equal(follow(IN, TOP), [IN]);
  assert.is(unwinder.isWhole, true);
});

test("a call that is the last of its function is in that", () => {
  const end = FILE + FUNCTION + FUNCTION_SIZE;
  const { follow } = world({ file: fileOf(cie(), THREE), words: { [TOP + 16]: end, [TOP + 40]: IN } });
  assert.equal(follow(end, TOP), [end, end, IN]);
  // Who was interrupted there is not.
  assert.equal(follow(end, TOP, 0, true), [end]);
});

test("code of which nothing is said is followed by frame pointers", () => {
  for (const at of [IN, MADE + 0x100]) {
    const words = {
      [TOP + 0x100]: TOP + 0x200,
      [TOP + 0x108]: at + 1,
      [TOP + 0x200]: 0,
      [TOP + 0x208]: at + 2,
    };
    const { unwinder, follow } = world({ words });
    assert.equal(follow(at, TOP, TOP + 0x100), [at, at + 1, at + 2]);
    assert.is(unwinder.isWhole, true);
    // It has no frame yet: its caller is the uppermost word.
    const early = world({ words: { ...words, [TOP]: at + 3 } });
    assert.equal(early.follow(at, TOP, TOP + 0x100), [at, at + 3, at + 1, at + 2]);
    // Below the stack pointer, and not where a word may be.
    for (const rbp of [TOP - 8, TOP + 0x101, STACK_END - 8, 2 ** 60, 1])
      assert.equal(follow(at, TOP, rbp), [at]);
    assert.is(unwinder.isWhole, false);
  }
  // From one to the other, and back: of made code, called by a function of three words.
  const words = { [TOP]: TOP + 0x100, [TOP + 8]: IN, [TOP + 0x20]: IN + 1, [TOP + 0x10]: 5 };
  const { follow } = world({ file: fileOf(cie(), THREE), words });
  assert.equal(follow(MADE + 4, TOP, TOP), [MADE + 4, IN, IN + 1]);
});

/** What the kernel puts on the stack for a handler: at its begin the context is. */
function signalContext(at: number, rip: number, rsp: number): Record<number, number | bigint> {
  const context = at + 40;
  return {
    ...{ [at]: 7, [at + 8]: 0, [context + 80]: 0x1234, [context + 120]: rsp, [context + 128]: rip },
    ...{ [context + 136]: 0x246, [context + 144]: 0x002b000000000033n },
  };
}

test("who was interrupted by a signal is a caller", () => {
  const start = FILE + FUNCTION;
  const context = SIGNALS + 0x8000;
  const words = {
    // The handler's own frame, and the code to which it returns, of which nothing is said.
    [context - 8]: MADE + 0x10,
    ...signalContext(context, start, TOP),
    [TOP + 16]: IN + 1,
  };
  const { unwinder, follow } = world({ file: fileOf(cie(), THREE), words });
  assert.equal(follow(IN, context - 24), [IN, MADE + 0x10, start, IN + 1]);
  // It was about to begin, which is no call's place.
  assert.equal(unwinder.addresses, [IN - 1, MADE + 0xf, start, IN]);
  for (const [at, word] of [
    [context + 8, 1],
    [context, 8],
    [context + 40 + 136, 0],
    [context + 40 + 144, 0x23],
  ] as const) {
    const other = world({ file: fileOf(cie(), THREE), words: { ...words, [at]: word } });
    assert.equal(other.follow(IN, context - 24), [IN, MADE + 0x10]);
  }
});

test("a file says it of code that returns from signals", () => {
  const start = FILE + FUNCTION;
  const context = SIGNALS + 0x8000;
  // As the C library does: the frame is where the interrupted stack pointer says, and so is the counter.
  const by = (offset: number) => [0x77, ...[(offset & 0x7f) | 0x80, offset >> 7]];
  const instructions = [0x0f, 4, ...by(160), 6, 0x10, 16, 3, ...by(168)];
  const words = { ...signalContext(context, start, TOP) };
  const { unwinder, follow } = world({ file: fileOf(cie({ augmentation: "zRS" }), instructions), words });
  assert.equal(follow(IN, context).slice(0, 2), [IN, start]);
  assert.is(unwinder.addresses[1], start);
});

test("a stack has an end", () => {
  // Each frame is its own caller's; a frame that is no larger; frames without end; and frames far from each other.
  const own = world({ file: fileOf(cie({ instructions: [0x0c, 7, 0, 0x90, 0] }), []), words: { [TOP]: IN } });
  assert.equal(own.follow(IN, TOP), [IN]);
  const turns = world({ file: fileOf(cie(), [0x0c, 6, 0]), words: { [TOP - 8]: IN + 1 } });
  assert.ok(turns.follow(IN, TOP - 64, TOP).length <= 3);
  const all = Object.fromEntries(Array.from({ length: 1000 }, (_none, i) => [STACK + 16 + 24 * i, IN]));
  const endless = world({ file: fileOf(cie(), THREE), words: all });
  assert.is(endless.follow(IN, STACK).length, STACK_FRAMES_MAX);
  assert.not(endless.unwinder.isWhole);
  const long = world({ file: fileOf(cie(), THREE), words: all, lookMs: 1 / 64 });
  assert.ok(long.follow(IN, STACK).length < 70 && long.unwinder.isPreliminary);
  const FAR = 20_000;
  const far = Object.fromEntries(Array.from({ length: 50 }, (_none, i) => [STACK + FAR * (i + 1) - 8, IN]));
  const wide = world({ file: fileOf(cie(), [0x0e, 0xa0, 0x9c, 1]), words: far });
  wide.follow(IN, STACK);
  assert.ok(wide.reads() <= 6, `${wide.reads()}`);
});

test("memory is read that is the process's own, and nothing changes it", () => {
  const file = fileOf(cie(), THREE);
  const words = { [TOP + 16]: IN + 1 };
  for (const odd of [{ stackFlags: VM_SHARED }, { stackBacking: {} }, { locks: 1 }]) {
    const { follow, reads } = world({ file, words, ...odd });
    assert.equal(follow(IN, TOP), [IN]);
    assert.is(reads(), 0);
  }
});

test("whatever a guest makes up is followed to some end", () => {
  const anywhere = fc.oneof(
    fc.nat(0x20000).map((at) => FILE + at),
    fc.nat(0x1000).map((at) => MADE + at),
    fc.nat(0x1ffff).map((at) => STACK + 8 * at),
    fc.constantFrom(0, 1, 8, 2 ** 47, 2 ** 53, 2 ** 63, 2 ** 64 - 2048),
  );
  const instructions = fc.array(
    fc.oneof(
      fc.constantFrom(
        0x0c,
        0x0d,
        0x0e,
        0x0f,
        0x10,
        0x16,
        0x09,
        0x07,
        0x14,
        0x86,
        0x90,
        0x83,
        0x0a,
        0x0b,
        1,
        2,
        6,
        7,
        8,
        16,
      ),
      fc.constantFrom(0x70, 0x77, 0x76, 0x06, 0x22, 0x24, 0x28, 0x2f, 0x12, 0x13, 0x1b, 0x08, 0x31),
      fc.nat(255),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(
      instructions,
      fc.array(fc.tuple(fc.nat(4000), anywhere), { maxLength: 200 }),
      fc.array(anywhere, { minLength: REGISTERS, maxLength: REGISTERS }),
      fc.boolean(),
      (made, stack, registers, isExact) => {
        const words = Object.fromEntries(stack.map(([at, word]) => [STACK + 8 * at, word]));
        const { follow, reads } = world({ file: fileOf(cie(), made), words });
        const found = follow(registers[DW_RIP]!, registers[DW_RSP]!, registers[DW_RBP]!, isExact);
        assert.ok(found.length >= 1 && found.length <= STACK_FRAMES_MAX);
        assert.ok(reads() <= 6);
        assert.ok(follow(IN, STACK, STACK + 64).length <= STACK_FRAMES_MAX);
      },
    ),
    { numRuns: 500 },
  );
});

test.run();
