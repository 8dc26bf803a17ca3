// /proc/PID/maps and smaps (proc_pid_maps(5)): the VMA set, in Linux's words, a record for each VMA. An open
// file shows the address space that it was opened on, and nothing once that has ended.

import { ESRCH } from "../../shared/abi/errno.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import { PAGES_AT_ONCE, Residency } from "../mem/residency.ts";
import * as V from "../mem/vma.ts";
import { bound, type FileNode, type Text } from "../vfs/generated/nodes.ts";
import { hostAccount } from "./host_account.ts";
import { mayLook, type ProcessSubject } from "./subjects.ts";

/** Column at which names begin. */
const NAME_COLUMN = 73;
const KB = 1024;
const PAGE_KB = V.PAGE_SIZE / KB;
/** Pages whose residency smaps looks up: more would keep the kernel thread too long. */
const LOOKED_AT_MAX = 1 << 18;

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [V.VM_GROWSDOWN, "gd"],
  [V.VM_LOCKED, "lo"],
  [V.VM_DONTFORK, "dc"],
  [V.VM_NORESERVE, "nr"],
  [V.VM_DONTDUMP, "dd"],
  [V.VM_WIPEONFORK, "wf"],
  [V.VM_HUGEPAGE, "hg"],
  [V.VM_NOHUGEPAGE, "nh"],
  [V.VM_SEALED, "sl"],
];

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, "0");
}

function header(vma: V.Vma): string {
  const { start, end, prot, flags, backing, offset, name } = vma;
  const mapped = backing as V.Mapped | null;
  const dev = mapped?.dev ?? 0;
  const letters =
    ((prot & PROT_READ) !== 0 ? "r" : "-") +
    ((prot & PROT_WRITE) !== 0 ? "w" : "-") +
    ((prot & PROT_EXEC) !== 0 ? "x" : "-") +
    ((flags & V.VM_SHARED) !== 0 ? "s" : "p");
  const device = `${hex((dev >>> 8) & 0xfff, 2)}:${hex((dev & 0xff) | ((dev >>> 12) & 0xfff00), 2)}`;
  const range = `${hex(start, 8)}-${hex(end, 8)}`;
  const line = `${range} ${letters} ${hex(offset, 8)} ${device} ${mapped?.ino ?? 0} `;
  const text = name !== "" ? name : (mapped?.path ?? "");
  return text === "" ? line : line.padEnd(NAME_COLUMN) + text.replaceAll("\n", "\\012");
}

// By address: what is mapped or unmapped meanwhile is seen or not, as on Linux.
function* records(
  subject: ProcessSubject,
  space: AddressSpace,
  record: (vma: V.Vma, subject: ProcessSubject) => string,
): Generator<Text> {
  if (!subject.exists) yield -ESRCH;
  for (let vma = space.vmas.findFrom(0); vma !== null; vma = space.vmas.findFrom(vma.end))
    yield (vma.flags & V.VM_HIDDEN) === 0 ? record(vma, subject) : "";
}

/** A file with a record for each VMA. */
function perVma(record: (vma: V.Vma, subject: ProcessSubject) => string): FileNode<ProcessSubject> {
  return bound(
    (subject) => {
      const { space } = subject.task.stub;
      return { records: () => records(subject, space, record) };
    },
    { mayOpen: mayLook },
  );
}

export const maps = perVma((vma) => `${header(vma)}\n`);

/** Rows of smaps, in order; sizes in kB that are not known per mapping are 0. */
const SMAPS_ROWS = [
  "Size",
  "KernelPageSize",
  "MMUPageSize",
  "Rss",
  "Pss",
  "Pss_Dirty",
  "Shared_Clean",
  "Shared_Dirty",
  "Private_Clean",
  "Private_Dirty",
  "Referenced",
  "Anonymous",
  "KSM",
  "LazyFree",
  "AnonHugePages",
  "ShmemPmdMapped",
  "FilePmdMapped",
  "Shared_Hugetlb",
  "Private_Hugetlb",
  "Swap",
  "SwapPss",
  "Locked",
] as const;

function row(name: string, kilobytes: number): string {
  return `${`${name}:`.padEnd(16)}${String(kilobytes).padStart(8)} kB\n`;
}

function vmFlags({ prot, maxProt, flags }: V.Vma): string {
  const bits: [number, string][] = [
    [prot & PROT_READ, "rd"],
    [prot & PROT_WRITE, "wr"],
    [prot & PROT_EXEC, "ex"],
    [flags & V.VM_SHARED, "sh"],
    [maxProt & PROT_READ, "mr"],
    [maxProt & PROT_WRITE, "mw"],
    [maxProt & PROT_EXEC, "me"],
    [flags & V.VM_SHARED, "ms"],
    ...FLAG_NAMES.map(([flag, name]): [number, string] => [flags & flag, name]),
  ];
  return bits.map(([bit, name]) => (bit !== 0 ? `${name} ` : "")).join("");
}

/**
 * Kilobytes of a VMA that are in memory. One that is too large to be looked at in the time that there is has at most
 * what its process has.
 */
function residentSize(vma: V.Vma, { system, task }: ProcessSubject): number {
  const pages = (vma.end - vma.start) / V.PAGE_SIZE;
  const { pid } = task.stub;
  if (pages > LOOKED_AT_MAX)
    return Math.min(pages, hostAccount(system.kernel, pid, 0).residentPages) * PAGE_KB;
  const map = new Residency(system.kernel, pid);
  let resident = 0;
  for (let done = 0; done < pages; done += PAGES_AT_ONCE)
    resident += map.look(vma.start + done * V.PAGE_SIZE, Math.min(pages - done, PAGES_AT_ONCE), null, 0);
  map.close();
  return resident * PAGE_KB;
}

export const smaps = perVma((vma, subject) => {
  const size = (vma.end - vma.start) / KB;
  const resident = subject.alive ? residentSize(vma, subject) : 0;
  const isAnonymous = vma.backing === null && (vma.flags & V.VM_SHARED) === 0;
  const known: Record<string, number> = {
    Size: size,
    KernelPageSize: PAGE_KB,
    MMUPageSize: PAGE_KB,
    Rss: resident,
    Pss: resident,
    Private_Dirty: isAnonymous ? resident : 0,
    Private_Clean: isAnonymous ? 0 : resident,
    Referenced: resident,
    Anonymous: isAnonymous ? resident : 0,
    Locked: (vma.flags & V.VM_LOCKED) !== 0 ? resident : 0,
  };
  let text = `${header(vma)}\n`;
  for (const name of SMAPS_ROWS) text += row(name, known[name] ?? 0);
  return `${text}THPeligible:           0\nVmFlags: ${vmFlags(vma)}\n`;
});

/** Kilobytes of the whole process that are in memory. */
function residentOf({ system, task }: ProcessSubject): number {
  return hostAccount(system.kernel, task.stub.pid, 0).residentPages * PAGE_KB;
}

/** The sum of smaps. */
function rollup({ vmas }: AddressSpace, resident: number): string {
  const first = vmas.findFrom(0);
  const last = vmas.findBelow(Number.MAX_SAFE_INTEGER);
  if (first === null || last === null) return "";
  const range = `${hex(first.start, 8)}-${hex(last.end, 8)}`;
  let text = `${`${range} ---p 00000000 00:00 0 `.padEnd(NAME_COLUMN)}[rollup]\n`;
  const known: Record<string, number> = { Rss: resident, Pss: resident, Locked: vmas.totals.locked / KB };
  for (const name of SMAPS_ROWS.slice(3)) text += row(name, known[name] ?? 0);
  return text;
}

export const smapsRollup: FileNode<ProcessSubject> = bound(
  (subject) => {
    if (!subject.alive) return -ESRCH;
    const { space } = subject.task.stub;
    const sum = () => (subject.exists && space.vmas.count > 0 ? rollup(space, residentOf(subject)) : -ESRCH);
    return { records: () => [sum()].values() };
  },
  { mayOpen: mayLook },
);
