// /proc/PID/maps and smaps (proc_pid_maps(5)): the VMA set, in Linux's words.

import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../../shared/abi/mman.ts";
import * as V from "../../mem/vma.ts";
import type { ProcessSubject } from "./subjects.ts";

/** Column at which names begin. */
const NAME_COLUMN = 73;
const KB = 1024;

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

function* shown(subject: ProcessSubject): Generator<V.Vma> {
  if (!subject.alive) return;
  for (const vma of subject.task.stub.space.vmas.all()) if ((vma.flags & V.VM_HIDDEN) === 0) yield vma;
}

export function maps(subject: ProcessSubject): string {
  let text = "";
  for (const vma of shown(subject)) text += `${header(vma)}\n`;
  return text;
}

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

export function smaps(subject: ProcessSubject): string {
  let text = "";
  for (const vma of shown(subject)) {
    const size = (vma.end - vma.start) / KB;
    const known: Record<string, number> = { Size: size, KernelPageSize: 4, MMUPageSize: 4 };
    text += `${header(vma)}\n`;
    for (const name of SMAPS_ROWS) text += row(name, known[name] ?? 0);
    text += `THPeligible:           0\nVmFlags: ${vmFlags(vma)}\n`;
  }
  return text;
}

/** The sum of smaps. */
export function smapsRollup(subject: ProcessSubject): string {
  const all = [...shown(subject)];
  if (all.length === 0) return "";
  const range = `${hex(all[0]!.start, 8)}-${hex(all.at(-1)!.end, 8)}`;
  let text = `${`${range} ---p 00000000 00:00 0 `.padEnd(NAME_COLUMN)}[rollup]\n`;
  for (const name of SMAPS_ROWS.slice(3)) text += row(name, 0);
  return text;
}
