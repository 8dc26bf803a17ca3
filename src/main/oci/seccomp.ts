// linux.seccomp as a program that filters system calls (runtime-spec, config-linux.md "Seccomp"), with the answers that runc
// and libseccomp give: rules of calls that are not known are left out, calls newer than all that the profile names give
// ENOSYS where others are refused, and what the 32-bit ABIs would call is refused.
//
// The program is a list of calls, one after the other: those whose arguments are looked at come first, since of all others
// the kernel finds out once what becomes of them.

import * as B from "../../shared/abi/bpf.ts";
import { ENOSYS, EPERM } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/prctl.ts";
import { syscallByName } from "../../shared/abi/syscalls.ts";
import type { SeccompSpec } from "../../shared/container_spec.ts";
import {
  byteString,
  integer,
  list,
  object,
  optional,
  type Read,
  type Reader,
  SchemaError,
} from "./schema.ts";

const NAMES_MAX = 4096;
const RULES_MAX = 4096;
const ARGUMENTS = 6;
const ERRNO_MAX = 4095;
const UINT64_MAX = 2n ** 64n - 1n;
const HALF = 0xffffffffn;

const ACTIONS: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: P.SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_THREAD: P.SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: P.SECCOMP_RET_KILL_PROCESS,
  SCMP_ACT_TRAP: P.SECCOMP_RET_TRAP,
  SCMP_ACT_ERRNO: P.SECCOMP_RET_ERRNO,
  SCMP_ACT_TRACE: P.SECCOMP_RET_TRACE,
  SCMP_ACT_LOG: P.SECCOMP_RET_LOG,
  SCMP_ACT_ALLOW: P.SECCOMP_RET_ALLOW,
};
/** Actions that have data: an errno. */
const WITH_ERRNO: ReadonlySet<string> = new Set(["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"]);
/** A profile that does these by default does not refuse what it does not know. */
const PERMISSIVE: ReadonlySet<string> = new Set(["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"]);
const FLAGS: ReadonlySet<string> = new Set([
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
]);

const X32 = "SCMP_ARCH_X32";
/** All that the specification names: those of other machines say nothing here, and are in profiles for all machines. */
const ARCHITECTURES: readonly string[] = [
  ...[
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X86",
    X32,
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_LOONGARCH64",
  ],
  ...["SCMP_ARCH_M68K", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL"],
  ...["SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64"],
  ...["SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390"],
  ...["SCMP_ARCH_S390X", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB"],
];
const X32_BIT = 0x40000000;
/** Of the data of a call. */
const NR = 0;
const ARCH = 4;
const ARGUMENT = 16;

function oneOf(names: Iterable<string>): Reader<string> {
  const known = new Set(names);
  return (value, at) => {
    const name = byteString(value, at);
    if (known.has(name)) return name;
    throw new SchemaError(`${at} is not one of ${[...known].join(", ")}`);
  };
}

const uint64: Reader<bigint> = (value, at) => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0)
    throw new SchemaError(`${at} must be an unsigned integer`);
  const number = BigInt(value);
  // JSON's numbers are doubles: the greatest one becomes 2^64.
  return number > UINT64_MAX ? UINT64_MAX : number;
};

/** What a comparison of 64 bits jumps by, from the upper half to the lower one. */
type Comparison = (
  assembler: Assembler,
  argument: number,
  value: bigint,
  second: bigint,
  fail: Label,
) => void;

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  SCMP_CMP_EQ: (a, i, value, _second, fail) => a.isEqual(i, UINT64_MAX, value, fail),
  SCMP_CMP_MASKED_EQ: (a, i, mask, value, fail) => a.isEqual(i, mask, value, fail),
  SCMP_CMP_NE: (a, i, value, _second, fail) => {
    const differs = a.label();
    a.isEqual(i, UINT64_MAX, value, differs);
    a.jump(fail);
    a.place(differs);
  },
  SCMP_CMP_GT: (a, i, value, _second, fail) => a.isGreater(i, value, B.BPF_JGT, fail),
  SCMP_CMP_GE: (a, i, value, _second, fail) => a.isGreater(i, value, B.BPF_JGE, fail),
  SCMP_CMP_LE: (a, i, value, _second, fail) => a.isNotGreater(i, value, B.BPF_JGT, fail),
  SCMP_CMP_LT: (a, i, value, _second, fail) => a.isNotGreater(i, value, B.BPF_JGE, fail),
};

const condition = object({
  index: integer(0, ARGUMENTS - 1),
  value: uint64,
  valueTwo: optional(uint64, 0n),
  op: oneOf(Object.keys(COMPARISONS)),
});
type Condition = Read<typeof condition>;

const errno = optional(integer(0, ERRNO_MAX), EPERM);
const action = oneOf(Object.keys(ACTIONS));

/** The words that profiles are made of, as they can be had. */
export const SECCOMP_WORDS = {
  actions: Object.keys(ACTIONS),
  operators: Object.keys(COMPARISONS),
  architectures: ARCHITECTURES,
  flags: [...FLAGS],
} as const;

const readProfile = object({
  defaultAction: action,
  defaultErrnoRet: optional(integer(0, ERRNO_MAX), null),
  architectures: optional(list(oneOf(ARCHITECTURES), 64), [] as string[]),
  flags: optional(list(oneOf(FLAGS), 16), [] as string[]),
  syscalls: optional(
    list(
      object({
        names: list(byteString, NAMES_MAX),
        action,
        errnoRet: errno,
        args: optional(list(condition, 64), []),
      }),
      RULES_MAX,
    ),
    [],
  ),
});
type Profile = Read<typeof readProfile>;

/** Null: it is there and says nothing, as engines write it that want none. */
export const readSeccomp: Reader<Profile | null> = (value, at) =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0
    ? null
    : readProfile(value, at);

/** A place in the program. */
interface Label {
  at: number;
}

interface Instruction {
  code: number;
  k: number;
  /** Where a condition that holds jumps to, and one that does not; null: the next instruction. */
  yes: Label | null;
  no: Label | null;
}

const LOAD = B.BPF_LD | B.BPF_W | B.BPF_ABS;

class Assembler {
  readonly #instructions: Instruction[] = [];

  label(): Label {
    return { at: -1 };
  }

  place(label: Label): void {
    label.at = this.#instructions.length;
  }

  #put(code: number, k: number, yes: Label | null = null, no: Label | null = null): void {
    this.#instructions.push({ code, k, yes, no });
  }

  load(offset: number): void {
    this.#put(LOAD, offset);
  }

  and(k: number): void {
    this.#put(B.BPF_ALU | B.BPF_AND | B.BPF_K, k);
  }

  answer(k: number): void {
    this.#put(B.BPF_RET | B.BPF_K, k);
  }

  branch(test: number, k: number, yes: Label | null, no: Label | null): void {
    this.#put(B.BPF_JMP | test | B.BPF_K, k, yes, no);
  }

  jump(to: Label): void {
    this.#put(B.BPF_JMP | B.BPF_JA, 0, to);
  }

  // ---- Of 64 bits: on with the next instruction where it holds, else to `fail` ----

  isEqual(argument: number, mask: bigint, value: bigint, fail: Label): void {
    for (const [offset, shift] of [
      [4, 32n],
      [0, 0n],
    ] as const) {
      const half = Number((mask >> shift) & HALF);
      this.load(ARGUMENT + 8 * argument + offset);
      if (half !== 0xffffffff) this.and(half);
      this.branch(B.BPF_JEQ, Number((value >> shift) & HALF), null, fail);
    }
  }

  /** `test`: of the lower half, BPF_JGT or BPF_JGE. */
  isGreater(argument: number, value: bigint, test: number, fail: Label): void {
    const [high, low] = [Number(value >> 32n), Number(value & HALF)];
    const holds = this.label();
    this.load(ARGUMENT + 8 * argument + 4);
    this.branch(B.BPF_JGT, high, holds, null);
    this.branch(B.BPF_JEQ, high, null, fail);
    this.load(ARGUMENT + 8 * argument);
    this.branch(test, low, null, fail);
    this.place(holds);
  }

  isNotGreater(argument: number, value: bigint, test: number, fail: Label): void {
    const [high, low] = [Number(value >> 32n), Number(value & HALF)];
    const holds = this.label();
    this.load(ARGUMENT + 8 * argument + 4);
    this.branch(B.BPF_JGT, high, fail, null);
    this.branch(B.BPF_JEQ, high, null, holds);
    this.load(ARGUMENT + 8 * argument);
    this.branch(test, low, fail, null);
    this.place(holds);
  }

  /** The program as struct sock_filter. Throws where a jump is too long. */
  bytes(): Uint8Array {
    const bytes = Buffer.alloc(this.#instructions.length * B.SOCK_FILTER_SIZE);
    for (const [pc, { code, k, yes, no }] of this.#instructions.entries()) {
      const way = (label: Label | null) => (label === null ? 0 : label.at - pc - 1);
      const at = pc * B.SOCK_FILTER_SIZE;
      const isJump = code === (B.BPF_JMP | B.BPF_JA);
      if (!isJump && Math.max(way(yes), way(no)) > 255)
        throw new SchemaError("linux.seccomp: a rule is too long");
      bytes.writeUInt16LE(code, at);
      bytes.writeUInt8(isJump ? 0 : way(yes), at + 2);
      bytes.writeUInt8(isJump ? 0 : way(no), at + 3);
      bytes.writeUInt32LE((isJump ? way(yes) : k) >>> 0, at + 4);
    }
    return bytes;
  }
}

/** What is to be done with a call whose arguments fulfil all of the conditions. */
interface Rule {
  conditions: readonly Condition[];
  answer: number;
}

function answerOf(name: string, errnoRet: number): number {
  return (ACTIONS[name]! | (WITH_ERRNO.has(name) ? errnoRet : 0)) >>> 0;
}

/** The rules of each call by its number. Of one call those with conditions come first, in their order. */
function rulesOf({ defaultAction, defaultErrnoRet, syscalls }: Profile): Map<number, Rule[]> {
  const rules = new Map<number, Rule[]>();
  const fallback = answerOf(defaultAction, defaultErrnoRet ?? EPERM);
  for (const { names, action, errnoRet, args } of syscalls) {
    const answer = answerOf(action, errnoRet);
    if (answer === fallback) continue;
    // Several conditions of one argument are alternatives (runc).
    const isRepeated = new Set(args.map(({ index }) => index)).size < args.length;
    const groups = isRepeated ? args.map((one) => [one]) : [args];
    for (const name of names) {
      const nr = syscallByName(name)?.nr.x86_64;
      if (nr === undefined) continue;
      const known = rules.get(nr) ?? [];
      rules.set(nr, known);
      for (const conditions of groups) known.push({ conditions, answer });
    }
  }
  for (const known of rules.values())
    known.sort((a, b) => Number(a.conditions.length === 0) - Number(b.conditions.length === 0));
  return rules;
}

/** The greatest number that the profile names. */
function lastCall({ syscalls }: Profile): number {
  const numbers = syscalls.flatMap(({ names }) => names.map((name) => syscallByName(name)?.nr.x86_64 ?? 0));
  return numbers.reduce((greatest, nr) => Math.max(greatest, nr), 0);
}

function putRules(assembler: Assembler, rules: readonly Rule[], fallback: number): void {
  for (const { conditions, answer } of rules) {
    const next = assembler.label();
    for (const { index, value, valueTwo, op } of conditions)
      COMPARISONS[op]!(assembler, index, value, valueTwo, next);
    assembler.answer(answer);
    assembler.place(next);
    if (conditions.length === 0) return;
  }
  assembler.answer(fallback);
}

/** Throws SchemaError where there is no such program. */
export function compileSeccomp(profile: Profile): SeccompSpec {
  const { defaultAction, defaultErrnoRet, architectures, flags } = profile;
  const fallback = answerOf(defaultAction, defaultErrnoRet ?? EPERM);
  const assembler = new Assembler();
  const [isOurs, isKnown] = [assembler.label(), assembler.label()];
  assembler.load(ARCH);
  assembler.branch(B.BPF_JEQ, P.AUDIT_ARCH_X86_64, isOurs, null);
  assembler.answer(P.SECCOMP_RET_KILL_THREAD);
  assembler.place(isOurs);
  assembler.load(NR);
  if (architectures.includes(X32)) assembler.and(~X32_BIT);
  else {
    const isNotX32 = assembler.label();
    assembler.branch(B.BPF_JEQ, 0xffffffff, isNotX32, null);
    assembler.branch(B.BPF_JGE, X32_BIT, null, isNotX32);
    assembler.answer(P.SECCOMP_RET_KILL_THREAD);
    assembler.place(isNotX32);
  }
  const last = lastCall(profile);
  if (!PERMISSIVE.has(defaultAction) && defaultErrnoRet !== ENOSYS && last > 0) {
    assembler.branch(B.BPF_JGT, last, null, isKnown);
    assembler.answer(P.SECCOMP_RET_ERRNO | ENOSYS);
    assembler.place(isKnown);
  }
  const asks = (rules: Rule[]) => rules.some(({ conditions }) => conditions.length > 0);
  const calls = [...rulesOf(profile)].sort(([, a], [, b]) => Number(asks(b)) - Number(asks(a)));
  for (const [nr, rules] of calls) {
    const [isIt, next] = [assembler.label(), assembler.label()];
    assembler.branch(B.BPF_JEQ, nr, isIt, null);
    assembler.jump(next);
    assembler.place(isIt);
    putRules(assembler, rules, fallback);
    assembler.place(next);
  }
  assembler.answer(fallback);
  return { program: assembler.bytes(), logs: flags.includes("SECCOMP_FILTER_FLAG_LOG") };
}
