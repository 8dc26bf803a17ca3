// What /proc/PID shows of a process's own memory: its command line and environment. Only private anonymous
// memory is read, in bounded pieces (hardening.md, F12).

import { VM_SHARED } from "../../mem/vma.ts";
import type { ProcessSubject } from "./subjects.ts";

const BYTES_MAX = 8 << 20;
const ROUND = 65536;

/** Bytes [start, end) as chars, up to the first that cannot be read. */
function readMemory(subject: ProcessSubject, start: number, end: number): string {
  const { native } = subject.kernel;
  const { stub } = subject.task;
  const parts: string[] = [];
  const last = Math.min(end, start + BYTES_MAX);
  for (let at = start; at < last; ) {
    const vma = stub.space.vmas.find(at);
    if (vma === null || vma.backing !== null || (vma.flags & VM_SHARED) !== 0) break;
    const wanted = Math.min(last, vma.end, at + ROUND) - at;
    const n = native.processRead(stub.pid, at, wanted);
    if (n <= 0) break;
    parts.push(Buffer.from(native.scratch.subarray(0, n)).toString("latin1"));
    if (n < wanted) break;
    at += n;
  }
  return parts.join("");
}

/** The strings that argv pointed to; a title that the program wrote over them may run into the environment. */
export function commandLine(subject: ProcessSubject): string {
  if (!subject.alive) return "";
  const { argStart, argEnd, envEnd } = subject.task.stub.space;
  const text = readMemory(subject, argStart, argEnd);
  if (text === "" || text.endsWith("\0")) return text;
  const beyond = readMemory(subject, argStart, Math.max(argEnd, envEnd));
  const end = beyond.indexOf("\0", text.length - 1);
  return end < 0 ? beyond : beyond.slice(0, end + 1);
}

export function environment(subject: ProcessSubject): string {
  if (!subject.alive) return "";
  const { envStart, envEnd } = subject.task.stub.space;
  return readMemory(subject, envStart, envEnd);
}
