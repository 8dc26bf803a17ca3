// What the host counts of a sandbox that has no control groups (a caller without privilege): its processes are those of
// the PID namespace of its process 1.

import { readdirSync, readlinkSync } from "node:fs";
import { readBounded } from "../bounded_file.ts";
import type { CpuUsage } from "./cgroup_files.ts";

const FILE_MAX = 65_536;
const NS_PER_TICK = 10_000_000;
const BYTES_PER_KIB = 1024;

function read(pid: number, name: string): string {
  try {
    return readBounded(`/proc/${pid}/${name}`, FILE_MAX);
  } catch {
    return ""; // it has just ended
  }
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Fields 14 and 15 of /proc/PID/stat, behind the name, which may hold anything. */
function ticks(pid: number): [user: number, system: number] {
  const fields = /.*\)(.*)/s.exec(read(pid, "stat"))?.[1]?.trim().split(" ") ?? [];
  return [Number(fields[11] ?? 0), Number(fields[12] ?? 0)];
}

/** Memory by its share, since stubs and the kernel have much of it in common. */
function bytes(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(pid, "smaps_rollup"))?.[1] ?? 0) * BYTES_PER_KIB;
}

export interface HostStats extends Record<string, object> {
  /** Nanoseconds. */
  readonly cpu: { readonly usage: CpuUsage; readonly throttling: object };
  /** Bytes. */
  readonly memory: {
    readonly usage: { readonly limit: number; readonly usage: number; readonly failcnt: number };
    readonly raw: object;
  };
}

/** In the form of cgroupStats. */
export function hostStats(init: number): HostStats {
  const namespace = namespaceOf(init);
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => namespace !== undefined && namespaceOf(pid) === namespace);
  let [user, kernel, usage] = [0, 0, 0];
  for (const pid of pids) {
    const [ofUser, ofSystem] = ticks(pid);
    user += ofUser * NS_PER_TICK;
    kernel += ofSystem * NS_PER_TICK;
    usage += bytes(pid);
  }
  return {
    cpu: { usage: { total: user + kernel, kernel, user }, throttling: {} },
    cpuset: {},
    memory: { usage: { limit: 0, usage, failcnt: 0 }, raw: {} },
    blkio: {},
    hugetlb: {},
  };
}
