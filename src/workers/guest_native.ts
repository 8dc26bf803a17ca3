// The native entries as a further kernel of the process calls them. Those that name guest memory name that of this kernel: the
// number of a chunk bears the kernel's own, so that nothing is to be switched when another kernel has its turn, and no callback
// can come while the wrong one is in place. The first kernel's number is 0: it calls the entries themselves.

import { KERNEL_SHIFT, type Native, ofKernel } from "./native.ts";

/** A kernel's number is above a chunk's, in 32 bits. */
const KERNEL_NUMBERS = 2 ** (32 - KERNEL_SHIFT);
/** Kernels at a time, whose numbers differ in these places (RF_KERNELS_MAX). */
const KERNEL_PLACES = 64;

/** The number of a further kernel beside those; -1: there is none left. */
export function nextKernel(last: number, running: readonly number[]): number {
  for (let number = last + 1; number < KERNEL_NUMBERS && number <= last + KERNEL_PLACES; number++)
    if (running.every((other) => (other - number) % KERNEL_PLACES !== 0)) return number;
  return -1;
}

/** Every entry with a chunk among its parameters; test/unit/guest_native.test.ts compares them with the declarations. */
type OfChunks = Pick<
  Native,
  | "mapChunk"
  | "unmapChunk"
  | "futexWake"
  | "futexWakeTwo"
  | "streamRead"
  | "streamWrite"
  | "read"
  | "write"
  | "pread"
  | "pwrite"
  | "append"
  | "processCopyIn"
  | "processCopyOut"
  | "preadNowait"
>;

function ofChunks(native: Native, first: number): OfChunks {
  return {
    mapChunk: (chunk) => native.mapChunk(first + chunk),
    unmapChunk: (chunk) => native.unmapChunk(first + chunk),
    futexWake: (chunk, offset) => native.futexWake(first + chunk, offset),
    futexWakeTwo: (chunk, offset, second, at) =>
      native.futexWakeTwo(first + chunk, offset, first + second, at),
    streamRead: (fd, chunk, offset, length, isSocket) =>
      native.streamRead(fd, first + chunk, offset, length, isSocket),
    streamWrite: (fd, chunk, offset, length, isSocket) =>
      native.streamWrite(fd, first + chunk, offset, length, isSocket),
    read: (fd, chunk, offset, length) => native.read(fd, first + chunk, offset, length),
    write: (fd, chunk, offset, length) => native.write(fd, first + chunk, offset, length),
    pread: (fd, chunk, offset, length, position) => native.pread(fd, first + chunk, offset, length, position),
    pwrite: (fd, chunk, offset, length, position) =>
      native.pwrite(fd, first + chunk, offset, length, position),
    append: (fd, chunk, offset, length) => native.append(fd, first + chunk, offset, length),
    processCopyIn: (pid, address, chunk, offset, length) =>
      native.processCopyIn(pid, address, first + chunk, offset, length),
    processCopyOut: (pid, address, chunk, offset, length) =>
      native.processCopyOut(pid, address, first + chunk, offset, length),
    preadNowait: (fd, chunk, offset, length, position) =>
      native.preadNowait(fd, first + chunk, offset, length, position),
  };
}

/** `native`: the thread's, of kernel 0. Its scratch area is the thread's, whatever kernel it works for. */
export function nativeOf(native: Native, kernel: number): Native {
  if (kernel === 0) return native;
  const own = { ...ofKernel(native, kernel), ...ofChunks(native, kernel * 2 ** KERNEL_SHIFT) };
  // Not by assignment: an entry that was used is a property of `native` that nobody may write to.
  return Object.create(native, Object.getOwnPropertyDescriptors(own)) as Native;
}
