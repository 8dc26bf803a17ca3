// The initial stack of a program: what execve puts there before the first instruction runs (fs/exec.c,
// create_elf_tables). From the top down: a null word, the executed path, environment strings, argument
// strings, platform string, random bytes; then, at the stack pointer: argc, argv, envp, auxiliary vector.

import * as auxv from "../../shared/abi/auxv.ts";
import { E2BIG } from "../../shared/abi/errno.ts";
import { write64 } from "../../shared/abi/struct.ts";
import { PAGE_SIZE } from "../mem/vma.ts";

/** One argument or environment string, with its NUL. */
export const MAX_ARG_STRLEN = 32 * PAGE_SIZE;
/** Strings and pointers get a quarter of the stack's limit, but at least so much ... */
const ARG_MAX = 32 * PAGE_SIZE;
/** ... and never more than this, three quarters of the usual 8 MiB. */
const ARG_LIMIT_MAX = 6 * 1024 * 1024;

const PLATFORM = "x86_64";
const WORD = 8;

/** What the auxiliary vector tells the program; addresses are absolute. */
export interface AuxiliaryValues {
  /** 0: no vDSO. */
  vdso: number;
  /** CPU features as the host's AT_HWCAP and AT_HWCAP2 show them, without what is hidden from guests. */
  hwcap: number;
  hwcap2: number;
  minSigStackSize: number;
  phdr: number;
  phentsize: number;
  phnum: number;
  /** Load address of the interpreter; 0 without one. */
  base: number;
  entry: number;
  uid: number;
  euid: number;
  gid: number;
  egid: number;
  /** The program runs with more privilege than its caller. */
  secure: boolean;
}

export interface StackRequest {
  /** First byte above the stack, page aligned. */
  stackTop: number;
  /** Strings with one char per byte, without NUL. */
  argv: readonly string[];
  envp: readonly string[];
  /** The path as execve was given it (for a script: the script's). */
  execfn: string;
  /** RLIMIT_STACK in bytes; Infinity for none. */
  stackLimit: number;
  /** 16 bytes for AT_RANDOM. */
  random: Uint8Array;
  /** Moves the stack pointer down by so many bytes at most 8191, against cache aliasing; random. */
  shift: number;
  auxiliary: AuxiliaryValues;
}

export interface StackImage {
  /** The stack's contents from `sp` to `stackTop`. */
  readonly bytes: Uint8Array;
  /** Initial stack pointer, a multiple of 16. */
  readonly sp: number;
  // For /proc/PID/cmdline and environ.
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
  /** The auxiliary vector's bytes alone. */
  readonly auxiliaryVector: Uint8Array;
}

/**
 * Whether the strings are within Linux's limits: 0 or -E2BIG. To be asked before the point of no return.
 */
export function checkArguments(
  argv: readonly string[],
  envp: readonly string[],
  execfn: string,
  stackLimit: number,
): number {
  const quarter = Math.floor(stackLimit / 4);
  const limit = Math.max(Math.min(ARG_LIMIT_MAX, quarter), ARG_MAX);
  const pointers = (Math.max(argv.length, 1) + envp.length) * WORD;
  if (limit <= pointers) return -E2BIG;
  let strings = execfn.length + 1;
  for (const list of [argv, envp]) {
    for (const text of list) {
      if (text.length + 1 > MAX_ARG_STRLEN) return -E2BIG;
      strings += text.length + 1;
    }
  }
  return strings <= limit - pointers ? 0 : -E2BIG;
}

/** Builds the stack; -E2BIG as checkArguments says. */
export function buildStack(request: StackRequest): StackImage | number {
  const { stackTop, envp, execfn, stackLimit, random, shift, auxiliary } = request;
  // A program may count on argv[0]: Linux gives it an empty one if the caller gave none.
  const argv = request.argv.length === 0 ? [""] : request.argv;
  const error = checkArguments(argv, envp, execfn, stackLimit);
  if (error !== 0) return error;

  // Addresses from the top down.
  const execfnAt = stackTop - WORD - (execfn.length + 1);
  const envStart = execfnAt - bytesOf(envp);
  const argStart = envStart - bytesOf(argv);
  const aligned = roundDown(argStart - shift, 16);
  const platformAt = aligned - (PLATFORM.length + 1);
  const randomAt = platformAt - 16;
  const vector = auxiliaryVector(auxiliary, { execfn: execfnAt, platform: platformAt, random: randomAt });
  const words = 1 + (argv.length + 1) + (envp.length + 1) + vector.length;
  const sp = roundDown(randomAt - words * WORD, 16);

  const bytes = new Uint8Array(stackTop - sp);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put = (value: number) => {
    write64(view, at, value);
    at += WORD;
  };
  const putStrings = (strings: readonly string[], address: number) => {
    for (const text of strings) {
      put(address);
      putText(bytes, address - sp, text);
      address += text.length + 1;
    }
    put(0);
  };
  put(argv.length);
  putStrings(argv, argStart);
  putStrings(envp, envStart);
  const vectorAt = at;
  for (const value of vector) put(value);
  const vectorBytes = bytes.slice(vectorAt, at);
  bytes.set(random.subarray(0, 16), randomAt - sp);
  putText(bytes, platformAt - sp, PLATFORM);
  putText(bytes, execfnAt - sp, execfn);
  return { bytes, sp, argStart, argEnd: envStart, envStart, envEnd: execfnAt, auxiliaryVector: vectorBytes };
}

/** Type and value in turn, in the order in which Linux gives them. */
function auxiliaryVector(
  values: AuxiliaryValues,
  at: { execfn: number; platform: number; random: number },
): number[] {
  const entries: [number, number][] = [];
  if (values.vdso !== 0) entries.push([auxv.AT_SYSINFO_EHDR, values.vdso]);
  entries.push(
    [auxv.AT_MINSIGSTKSZ, values.minSigStackSize],
    [auxv.AT_HWCAP, values.hwcap],
    [auxv.AT_PAGESZ, PAGE_SIZE],
    [auxv.AT_CLKTCK, 100],
    [auxv.AT_PHDR, values.phdr],
    [auxv.AT_PHENT, values.phentsize],
    [auxv.AT_PHNUM, values.phnum],
    [auxv.AT_BASE, values.base],
    [auxv.AT_FLAGS, 0],
    [auxv.AT_ENTRY, values.entry],
    [auxv.AT_UID, values.uid],
    [auxv.AT_EUID, values.euid],
    [auxv.AT_GID, values.gid],
    [auxv.AT_EGID, values.egid],
    [auxv.AT_SECURE, values.secure ? 1 : 0],
    [auxv.AT_RANDOM, at.random],
    [auxv.AT_HWCAP2, values.hwcap2],
    [auxv.AT_EXECFN, at.execfn],
    [auxv.AT_PLATFORM, at.platform],
    [auxv.AT_NULL, 0],
  );
  return entries.flat();
}

function bytesOf(strings: readonly string[]): number {
  let bytes = 0;
  for (const text of strings) bytes += text.length + 1;
  return bytes;
}

/** The NUL is there already: the bytes are zero. */
function putText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

function roundDown(value: number, align: number): number {
  return Math.floor(value / align) * align;
}
