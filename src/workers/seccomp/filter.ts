// Filters of system calls (seccomp(2)): programs of classic BPF over struct seccomp_data. A task has the newest of a chain,
// and its children have it as well; all of a chain run, and the strictest answer counts. Of most calls every program says
// without a look at its arguments that it may be made: that is found out once for each number.

import * as B from "../../shared/abi/bpf.ts";
import { AUDIT_ARCH_X86_64, SECCOMP_RET_ALLOW } from "../../shared/abi/prctl.ts";
import { KP_MARSHAL_COUNT } from "../../shared/ring/layout.ts";
import { CLASS, MODE, type Program, readProgram, WORDS } from "../bpf/program.ts";
import { type Input, runProgram } from "../bpf/run.ts";

/** struct seccomp_data: int nr, __u32 arch, __u64 instruction_pointer, __u64 args[6]. */
export const DATA_SIZE = 64;
const NR = 0;
const ARCH = 4;
export const INSTRUCTION_POINTER = 8;
export const ARGUMENTS = 16;
/** Instructions of a chain, as Linux counts them, and for how many each filter counts beside (MAX_INSNS_PER_PATH). */
const CHAIN_MAX = 32768;
const FILTER_COST = 4;
/** What Linux begins each program with. */
const PROLOGUE = 3;
/** Bytes of the objects that make up a filter, beside its instructions and its verdicts. */
const OBJECTS = 1024;
/** An action is above its data. */
const ACTION = 0xffff0000 | 0;

const SIZE = 0x18;
const OPERATION = 0xf0;

/** What Linux lets filters do (seccomp_check_filter): no bytes or half words, no way to more than the data. */
function isAllowed(code: number, k: number): boolean {
  switch (code & CLASS) {
    case B.BPF_LD:
    case B.BPF_LDX:
      if ((code & SIZE) !== B.BPF_W || (code & MODE) === B.BPF_IND || (code & MODE) === B.BPF_MSH)
        return false;
      return (code & MODE) !== B.BPF_ABS || (k >= 0 && k < DATA_SIZE && (k & 3) === 0);
    case B.BPF_ALU:
      return (code & OPERATION) !== B.BPF_MOD;
    default:
      return true;
  }
}

/** A program in an array of struct sock_filter; null: it is none for system calls (EINVAL). */
export function readFilter(bytes: Uint8Array): Program | null {
  const program = readProgram(bytes);
  if (program === null) return null;
  const { words, length } = program;
  for (let pc = 0; pc < length; pc++) if (!isAllowed(words[pc * WORDS]!, words[pc * WORDS + 3]!)) return null;
  return program;
}

/** The data of a call, whose words programs load as numbers. */
export class CallData implements Input {
  readonly view = new DataView(new ArrayBuffer(DATA_SIZE));
  readonly start = 0;
  readonly length = DATA_SIZE;
  readonly network = -1;
  readonly link = -1;

  constructor() {
    this.setWord(ARCH, AUDIT_ARCH_X86_64);
  }

  known(): null {
    return null;
  }

  set nr(nr: number) {
    this.setWord(NR, nr);
  }

  // Programs over packets load in network order.
  setWord(at: number, word: number): void {
    this.view.setInt32(at, word);
  }
}

/** The instructions that Linux makes of a program: two of an answer, and of a condition that jumps either way. */
function weigh({ words, length }: Program): number {
  let weight = PROLOGUE + length;
  for (let at = 0; at < length * WORDS; at += WORDS) {
    const code = words[at]!;
    const jumps = (code & CLASS) === B.BPF_JMP && words[at + 1] !== 0 && words[at + 2] !== 0;
    if (jumps || code === (B.BPF_RET | B.BPF_K)) weight++;
  }
  return weight;
}

/** What the program answers to any call of that number; null: that depends on more, or takes more to find out. */
function constantAnswer({ words }: Program, nr: number): number | null {
  let a = 0;
  for (let pc = 0; ; pc++) {
    const at = pc * WORDS;
    const [code, k] = [words[at]!, words[at + 3]!];
    switch (code) {
      case B.BPF_LD | B.BPF_W | B.BPF_ABS:
        if (k !== NR && k !== ARCH) return null;
        a = k === NR ? nr : AUDIT_ARCH_X86_64 | 0;
        break;
      case B.BPF_RET | B.BPF_K:
        return k;
      case B.BPF_JMP | B.BPF_JA:
        pc += k;
        break;
      case B.BPF_ALU | B.BPF_AND | B.BPF_K:
        a &= k;
        break;
      case B.BPF_JMP | B.BPF_JEQ | B.BPF_K:
        pc += words[at + (a === k ? 1 : 2)]!;
        break;
      case B.BPF_JMP | B.BPF_JGT | B.BPF_K:
        pc += words[at + (a >>> 0 > k >>> 0 ? 1 : 2)]!;
        break;
      case B.BPF_JMP | B.BPF_JGE | B.BPF_K:
        pc += words[at + (a >>> 0 >= k >>> 0 ? 1 : 2)]!;
        break;
      case B.BPF_JMP | B.BPF_JSET | B.BPF_K:
        pc += words[at + ((a & k) !== 0 ? 1 : 2)]!;
        break;
      default:
        return null;
    }
  }
}

const UNKNOWN = 0;
const MAY = 1;
const ASKS = 2;

export class SeccompFilter {
  readonly previous: SeccompFilter | null;
  /** How many there are in its chain, and what they count for. */
  readonly depth: number;
  readonly size: number;
  /** Calls that are not allowed are told in the log. */
  readonly logs: boolean;
  readonly #program: Program;
  readonly #verdicts = new Uint8Array(KP_MARSHAL_COUNT);
  readonly #groups = new Map<readonly number[], boolean>();
  readonly #charged: { filterBytes: number };
  /** Tasks that have it, and filters behind it. */
  #holders = 0;

  /** `charged`: what its bytes count for while somebody has it. */
  constructor(
    program: Program,
    previous: SeccompFilter | null,
    logs: boolean,
    charged: { filterBytes: number },
  ) {
    this.#program = program;
    this.#charged = charged;
    this.previous = previous;
    this.logs = logs;
    this.depth = (previous?.depth ?? 0) + 1;
    this.size = (previous?.size ?? 0) + weigh(program) + FILTER_COST;
  }

  hold(): this {
    if (this.#holders++ > 0) return this;
    this.#charged.filterBytes += this.bytes;
    this.previous?.hold();
    return this;
  }

  /** A chain may be thousands long: nothing here goes down it by calling itself. */
  release(): void {
    for (let filter: SeccompFilter | null = this; filter !== null; filter = filter.previous) {
      if (--filter.#holders > 0) return;
      filter.#charged.filterBytes -= filter.bytes;
    }
  }

  /** There is no room for it in a chain. */
  get isTooLong(): boolean {
    return this.size - FILTER_COST > CHAIN_MAX;
  }

  /** Heap bytes that it takes beside those before it. */
  get bytes(): number {
    return this.#program.words.byteLength + KP_MARSHAL_COUNT + OBJECTS;
  }

  /** Calls of that number may be made, whatever their arguments are. */
  allows(nr: number): boolean {
    if (nr < 0 || nr >= KP_MARSHAL_COUNT) return false;
    if (this.#verdicts[nr] === UNKNOWN) this.#look(nr);
    return this.#verdicts[nr] === MAY;
  }

  /** Finds out what is not known yet: of those in front of it, too, so that each is looked at once. */
  #look(nr: number): void {
    const unknown: SeccompFilter[] = [];
    let filter: SeccompFilter | null = this;
    for (; filter !== null && filter.#verdicts[nr] === UNKNOWN; filter = filter.previous)
      unknown.push(filter);
    let may = filter === null || filter.#verdicts[nr] === MAY;
    for (const one of unknown.reverse()) {
      may &&= one.#allowsItself(nr);
      one.#verdicts[nr] = may ? MAY : ASKS;
    }
  }

  #allowsItself(nr: number): boolean {
    const answer = constantAnswer(this.#program, nr);
    return answer !== null && (answer & ACTION) === SECCOMP_RET_ALLOW;
  }

  /** As allows, of each of them; the list is one of a few that do not change. */
  allowsAll(numbers: readonly number[]): boolean {
    let all = this.#groups.get(numbers);
    if (all === undefined) {
      all = numbers.every((nr) => this.allows(nr));
      this.#groups.set(numbers, all);
    }
    return all;
  }

  /** The strictest answer of its chain: SECCOMP_RET_* and its data; of answers that are alike, the newest filter's. */
  answer(data: CallData): number {
    let strictest = SECCOMP_RET_ALLOW;
    for (let filter: SeccompFilter | null = this; filter !== null; filter = filter.previous) {
      const answer = runProgram(filter.#program, data) | 0;
      if ((answer & ACTION) < (strictest & ACTION)) strictest = answer;
    }
    return strictest;
  }

  /** All of its chain. */
  chain(): Set<SeccompFilter> {
    const all = new Set<SeccompFilter>();
    for (let filter: SeccompFilter | null = this; filter !== null; filter = filter.previous) all.add(filter);
    return all;
  }
}
