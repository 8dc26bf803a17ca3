// What /proc of the host says about the processes of a running sandbox: found from the launcher's pid.

import { type StdioOptions, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { eventually, ringfence } from "../spawn.ts";

const SANDBOX_MS = 30_000;

export interface SandboxProcesses {
  launcher: number;
  init: number;
  node: number;
  zygote: number;
  /** Inode of the sandbox's PID namespace, as /proc/PID/ns/pid names it. */
  pidNamespace: string;
}

function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A file or link of /proc/PID, or undefined when the process is gone. */
export function proc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return undefined;
  }
}

export function procLink(pid: number, name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return undefined;
  }
}

/** A field of /proc/PID/status. */
export function status(pid: number, field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(proc(pid, "status") ?? "")?.[1];
}

export function children(parent: number): number[] {
  return allPids().filter((pid) => status(pid, "PPid") === String(parent));
}

/** Pids in a PID namespace, zombies left out. */
export function inNamespace(pidNamespace: string): number[] {
  return allPids().filter((pid) => procLink(pid, "ns/pid") === pidNamespace && exists(pid));
}

export function exists(pid: number): boolean {
  const state = status(pid, "State");
  return state !== undefined && !state.startsWith("Z");
}

/** Waits until the sandbox of a launcher has all of its processes, and a stub when `withStub`. */
export async function sandboxOf(launcher: number, withStub: boolean): Promise<SandboxProcesses> {
  let found: SandboxProcesses | undefined;
  const complete = await eventually(() => {
    found = look(launcher, withStub);
    return found !== undefined;
  }, 20_000);
  if (!complete) throw new Error(`the sandbox of launcher ${launcher} did not come up`);
  return found!;
}

function look(launcher: number, withStub: boolean): SandboxProcesses | undefined {
  const [init] = children(launcher).filter((pid) => status(pid, "Name") === "ringfence-init");
  if (init === undefined) return undefined;
  const below = children(init);
  const node = below.find((pid) => procLink(pid, "exe")?.endsWith("/node"));
  const zygote = below.find((pid) => procLink(pid, "exe")?.endsWith("/stub"));
  const pidNamespace = procLink(init, "ns/pid");
  if (node === undefined || zygote === undefined || pidNamespace === undefined) return undefined;
  if (withStub && children(zygote).length === 0) return undefined;
  return { launcher, init, node, zygote, pidNamespace };
}

/** Runs `body` while a sandbox with those standard streams and descriptors sleeps; nothing of it is left then. */
export async function withSleepingSandbox(
  stdio: StdioOptions,
  body: (processes: SandboxProcesses) => void | Promise<void>,
): Promise<void> {
  const child = spawn(ringfence, ["do", "busybox", "sleep", "60"], { stdio, detached: true });
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), SANDBOX_MS);
  const processes = await sandboxOf(child.pid!, true);
  try {
    await body(processes);
  } finally {
    child.kill("SIGKILL");
    clearTimeout(timer);
    await eventually(() => inNamespace(processes.pidNamespace).length === 0, 2000);
  }
}
