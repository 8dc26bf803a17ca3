// One line of --strace for a system call that has ended, in the look of strace(1). A pure function of
// the call's registers, what is known of the memory they point at, and the result: the table says what
// the arguments are.

import type { Argument } from "../../shared/abi/arguments.ts";
import { errnoName, errnoText } from "../../shared/abi/errno_text.ts";
import {
  AT_FDCWD,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETOWN,
  F_GETPIPE_SZ,
  O_CREAT,
  O_TMPFILE,
} from "../../shared/abi/fcntl.ts";
import { FUTEX_CMD_MASK, FUTEX_WAKE } from "../../shared/abi/futex.ts";
import { countIndex } from "../../shared/abi/marshal.ts";
import { MREMAP_FIXED } from "../../shared/abi/mman.ts";
import { type Call, syscallByNumber, syscallName } from "../../shared/abi/syscalls.ts";
import * as text from "./strace_values.ts";

export interface TracedCall {
  nr: number;
  /** The six argument registers, low and high halves in turn: 12 words. */
  words: ArrayLike<number>;
  /**
   * For each argument, the bytes it points at as far as they are known: in pieces at the call, out pieces at its end.
   */
  memory: readonly (Uint8Array | undefined)[];
  /** Result or negative errno; undefined if the call does not return, or has not yet. */
  result: number | undefined;
}

/** Errors reach down to -4095, as in the kernel. */
const MAX_ERRNO = 4095;

export function formatCall(traced: TracedCall): string {
  const { nr, words, memory, result } = traced;
  const call = syscallByNumber(nr);
  const shown = call === undefined ? rawArguments(words) : callArguments(call, words, memory, result);
  return `${syscallName(nr)}(${shown.join(", ")}) = ${resultText(call, result)}`;
}

/** A number that Linux does not know: the registers as they are. */
function rawArguments(words: ArrayLike<number>): string[] {
  return Array.from({ length: 6 }, (_, index) => text.hex(unsigned(words, index)));
}

function callArguments(
  call: Call,
  words: ArrayLike<number>,
  memory: readonly (Uint8Array | undefined)[],
  result: number | undefined,
): string[] {
  const count = argumentCount(call, words);
  return call.arguments.slice(0, count).map((argument, index) => {
    const failed = result === undefined || isError(result);
    // What a call would have written is not there if it failed.
    const known = argument.direction === "out" && failed ? undefined : memory[index];
    return argumentText(call, argument, index, words, known, result ?? 0);
  });
}

/** How many arguments count: some are looked at only if another one asks for them. */
function argumentCount(call: Call, words: ArrayLike<number>): number {
  const all = call.arguments.length;
  const value = (index: number) => words[index * 2]! | 0;
  const creates = (flags: number) => (flags & O_CREAT) !== 0 || (flags & O_TMPFILE) === O_TMPFILE;
  switch (call.name) {
    case "open":
      return creates(value(1)) ? all : 2;
    case "openat":
      return creates(value(2)) ? all : 3;
    case "fcntl":
      return [F_GETFD, F_GETFL, F_GETOWN, F_GETPIPE_SZ, F_GET_SEALS].includes(value(1)) ? 2 : all;
    case "mremap":
      return (value(3) & MREMAP_FIXED) !== 0 ? all : 4;
    case "futex":
      return (value(1) & FUTEX_CMD_MASK) === FUTEX_WAKE ? 3 : all;
    default:
      return all;
  }
}

function argumentText(
  call: Call,
  argument: Argument,
  index: number,
  words: ArrayLike<number>,
  bytes: Uint8Array | undefined,
  result: number,
): string {
  const low = words[index * 2]! | 0;
  switch (argument.format) {
    case "int":
      return argument.kind === "off" ? signed(words, index).toString() : String(low);
    case "unsigned":
      return argument.kind === "size" ? unsigned(words, index).toString() : String(low >>> 0);
    case "hex":
      return argument.kind === "ptr"
        ? text.pointer(unsigned(words, index))
        : text.hex(unsigned(words, index));
    case "mode":
      return text.mode(low);
    case "fd":
      return String(low);
    case "dirfd":
      return low === AT_FDCWD ? "AT_FDCWD" : String(low);
    case "id":
      return low === -1 ? "-1" : String(low >>> 0);
    case "signal":
      return text.signalName(low);
    case "flags":
    case "choice":
      return flagsText(argument, index, words);
    default:
      return memoryText(call, argument, index, words, bytes, result);
  }
}

function flagsText(argument: Argument, index: number, words: ArrayLike<number>): string {
  const high = argument.kind === "size" || argument.kind === "mask64" ? words[index * 2 + 1]! : 0;
  return text.flagNames(argument.table!, words[index * 2]!, high);
}

/** A pointer: what it points at, or the address if that is not known. */
function memoryText(
  call: Call,
  argument: Argument,
  index: number,
  words: ArrayLike<number>,
  bytes: Uint8Array | undefined,
  result: number,
): string {
  const address = text.pointer(unsigned(words, index));
  if (bytes === undefined || address === "NULL") return address;
  const { extent } = argument;
  switch (argument.format) {
    case "string":
      return text.quotedPath(bytes);
    case "bytes":
      return text.quoted(argument.direction === "out" ? bytes.subarray(0, outLength(bytes, result)) : bytes);
    case "sigset":
      return bytes.length < 8 ? address : text.signalSet(wordAt(bytes));
    case "sockaddr":
      return text.sockaddrText(bytes);
    case "wstatus":
      return bytes.length < 4 ? address : text.waitStatus(int32At(bytes));
    case "struct": {
      if (extent === undefined || extent.type === "cstring") return address;
      const shown = text.shapeText(extent.shape, bytes, 0);
      // A structure alone is printed as it is, a number behind a pointer in brackets.
      return shown === undefined ? address : shown.startsWith("{") ? shown : `[${shown}]`;
    }
    case "list": {
      if (extent?.type === "fixed") return text.listText(extent.shape, bytes, extent.times);
      if (extent?.type !== "counted") return address;
      const count = extent.count === "result" ? result : words[countIndex(call, extent.count) * 2]! >>> 0;
      return text.listText(extent.shape, bytes, count);
    }
    default:
      return address;
  }
}

/** Of an out buffer the result says how much was written. */
function outLength(bytes: Uint8Array, result: number): number {
  return result > 0 ? Math.min(result, bytes.length) : 0;
}

function resultText(call: Call | undefined, result: number | undefined): string {
  if (result === undefined || call?.result === "never") return "?";
  if (isError(result)) {
    const name = errnoName(-result);
    const value = name.startsWith("ERESTART") ? "?" : "-1";
    return `${value} ${name} (${errnoText(-result)})`;
  }
  if (call?.result === "hex") return text.hex(result);
  return call?.result === "mode" ? text.mode(result) : String(result);
}

function isError(result: number): boolean {
  return result < 0 && result >= -MAX_ERRNO;
}

function unsigned(words: ArrayLike<number>, index: number): bigint {
  return (BigInt(words[index * 2 + 1]! >>> 0) << 32n) | BigInt(words[index * 2]! >>> 0);
}

function signed(words: ArrayLike<number>, index: number): bigint {
  return BigInt.asIntN(64, unsigned(words, index));
}

function wordAt(bytes: Uint8Array): { lo: number; hi: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { lo: view.getUint32(0, true), hi: view.getUint32(4, true) };
}

function int32At(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(0, true);
}
