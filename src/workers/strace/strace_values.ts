// How --strace prints single values, in the look of strace(1): strings, flags, signals, structures,
// socket addresses. Pure functions from numbers and bytes to text; memory is hostile and may be short.

import { FLAG_TABLES, type FlagNames, type FlagTable } from "../../shared/abi/flag_tables.ts";
import { SIGNAL_NAMES } from "../../shared/abi/names.ts";
import { SIG_DFL, SIG_IGN, SIGRTMAX, SIGRTMIN } from "../../shared/abi/signal.ts";
import { AF_INET, AF_INET6, AF_NETLINK, AF_UNIX } from "../../shared/abi/socket.ts";
import { S_IFMT } from "../../shared/abi/stat.ts";
import type { Word64 } from "../../shared/abi/struct.ts";
import { TWO_32 } from "../../shared/abi/struct.ts";
import {
  type ShapeName,
  shape,
  sockaddr_in,
  sockaddr_in6,
  sockaddr_nl,
  structOf,
} from "../../shared/abi/structs.ts";

/** Longer strings and lists are cut (strace -s 32). */
const STRING_MAX = 32;
const LIST_MAX = 32;

// ---- Numbers ----

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** A pointer, or a value that is usually one. */
export function pointer(value: number | bigint): string {
  return value === 0 || value === 0n ? "NULL" : hex(value);
}

/** A file mode without its type: octal, at least three digits. */
export function mode(value: number): string {
  return `0${(value >>> 0).toString(8)}`.padStart(3, "0");
}

function fileMode(value: number): string {
  const type = named(FLAG_TABLES.fileType.values, value & S_IFMT);
  const rest = mode(value & ~S_IFMT);
  return type === undefined ? mode(value) : `${type}|${rest}`;
}

function named(names: Readonly<Record<string, number>>, value: number): string | undefined {
  for (const [name, number] of Object.entries(names)) if (number >>> 0 === value >>> 0) return name;
  return undefined;
}

/** Names of a value or of a combination of flags; what has no name stays a number. `high`: bits 32 to 63. */
export function flagNames(table: FlagTable, value: number, high = 0): string {
  const { mask, values, flags }: FlagNames = FLAG_TABLES[table];
  const parts: string[] = [];
  const field = named(values, value & mask);
  // A named zero (O_RDONLY, PROT_NONE) is printed if it is a field's value, or all there is.
  if (field !== undefined && (mask !== 0 || (value === 0 && high === 0))) parts.push(field);
  let low = field === undefined && mask !== 0 ? value >>> 0 : (value & ~mask) >>> 0;
  high >>>= 0;
  for (const [name, bits] of byBits(flags)) {
    const inLow = bits >>> 0;
    const inHigh = Math.floor(bits / TWO_32) >>> 0;
    if (bits !== 0 && (low & inLow) >>> 0 === inLow && (high & inHigh) >>> 0 === inHigh) {
      parts.push(name);
      low = (low & ~inLow) >>> 0;
      high = (high & ~inHigh) >>> 0;
    }
  }
  if (low !== 0 || high !== 0) parts.push(hex((BigInt(high) << 32n) | BigInt(low)));
  return parts.length === 0 ? "0" : parts.join("|");
}

/** Flags that include others (O_SYNC, O_TMPFILE) are looked for first. */
function byBits(flags: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(flags).sort(([, a], [, b]) => bitCount(b) - bitCount(a));
}

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}

// ---- Signals ----

/** "SIGINT", "SIGRT_2"; a number if there is no such signal. */
export function signalName(number: number): string {
  if (number >= SIGRTMIN && number <= SIGRTMAX) return `SIGRT_${number - SIGRTMIN}`;
  return SIGNAL_NAMES[number] ?? String(number);
}

/** "[INT CHLD]"; "~[...]" for a set that has more than half of all signals, "~[]" for all. */
export function signalSet({ lo, hi }: Word64): string {
  const has = (number: number) => ((number <= 32 ? lo : hi) & (1 << ((number - 1) & 31))) !== 0;
  const all = Array.from({ length: SIGRTMAX }, (_, i) => i + 1);
  const inside = all.filter(has);
  const inverted = inside.length > all.length / 2;
  const shown = inverted ? all.filter((number) => !has(number)) : inside;
  const names = shown.map((number) => signalName(number).replace(/^SIG/, ""));
  return `${inverted ? "~" : ""}[${names.join(" ")}]`;
}

// ---- Strings ----

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "\f": "\\f",
  "\v": "\\v",
};

/** A C string literal of the bytes, cut at `limit` and then followed by dots. */
export function quoted(bytes: Uint8Array, limit: number = STRING_MAX): string {
  let text = "";
  const length = Math.min(bytes.length, limit);
  for (let i = 0; i < length; i++) {
    const char = String.fromCharCode(bytes[i]!);
    if (char >= " " && char <= "~") text += ESCAPES[char] ?? char;
    else text += ESCAPES[char] ?? octal(bytes[i]!, i + 1 < length ? bytes[i + 1]! : 0);
  }
  return `"${text}"${bytes.length > limit ? "..." : ""}`;
}

/** As few digits as possible, unless a digit follows. */
function octal(byte: number, next: number): string {
  const digits = byte.toString(8);
  return `\\${next >= 0x30 && next <= 0x39 ? digits.padStart(3, "0") : digits}`;
}

/** A path: up to its NUL, never cut. */
export function quotedPath(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return nul < 0 ? `${quoted(bytes, bytes.length)}...` : quoted(bytes.subarray(0, nul), nul);
}

// ---- Structures ----

type FieldFormat = (value: number) => string;

const flagsOf =
  (table: FlagTable): FieldFormat =>
  (value) =>
    flagNames(table, value);

/** Fields that are no plain numbers. */
const FIELD_FORMATS: Partial<Record<ShapeName, Record<string, FieldFormat>>> = {
  stat: { st_mode: fileMode },
  statx: { stx_mode: fileMode, stx_mask: flagsOf("statx") },
  pollfd: { events: flagsOf("poll"), revents: flagsOf("poll") },
  epoll_event: { events: flagsOf("epoll") },
  sigaction: { sa_handler: handler, sa_flags: flagsOf("sigaction"), sa_restorer: pointer },
  stack_t: { ss_sp: pointer, ss_flags: flagsOf("sigaltstack") },
  siginfo: { si_signo: signalName },
  sigevent: { sigev_signo: signalName, sigev_notify: flagsOf("sigevent") },
  clone_args: { exit_signal: signalName, stack: pointer, tls: pointer },
  iovec: { iov_base: pointer },
  msghdr: { msg_name: pointer, msg_iov: pointer, msg_control: pointer, msg_flags: flagsOf("msg") },
};

/** Words that have a meaning. */
const WORD_FORMATS: Partial<Record<ShapeName, Record<string, (value: Word64) => string>>> = {
  sigaction: { sa_mask: signalSet },
  clone_args: { flags: ({ lo, hi }) => flagNames("clone", lo, hi) },
  open_how: {
    flags: ({ lo, hi }) => flagNames("open", lo, hi),
    mode: ({ lo }) => mode(lo),
    resolve: ({ lo, hi }) => flagNames("resolve", lo, hi),
  },
  rlimit64: { rlim_cur: rlimit, rlim_max: rlimit },
};

/** The fields worth a line; all of the others are left out with dots. */
const ABBREVIATED: Partial<Record<ShapeName, readonly string[]>> = {
  stat: ["st_mode", "st_size"],
  statx: ["stx_mask", "stx_mode", "stx_size"],
  statfs: ["f_type", "f_bsize", "f_blocks", "f_bfree"],
  rusage: ["ru_utime", "ru_stime"],
  utsname: ["sysname", "nodename"],
  sysinfo: ["uptime", "totalram", "freeram", "procs"],
  timex: ["modes", "offset", "freq", "status"],
  siginfo: ["si_signo", "si_code"],
  termios: ["c_iflag", "c_oflag", "c_cflag", "c_lflag"],
};

function handler(value: number): string {
  if (value === SIG_DFL) return "SIG_DFL";
  return value === SIG_IGN ? "SIG_IGN" : hex(value);
}

function rlimit(value: Word64): string {
  return value.lo === 0xffffffff && value.hi === 0xffffffff ? "RLIM64_INFINITY" : word(value);
}

function word({ lo, hi }: Word64): string {
  return hi === 0 ? String(lo) : hex((BigInt(hi) << 32n) | BigInt(lo));
}

/** A structure or a scalar that starts at `at`; undefined if the bytes do not reach. */
export function shapeText(name: ShapeName, bytes: Uint8Array, at: number): string | undefined {
  if (bytes.length < at + shape(name).size) return undefined;
  const struct = structOf(name);
  if (struct === undefined) return String(readShape(name, bytes, at));
  return structText(name, struct.decode(bytes, at) as Record<string, unknown>);
}

function readShape(name: ShapeName, bytes: Uint8Array, at: number): unknown {
  return shape(name).read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at);
}

function structText(name: ShapeName | undefined, value: Record<string, unknown>): string {
  const shown = name === undefined ? undefined : ABBREVIATED[name];
  const fields = Object.entries(value).filter(([field]) => shown?.includes(field) ?? !field.startsWith("_"));
  const texts = fields.map(([field, content]) => `${field}=${fieldText(name, field, content)}`);
  if (shown !== undefined) texts.push("...");
  return `{${texts.join(", ")}}`;
}

function fieldText(name: ShapeName | undefined, field: string, value: unknown): string {
  if (typeof value === "number") {
    const format = name === undefined ? undefined : FIELD_FORMATS[name]?.[field];
    return format === undefined ? String(value) : format(value);
  }
  if (typeof value === "string") return quoted(Buffer.from(value, "latin1"), value.length);
  if (Array.isArray(value)) return `[${value.map((element) => fieldText(name, "", element)).join(", ")}]`;
  if (isWord(value)) {
    const format = name === undefined ? undefined : WORD_FORMATS[name]?.[field];
    return format === undefined ? word(value) : format(value);
  }
  return structText(undefined, value as Record<string, unknown>);
}

function isWord(value: unknown): value is Word64 {
  return typeof value === "object" && value !== null && "lo" in value && "hi" in value;
}

/** An array of `count` shapes, as far as the bytes reach. */
export function listText(name: ShapeName, bytes: Uint8Array, count: number): string {
  const texts: string[] = [];
  const size = shape(name).size;
  for (let i = 0; i < count; i++) {
    const text = i < LIST_MAX ? shapeText(name, bytes, i * size) : undefined;
    if (text === undefined) {
      texts.push("...");
      break;
    }
    texts.push(text);
  }
  return `[${texts.join(", ")}]`;
}

// ---- Socket addresses ----

export function sockaddrText(bytes: Uint8Array): string {
  if (bytes.length < 2) return quoted(bytes);
  const family = bytes[0]! | (bytes[1]! << 8);
  const name = flagNames("addressFamily", family);
  return `{sa_family=${name}, ${addressText(family, bytes)}}`;
}

function addressText(family: number, bytes: Uint8Array): string {
  if (family === AF_UNIX) {
    const path = bytes.subarray(2);
    if (path.length > 0 && path[0] === 0) return `sun_path=@${quoted(path.subarray(1), path.length)}`;
    const nul = path.indexOf(0);
    return `sun_path=${quoted(nul < 0 ? path : path.subarray(0, nul), path.length)}`;
  }
  if (family === AF_INET && bytes.length >= sockaddr_in.size) {
    const { sin_port, sin_addr } = sockaddr_in.decode(bytes);
    return `sin_port=htons(${sin_port}), sin_addr=inet_addr("${sin_addr.join(".")}")`;
  }
  if (family === AF_INET6 && bytes.length >= sockaddr_in6.size) {
    const { sin6_port, sin6_addr } = sockaddr_in6.decode(bytes);
    return `sin6_port=htons(${sin6_port}), sin6_addr="${ipv6(sin6_addr)}"`;
  }
  if (family === AF_NETLINK && bytes.length >= sockaddr_nl.size) {
    const { nl_pid, nl_groups } = sockaddr_nl.decode(bytes);
    return `nl_pid=${nl_pid}, nl_groups=${nl_groups}`;
  }
  return `sa_data=${quoted(bytes.subarray(2))}`;
}

/** An address of 16 bytes. */
export function ipv6(address: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, i) => (address[2 * i]! << 8) | address[2 * i + 1]!);
  const text = groups.map((group) => group.toString(16)).join(":");
  // The longest run of zero groups is written as "::" (RFC 5952).
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length);
  const longest = runs[0];
  if (longest === undefined) return text;
  const before = text.slice(0, longest.index);
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}

// ---- Wait statuses ----

/** As wait4 gives it. */
export function waitStatus(status: number): string {
  if (status === 0xffff) return "[{WIFCONTINUED(s)}]";
  const number = status & 0x7f;
  if (number === 0) return `[{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}]`;
  if (number === 0x7f) return `[{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName((status >> 8) & 0xff)}}]`;
  const core = (status & 0x80) !== 0 ? " && WCOREDUMP(s)" : "";
  return `[{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(number)}${core}}]`;
}
