// The host's CPUs as proc and sysfs show them. Their number does not change while the sandbox lives.

import { readHostText } from "../../host_text.ts";
import type { VfsContext } from "../context.ts";

interface AffineTask {
  readonly kernel: VfsContext;
  /** Null: all CPUs. */
  readonly affinity: ReadonlySet<number> | null;
}

const STAT_MAX = 1 << 20;

/** The lines of the host's /proc/stat that are about CPUs: the sum first. */
export function cpuTimes(kernel: VfsContext): string[] {
  const text = readHostText(kernel, kernel.descriptors.stat, STAT_MAX);
  const lines = text.split("\n").filter((line) => line.startsWith("cpu"));
  return lines.length > 1 ? lines : ["cpu  0 0 0 0 0 0 0 0 0 0", "cpu0 0 0 0 0 0 0 0 0 0 0"];
}

export function cpuCount(kernel: VfsContext): number {
  kernel.cpus ||= cpuTimes(kernel).length - 1;
  return kernel.cpus;
}

/** The CPUs that a task may run on, in order: those that it has chosen of what its cpuset allows, or, where it allows none of them any more, all that it does. */
export function affinityOf({ kernel, affinity }: AffineTask): readonly number[] {
  const allowed = kernel.allowedCpus ?? Array.from({ length: cpuCount(kernel) }, (_, cpu) => cpu);
  const chosen = affinity === null ? allowed : allowed.filter((cpu) => affinity.has(cpu));
  return chosen.length > 0 ? chosen : allowed;
}

/** Such CPUs as a mask in hexadecimal words, as many as for all CPUs. */
export function maskOfCpus(kernel: VfsContext, cpus: readonly number[]): string {
  const words = new Uint32Array(Math.ceil(cpuCount(kernel) / 32));
  for (const cpu of cpus) words[cpu >> 5]! |= 1 << (cpu & 31);
  const digits = [...words].reverse().map((word) => word.toString(16).padStart(8, "0"));
  return [digits[0]!.replace(/^0{1,7}/, ""), ...digits.slice(1)].join(",");
}

/** CPUs 0 to count - 1 as a list, as in Cpus_allowed_list. */
export function cpuList(kernel: VfsContext): string {
  const count = cpuCount(kernel);
  return count === 1 ? "0" : `0-${count - 1}`;
}

/** As a mask in hexadecimal words. */
export function cpuMask(kernel: VfsContext): string {
  const words: string[] = [];
  for (let left = cpuCount(kernel); left > 0; left -= 32)
    words.unshift((left >= 32 ? 0xffffffff : 2 ** left - 1).toString(16));
  return words.map((word, index) => (index === 0 ? word : word.padStart(8, "0"))).join(",");
}
