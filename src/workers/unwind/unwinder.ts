// Follows the stack of a guest's thread from its registers outwards: by what the files that are mapped there say of their functions'
// frames (file_frames.ts), and by frame pointers where they say nothing, as of code that a program has made. All of it is a
// guest's word: what cannot be is the end of a stack, nothing is thrown, and a stack has a bounded number of frames and of reads, and
// little time.

import { PROT_EXEC } from "../../shared/abi/mman.ts";
import { STACK_FRAMES_MAX } from "../../shared/profile_record.ts";
import type { Mapped, Vma } from "../mem/vma.ts";
import type { Native } from "../native.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import { evaluate } from "./expression.ts";
import { FileFrames } from "./file_frames.ts";
import type { GuestFile, GuestFiles } from "./guest_files.ts";
import { DW_RBP, DW_RIP, DW_RSP, REGISTERS, type Row, Rule } from "./row.ts";
import { isSignalFrame, signalFrame } from "./signal_frame.ts";
import { StackMemory } from "./stack_memory.ts";

const TIME_MAX_MS = 1;
/** What is read of a file, as the longest piece of it, and of all together: Node's own has six mebibytes. */
const FILE_BYTES_MAX = 8 << 20;
const BYTES_MAX = 32 << 20;
/** Rows that are remembered, with all that is in them; with more, all are found anew. */
const RULES_MAX = 1 << 15;
const OFFSETS = 2 ** 40;
const WORD = 8;

export class Unwinder {
  readonly #files: GuestFiles;
  readonly #memory: StackMemory;
  readonly #nowMs: () => number;
  readonly #frames = new Map<GuestFile, FileFrames>();
  readonly #loading: FileFrames[] = [];
  readonly #rows = new Map<number, Row | null>();
  #rules = 0;
  #bytesLeft = BYTES_MAX;
  #registers = new Float64Array(REGISTERS);
  #next = new Float64Array(REGISTERS);
  /** The program counter is that of an instruction that comes next, and not of the one behind a call. */
  #isExact = false;
  #startedMs = 0;

  /** Of the stack that was followed last, the innermost first: addresses inside of the instructions that are under way. */
  readonly addresses: number[] = [];
  /** Where these go on: behind calls. */
  readonly counters: number[] = [];
  /** Tables of files for which there was no room. */
  dropped = 0;
  /** It leads to where its thread began. */
  isWhole = false;
  /** It may be a longer one the next time: files are to be read, or it took its time, which what is remembered now takes no more. */
  isPreliminary = false;

  constructor(
    native: Pick<Native, "processRead" | "scratch">,
    files: GuestFiles,
    nowMs = () => performance.now(),
  ) {
    this.#files = files;
    this.#nowMs = nowMs;
    this.#memory = new StackMemory(native);
  }

  /** Files are to be read (`loadPiece`). */
  get isLoading(): boolean {
    return this.#loading.length > 0;
  }

  loadPiece(): void {
    const first = this.#loading[0];
    if (first?.isLoading === true) first.loadPiece();
    if (first?.isLoading === false) this.#loading.shift();
  }

  /**
   * Follows the stack of a task from registers on, which have DWARF's order. `isExact`: its program counter is no call's, nor a
   * system call's.
   */
  follow(task: VfsCaller, registers: Float64Array, isExact: boolean): void {
    const memory = this.#memory;
    this.addresses.length = 0;
    this.counters.length = 0;
    this.isWhole = false;
    this.isPreliminary = false;
    this.#registers.set(registers);
    this.#isExact = isExact;
    this.#add();
    memory.begin(task.stub, registers[DW_RSP]!);
    this.#startedMs = this.#nowMs();
    while (this.addresses.length < STACK_FRAMES_MAX && this.#step(task)) {
      this.#add();
      if (this.#hasTime()) continue;
      this.isPreliminary = true;
      break;
    }
    memory.end();
  }

  #hasTime(): boolean {
    return this.#nowMs() - this.#startedMs <= TIME_MAX_MS;
  }

  #add(): void {
    this.addresses.push(this.#place());
    this.counters.push(this.#registers[DW_RIP]!);
  }

  #place(): number {
    return this.#registers[DW_RIP]! - (this.#isExact ? 0 : 1);
  }

  /** Goes to the caller; false: there is none, or none that is known. */
  #step(task: VfsCaller): boolean {
    const { vmas } = task.stub.space;
    const place = this.#place();
    const vma = vmas.find(place);
    const row = (vma === null ? null : this.#rowAt(task, vma, place)) ?? this.#signalRow();
    const next = this.#next;
    next.set(this.#registers);
    const isSignal = row?.isSignal ?? false;
    if (row !== null ? !this.#byRow(row) : !this.#byFramePointer(vmas)) return false;
    const counter = next[DW_RIP]!;
    if (counter === 0) {
      this.isWhole = true;
      return false;
    }
    if (!isCode(vmas.find(counter - (isSignal ? 0 : 1)))) return false;
    // A frame that is its own caller's would go on for ever.
    if (next[DW_RSP] === this.#registers[DW_RSP] && counter === this.#registers[DW_RIP]) return false;
    this.#next = this.#registers;
    this.#registers = next;
    this.#isExact = isSignal;
    return true;
  }

  #rowAt(task: VfsCaller, vma: Vma, address: number): Row | null {
    const backing = vma.backing as Mapped | null;
    const file = backing === null || (vma.prot & PROT_EXEC) === 0 ? null : this.#files.of(task, backing);
    if (file === null || !file.isReadable) return null;
    const frames = this.#framesOf(file);
    // What is at hand at the host takes no longer than the stack may.
    while (frames.isLoading && this.#hasTime()) frames.loadPiece();
    if (frames.isLoading) {
      this.isPreliminary = true;
      return null;
    }
    const offset = vma.offset + (address - vma.start);
    const key = file.number * OFFSETS + offset;
    let row = offset < OFFSETS ? this.#rows.get(key) : null;
    if (row !== undefined) return row;
    row = frames.rowAt(offset);
    this.#rules += 1 + (row?.rules.length ?? 0);
    if (this.#rules > RULES_MAX) {
      this.#rows.clear();
      this.#rules = 0;
    }
    this.#rows.set(key, row);
    return row;
  }

  /** Of code that nothing is said of, and to which a signal's handler returns. */
  #signalRow(): Row | null {
    const isCalled = this.addresses.length > 1 && !this.#isExact;
    return isCalled && isSignalFrame(this.#registers[DW_RSP]!, this.#memory.word) ? signalFrame : null;
  }

  #framesOf(file: GuestFile): FileFrames {
    let frames = this.#frames.get(file);
    if (frames === undefined) {
      frames = new FileFrames(file.read, this.#take);
      this.#frames.set(file, frames);
      this.#loading.push(frames);
    }
    return frames;
  }

  readonly #take = (length: number) => {
    if (length > FILE_BYTES_MAX || length > this.#bytesLeft) {
      this.dropped++;
      return false;
    }
    this.#bytesLeft -= length;
    return true;
  };

  /** What the caller's registers are; false: they are not all known, or there is no caller. */
  #byRow({ register, offset, expression, rules }: Row): boolean {
    const now = this.#registers;
    const next = this.#next;
    const { word } = this.#memory;
    const frame = expression === null ? now[register]! + offset : evaluate(expression, now, word, -1);
    if (!(frame >= 0)) return false;
    next[DW_RSP] = frame;
    for (const { register: to, rule, value, expression: by } of rules) {
      let known = Number.NaN;
      switch (rule) {
        case Rule.SAVED:
          known = word(frame + value);
          break;
        case Rule.OFFSET:
          known = frame + value;
          break;
        case Rule.REGISTER:
          known = value < REGISTERS ? now[value]! : -1;
          break;
        case Rule.SAVED_BY:
        case Rule.VALUE_OF: {
          const found = evaluate(by!, now, word, frame);
          known = rule === Rule.VALUE_OF || found < 0 ? found : word(found);
          break;
        }
        default:
          // No return address: that is how the outermost function of a thread is marked.
          if (to === DW_RIP) this.isWhole = true;
          if (to === DW_RIP) return false;
      }
      if (known < 0) return false;
      next[to] = known;
    }
    return true;
  }

  #byFramePointer(vmas: { find(address: number): Vma | null }): boolean {
    const now = this.#registers;
    const next = this.#next;
    const { word } = this.#memory;
    const stack = now[DW_RSP]!;
    // Functions that only make a call have no frame of their own: their caller is the uppermost word.
    if (this.addresses.length === 1) {
      const top = word(stack);
      if (top > 0 && isCode(vmas.find(top - 1))) {
        next[DW_RIP] = top;
        next[DW_RSP] = stack + WORD;
        return true;
      }
    }
    const frame = now[DW_RBP]!;
    if (frame === 0 && this.addresses.length > 1) {
      // Where a thread begins there is no frame pointer (System V ABI for AMD64, 3.4.1).
      next[DW_RIP] = 0;
      return true;
    }
    if (frame < stack || frame % WORD !== 0) return false;
    const saved = word(frame);
    const back = word(frame + WORD);
    if (saved < 0 || back < 0) return false;
    next[DW_RBP] = saved;
    next[DW_RIP] = back;
    next[DW_RSP] = frame + 2 * WORD;
    return true;
  }
}

function isCode(vma: Vma | null): boolean {
  return vma !== null && (vma.prot & PROT_EXEC) !== 0;
}
