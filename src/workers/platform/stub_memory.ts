// What the kernel thread reads itself of a stub's memory: private anonymous memory alone, in bounded pieces
// (docs/hardening.md, F12). A page of a file may be one that no host gives.

import { VM_SHARED } from "../mem/vma.ts";
import type { StubProcess } from "./stub_process.ts";

const ROUND = 65536;
const NOTHING = new Uint8Array(0);

/** The first of up to `length` bytes at an address, in the scratch area; none where they cannot be read. */
export function readStubMemory(stub: StubProcess, at: number, length: number): Uint8Array {
  const { space } = stub;
  const { native } = stub.kernel;
  const vma = space.vmas.find(at);
  if (vma === null || vma.backing !== null || (vma.flags & VM_SHARED) !== 0) return NOTHING;
  const n = native.processRead(stub.readablePid, at, Math.min(length, vma.end - at, ROUND));
  return n <= 0 ? NOTHING : native.scratch.subarray(0, n);
}
