// The machine that figures are of: what has to be alike where two runs are compared, or is to be known where they are not.

import { readdirSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** The distribution, by /etc/os-release. */
  readonly system: string;
  /** Whether it has a hypervisor below it. */
  readonly isVirtual: boolean;
  /** How the host chooses the processors' frequency; empty where it does not. */
  readonly governor: string;
  /** What the host does about faults of the processor, which costs system calls most: name and measure. */
  readonly mitigations: readonly (readonly [name: string, measure: string])[];
}

const VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities";

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function mitigations(): [string, string][] {
  let names: string[] = [];
  try {
    names = readdirSync(VULNERABILITIES).sort();
  } catch {
    // A kernel that does not tell.
  }
  return names
    .map((name): [string, string] => [name, textOf(join(VULNERABILITIES, name))])
    .filter(([, measure]) => measure !== "Not affected" && measure !== "");
}

export function machine(): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model ?? "unknown",
    processors: all.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.versions.node,
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf("/etc/os-release"))?.[1] ?? "",
    isVirtual: /^flags\s*:.* hypervisor( |$)/m.test(textOf("/proc/cpuinfo")),
    governor: textOf("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    mitigations: mitigations(),
  };
}
