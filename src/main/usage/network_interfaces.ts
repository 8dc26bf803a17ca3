// Network devices of a container, as its guests see them in /proc/net/dev (proc_pid_net(5)); without loopback.

import type { Numbers } from "./cgroup_files.ts";

/** What is told of a container that has more ends with them. */
const INTERFACES_MAX = 256;

export interface NetworkInterface {
  readonly name: string;
  readonly counts: Numbers;
}

/** By their places in a line. */
const COLUMNS: Readonly<Record<string, number>> = {
  rx_bytes: 0,
  rx_packets: 1,
  rx_errors: 2,
  rx_dropped: 3,
  tx_bytes: 8,
  tx_packets: 9,
  tx_errors: 10,
  tx_dropped: 11,
};

export function networkInterfaces(netDev: string): NetworkInterface[] {
  const found: NetworkInterface[] = [];
  for (const [, name, columns] of netDev.matchAll(/^ *([^\s:]+):(.*)$/gm)) {
    const n = columns!.trim().split(/\s+/).map(Number);
    if (name === "lo" || n.length < 12 || !n.every(Number.isFinite)) continue;
    const counts = Object.fromEntries(Object.entries(COLUMNS).map(([key, column]) => [key, n[column]!]));
    found.push({ name: name!, counts });
    if (found.length === INTERFACES_MAX) break;
  }
  return found;
}
