// ELF headers: real programs, and files made to break each rule.

import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ET_CORE, ET_EXEC, PF_R, PF_W, PF_X, PT_GNU_STACK, PT_INTERP } from "../../src/shared/abi/elf.ts";
import { EINVAL, EIO, ELIBBAD, ENOEXEC, ENOMEM, EPERM } from "../../src/shared/abi/errno.ts";
import { RESERVED_BASE } from "../../src/workers/call/guest_range.ts";
import {
  biasAt,
  type ElfImage,
  parseInterpreter,
  parseProgram,
  placed,
  runParse,
} from "../../src/workers/process/elf.ts";
import { elfFile, load, readerOf } from "./elf_file.ts";

function program(file: Uint8Array): ElfImage | number {
  return runParse(parseProgram(file.subarray(0, 256)), readerOf(file));
}

function interpreter(file: Uint8Array): ElfImage | number {
  return runParse(parseInterpreter(file.subarray(0, 256)), readerOf(file));
}

const PIE = 0x555555554000;

test("a real dynamic program and its interpreter", () => {
  const path = "/bin/ls";
  const image = program(readFileSync(path)) as ElfImage;
  assert.is(image.placement, "pie");
  assert.is(image.interpreter, "/lib64/ld-linux-x86-64.so.2");
  assert.is(image.fatal, 0);
  assert.not(image.executableStack);
  assert.is(image.start, 0);
  assert.ok(image.brk > 0 && image.brk <= image.end);
  const bias = biasAt(image, PIE);
  assert.is(bias, PIE);
  const steps = placed(image, bias);
  assert.ok(Array.isArray(steps) && steps.length >= 4);

  const loader = interpreter(readFileSync(image.interpreter)) as ElfImage;
  assert.is(loader.placement, "mmap");
  assert.is(loader.fatal, 0);
});

test("a real static program", () => {
  const path = "/bin/busybox";
  if (!existsSync(path)) return;
  const image = program(readFileSync(path)) as ElfImage;
  assert.is(image.interpreter, "");
  assert.is(image.fatal, 0);
  assert.ok(image.entry > 0);
});

test("text, data with bss", () => {
  const image = program(
    elfFile([
      load({ p_vaddr: 0x10000 }),
      load({ p_vaddr: 0x12345, p_offset: 0x1345, p_filesz: 0x10, p_memsz: 0x3000, p_flags: PF_R | PF_W }),
    ]),
  ) as ElfImage;
  assert.equal(image.steps, [
    { start: 0x10000, end: 0x11000, prot: 5, fileOffset: 0, clearFrom: 0 },
    { start: 0x12000, end: 0x13000, prot: 3, fileOffset: 0x1000, clearFrom: 0x12355 },
    { start: 0x13000, end: 0x16000, prot: 3, fileOffset: -1, clearFrom: 0 },
  ]);
  assert.is(image.brk, 0x15345);
  assert.is(image.start, 0x10000);
  assert.is(image.end, 0x16000);
  assert.is(image.phdr, 0x10040);
  assert.is(biasAt(image, 0x7000_0000_0000), 0x7000_0000_0000 - 0x10000);
});

test("bss alone: pages from the start, writable whatever the segment says", () => {
  const image = program(
    elfFile([load({ p_vaddr: 0x1010, p_filesz: 0, p_memsz: 0x10, p_flags: PF_R | PF_X })]),
  ) as ElfImage;
  assert.equal(image.steps, [{ start: 0x1000, end: 0x2000, prot: 7, fileOffset: -1, clearFrom: 0 }]);
});

test("what is not an ELF file for this machine", () => {
  assert.is(program(new Uint8Array(0)), -ENOEXEC);
  assert.is(program(new Uint8Array(256)), -ENOEXEC);
  assert.is(program(elfFile([load({})]).subarray(0, 63)), -ENOEXEC);
  assert.is(program(elfFile([load({})], { e_type: ET_CORE })), -ENOEXEC);
  assert.is(program(elfFile([load({})], { e_machine: 3 })), -ENOEXEC);
  assert.is(program(elfFile([load({})], { e_phentsize: 32 })), -ENOEXEC);
  assert.is(program(elfFile([], {})), -ENOEXEC);
  assert.is(program(elfFile([load({})], { e_phnum: 2000 })), -ENOEXEC);
  assert.is(program(elfFile([load({})], { e_phoff: 0x3ff0 })), -ENOEXEC);
  assert.is(program(elfFile([load({})], { e_phoff: 2 ** 60 })), -ENOEXEC);
});

test("interpreters", () => {
  const withPath = (path: string, over = {}) =>
    program(
      elfFile([{ p_type: PT_INTERP, p_offset: 0x800, p_filesz: path.length, ...over }, load({})], {}, [
        [0x800, path],
      ]),
    );
  assert.is((withPath("/lib/ld.so\0") as ElfImage).interpreter, "/lib/ld.so");
  assert.is((withPath("/lib\0/ld.so\0") as ElfImage).interpreter, "/lib");
  assert.is(withPath("/lib/ld.so"), -ENOEXEC);
  assert.is(withPath("\0", { p_filesz: 1 }), -ENOEXEC);
  assert.is(withPath("x\0", { p_filesz: 4097 }), -ENOEXEC);
  assert.is(withPath("x\0", { p_offset: 0x3fff }), -EIO);

  assert.is(interpreter(new Uint8Array(256)), -ELIBBAD);
  assert.is(interpreter(elfFile([load({})], { e_machine: 3 })), -ELIBBAD);
  assert.is(interpreter(elfFile([])), -ELIBBAD);
  assert.is((interpreter(elfFile([load({})], { e_type: ET_CORE })) as ElfImage).fatal, -EPERM);
  assert.is((interpreter(elfFile([load({})])) as ElfImage).fatal, 0);
});

test("segments that Linux refuses after the point of no return", () => {
  const fatal = (over: object) => (program(elfFile([load(over)])) as ElfImage).fatal;
  assert.is(fatal({ p_filesz: 0x2000, p_memsz: 0x1000 }), -EINVAL);
  assert.is(fatal({ p_offset: 0x10 }), -EINVAL);
  assert.is(fatal({ p_vaddr: 2 ** 47 }), -EINVAL);
  assert.is(fatal({ p_memsz: 2 ** 47 }), -EINVAL);
  assert.is(fatal({ p_vaddr: 0x7fff_ffff_0000, p_memsz: 0x10_0000 }), -EINVAL);
  assert.is(fatal({ p_vaddr: 2 ** 63 }), -EINVAL);
  assert.is((program(elfFile([load({})], { e_entry: 2 ** 50 })) as ElfImage).fatal, -EINVAL);
  assert.is((program(elfFile([{ p_type: PT_GNU_STACK }])) as ElfImage).fatal, -EINVAL);
});

test("executable stacks", () => {
  const stack = (p_flags: number) =>
    (program(elfFile([{ p_type: PT_GNU_STACK, p_flags }, load({})])) as ElfImage).executableStack;
  assert.ok(stack(PF_R | PF_W | PF_X));
  assert.not(stack(PF_R | PF_W));
});

test("fixed images keep clear of the first pages and of the stub window", () => {
  const at = (p_vaddr: number) => {
    const image = program(elfFile([load({ p_vaddr })], { e_type: ET_EXEC })) as ElfImage;
    assert.is(image.placement, "fixed");
    assert.is(biasAt(image, PIE), 0);
    return placed(image, 0);
  };
  assert.ok(Array.isArray(at(0x400000)));
  assert.is(at(0), -EPERM);
  assert.is(at(RESERVED_BASE), -ENOMEM);
  assert.ok(Array.isArray(at(RESERVED_BASE - 0x1000)));
});

test("alignment", () => {
  const image = program(
    elfFile([load({ p_align: 0x200000 }), load({ p_vaddr: 0x5000, p_align: 3 })]),
  ) as ElfImage;
  assert.is(image.alignment, 0x200000);
  assert.is(biasAt(image, 0x7000_0012_3000), 0x7000_0000_0000);
});

test.run();
