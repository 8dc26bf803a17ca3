// Where a guest thread stands, as `debug` tells it: its program counter when it entered the kernel last, and the frames above it
// (unwind/unwinder.ts). Everything comes from a hostile slot and from hostile memory: it is bounded, and believed by nobody.

import type { GuestPlace } from "../../shared/inspect_report.ts";
import type { Mapped, Vma } from "../mem/vma.ts";
import type { Task } from "../process/task.ts";
import { shortened } from "../trace/text.ts";
import { GuestFiles, type GuestFilesContext } from "../unwind/guest_files.ts";
import { readRegisters } from "../unwind/registers.ts";
import { DW_RIP, REGISTERS } from "../unwind/row.ts";
import { Unwinder } from "../unwind/unwinder.ts";

const FRAMES_MAX = 32;

function nameOf({ name, backing }: Vma): string {
  return name !== "" ? name : ((backing as Mapped | null)?.path ?? "");
}

/** The address in the terms of whoever looks into the file that is mapped there. */
export function placeOf(task: Task, address: number): GuestPlace {
  const place: GuestPlace = { address: `0x${address.toString(16)}` };
  const vma = task.stub.space.vmas.find(address);
  if (vma === null) return place;
  const module = shortened(nameOf(vma));
  if (module === "") return place;
  const offset = vma.backing === null ? address - vma.start : address - vma.start + vma.offset;
  return { ...place, module, offset: `0x${offset.toString(16)}` };
}

/** Stacks of guests, for as long as somebody looks at them: it holds the files that they lead through. */
export class StackLooks {
  readonly #files: GuestFiles;
  readonly #unwinder: Unwinder;
  readonly #registers = new Float64Array(REGISTERS);

  constructor(kernel: GuestFilesContext) {
    this.#files = new GuestFiles(kernel);
    this.#unwinder = new Unwinder(kernel.native, this.#files);
  }

  /** Files are to be read. */
  get isLoading(): boolean {
    return this.#unwinder.isLoading;
  }

  /** What was told last may be more the next time. */
  get isPreliminary(): boolean {
    return this.#unwinder.isPreliminary;
  }

  loadPiece(): void {
    this.#unwinder.loadPiece();
  }

  /** The innermost first; one that has not entered the kernel yet has none. */
  of(task: Task): GuestPlace[] {
    const { kernel, call, stub } = task;
    const registers = this.#registers;
    readRegisters(kernel.slots, call.slot, registers);
    const rip = registers[DW_RIP]!;
    if (rip === 0) return [];
    const { patches } = stub.space;
    const site = patches?.poolOf(rip)?.siteAt(rip);
    registers[DW_RIP] = site?.at ?? rip;
    this.#unwinder.follow(task, registers, true);
    return this.#unwinder.counters.slice(0, FRAMES_MAX).map((address) => placeOf(task, address));
  }

  close(): void {
    this.#files.close();
  }
}
