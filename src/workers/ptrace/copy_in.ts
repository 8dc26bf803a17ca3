// What a call brings along from guest memory, copied once more: a stub does that before it posts the call, and whoever stops
// the call there may change the memory, or name other memory, until it is made. The same as native/stub/stub_marshal.c does
// by the kernel page, in rounds of the stub's.

import type { Argument } from "../../shared/abi/arguments.ts";
import type { Call as CallEntry } from "../../shared/abi/call.ts";
import { countIndex, pieceArguments } from "../../shared/abi/marshal.ts";
import { readU64 } from "../../shared/abi/struct.ts";
import { sigcontext, sizeOf, ucontext } from "../../shared/abi/structs.ts";
import { syscallByNumber } from "../../shared/abi/syscalls.ts";
import * as L from "../../shared/ring/layout.ts";
import { isGuestRange } from "../call/guest_range.ts";
import type { Task } from "../process/task.ts";

const FAULTED = 0x80000000;
/** In floating-point state, where it says of itself how long it is. */
const FP_FORM = 464;
const FP_FORM_SIZE = 48;
const FPSTATE_AT = ucontext.offset.uc_mcontext + sigcontext.offset.fpstate;

interface Place {
  readonly offset: number;
  readonly capacity: number;
}

const FIRST_OF_TWO: Place = { offset: L.WINDOW, capacity: L.WINDOW_SECOND - L.WINDOW };
const ONLY: Place = { offset: L.WINDOW, capacity: L.WINDOW_SIZE };
const SECOND: Place = { offset: L.WINDOW_SECOND, capacity: L.WINDOW_SECOND_SIZE };

/** Copies up to `length` bytes: how many came, with the mark of a fault where not all did. */
function* copy(
  task: Task,
  address: number,
  length: number,
  { offset }: Place,
): Generator<void, number, void> {
  if (!isGuestRange(address, 1)) return FAULTED;
  let known = length;
  while (known > 1 && !isGuestRange(address, known)) known = Math.floor(known / 2);
  if (known === 0) return 0;
  task.call.outAt(address, known, offset);
  const n = yield* task.call.copyInRound();
  return n < length ? n + FAULTED : n;
}

function* copyString(task: Task, address: number, place: Place): Generator<void, number, void> {
  const most = Math.min(place.capacity, L.CSTRING_MAX);
  const said = yield* copy(task, address, most, place);
  const n = said % FAULTED;
  const at = task.call.base + place.offset;
  const end = task.call.bytes.subarray(at, at + n).indexOf(0);
  return end < 0 ? said : end + 1;
}

/** Bytes that an argument names, as far as they fit. */
function lengthOf(task: Task, call: CallEntry, { extent, bulk }: Argument, { capacity }: Place): number {
  switch (extent?.type) {
    case "fixed":
      return Math.min(capacity, sizeOf(extent.shape) * extent.times);
    case "counted":
    case "sized": {
      const count = task.call.frame.argumentUnsigned(countIndex(call, extent.count));
      if (bulk === true && count > capacity) return 0;
      const size = extent.type === "counted" ? sizeOf(extent.shape) : 1;
      return Math.min(count, Math.floor(capacity / size)) * size;
    }
    default:
      return 0;
  }
}

function* copyPiece(task: Task, call: CallEntry, index: number, place: Place): Generator<void, number, void> {
  const address = task.call.frame.argumentUnsigned(index);
  const argument = call.arguments[index]!;
  if (address === 0) return 0;
  if (argument.extent?.type === "cstring") return yield* copyString(task, address, place);
  return yield* copy(task, address, lengthOf(task, call, argument, place), place);
}

/** rt_sigreturn's, which names nothing: the context at the stack pointer, and the form of the state that stands there. */
function* copyContext(task: Task): Generator<void, [number, number], void> {
  const { call } = task;
  const context = yield* copy(task, call.frame.unsigned(L.RSP), ucontext.size, FIRST_OF_TWO);
  const state = readU64(call.view, call.base + L.WINDOW + FPSTATE_AT);
  const form = state === 0 ? 0 : yield* copy(task, state + FP_FORM, FP_FORM_SIZE, SECOND);
  return [context, form];
}

/** The arguments stand in the call's frame. */
export function* copyInAgain(task: Task, nr: number): Generator<void, void, void> {
  const { slots } = task.kernel;
  const { slot } = task.call;
  const call = syscallByNumber(nr);
  let lengths = [0, 0];
  if (call?.copiesContext === true) lengths = yield* copyContext(task);
  else if (call !== undefined) {
    const pieces = pieceArguments(call);
    const [first, second] = pieces;
    if (first !== undefined)
      lengths[0] = yield* copyPiece(task, call, first, second === undefined ? ONLY : FIRST_OF_TWO);
    if (second !== undefined) lengths[1] = yield* copyPiece(task, call, second, SECOND);
  }
  for (const [piece, length] of lengths.entries())
    slots.setWord(slot, L.REQ_IN_LENGTH + 4 * piece, length | 0);
}
