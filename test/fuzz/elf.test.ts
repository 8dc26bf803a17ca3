// Hostile ELF files: whatever the headers say, the parser ends, throws nothing, reads within reason and
// gives only steps that lie where a guest may map. RINGFENCE_FUZZ_SEED and RINGFENCE_FUZZ_RUNS repeat
// and lengthen a run.

import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { WINDOW_BASE, WINDOW_END } from "../../src/shared/ring/layout.ts";
import { isGuestRange } from "../../src/workers/call/guest_range.ts";
import {
  biasAt,
  type ElfImage,
  parseInterpreter,
  parseProgram,
  placed,
} from "../../src/workers/process/elf.ts";
import { parseScript } from "../../src/workers/process/script.ts";
import { elfFile, type Phdr } from "../unit/elf_file.ts";

const seed = Number(process.env["RINGFENCE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env["RINGFENCE_FUZZ_RUNS"] ?? 5000);

const READ_MAX = 65536;

function check(file: Uint8Array): void {
  for (const parse of [parseProgram, parseInterpreter]) {
    const parser = parse(file.subarray(0, 256));
    let reads = 0;
    let step = parser.next();
    while (!step.done) {
      const { offset, length } = step.value;
      assert.ok(Number.isSafeInteger(offset) && offset >= 0);
      assert.ok(length > 0 && length <= READ_MAX);
      assert.ok(++reads <= 2);
      step = parser.next(file.subarray(offset, offset + length));
    }
    if (typeof step.value === "number") assert.ok(step.value < 0 && step.value > -200);
    else checkImage(step.value);
  }
}

function checkImage(image: ElfImage): void {
  assert.ok(image.steps.length <= 2 * image.phnum);
  assert.ok(image.fatal <= 0);
  if (image.fatal !== 0) return;
  for (const base of [0x555555554000, 0x7fff_0000_0000, 0x10000, WINDOW_BASE - 0x10000]) {
    const steps = placed(image, biasAt(image, base));
    if (typeof steps === "number") {
      assert.ok(steps < 0);
      continue;
    }
    for (const { start, end, fileOffset, clearFrom, prot } of steps) {
      assert.is(start % 4096, 0);
      assert.is(end % 4096, 0);
      assert.ok(start < end && start >= 0x10000 && isGuestRange(start, end - start));
      assert.ok(
        fileOffset === -1 || (Number.isSafeInteger(fileOffset) && fileOffset >= 0 && fileOffset % 4096 === 0),
      );
      assert.ok(clearFrom === 0 || (clearFrom > start && clearFrom < end && end - clearFrom < 4096));
      assert.ok(prot >= 0 && prot <= 7);
    }
  }
  assert.ok(image.start <= image.end && image.brk <= image.end);
}

/** Numbers near all borders that matter. */
const number64 = fc.oneof(
  fc.constantFrom(0, 1, 0xfff, 0x1000, 0x1001, 0x3000, 2 ** 31, 2 ** 32, 2 ** 46, WINDOW_BASE, WINDOW_END),
  fc.constantFrom(0x7ffffffff000, 2 ** 47, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64 - 4096, 2 ** 64 - 2048),
  fc.nat(0x10000),
  fc.nat(0x10000).map((pages) => pages * 4096),
  fc.maxSafeInteger().map(Math.abs),
);

const phdr: fc.Arbitrary<Partial<Phdr>> = fc.record(
  {
    p_type: fc.constantFrom(1, 1, 1, 1, 3, 2, 6, 0x6474e551, 0x6474e553, 0xffffffff),
    p_flags: fc.nat(15),
    p_offset: number64,
    p_vaddr: number64,
    p_filesz: number64,
    p_memsz: number64,
    p_align: number64,
  },
  { requiredKeys: ["p_type"] },
);

test(`made-up headers (seed ${seed})`, () => {
  fc.assert(
    fc.property(
      fc.array(phdr, { maxLength: 12 }),
      fc.record({ e_type: fc.constantFrom(2, 3, 3, 4), e_entry: number64 }, { requiredKeys: ["e_entry"] }),
      fc.option(fc.record({ e_phoff: number64, e_phnum: fc.nat(0xffff) }), { freq: 5 }),
      (phdrs, header, odd) => check(elfFile(phdrs, { ...header, ...odd })),
    ),
    { seed, numRuns },
  );
});

test(`a real program with bytes changed and the end cut off (seed ${seed})`, () => {
  const real = readFileSync("/bin/true");
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { maxLength: 8 }),
      fc.oneof(fc.constant(real.length), fc.nat(2048)),
      (changes, length) => {
        const file = Uint8Array.from(real.subarray(0, length));
        for (const [at, byte] of changes) if (at < file.length) file[at] = byte;
        check(file);
      },
    ),
    { seed, numRuns },
  );
});

test(`scripts (seed ${seed})`, () => {
  const byte = fc.constantFrom(0, 9, 10, 32, 47, 97, 255);
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 300 }), (bytes) => {
      const script = parseScript(Uint8Array.from([0x23, 0x21, ...bytes]));
      if (typeof script === "number") return assert.ok(script < 0);
      const { interpreter, argument } = script;
      assert.not.match(interpreter, /[\0\n\t ]/);
      if (argument !== null) assert.not.match(argument, /[\0\n]|^[\t ]/);
    }),
    { seed, numRuns },
  );
});

test.run();
