// The sandbox's processes and threads as the host lists them, by the sandbox's own proc file system.

import { ENOENT, ESRCH } from "../../shared/abi/errno.ts";
import { O_DIRECTORY } from "../../shared/abi/fcntl.ts";
import type { KernelDescriptors } from "../call/context.ts";
import type { Native } from "../native.ts";

const D_RECLEN = 16;
const D_NAME = 19;

export interface HostContext {
  readonly native: Native;
  readonly descriptors: KernelDescriptors;
}

/** Numbers of all processes of the sandbox's PID namespace; null: the host cannot list them for the moment. */
export function hostProcesses(kernel: HostContext): number[] | null {
  return numbersIn(kernel, ".");
}

/** Numbers of a process's threads, none if there is no such process; null as above. */
export function hostThreads(kernel: HostContext, pid: number): number[] | null {
  return numbersIn(kernel, `${pid}/task`);
}

/** The parent's number: 0 where it lies outside of the namespace, or where there is no such process; null as above. */
export function parentOf(kernel: HostContext, pid: number): number | null {
  const { native, descriptors } = kernel;
  const n = native.readSmall(descriptors.proc, `${pid}/stat`);
  if (n < 0) return isGone(n) ? 0 : null;
  const text = Buffer.from(native.scratch.subarray(0, n)).toString("latin1");
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
}

/**
 * A process's children, of very many the first ones; none if there is no such process. null: the host cannot tell them for the
 * moment, or at all (proc(5), CONFIG_PROC_CHILDREN).
 */
export function childrenOf(kernel: HostContext, pid: number): number[] | null {
  const { native, descriptors } = kernel;
  const n = native.readSmall(descriptors.proc, `${pid}/task/${pid}/children`);
  if (n < 0) return isGone(n) && hostThreads(kernel, pid)?.length === 0 ? [] : null;
  const text = Buffer.from(native.scratch.subarray(0, n)).toString("latin1");
  // Behind each stands a space: what has none is cut off.
  return text.split(" ").slice(0, -1).map(Number);
}

/** The process that a thread belongs to, or 0. */
export function processOf(kernel: HostContext, tid: number): number {
  return Number(/^Tgid:\t(\d+)$/m.exec(readProc(kernel, `${tid}/status`))?.[1] ?? 0);
}

/** Text of a small file below the sandbox's own proc; "" if there is none, or none any more. */
export function readProc({ native, descriptors }: HostContext, path: string): string {
  const n = native.readSmall(descriptors.proc, path);
  return n <= 0 ? "" : Buffer.from(native.scratch.subarray(0, n)).toString("latin1");
}

function isGone(error: number): boolean {
  return error === -ENOENT || error === -ESRCH;
}

function numbersIn({ native, descriptors }: HostContext, path: string): number[] | null {
  const numbers: number[] = [];
  const fd = native.openComponent(descriptors.proc, path, O_DIRECTORY);
  if (fd < 0) return isGone(fd) ? numbers : null;
  let n = native.getdents(fd);
  for (; n > 0; n = native.getdents(fd)) {
    for (let at = 0; at < n; at += native.scratchView.getUint16(at + D_RECLEN, true)) {
      const number = decimalAt(native.scratch, at + D_NAME);
      if (number > 0) numbers.push(number);
    }
  }
  native.close(fd);
  return n < 0 && !isGone(n) ? null : numbers;
}

/** The number whose decimal digits stand there with a NUL behind; 0 if it is none. */
function decimalAt(bytes: Uint8Array, at: number): number {
  let number = 0;
  for (let i = at; bytes[i] !== 0; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return 0;
    number = number * 10 + digit;
  }
  return number;
}
