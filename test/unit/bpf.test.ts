// Classic BPF: which programs there are, and what they return. What Linux takes and returns was compared for programs made
// at random (SO_ATTACH_FILTER on a pair of sockets); these are the kinds that the two could differ in.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { readProgram } from "../../src/workers/bpf/program.ts";
import { type Input, runProgram } from "../../src/workers/bpf/run.ts";

type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const RETURN_A: Instruction = [0x16, 0, 0, 0];
const returns = (k: number): Instruction => [0x06, 0, 0, k];

function encode(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [i, [code, jt, jf, k]] of instructions.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes.set([jt, jf], i * 8 + 2);
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4);
  }
  return bytes;
}

const packet = new Uint8Array(64).map((_, i) => (i * 37 + 11) & 0xff);

function run(instructions: readonly Instruction[], more: Partial<Input> = {}): number {
  const program = readProgram(encode(instructions));
  assert.ok(program !== null);
  return runProgram(program!, {
    view: new DataView(packet.buffer),
    start: 0,
    length: packet.length,
    network: 14,
    link: 0,
    known: () => null,
    ...more,
  });
}

const refused: readonly (readonly [what: string, program: readonly Instruction[]])[] = [
  ["nothing", []],
  ["more than there may be", Array.from({ length: 4097 }, () => returns(0))],
  ["an unknown code", [[0xff, 0, 0, 0], returns(0)]],
  ["a code beyond a byte", [[0x106, 0, 0, 0]]],
  ["no return in the end", [returns(1), [0x00, 0, 0, 1]]],
  ["division by zero", [[0x34, 0, 0, 0], returns(0)]],
  ["modulo zero", [[0x94, 0, 0, 0], returns(0)]],
  ["a shift by 32", [[0x64, 0, 0, 32], returns(0)]],
  ["a shift by a huge number", [[0x74, 0, 0, 0x80000001], returns(0)]],
  ["a jump beyond the end", [[0x05, 0, 0, 1], returns(0)]],
  ["a jump back", [[0x05, 0, 0, 0xffffffff], returns(0)]],
  ["a condition beyond the end", [[0x15, 1, 0, 0], returns(0)]],
  ["scratch word 16", [[0x02, 0, 0, 16], returns(0)]],
  ["a scratch word that nobody wrote", [[0x60, 0, 0, 3], RETURN_A]],
  ["one that not every way wrote", [[0x15, 1, 0, 0], [0x02, 0, 0, 3], [0x61, 0, 0, 3], returns(0)]],
  ["something unknown of packets", [[0x20, 0, 0, -0x1000 + 64], returns(0)]],
  ["between two that are known", [[0x20, 0, 0, -0x1000 + 2], returns(0)]],
];

for (const [what, program] of refused)
  test(`refused: ${what}`, () => {
    assert.is(readProgram(encode(program)), null);
  });

test("a part of an instruction is none", () => {
  assert.is(readProgram(encode([returns(0)]).subarray(0, 7)), null);
});

test("a scratch word that every way wrote is read", () => {
  const jump: Instruction = [0x15, 2, 0, 0];
  const store: Instruction = [0x02, 0, 0, 3];
  assert.is(run([jump, store, [0x05, 0, 0, 1], store, [0x60, 0, 0, 3], returns(7)]), 7);
});

test("loads are in the network's order, from the packet, its headers, or by an index", () => {
  assert.is(run([[0x20, 0, 0, 0], RETURN_A]), 0x0b30557a);
  assert.is(run([[0x28, 0, 0, 62], RETURN_A]), ((packet[62]! << 8) | packet[63]!) >>> 0);
  assert.is(run([[0x30, 0, 0, 63], RETURN_A]), packet[63]);
  assert.is(run([[0x30, 0, 0, -0x100000], RETURN_A]), packet[14]);
  assert.is(run([[0x30, 0, 0, -0x200000 + 2], RETURN_A]), packet[2]);
  assert.is(run([[0x01, 0, 0, 5], [0x50, 0, 0, 6], RETURN_A]), packet[11]);
  assert.is(run([[0xb1, 0, 0, 14], [0x87, 0, 0, 0], RETURN_A]), (packet[14]! & 15) * 4);
  assert.is(run([[0x80, 0, 0, 0], RETURN_A]), 64);
});

test("a load beyond the packet ends with 0", () => {
  for (const load of [
    [0x20, 0, 0, 61],
    [0x28, 0, 0, 63],
    [0x30, 0, 0, 64],
    [0x30, 0, 0, 0x7fffffff],
    [0xb1, 0, 0, 64],
    [0x30, 0, 0, -0x100000 + 60],
  ] as Instruction[])
    assert.is(run([load, returns(9)]), 0);
  assert.is(run([[0x01, 0, 0, 0xffffffff], [0x50, 0, 0, 0], returns(9)]), 0);
  assert.is(run([[0x30, 0, 0, -0x200000], returns(9)], { link: -1 }), 0);
});

test("arithmetic is of 32 bits, without sign", () => {
  const A = (k: number): Instruction => [0x00, 0, 0, k];
  assert.is(run([A(0xffffffff), [0x34, 0, 0, 2], RETURN_A]), 0x7fffffff);
  assert.is(run([A(0xffffffff), [0x94, 0, 0, 10], RETURN_A]), 5);
  assert.is(run([A(0xffffffff), [0x24, 0, 0, 0xffffffff], RETURN_A]), 1);
  assert.is(run([A(0x80000000), [0x74, 0, 0, 31], RETURN_A]), 1);
  assert.is(run([A(5), [0x84, 0, 0, 0], RETURN_A]), 0xfffffffb);
  assert.is(run([A(1), [0x01, 0, 0, 33], [0x6c, 0, 0, 0], RETURN_A]), 2);
  assert.is(run([A(1), [0x3c, 0, 0, 0], returns(9)]), 0);
  assert.is(run([A(0x80000000), [0x25, 0, 1, 1], returns(1), returns(2)]), 1);
  assert.is(run([A(0x80000000), [0x45, 0, 1, 0x80000000], returns(1), returns(2)]), 1);
});

test("what is known of packets comes from whoever has it", () => {
  const known = (what: number, a: number, x: number) => (what === 40 ? a ^ x : what);
  assert.is(run([[0x20, 0, 0, -0x1000 + 8], RETURN_A], { known }), 8);
  assert.is(run([[0x00, 0, 0, 6], [0x01, 0, 0, 3], [0x20, 0, 0, -0x1000 + 40], RETURN_A], { known }), 5);
  assert.is(run([[0x20, 0, 0, -0x1000 + 8], returns(9)]), 0);
});

test("a filter as tcpdump has it: IPv4, TCP, port 80", () => {
  const filter: Instruction[] = [
    [0x28, 0, 0, 12],
    [0x15, 0, 8, 0x800],
    [0x30, 0, 0, 23],
    [0x15, 0, 6, 6],
    [0x28, 0, 0, 20],
    [0x45, 4, 0, 0x1fff],
    [0xb1, 0, 0, 14],
    [0x48, 0, 0, 16],
    [0x15, 0, 1, 80],
    returns(262144),
    returns(0),
  ];
  const frame = new Uint8Array(60);
  frame.set([8, 0, 0x45], 12);
  frame[23] = 6;
  frame.set([0, 80], 36);
  const seen = (bytes: Uint8Array) => run(filter, { view: new DataView(bytes.buffer), length: bytes.length });
  assert.is(seen(frame), 262144);
  frame[37] = 81;
  assert.is(seen(frame), 0);
});

test.run();
