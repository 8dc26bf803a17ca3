// What of a patched site a guest might see: the registers of a fault, a trap or a kick that came inside a trampoline,
// and breakpoints that stand in a site while other threads are around (docs/hardening.md, F9). Everything is put in
// the guest's own terms before anybody looks at it.

import { FAULT_ADDR, FAULT_CODE, FAULT_TRAPNO, RIP } from "../../shared/ring/layout.ts";
import { Request } from "../../shared/ring/slot_states.ts";
import type { MemCaller } from "../mem/caller.ts";
import type { Patches, Pool } from "./patches.ts";
import { TextMemory } from "./text_memory.ts";
import { guestAddress, secondCopy } from "./trampoline.ts";

/** A task whose registers are looked at. */
export interface Interrupted extends MemCaller {
  /** The registers in the slot's frame are not those that the stub left there: they are to be loaded. */
  registersChanged: boolean;
  /** Pools that went while it may have been in a trampoline, until it reports. */
  lostPools: LostPools;
}

const TRAP_DEBUG = 1;
const TRAP_BREAKPOINT = 3;
/** si_code of a single step. */
const TRAP_TRACE = 2;
const BREAKPOINT_LENGTH = 1;
const BREAKPOINT = 0xcc;

/**
 * Puts the registers in the slot's frame in the guest's terms; `task.registersChanged` says whether they were not.
 * True if the event is none of the guest's: it goes on.
 */
export function hideTrampoline(task: Interrupted, kind: number): boolean {
  const { kernel, call, lostPools } = task;
  const { patches } = task.stub.space;
  task.registersChanged = false;
  task.lostPools = null;
  const rip = kernel.slots.unsigned(call.slot, RIP);
  const behind = kind === Request.TRAP ? behindBreakpoint(task, patches, rip) : -1;
  if (behind >= 0) {
    setRip(task, behind);
    return true;
  }
  const site = (patches?.poolOf(rip) ?? lostPools?.find(({ base, end }) => rip >= base && rip < end))?.siteAt(
    rip,
  );
  if (site === null || site === undefined) return false;
  const offset = rip - site.trampoline;
  // A step onto the copy of the replaced instruction is none for the guest, who has not executed anything.
  const isStep = kind === Request.TRAP && kernel.slots.word(call.slot, FAULT_TRAPNO) === TRAP_DEBUG;
  if (isStep && offset === 0 && kernel.slots.word(call.slot, FAULT_CODE) === TRAP_TRACE) {
    if (patches?.poolOf(rip) === undefined) setRip(task, site.at);
    return true;
  }
  const address = guestAddress(site, offset);
  setRip(task, address);
  if (kind !== Request.INTERRUPTED && kernel.slots.unsigned(call.slot, FAULT_ADDR) === rip)
    kernel.slots.setNumber(call.slot, FAULT_ADDR, address);
  return false;
}

function setRip(task: Interrupted, address: number): void {
  task.kernel.slots.setNumber(task.call.slot, RIP, address);
  task.registersChanged = true;
}

/**
 * Where a thread goes on that executed a breakpoint which the kernel wrote: at the same place where it stands for a
 * while, or stood; in the trampoline where it stands at a site's border. -1 if it is none of the kernel's.
 */
function behindBreakpoint({ kernel, call, stub }: MemCaller, patches: Patches | null, rip: number): number {
  if (kernel.slots.word(call.slot, FAULT_TRAPNO) !== TRAP_BREAKPOINT) return -1;
  const at = rip - BREAKPOINT_LENGTH;
  if (patches === null || !patches.hadBreakpointAt(at)) return -1;
  if (patches.isBeingWritten(at)) return at;
  const memory = new TextMemory(kernel, stub);
  const bytes = memory.error < 0 ? null : memory.read(at, 1);
  memory.close();
  if (bytes === null) return -1;
  if (bytes[0] !== BREAKPOINT) return at;
  const site = patches.findByBorder(at);
  return site === null ? -1 : site.trampoline + secondCopy(site);
}

export type LostPools = readonly Pool[] | null;
