// `#!` scripts for execve: Linux's rules (fs/binfmt_script.c). The line must end within the first 256
// bytes; what follows the interpreter's path is one single argument, trailing blanks cut off.

import { ENOEXEC } from "../../shared/abi/errno.ts";

/** Linux looks at so many bytes of a file to see what it is; a shorter file counts as padded with NULs. */
export const EXEC_PREFIX = 256;

/** Interpreters of interpreters: so many levels, then ELOOP. */
export const EXEC_DEPTH_MAX = 5;

export interface Script {
  /** Strings with one char per byte. May be "", which leads to the working directory: EACCES. */
  readonly interpreter: string;
  readonly argument: string | null;
}

export function isScript(prefix: Uint8Array): boolean {
  return prefix[0] === 0x23 && prefix[1] === 0x21;
}

/** Reads the first line of a file that starts with `#!`; -ENOEXEC if it names no interpreter. */
export function parseScript(prefix: Uint8Array): Script | number {
  if (!isScript(prefix)) return -ENOEXEC;
  const text = String.fromCharCode(...prefix.subarray(0, EXEC_PREFIX)).padEnd(EXEC_PREFIX, "\0");
  const newline = text.indexOf("\n");
  // Without a newline the path must end somewhere before the prefix does, else it may be cut off.
  if (newline < 0 && !/^[ \t]*(\0|[^ \t\0]+[ \t\0])/.test(text.slice(2))) return -ENOEXEC;
  const line = text.slice(2, newline < 0 ? EXEC_PREFIX - 1 : newline).replace(/[ \t]+$/, "");

  const start = line.search(/[^ \t]/);
  if (start < 0) return -ENOEXEC;
  const length = line.slice(start).search(/[ \t\0]/);
  if (length < 0) return { interpreter: line.slice(start), argument: null };
  const interpreter = line.slice(start, start + length);
  const rest = line.slice(start + length);
  if (rest.startsWith("\0")) return { interpreter, argument: null };
  return { interpreter, argument: beforeNul(rest.replace(/^[ \t]+/, "")) };
}

function beforeNul(text: string): string {
  const nul = text.indexOf("\0");
  return nul < 0 ? text : text.slice(0, nul);
}

/** The argument vector of the interpreter: its own name, the argument, the script, what came after argv[0]. */
export function scriptArguments(script: Script, path: string, argv: readonly string[]): string[] {
  const argument = script.argument === null ? [] : [script.argument];
  return [script.interpreter, ...argument, path, ...argv.slice(1)];
}
