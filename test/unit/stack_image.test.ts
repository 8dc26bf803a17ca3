// The initial stack, read back as a program's start code reads it.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as auxv from "../../src/shared/abi/auxv.ts";
import { E2BIG } from "../../src/shared/abi/errno.ts";
import { readU64 } from "../../src/shared/abi/struct.ts";
import {
  buildStack,
  checkArguments,
  MAX_ARG_STRLEN,
  type StackImage,
} from "../../src/workers/process/stack_image.ts";

const TOP = 0x7ffffffff000;
const MIB = 1 << 20;

const auxiliary = {
  vdso: 0x7fff_f000_0000,
  hwcap: 0xbfebfbff,
  hwcap2: 2,
  minSigStackSize: 3632,
  phdr: 0x555555554040,
  phentsize: 56,
  phnum: 13,
  base: 0x7fff_e000_0000,
  entry: 0x555555556000,
  uid: 1000,
  euid: 0,
  gid: 1001,
  egid: 1002,
  secure: true,
};

const random = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

function build(argv: string[], envp: string[], shift = 0, execfn = "/bin/x"): StackImage {
  return buildStack({
    stackTop: TOP,
    argv,
    envp,
    execfn,
    stackLimit: 8 * MIB,
    random,
    shift,
    auxiliary,
  }) as StackImage;
}

function readBack({ bytes, sp }: StackImage) {
  const view = new DataView(bytes.buffer);
  let at = 0;
  const word = () => {
    const value = readU64(view, at);
    at += 8;
    return value;
  };
  const text = (address: number) => {
    let result = "";
    for (let i = address - sp; bytes[i] !== 0; i++) result += String.fromCharCode(bytes[i]!);
    return result;
  };
  const strings = () => {
    const result: string[] = [];
    for (let address = word(); address !== 0; address = word()) result.push(text(address));
    return result;
  };
  const argc = word();
  const argv = strings();
  const envp = strings();
  const vector = new Map<number, number>();
  for (let type = word(); type !== auxv.AT_NULL; type = word()) vector.set(type, word());
  return { argc, argv, envp, vector, text };
}

test("what a program finds", () => {
  const image = build(["ls", "-l", ""], ["HOME=/root", "X=\xff"]);
  const { argc, argv, envp, vector, text } = readBack(image);
  assert.is(argc, 3);
  assert.equal(argv, ["ls", "-l", ""]);
  assert.equal(envp, ["HOME=/root", "X=\xff"]);
  assert.is(text(vector.get(auxv.AT_EXECFN)!), "/bin/x");
  assert.is(text(vector.get(auxv.AT_PLATFORM)!), "x86_64");
  const at = vector.get(auxv.AT_RANDOM)! - image.sp;
  assert.equal(image.bytes.subarray(at, at + 16), random);
  assert.is(vector.get(auxv.AT_SYSINFO_EHDR), auxiliary.vdso);
  assert.is(vector.get(auxv.AT_ENTRY), auxiliary.entry);
  assert.is(vector.get(auxv.AT_PHDR), auxiliary.phdr);
  assert.is(vector.get(auxv.AT_UID), 1000);
  assert.is(vector.get(auxv.AT_EGID), 1002);
  assert.is(vector.get(auxv.AT_SECURE), 1);
  assert.is(vector.get(auxv.AT_HWCAP), 0xbfebfbff);
});

test("an empty argument vector becomes one empty string", () => {
  const { argc, argv } = readBack(build([], []));
  assert.is(argc, 1);
  assert.equal(argv, [""]);
});

test("any strings, any shift", () => {
  const byte = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
  const text = fc.array(byte, { maxLength: 20 }).map((chars) => chars.join(""));
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 20 }),
      fc.array(text, { maxLength: 20 }),
      fc.nat(8191),
      (argv, envp, shift) => {
        const image = build(argv, envp, shift);
        assert.is(image.sp % 16, 0);
        assert.is(image.sp + image.bytes.length, TOP);
        const found = readBack(image);
        assert.equal(found.argv, argv);
        assert.equal(found.envp, envp);
        const area = (start: number, end: number) =>
          Buffer.from(image.bytes.subarray(start - image.sp, end - image.sp)).toString("latin1");
        assert.is(area(image.argStart, image.argEnd), argv.map((s) => `${s}\0`).join(""));
        assert.is(area(image.envStart, image.envEnd), envp.map((s) => `${s}\0`).join(""));
      },
    ),
  );
});

test("limits", () => {
  const long = "a".repeat(MAX_ARG_STRLEN - 1);
  const check = (argv: string[], envp: string[], stackLimit: number) =>
    checkArguments(argv, envp, "/x", stackLimit);
  assert.is(check([long], [], 8 * MIB), 0);
  assert.is(check([`${long}a`], [], 8 * MIB), -E2BIG);
  assert.is(check([], [`${long}a`], 8 * MIB), -E2BIG);
  // A quarter of 8 MiB is 2 MiB: 15 strings of 128 KiB fit, 16 and what else there is do not.
  assert.is(check(new Array(15).fill(long), [], 8 * MIB), 0);
  assert.is(check(new Array(16).fill(long), [], 8 * MIB), -E2BIG);
  // Never more than 6 MiB, never less than 128 KiB.
  assert.is(check(new Array(47).fill(long), [], Infinity), 0);
  assert.is(check(new Array(48).fill(long), [], Infinity), -E2BIG);
  assert.is(check(["a".repeat(100_000)], [], 0), 0);
  // Pointers count too.
  assert.is(check(new Array(300_000).fill(""), [], 8 * MIB), -E2BIG);
});

test.run();
