// --strace: remembers what a call was asked, and prints its line when its result is known. What the
// arguments point at is taken from the slot: the pieces that the stub copied in before it posted, and
// those that go out with the reply. A line for a call that never returns is printed at once.
//
// Slots are hostile: offsets and lengths are bounded here, and bytes are copied before they are read.

import { pieceArguments } from "../../shared/abi/marshal.ts";
import { type Call, syscallByNumber } from "../../shared/abi/syscalls.ts";
import * as L from "../../shared/ring/layout.ts";
import type { Task } from "../process/task.ts";
import type { SigInfo } from "../signals/siginfo.ts";
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
  readonly #open = new WeakMap<Task, Open>();

  constructor(line: (line: string) => void) {
    this.#line = line;
  }

  /** A call has been claimed; the task's frame and number stand. */
  enter(task: Task): void {
    const words = new Int32Array(2 * ARGUMENTS);
    for (let i = 0; i < ARGUMENTS; i++) {
      words[2 * i] = task.frame.argumentLow(i);
      words[2 * i + 1] = task.frame.argumentHigh(i);
    }
    const call = syscallByNumber(task.nr);
    const memory = call === undefined ? [] : memoryAtEntry(task, call);
    this.#open.set(task, { nr: task.nr, words, memory });
    if (call?.result === "never" || call?.name === "rt_sigreturn") this.#print(task, undefined);
  }

  /** The call has its result; the reply is not given yet. */
  leave(task: Task, result: number): void {
    const open = this.#open.get(task);
    if (open === undefined) return;
    const call = syscallByNumber(open.nr);
    if (call !== undefined) addOutPieces(task, call, open);
    this.#print(task, result);
  }

  /** The task takes a signal: its handler is entered, or its default action follows. */
  signal(task: Task, info: SigInfo): void {
    this.#line(`[${task.tid}] ${formatSignal(info)}`);
  }

  /** A thread, or the whole process with that leader, has ended with this wait status. */
  ended(task: Task, status: number): void {
    this.#line(`[${task.tid}] ${formatEnd(status)}`);
  }

  #print(task: Task, result: number | undefined): void {
    const open = this.#open.get(task);
    if (open === undefined) return;
    this.#open.delete(task);
    this.#line(`[${task.tid}] ${formatCall({ ...open, result })}`);
  }
}

function memoryAtEntry(task: Task, call: Call): Memory {
  const memory: Memory = [];
  for (const [piece, index] of pieceArguments(call).entries()) {
    const length = task.inLength(piece);
    if (length > 0) memory[index] = copyOf(task, piece === 0 ? L.WINDOW : L.WINDOW_SECOND, length);
  }
  return memory;
}

/** What goes out to the address of an argument is what that argument points at. */
function addOutPieces(task: Task, call: Call, open: Open): void {
  const view = task.view;
  for (let piece = 0; piece < task.outPieces; piece++) {
    const at = task.base + L.PIECES + piece * L.PIECE_SIZE;
    const low = view.getInt32(at + L.PIECE_ADDR, true);
    const high = view.getInt32(at + L.PIECE_ADDR + 4, true);
    const index = call.arguments.findIndex(
      ({ kind, direction }, i) =>
        kind === "ptr" && direction !== "in" && open.words[2 * i] === low && open.words[2 * i + 1] === high,
    );
    if (index < 0) continue;
    const length = view.getUint32(at + L.PIECE_LENGTH, true);
    open.memory[index] = copyOf(task, view.getUint32(at + L.PIECE_OFFSET, true), length);
  }
}

function copyOf(task: Task, offset: number, length: number): Uint8Array {
  const start = task.base + Math.min(offset, L.SLOT_SIZE);
  const end = Math.min(start + Math.min(length, BYTES_MAX), task.base + L.SLOT_SIZE);
  return task.bytes.slice(start, end);
}
