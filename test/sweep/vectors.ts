// Makes the vectors of the sweep from the system call table: for each call that is served an ordinary use, every
// single deviation from it, the products that calls.ts asks for, and pairs of deviations drawn with a seed.

import type { Call } from "../../src/shared/abi/call.ts";
import { SYSCALLS } from "../../src/shared/abi/syscalls.ts";
import { CALL_SWEEPS, type CallSweep } from "./calls.ts";
import { oddValues, plausible, text } from "./values.ts";

export interface Vector {
  readonly call: Call;
  readonly words: readonly string[];
}

export interface Group {
  readonly call: Call;
  readonly sweep: CallSweep;
  readonly vectors: readonly Vector[];
}

/** A generator of numbers below `bound` that gives the same ones for the same seed (xorshift32). */
export function generator(seed: number): (bound: number) => number {
  let state = seed | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** Values of each argument that deviate from the base. */
function domains(call: Call, sweep: CallSweep, base: readonly string[]): string[][] {
  return call.arguments.map((argument, index) => {
    const values = [...(sweep.only?.[index] ?? oddValues(argument)), ...(sweep.more?.[index] ?? [])];
    if (argument.kind === "int" && /^\d+$/.test(base[index]!))
      values.push(`0x5a5a5a5a${Number(base[index]).toString(16).padStart(8, "0")}`);
    return values;
  });
}

/**
 * Names outside the vectors' own directories, which no call may change: natively they are nobody's, in the sandbox
 * they are the guest's, and what one vector did there others would see.
 */
const OUTSIDE = new Set(["/", "//", "..", "dir/..", "/proc/self", "/dev/null", "/proc/self/fd/0"].map(text));

function isOutside(word: string): boolean {
  return OUTSIDE.has(word);
}

/** All combinations of the given values, the other words as in the base. */
function* product(
  base: readonly string[],
  values: Readonly<Record<number, readonly string[]>>,
): Generator<string[]> {
  const axes = Object.entries(values);
  const total = axes.reduce((count, [, axis]) => count * axis.length, 1);
  for (let n = 0; n < total; n++) {
    const words = [...base];
    let rest = n;
    for (const [index, axis] of axes) {
      words[Number(index)] = axis[rest % axis.length]!;
      rest = Math.floor(rest / axis.length);
    }
    yield words;
  }
}

function vectorsOf(call: Call, sweep: CallSweep, pairs: number, random: (bound: number) => number): Vector[] {
  const base = call.arguments.map((argument, index) => sweep.base?.[index] ?? plausible(argument));
  const odd = domains(call, sweep, base);
  const found = new Map<string, Vector>();
  const add = (words: readonly string[]) => {
    if (sweep.never?.(words) === true || (!sweep.harmless && words.some(isOutside))) return;
    found.set(words.join(" "), { call, words });
  };
  add(base);
  for (const [index, values] of odd.entries()) for (const value of values) add(base.with(index, value));
  for (const values of sweep.products ?? []) for (const words of product(base, values)) add(words);
  for (let n = 0; odd.length > 1 && n < pairs; n++) {
    const first = random(odd.length);
    const second = (first + 1 + random(odd.length - 1)) % odd.length;
    const words = [...base];
    for (const index of [first, second])
      words[index] = odd[index]![random(odd[index]!.length)] ?? base[index]!;
    add(words);
  }
  return [...found.values()];
}

/** The vectors of every call that is served. */
export function generate(seed: number, pairs: number, only?: ReadonlySet<string>): Group[] {
  return SYSCALLS.filter((call) => call.level !== "none" && (only === undefined || only.has(call.name)))
    .map((call) => {
      const sweep = CALL_SWEEPS[call.name] ?? {};
      const random = generator(seed + call.nr.x86_64);
      return { call, sweep, vectors: vectorsOf(call, sweep, pairs, random) };
    })
    .filter((group) => group.vectors.length > 0);
}

/** The file that sweep.c reads. */
export function serialize(groups: readonly Group[]): string {
  return groups
    .map(({ call, sweep, vectors }) => {
      const head = `C ${call.nr.x86_64} ${sweep.harmless ? 0 : 1} ${sweep.alone ? 1 : 0} ${sweep.apart ? 1 : 0}`;
      return [head, ...vectors.map(({ words }) => `V${words.join(" ")}`), ""].join("\n");
    })
    .join("");
}

/** A vector as it is told: bytes as text where they are text, long ones by their length. */
export function describe({ call, words }: Vector): string {
  return `${call.name}(${words.map(shown).join(", ")})`;
}

function shown(word: string): string {
  if (!word.startsWith("$") || word.includes("[")) return word;
  const bytes = Buffer.from(word.slice(1), "hex").toString("latin1");
  if (/^[ -~]{0,40}\0$/.test(bytes)) return JSON.stringify(bytes.slice(0, -1));
  if (/^[ -~]+\0$/.test(bytes)) return `"${bytes.slice(0, 8)}..." of ${bytes.length - 1}`;
  return word.length > 60 ? `${word.slice(0, 50)}... of ${bytes.length}` : word;
}
