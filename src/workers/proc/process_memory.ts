// What /proc/PID shows of a process's own memory, by position: its command line, environment and auxiliary
// vector.

import { EINVAL, EIO, ESRCH } from "../../shared/abi/errno.ts";
import { PAGE_SIZE, VM_SHARED } from "../mem/vma.ts";
import { readStubMemory } from "../platform/stub_memory.ts";
import type { StubProcess } from "../platform/stub_process.ts";
import { bound, type FileNode } from "../vfs/generated/nodes.ts";
import { mayLook, type ProcessSubject } from "./subjects.ts";

const NOTHING = new Uint8Array(0);

/** Bytes [start, end), of which `length` from a position on are wanted. */
function within(stub: StubProcess, start: number, end: number, position: number, length: number): Uint8Array {
  const wanted = Math.min(length, end - start - position);
  return wanted > 0 ? readStubMemory(stub, start + position, wanted) : NOTHING;
}

/**
 * The strings that argv pointed to. A title that the program wrote over them ends somewhere in their page, and
 * may run into the environment.
 */
function readCommandLine(stub: StubProcess, position: number, length: number): Uint8Array {
  const { argStart, argEnd } = stub.space;
  const last = readStubMemory(stub, argEnd - 1, 1);
  if (last.length === 0 || last[0] === 0) return within(stub, argStart, argEnd, position, length);
  const page = readStubMemory(stub, argStart, PAGE_SIZE);
  const end = page.indexOf(0);
  const title = end < 0 ? page : page.subarray(0, end + 1);
  return title.subarray(Math.min(position, title.length), position + length);
}

/** Of the program that runs when it is read. */
export const commandLine: FileNode<ProcessSubject> = bound((subject) => ({
  bytes: (position, length) => {
    if (!subject.exists) return -ESRCH;
    return subject.alive ? readCommandLine(subject.task.stub, position, length) : NOTHING;
  },
}));

/** Of the program that runs when it is opened. */
export const environment: FileNode<ProcessSubject> = bound(
  (subject) => {
    if (!subject.alive) return -ESRCH;
    const { stub } = subject.task;
    const { envStart, envEnd } = stub.space;
    return { bytes: (position, length) => within(stub, envStart, envEnd, position, length) };
  },
  { mode: 0o400, mayOpen: mayLook },
);

export const auxiliaryVector: FileNode<ProcessSubject> = bound(
  (subject) => {
    if (!subject.alive) return -ESRCH;
    const vector = subject.task.stub.space.auxiliaryVector;
    return { bytes: (position, length) => vector.subarray(position, position + length) };
  },
  { mode: 0o400, mayOpen: mayLook },
);

/**
 * The whole of a process's memory at its addresses, to be read. What is no private anonymous memory is not shown:
 * the kernel must not wait for a disk (docs/hardening.md, F12). It stays that of the program that ran at its opening.
 */
export const memoryOf: FileNode<ProcessSubject> = bound(
  (subject) => {
    if (!subject.alive) return -ESRCH;
    const { stub } = subject.task;
    return {
      bytes: (position, length) => {
        if (stub.readablePid === 0) return NOTHING;
        const part = readStubMemory(stub, position, length);
        return part.length > 0 ? part : -EIO;
      },
    };
  },
  { mode: 0o600, mayOpen: mayLook },
);

const ENTRY = 8;
/** Bits of an entry, in its upper word. */
const PRESENT = 2 ** 31;
const FILE_OR_SHARED = 2 ** 29;
const EXCLUSIVE = 2 ** 24;
const TASK_PAGES = 2 ** 47 / PAGE_SIZE;
const ENTRIES_PER_READ = 2048;

/** An entry a page, without the number of its frame: that all pages of mappings are present, as mincore says. */
function pageEntries({ space }: StubProcess, position: number, length: number): Uint8Array | number {
  if (position % ENTRY !== 0 || length % ENTRY !== 0) return -EINVAL;
  const first = position / ENTRY;
  const count = Math.max(0, Math.min(length / ENTRY, ENTRIES_PER_READ, TASK_PAGES - first));
  const entries = Buffer.alloc(count * ENTRY);
  for (let page = 0; page < count; page++) {
    const vma = space.vmas.find((first + page) * PAGE_SIZE);
    if (vma === null) continue;
    const isPrivate = vma.backing === null && (vma.flags & VM_SHARED) === 0;
    entries.writeUInt32LE(PRESENT + (isPrivate ? EXCLUSIVE : FILE_OR_SHARED), page * ENTRY + 4);
  }
  return entries;
}

export const pagemap: FileNode<ProcessSubject> = bound(
  (subject) => {
    if (!subject.alive) return -ESRCH;
    const { stub } = subject.task;
    return { bytes: (position, length) => pageEntries(stub, position, length) };
  },
  { mode: 0o400, mayOpen: mayLook },
);
