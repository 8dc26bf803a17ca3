// The registers of a thread, as its slot has them, in DWARF's order.

import * as layout from "../../shared/ring/layout.ts";
import type { Slots } from "../../shared/ring/slot.ts";
import { REGISTERS } from "./row.ts";

const PLACES = [
  ...[layout.RAX, layout.RDX, layout.RCX, layout.RBX, layout.RSI, layout.RDI, layout.RBP, layout.RSP],
  ...[layout.R8, layout.R9, layout.R10, layout.R11, layout.R12, layout.R13, layout.R14, layout.R15],
  layout.RIP,
];

/** Each is read once. Above 2^53 they are not exact. */
export function readRegisters(slots: Slots, slot: number, into: Float64Array): void {
  for (let i = 0; i < REGISTERS; i++) into[i] = slots.unsigned(slot, PLACES[i]!);
}
