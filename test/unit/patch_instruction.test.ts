// The length decoder, by hand-picked bytes and against objdump over the code of whole programs: it may say that it
// does not know, seldom, and never anything else than objdump.
//
// deadline: 300 s

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decode, Flow, Instruction, UNKNOWN } from "../../src/workers/patch/instruction.ts";

const instruction = new Instruction();

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(" "), (byte) => Number.parseInt(byte, 16));
}

function lengthOf(text: string): number {
  const code = bytes(text);
  return decode(code, 0, code.length, instruction);
}

// Bytes -> length; UNKNOWN where nothing is to be said.
const CASES: readonly (readonly [string, number, string])[] = [
  ["b8 27 00 00 00 90", 5, "mov $39,%eax"],
  ["41 b8 27 00 00 00 90", 6, "mov $39,%r8d"],
  ["48 b8 01 02 03 04 05 06 07 08 90", 10, "movabs"],
  ["66 b8 01 02 90", 4, "mov $,%ax"],
  ["66 48 b8 01 02 03 04 05 06 07 08", 11, "REX.W beats the operand size"],
  ["48 66 b8 01 02 90 90 90", 5, "a REX that is not last is none"],
  ["48 c7 c0 0f 00 00 00 90", 7, "mov $15,%rax"],
  ["48 8b 05 01 02 03 04 90", 7, "mov d32(%rip),%rax"],
  ["4c 8b 4c 24 08 90", 5, "mov 8(%rsp),%r9"],
  ["64 48 8b 04 25 10 00 00 00 90", 9, "mov %fs:16,%rax"],
  ["8b 04 25 10 00 00 00 90", 7, "SIB without a base"],
  ["8b 84 24 10 00 00 00 90", 7, "SIB and 32 bits"],
  ["a0 01 02 03 04 05 06 07 08 90", 9, "movabs from memory"],
  ["67 a0 01 02 03 04 90", 6, "the same with 32-bit addresses"],
  ["f6 05 01 02 03 04 05 90", 7, "test $,d32(%rip)"],
  ["f6 15 01 02 03 04 90", 6, "not d32(%rip)"],
  ["f7 c1 01 02 03 04 90", 6, "test $,%ecx"],
  ["66 f7 c1 01 02 90", 5, "test $,%cx"],
  ["0f 1f 84 00 00 00 00 00 90", 8, "a long nop"],
  ["66 2e 0f 1f 84 00 00 00 00 00", 10, "a longer one"],
  ["f3 0f 1e fa 90", 4, "endbr64"],
  ["c5 f8 77 90", 3, "vzeroupper"],
  ["c5 f9 70 c1 02 90", 5, "vpshufd"],
  ["c4 e3 79 0f c1 02 90", 6, "vpalignr"],
  ["c4 e2 79 18 05 01 02 03 04 90", 9, "vbroadcastss d32(%rip)"],
  ["62 f1 7c 48 28 05 01 02 03 04 90", 10, "vmovaps d32(%rip),%zmm0"],
  ["62 f3 7d 48 25 c1 ff 90", 7, "vpternlogd"],
  ["c8 10 00 00 90", 4, "enter"],
  ["f3 0f b8 c1 90", 4, "popcnt"],
  ["0f b8 c1 90", UNKNOWN, "popcnt without its prefix"],
  ["66 e8 01 02 03 04", UNKNOWN, "a call whose size makers disagree about"],
  ["d5 00 01 02 03 04", UNKNOWN, "REX2"],
  ["62 f4 7c 08 01 c0", UNKNOWN, "EVEX map 4"],
  ["8f e9 78 12 c1", UNKNOWN, "XOP"],
  ["06 90", UNKNOWN, "push %es"],
  ["66 c5 f8 77", UNKNOWN, "a prefix before VEX"],
  ["66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", UNKNOWN, "sixteen bytes"],
  ["b8 27 00 00", UNKNOWN, "the end comes first"],
  ["8b", UNKNOWN, "ModRM is behind the end"],
  ["0f", UNKNOWN, "half an opcode"],
  ["c4 e3 79", UNKNOWN, "half a prefix"],
];

test("lengths", () => {
  for (const [text, length, name] of CASES) assert.is(lengthOf(text), length, name);
});

test("branches and traps", () => {
  const flows: [string, number][] = [
    ["eb 05", Flow.BRANCH],
    ["0f 84 01 02 03 04", Flow.BRANCH],
    ["e8 01 02 03 04", Flow.BRANCH],
    ["ff d0", Flow.BRANCH],
    ["ff 25 01 02 03 04", Flow.BRANCH],
    ["ff 35 01 02 03 04", Flow.NEXT],
    ["c3", Flow.BRANCH],
    ["c7 f8 01 02 03 04", Flow.BRANCH],
    ["e2 01", Flow.BRANCH],
    ["0f 05", Flow.TRAP],
    ["cd 80", Flow.TRAP],
    ["cc", Flow.TRAP],
    ["0f 0b", Flow.TRAP],
    ["89 c8", Flow.NEXT],
  ];
  for (const [text, flow] of flows) {
    assert.is(lengthOf(text), text.split(" ").length, text);
    assert.is(instruction.flow, flow, text);
  }
});

test("displacements from the instruction pointer, and targets", () => {
  lengthOf("48 8b 05 01 02 03 04");
  assert.is(instruction.ripDisplacementAt, 3);
  lengthOf("c7 05 01 02 03 04 05 06 07 08");
  assert.is(instruction.ripDisplacementAt, 2);
  assert.is(instruction.length, 10);
  lengthOf("48 8b 80 01 02 03 04");
  assert.is(instruction.ripDisplacementAt, -1);
  lengthOf("75 10");
  assert.equal([instruction.targetAt, instruction.targetSize], [1, 1]);
  lengthOf("0f 85 01 02 03 04");
  assert.equal([instruction.targetAt, instruction.targetSize], [2, 4]);
});

// ---- Against objdump ----

const PROGRAMS = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/x86_64-linux-gnu/libm.so.6",
  "/lib/ld-musl-x86_64.so.1",
  "/usr/bin/busybox",
  "/usr/bin/bash",
  ...goPrograms(),
];
/** Lines of objdump that are looked at in each. */
const LINES_MAX = 400_000;

function goPrograms(): string[] {
  for (const root of ["/usr/lib/go", "/usr/local/go"]) {
    const tools = join(root, "bin");
    if (existsSync(tools))
      return readdirSync(tools)
        .map((name) => join(tools, name))
        .slice(0, 1);
  }
  return [];
}

const FWAIT = 0x9b;

interface Outcome {
  instructions: number;
  unknown: number;
  wrong: string[];
}

// What stands for itself in objdump's text: prefixes that it could not make part of an instruction, and data.
const ODD = /\(bad\)|^(rex|data16|addr32|cs|ds|es|ss|fs|gs|lock|repz|repnz)\b[^ ]*\s*$|^\.byte/;

function judge(outcome: Outcome, at: string, text: string, code: Uint8Array): void {
  if (ODD.test(text)) return;
  // Two instructions that objdump shows as one.
  if (code[0] === FWAIT && code.length > 1) code = code.subarray(1);
  outcome.instructions++;
  const length = decode(code, 0, code.length, instruction);
  if (length === code.length) return;
  // What is cut off at the end of the bytes that belong to it is longer for the decoder: wrong as well.
  const padded = new Uint8Array(24).fill(0x90);
  padded.set(code);
  if (decode(padded, 0, padded.length, instruction) === UNKNOWN) {
    outcome.unknown++;
    return;
  }
  if (instruction.length !== code.length)
    outcome.wrong.push(`${at} ${text}: ${instruction.length} for ${code.length}`);
}

async function compare(program: string): Promise<Outcome> {
  const outcome: Outcome = { instructions: 0, unknown: 0, wrong: [] };
  const child = spawn("objdump", ["-d", "-w", "-z", program], { stdio: ["ignore", "pipe", "ignore"] });
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t?(.*)$/.exec(line);
    if (match === null) continue;
    if (++lines > LINES_MAX) break;
    judge(outcome, match[1]!, match[3]!, bytes(match[2]!.trim()));
  }
  child.kill();
  return outcome;
}

const hasObjdump = spawnSync("objdump", ["--version"]).status === 0;
if (!hasObjdump) console.log("objdump is missing: the decoder is not compared with it");

for (const program of hasObjdump ? PROGRAMS : []) {
  if (!existsSync(program)) {
    console.log(`${program} is missing: the decoder is not compared over it`);
    continue;
  }
  test(`as objdump: ${program}`, async () => {
    const { instructions, unknown, wrong } = await compare(program);
    assert.equal(wrong.slice(0, 20), []);
    assert.ok(instructions > 1000, `${instructions} instructions`);
    assert.ok(unknown < instructions / 500, `${unknown} of ${instructions} are unknown`);
  });
}

test.run();
