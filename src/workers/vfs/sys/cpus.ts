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

export const allCpus = (kernel: VfsContext): number[] =>
  Array.from({ length: cpuCount(kernel) }, (_, cpu) => cpu);

/**
 * The CPUs that a task may run on, in order: those that it has chosen of what its cpuset allows, or, where it allows none of
 * them any more, all that it does.
 */
export function affinityOf({ kernel, affinity }: AffineTask): readonly number[] {
  const allowed = kernel.allowedCpus ?? allCpus(kernel);
  const chosen = affinity === null ? allowed : allowed.filter((cpu) => affinity.has(cpu));
  return chosen.length > 0 ? chosen : allowed;
}

/** Such CPUs as a mask: hexadecimal words of 32, the first with a digit for each four CPUs that there are (%*pb). */
export function maskOfCpus(kernel: VfsContext, cpus: readonly number[]): string {
  const count = cpuCount(kernel);
  const words = new Uint32Array(Math.ceil(count / 32));
  for (const cpu of cpus) words[cpu >> 5]! |= 1 << (cpu & 31);
  const digits = Math.ceil((((count - 1) & 31) + 1) / 4);
  return [...words]
    .reverse()
    .map((word, index) => word.toString(16).padStart(index === 0 ? digits : 8, "0"))
    .join(",");
}
