// --strace: remembers what a call was asked, and prints its line when its result is known. What the
// arguments point at is taken from the slot: the pieces that the stub copied in before it posted, and
// those that go out with the reply. A line for a call that never returns is printed at once.
//
// Slots are hostile: offsets and lengths are bounded here, and bytes are copied before they are read.

import { pieceArguments } from "../../shared/abi/marshal.ts";
import { type Call as Entry, syscallByNumber } from "../../shared/abi/syscalls.ts";
import * as L from "../../shared/ring/layout.ts";
import type { Call } from "../call/call.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Task } from "../process/task.ts";
import { formatCall } from "./strace.ts";
import { formatEnd, formatSignal } from "./strace_signals.ts";

/** More of a buffer is never printed. */
const BYTES_MAX = L.CSTRING_MAX;
const ARGUMENTS = 6;

type Memory = (Uint8Array | undefined)[];

interface Open {
  readonly nr: number;
  readonly words: Int32Array;
  readonly memory: Memory;
}

export class Tracer {
  readonly #line: (line: string) => void;
  /** Calls in progress. */
  readonly #open = new WeakMap<Call, Open>();

  constructor(line: (line: string) => void) {
    this.#line = line;
  }

  enter(call: Call): void {
    const words = new Int32Array(2 * ARGUMENTS);
    for (let i = 0; i < ARGUMENTS; i++) {
      words[2 * i] = call.frame.argumentLow(i);
      words[2 * i + 1] = call.frame.argumentHigh(i);
    }
    const entry = syscallByNumber(call.nr);
    const memory = entry === undefined ? [] : memoryAtEntry(call, entry);
    this.#open.set(call, { nr: call.nr, words, memory });
    if (entry?.result === "never" || entry?.name === "rt_sigreturn") this.#print(call, undefined);
  }

  leave(call: Call, result: number): void {
    const open = this.#open.get(call);
    if (open === undefined) return;
    const entry = syscallByNumber(open.nr);
    if (entry !== undefined) addOutPieces(call, entry, open);
    this.#print(call, result);
  }

  /** The task takes a signal: its handler is entered, or its default action follows. */
  signal(task: Task, info: SigInfo): void {
    this.#line(`[${task.firstTid}] ${formatSignal(info)}`);
  }

  /** A thread, or the whole process with that leader, has ended with this wait status. */
  ended(task: Task, status: number): void {
    this.#line(`[${task.firstTid}] ${formatEnd(status)}`);
  }

  #print(call: Call, result: number | undefined): void {
    const open = this.#open.get(call);
    if (open === undefined) return;
    this.#open.delete(call);
    this.#line(`[${call.caller.firstTid}] ${formatCall({ ...open, result })}`);
  }
}

function memoryAtEntry(call: Call, entry: Entry): Memory {
  const memory: Memory = [];
  for (const [piece, index] of pieceArguments(entry).entries()) {
    const length = call.inLength(piece);
    if (length > 0) memory[index] = copyOf(call, piece === 0 ? L.WINDOW : L.WINDOW_SECOND, length);
  }
  return memory;
}

/** What goes out to the address of an argument is what that argument points at. */
function addOutPieces(call: Call, entry: Entry, open: Open): void {
  const view = call.view;
  const pieces = call.outPieces === 0 ? call.movedPieces : call.outPieces;
  for (let piece = 0; piece < pieces; piece++) {
    const at = call.base + L.PIECES + piece * L.PIECE_SIZE;
    const low = view.getInt32(at + L.PIECE_ADDR, true);
    const high = view.getInt32(at + L.PIECE_ADDR + 4, true);
    const index = entry.arguments.findIndex(
      ({ kind, direction }, i) =>
        kind === "ptr" && direction !== "in" && open.words[2 * i] === low && open.words[2 * i + 1] === high,
    );
    if (index < 0) continue;
    const length = view.getUint32(at + L.PIECE_LENGTH, true);
    open.memory[index] = copyOf(call, view.getUint32(at + L.PIECE_OFFSET, true), length);
  }
}

function copyOf(call: Call, offset: number, length: number): Uint8Array {
  const start = call.base + Math.min(offset, L.SLOT_SIZE);
  const end = Math.min(start + Math.min(length, BYTES_MAX), call.base + L.SLOT_SIZE);
  return call.bytes.slice(start, end);
}
