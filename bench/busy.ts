// How busy others keep the machine: before, as a share over a moment; while measuring, as what processes used that were
// there before and after a measurement (those of a sandbox come and go within it).

import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type Distance, joined } from "./distance.ts";

const TICKS_PER_S = 100;
const BEFORE_MS = 1000;
/** More than that share of one processor, taken by others, and the machine is busy. */
const BUSY_SHARE = 0.05;
/** Time that a hypervisor gave to others, of all processors' time. */
const STOLEN_SHARE = 0.02;
const KTHREADD = 2;

export interface ProcessTime {
  readonly name: string;
  /** With the pid, what tells it from a later one. */
  readonly began: string;
  readonly parent: number;
  /** Its own and that of its children that have ended and were waited for. */
  readonly ticks: number;
}

export type Processes = ReadonlyMap<number, ProcessTime>;

/** Fields of /proc/PID/stat behind the name (proc_pid_stat(5)): from `state`, field 3. */
function readProcess(pid: number): ProcessTime | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const close = text.lastIndexOf(")");
    const fields = text.slice(close + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
    const name = text.slice(text.indexOf("(") + 1, close);
    return { name, began: fields[19]!, parent: Number(fields[1]), ticks };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/** All processes but this one, what it descends from, and the kernel's threads, which work for those we run. */
function otherProcesses(): Processes {
  const others = new Map<number, ProcessTime>();
  const ours = new Set<number>();
  for (let pid = process.pid; pid > 0; pid = readProcess(pid)?.parent ?? 0) ours.add(pid);
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!(pid > 0) || ours.has(pid) || pid === KTHREADD) continue;
    const found = readProcess(pid);
    if (found !== undefined && found.parent !== KTHREADD) others.set(pid, found);
  }
  return others;
}

/**
 * Name → ticks that processes used which were there before and after. Who was there before and is gone was added as a
 * whole to an ancestor that waited for it: what it had used before is taken off there.
 */
export function usedByOthers(before: Processes, after: Processes): Map<string, number> {
  const stays = (pid: number) => before.get(pid)?.began === after.get(pid)?.began && after.has(pid);
  const used = new Map<number, number>();
  for (const [pid, { ticks }] of after) if (stays(pid)) used.set(pid, ticks - before.get(pid)!.ticks);
  for (const [pid, { ticks, parent }] of before) {
    if (stays(pid)) continue;
    let heir = parent;
    while (before.has(heir) && !stays(heir)) heir = before.get(heir)!.parent;
    if (used.has(heir)) used.set(heir, used.get(heir)! - ticks);
  }
  const names = new Map<string, number>();
  for (const [pid, ticks] of used) {
    const { name } = before.get(pid)!;
    if (ticks > 0) names.set(name, (names.get(name) ?? 0) + ticks);
  }
  return names;
}

interface Ticks {
  /** Of all processors. */
  readonly busy: number;
  readonly stolen: number;
  readonly all: number;
}

/** The line of all processors in /proc/stat (proc_stat(5)): user nice system idle iowait irq softirq steal. */
export function readTicks(): Ticks {
  const line = readFileSync("/proc/stat", "latin1").split("\n")[0]!;
  const fields = line.trim().split(/ +/).slice(1, 9).map(Number);
  const all = fields.reduce((sum, field) => sum + field, 0);
  return { busy: all - fields[3]! - fields[4]! - fields[7]!, stolen: fields[7]!, all };
}

/** Machine CPU time in ns that has passed since `from`. */
export function busyNsSince(from: Ticks): number {
  return ((readTicks().busy - from.busy) * 1e9) / TICKS_PER_S;
}

function running(): number {
  return Number(/^procs_running (\d+)/m.exec(readFileSync("/proc/stat", "latin1"))?.[1] ?? 1);
}

export interface Before {
  /** Processors' worth of work that others did. */
  readonly share: number;
  /** Threads that ran or waited to run, beside ours, on average. */
  readonly queue: number;
  /** The same over the minute before, with threads that waited for a disk (proc_loadavg(5)). */
  readonly load: number;
}

/** Looks for a second, doing nothing. */
export async function lookBefore(): Promise<Before> {
  const load = loadavg()[0]!;
  const from = readTicks();
  const began = performance.now();
  const looks: number[] = [];
  while (performance.now() - began < BEFORE_MS) {
    await sleep(50);
    looks.push(running() - 1);
  }
  const seconds = (performance.now() - began) / 1000;
  const queue = looks.reduce((sum, look) => sum + look, 0) / looks.length;
  return { share: (readTicks().busy - from.busy) / TICKS_PER_S / seconds, queue, load };
}

export interface While {
  /** Processors' worth of work that others did while something was measured. */
  readonly share: number;
  /** The share of all processors' time that a hypervisor kept. */
  readonly stolen: number;
  /** Who used most: name and share of one processor. */
  readonly most: readonly (readonly [name: string, share: number])[];
  /** How far processors were apart before each measurement; null where nobody looked. */
  readonly distance: Distance | null;
}

/** Adds up what others do while something is measured: of a row, and with it of all rows. */
export class Watch {
  readonly #whole: Watch | undefined;
  readonly #lookAtDistance: () => number | undefined;
  #distance: Distance | null = null;
  #seconds = 0;
  #ticks = 0;
  #stolen = 0;
  #all = 0;
  readonly #names = new Map<string, number>();

  constructor(lookAtDistance: () => number | undefined, whole?: Watch) {
    this.#lookAtDistance = lookAtDistance;
    this.#whole = whole;
  }

  /** Of a part of what this one watches. */
  part(): Watch {
    return new Watch(this.#lookAtDistance, this);
  }

  async during<T>(measure: () => Promise<T>): Promise<T> {
    const ns = this.#lookAtDistance();
    const distance: Distance | null = ns === undefined ? null : [ns, ns];
    const before = otherProcesses();
    const from = readTicks();
    const began = performance.now();
    try {
      return await measure();
    } finally {
      const seconds = (performance.now() - began) / 1000;
      const to = readTicks();
      const names = usedByOthers(before, otherProcesses());
      for (let watch: Watch | undefined = this; watch !== undefined; watch = watch.#whole)
        watch.#add(seconds, to.stolen - from.stolen, to.all - from.all, names, distance);
    }
  }

  #add(
    seconds: number,
    stolen: number,
    all: number,
    names: ReadonlyMap<string, number>,
    distance: Distance | null,
  ): void {
    this.#distance = joined(this.#distance, distance);
    this.#seconds += seconds;
    this.#stolen += stolen;
    this.#all += all;
    for (const [name, ticks] of names) {
      this.#ticks += ticks;
      this.#names.set(name, (this.#names.get(name) ?? 0) + ticks);
    }
  }

  get result(): While {
    const share = (ticks: number) => (this.#seconds === 0 ? 0 : ticks / TICKS_PER_S / this.#seconds);
    const most = [...this.#names].sort(([, a], [, b]) => b - a).slice(0, 3);
    return {
      share: share(this.#ticks),
      stolen: this.#all === 0 ? 0 : this.#stolen / this.#all,
      most: most.map(([name, ticks]) => [name, share(ticks)]),
      distance: this.#distance,
    };
  }
}

/** Nothing was measured, or nobody else did anything. */
export const QUIET: While = { share: 0, stolen: 0, most: [], distance: null };

export const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

export const isBusy = ({ share, stolen }: While): boolean => share > BUSY_SHARE || stolen > STOLEN_SHARE;

/** Why the figures are not worth much; empty on a quiet machine. */
export function busyTexts(before: Before, meanwhile: While): string[] {
  const texts: string[] = [];
  if (before.share > BUSY_SHARE)
    texts.push(
      `before: ${percent(before.share)} of a processor in use, ${before.queue.toFixed(1)} threads running, load ${before.load.toFixed(1)}`,
    );
  if (meanwhile.share > BUSY_SHARE) {
    const most = meanwhile.most.map(([name, share]) => `${name} ${percent(share)}`).join(", ");
    texts.push(`while measuring: ${percent(meanwhile.share)} of a processor used by others (${most})`);
  }
  if (meanwhile.stolen > STOLEN_SHARE)
    texts.push(`${percent(meanwhile.stolen)} of all time stolen by the hypervisor`);
  return texts;
}
