// Native entries of a further kernel of a process: each that names guest memory names that kernel's own, and none after its end.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EFAULT } from "../../src/shared/abi/errno.ts";
import { CHUNK_SIZE } from "../../src/shared/ring/layout.ts";
import { nativeOf, nextKernel } from "../../src/workers/guest_native.ts";
import { loadNative } from "../../src/workers/native.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const LIBRARY = join(CHECKOUT, "build/native/host.node");
const CHUNKS = 2;

const native = await loadNative(LIBRARY);

function makeKernel(kernel: number) {
  const memory = new Uint8Array(new SharedArrayBuffer(CHUNKS * CHUNK_SIZE));
  assert.is(native.setGuestMemory(kernel, memory), 0);
  return { memory, native: nativeOf(native, kernel) };
}

/** A memory file that begins with these bytes. */
function fileOf(text: string): number {
  const fd = native.memfdFile();
  native.scratch.set(Buffer.from(text));
  assert.is(native.pwriteScratch(fd, text.length, 0), text.length);
  return fd;
}

test("every entry with a chunk among its parameters is a kernel's own", () => {
  const text = readFileSync(join(CHECKOUT, "src/workers/native.ts"), "latin1");
  const declared = [...text.matchAll(/(\w+):\s+"\w+ rf_\w+\(([^"]*)\)"/g)];
  const named = declared.filter(([, , parameters]) => parameters!.includes("uint32_t chunk"));
  const own = new Set(Object.getOwnPropertyNames(nativeOf(native, 1)));
  const missing = named.map(([, name]) => name!).filter((name) => !own.has(name) && name !== "mapPageAt");
  assert.equal([named.length > 10, missing], [true, []]);
});

test("the first kernel calls the entries themselves", () => {
  assert.is(nativeOf(native, 0), native);
});

test("a chunk is that of the kernel that names it", () => {
  const [first, other] = [makeKernel(0), makeKernel(1)];
  const fd = fileOf("bytes");
  assert.is(other.native.pread(fd, 1, 16, 5, 0), 5);
  const at = CHUNK_SIZE + 16;
  assert.is(Buffer.from(other.memory.subarray(at, at + 5)).toString(), "bytes");
  assert.ok(first.memory.every((byte) => byte === 0));
  other.memory.set(Buffer.from("other"), at);
  assert.is(other.native.pwrite(fd, 1, 16, 5, 0), 5);
  assert.is(first.native.pread(fd, 0, 0, 5, 0), 5);
  assert.is(Buffer.from(first.memory.subarray(0, 5)).toString(), "other");
  native.close(fd);
});

test("a kernel that has ended has no memory, and its place is another's", () => {
  const ended = makeKernel(2);
  const fd = fileOf("bytes");
  native.forgetGuestMemory(2);
  assert.is(ended.native.pread(fd, 0, 0, 5, 0), -EFAULT);
  assert.is(ended.native.mapChunk(0), -EFAULT);
  const next = makeKernel(2 + 64);
  assert.is(ended.native.pread(fd, 0, 0, 5, 0), -EFAULT);
  assert.is(next.native.pread(fd, 0, 0, 5, 0), 5);
  native.forgetGuestMemory(2); // once more, behind the other's beginning
  assert.is(next.native.pread(fd, 0, 0, 5, 0), 5);
  native.close(fd);
});

test("there is no second kernel in a place", () => {
  makeKernel(3);
  assert.is(native.setGuestMemory(3 + 64, new Uint8Array(new SharedArrayBuffer(16))) < 0, true);
});

test("numbers are given once, and to no two that would be in each other's place", () => {
  assert.is(nextKernel(0, []), 1);
  assert.is(nextKernel(64, [1, 2]), 67);
  assert.is(
    nextKernel(
      9,
      Array.from({ length: 64 }, (_none, i) => i),
    ),
    -1,
  );
  assert.is(nextKernel(2 ** 20 - 1, []), -1);
});

test.run();
