// The tracer takes what arguments point at from the slot, and trusts nothing that stands there.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Frame } from "../../src/shared/ring/slot.ts";
import type { Call } from "../../src/workers/call/call.ts";
import { Tracer } from "../../src/workers/strace/tracer.ts";

const REGISTERS = [L.RDI, L.RSI, L.RDX, L.R10, L.R8, L.R9];
const TEXT_AT = 0x7000_0000_1000;

/** A task in its second slot, with a call and in pieces of the given lengths. */
function taskWith(name: string, args: number[], inLengths: number[] = []) {
  const bytes = new Uint8Array(L.CHUNK_SIZE);
  const base = L.SLOT_SIZE;
  const frame = new Frame();
  for (const [i, value] of args.entries()) frame.setNumber(REGISTERS[i]!, value);
  const task = {
    caller: { firstTid: 7 },
    nr: nr(name),
    frame,
    bytes,
    base,
    view: new DataView(bytes.buffer),
    outPieces: 0,
    inLength: (piece: number) => inLengths[piece] ?? 0,
  };
  return task;
}

function setPiece(task: ReturnType<typeof taskWith>, address: number, length: number, offset: number): void {
  const at = task.base + L.PIECES + task.outPieces++ * L.PIECE_SIZE;
  task.view.setBigUint64(at + L.PIECE_ADDR, BigInt(address), true);
  task.view.setUint32(at + L.PIECE_LENGTH, length, true);
  task.view.setUint32(at + L.PIECE_OFFSET, offset, true);
}

function trace(task: unknown, result?: number): string[] {
  const lines: string[] = [];
  const tracer = new Tracer((line) => lines.push(line));
  tracer.enter(task as Call);
  if (result !== undefined) tracer.leave(task as Call, result);
  return lines;
}

test("in pieces", () => {
  const task = taskWith("write", [1, TEXT_AT, 3], [3]);
  task.bytes.set(Buffer.from("abc"), task.base + L.WINDOW);
  assert.equal(trace(task, 3), ['[7] write(1, "abc", 3) = 3']);

  const rename = taskWith("rename", [TEXT_AT, TEXT_AT + 8], [2, 2]);
  rename.bytes.set(Buffer.from("a\0"), rename.base + L.WINDOW);
  rename.bytes.set(Buffer.from("b\0"), rename.base + L.WINDOW_SECOND);
  assert.equal(trace(rename, 0), ['[7] rename("a", "b") = 0']);
});

test("out pieces", () => {
  const task = taskWith("read", [0, TEXT_AT, 100]);
  task.bytes.set(Buffer.from("out"), task.base + L.WINDOW);
  setPiece(task, TEXT_AT, 3, L.WINDOW);
  assert.equal(trace(task, 3), ['[7] read(0, "out", 100) = 3']);
});

test("pieces that lie outside the slot show nothing of another", () => {
  for (const [length, offset] of [
    [0xffffffff, L.WINDOW],
    [16, L.SLOT_SIZE],
    [16, 0xffffffff],
  ] as const) {
    const task = taskWith("read", [0, TEXT_AT, 100]);
    task.bytes.fill(0x61, 0, task.base);
    task.bytes.fill(0x62, task.base + L.SLOT_SIZE);
    setPiece(task, TEXT_AT, length, offset);
    assert.not.match(trace(task, 5)[0]!, /a{3}|b{3}/);
  }
});

test("calls that do not return are printed at once, others when they end", () => {
  assert.equal(trace(taskWith("exit_group", [3])), ["[7] exit_group(3) = ?"]);
  assert.equal(trace(taskWith("pause", [])), []);
  assert.equal(trace(taskWith("pause", []), -4), ["[7] pause() = -1 EINTR (Interrupted system call)"]);
});

test.run();
