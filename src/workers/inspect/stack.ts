// Where a guest thread stands, as `debug` tells it: its program counter when it entered the kernel last, and the chain of frame
// pointers above it, where its program keeps one. Everything comes from a hostile slot and from hostile memory: it is bounded,
// and believed by nobody.

import { PROT_EXEC } from "../../shared/abi/mman.ts";
import type { GuestPlace } from "../../shared/inspect_report.ts";
import { RBP, RIP, RSP } from "../../shared/ring/layout.ts";
import type { Mapped, Vma } from "../mem/vma.ts";
import { readStubMemory } from "../platform/stub_memory.ts";
import type { Task } from "../process/task.ts";
import { shortened } from "../trace/text.ts";

const FRAMES_MAX = 16;
/** A frame pointer, and the return address above it. */
const FRAME_SIZE = 16;
/** From one frame to the next there are no more bytes. */
const FRAME_MOST = 1 << 20;

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

function isCode(task: Task, address: number): boolean {
  const vma = task.stub.space.vmas.find(address);
  return vma !== null && (vma.prot & PROT_EXEC) !== 0;
}

/** The innermost first; one that has not entered the kernel yet has none. */
export function stackOf(task: Task): GuestPlace[] {
  const { kernel, call, stub } = task;
  const { slots } = kernel;
  const rip = slots.unsigned(call.slot, RIP);
  if (rip === 0) return [];
  const { patches } = stub.space;
  const site = patches?.poolOf(rip)?.siteAt(rip);
  const places = [placeOf(task, site?.at ?? rip)];
  let frame = slots.unsigned(call.slot, RBP);
  let below = slots.unsigned(call.slot, RSP);
  while (places.length < FRAMES_MAX) {
    if (frame % 8 !== 0 || frame < below || frame - below > FRAME_MOST) break;
    const bytes = readStubMemory(stub, frame, FRAME_SIZE);
    if (bytes.length < FRAME_SIZE) break;
    const { scratchView } = kernel.native;
    const next = Number(scratchView.getBigUint64(0, true));
    const from = Number(scratchView.getBigUint64(8, true));
    if (!isCode(task, from)) break;
    places.push(placeOf(task, from));
    below = frame + FRAME_SIZE;
    frame = next;
  }
  return places;
}
