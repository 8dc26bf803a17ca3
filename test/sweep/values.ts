// What an argument of each kind can be that it should not be, in the words of sweep.c: a number, `@file` for
// a descriptor, `&place` for an address, `$6869` for bytes, `%16` for room, `^self` for an id.

import type { Argument } from "../../src/shared/abi/arguments.ts";
import { FLAG_TABLES } from "../../src/shared/abi/flag_tables.ts";
import { type ShapeName, sizeOf } from "../../src/shared/abi/structs.ts";

const INTEGERS = ["0", "1", "2", "-1", "-2", "16", "4096", "-2147483648", "2147483647", "0x5a5a5a5a00000000"];
/** Lengths: what lies behind them is shorter, so that a long one meets unmapped memory. */
const SIZES = ["0", "1", "7", "8", "4095", "4097", "0x7ffff000", "0x7fffffff", "0x80000000", "0x100000000"];
const HUGE = ["0x7fffffffffffffff", "0x8000000000000000", "-1"];
const OFFSETS = ["0", "1", "7", "5000", "-1", "-4096", "0x20000000000000", "0x7fffffffffffffff"];
const POINTERS = ["0", "1", "&unmapped", "&kernel", "&edge", "&odd", "&ro", "&none", "&top", "&noncanonical"];

/** sweep.c's descriptors. */
export const FILES: readonly string[] = [
  ...["rw", "ro", "wo", "append", "dir", "path", "pathdir", "pathlink", "pipe_r", "pipe_w", "fifo"],
  ...["stream", "dgram", "listen", "unconnected", "seqpacket", "eventfd", "timerfd", "signalfd", "epoll"],
  ...["inotify", "memfd", "sealed", "pidfd", "ptm", "pts", "null", "zero", "full", "random"],
  ...["proc", "procdir", "sys"],
].map((name) => `@${name}`);
export const SOCKETS: readonly string[] = ["@stream", "@dgram", "@listen", "@unconnected", "@seqpacket"];
const NO_FILES = ["-1", "-100", "@closed", "0x40000000", "0x7fffffff", "-2147483648"];

/** A string's bytes and its NUL. */
export function text(value: string): string {
  return `$${Buffer.from(`${value}\0`, "latin1").toString("hex")}`;
}

/** `count` numbers of `bytes` bytes. */
export function numbers(bytes: 1 | 2 | 4 | 8, ...values: (number | bigint)[]): string {
  const data = Buffer.alloc(values.length * bytes);
  for (const [index, value] of values.entries()) {
    const word = Buffer.alloc(8);
    word.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
    word.copy(data, index * bytes, 0, bytes);
  }
  return `$${data.toString("hex")}`;
}

const zeros = (count: number) => `$${"00".repeat(count)}`;
const ones = (count: number) => `$${"ff".repeat(count)}`;

const PATHS = [
  ...[
    "",
    "missing",
    "missing/x",
    "file",
    "file/",
    "file/x",
    "dir",
    "dir/",
    "dir/inner",
    "empty",
    ".",
    "..",
    "/",
  ],
  ...[
    "link",
    "link/",
    "loop",
    "loop/x",
    "dangling",
    "fifo",
    "foreign",
    "locked",
    "locked/inner",
    "/proc/self",
  ],
  ...["/dev/null", "/proc/self/fd/0", "dir/.", "dir/..", "//", "./file"],
].map(text);
const LONG_PATHS = ["a".repeat(255), "a".repeat(256), `${"./".repeat(2047)}a`, `${"./".repeat(2047)}ab`].map(
  text,
);

export type Fixed = Readonly<Record<string, readonly string[]>>;

function tableValues(argument: Argument): string[] {
  const table = FLAG_TABLES[argument.table!] as {
    readonly values: Record<string, number>;
    readonly flags: Record<string, number>;
  };
  const single = [...Object.values(table.values), ...Object.values(table.flags)];
  const all = Object.values(table.flags).reduce((sum, bit) => sum | bit, 0);
  const known = new Set(single);
  const unknown = [28, 21, 12, 3]
    .map((bit) => 1 << bit)
    .filter((bit) => !known.has(bit) && (all & bit) === 0);
  return [...new Set([...single, ...unknown.slice(0, 2), all].map(String)), "-1", "99", "-2147483648"];
}

/** Values that deviate from a plausible one. */
export function oddValues(argument: Argument): readonly string[] {
  switch (argument.format) {
    case "fd":
    case "dirfd":
      return [...NO_FILES, ...FILES];
    case "flags":
    case "choice":
      return tableValues(argument);
    case "signal":
      return [
        "0",
        "1",
        "9",
        "14",
        "17",
        "19",
        "32",
        "33",
        "34",
        "64",
        "65",
        "128",
        "-1",
        "0x5a5a5a5a00000000",
      ];
    case "mode":
      return ["0", "0777", "07777", "010000", "0100644", "0140644", "0120777", "-1"];
    case "id":
      return ["0", "1000", "-1", "65534", "0x7fffffff", "0x5a5a5a5a00000000"];
    case "string":
      return [...POINTERS, ...PATHS, ...LONG_PATHS];
    case "strings":
      return [...POINTERS, zeros(8), "$[&unmapped]", "$[&rw][&unmapped]"];
    default:
      break;
  }
  if (argument.kind === "off") return OFFSETS;
  if (argument.kind === "int") return INTEGERS;
  if (argument.kind === "size") return [...SIZES, ...HUGE];
  if (argument.kind !== "ptr") return [...INTEGERS, ...HUGE];
  const { extent } = argument;
  if (extent === undefined || extent.type === "cstring") return POINTERS;
  const shape = sizeOf(extent.shape as ShapeName);
  const size = Math.min(extent.type === "fixed" ? shape * extent.times : shape, 2048);
  return argument.direction === "out"
    ? [...POINTERS, `%${Math.max(size - 1, 0)}`]
    : [
        ...POINTERS,
        zeros(size),
        ones(size),
        numbers(8, ...new Array(Math.ceil(size / 8)).fill(1)),
        `%${size - 1}`,
      ];
}

/** What an argument is where nothing better is said. */
export function plausible(argument: Argument): string {
  switch (argument.format) {
    case "fd":
      return "@rw";
    case "dirfd":
      return "-100";
    case "string":
      return text("file");
    case "mode":
      return "0644";
    case "id":
      return "-1";
    default:
      break;
  }
  if (argument.name === "sigsetsize" || argument.name === "sizemask") return "8";
  if (argument.kind === "size") return "16";
  if (argument.name === "count" || argument.name === "bufsiz") return "64";
  if (argument.kind !== "ptr" || argument.extent === undefined) return "0";
  const { extent } = argument;
  const shape = extent.type === "cstring" ? 1 : sizeOf(extent.shape as ShapeName);
  const size = extent.type === "fixed" ? shape * extent.times : Math.max(shape, 64);
  return argument.direction === "out" ? `%${size}` : zeros(size);
}
