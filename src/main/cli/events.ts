// `ringfence events`: how much a container uses, and that it ran out of memory, as runc tells it. Memory and CPU time are
// those of its control groups, which the sandbox's own kernel is part of; tasks and network devices those that its guests
// see.

import { SchemaError } from "../oci/schema.ts";
import { CgroupFiles, cgroupVersion, oomKills } from "../usage/cgroup_files.ts";
import { cgroupStats, exactJson } from "../usage/cgroup_stats.ts";
import { readUsage } from "../usage/guest_usage.ts";
import { hostStats } from "../usage/host_stats.ts";
import { type NetworkInterface, networkInterfaces } from "../usage/network_interfaces.ts";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { OutputError, say } from "./output.ts";
import { type ContainerState, findContainer } from "./state_directory.ts";

export interface EventsWords {
  id: string;
  root?: string;
  stats: boolean;
  interval: string;
}

/** v1 tells of it by an eventfd, for which Node has no call: so the counter is looked at. */
const OOM_POLL_MS = 250;
const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const INTERVAL_MAX_MS = 2 ** 31 - 1;

/** A duration as Go writes it, or a number of seconds as runsc has it; milliseconds. */
export function durationMs(text: string): number {
  const isGo = /^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text);
  if (!isGo && !/^\d+$/.test(text))
    throw new CommandError(`events: --interval is a duration as in 5s or 500ms: ${text}`);
  let sum = isGo ? 0 : Number(text) * 1000;
  if (isGo)
    for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(h|ms|m|s)/g))
      sum += Number(number) * UNITS_MS[unit!]!;
  if (sum <= 0) throw new CommandError("duration interval must be greater than 0");
  return Math.min(sum, INTERVAL_MAX_MS);
}

/** By the names of Go's struct. */
function named({ name, counts }: NetworkInterface): object {
  return { Name: name, ...Object.fromEntries(Object.entries(counts).map(([key, n]) => [goName(key), n])) };
}

/** rx_bytes as RxBytes. */
const goName = (key: string) => key.replace(/(?:^|_)(\w)/g, (_all, letter: string) => letter.toUpperCase());

function print(event: object): void {
  say(`${exactJson(event)}\n`);
}

class Watched {
  readonly #state: ContainerState;
  readonly #files: CgroupFiles;
  readonly #client: ControlClient;
  #kills: number;

  constructor(state: ContainerState, client: ControlClient) {
    this.#state = state;
    this.#client = client;
    this.#files = new CgroupFiles(state.cgroups);
    this.#kills = oomKills(this.#files);
  }

  async tellStats(): Promise<void> {
    const { tasks, tasksLimit, netDev } = readUsage(await this.#client.askSoon("usage"), "usage");
    const { cpu, cpuset, memory, blkio, hugetlb } =
      cgroupVersion(this.#files) !== undefined ? cgroupStats(this.#files) : hostStats(this.#state.init);
    const data = {
      cpu,
      cpuset,
      memory,
      pids: { current: tasks, ...(tasksLimit > 0 && { limit: tasksLimit }) },
      blkio,
      hugetlb,
      intel_rdt: {},
      network_interfaces: networkInterfaces(netDev).map(named),
    };
    print({ type: "stats", id: this.#state.id, data });
  }

  async tellOom(): Promise<void> {
    const kills = oomKills(this.#files);
    for (; this.#kills < kills; this.#kills++) print({ type: "oom", id: this.#state.id });
  }
}

/** Prints until the container has stopped, or once. */
export async function events(words: EventsWords): Promise<void> {
  try {
    await tellEvents(words);
  } catch (error) {
    // The sandbox has gone before it could be asked.
    if (error instanceof CommandError && error.message === "") throw stopped(words.id);
    if (error instanceof SchemaError) throw new CommandError(`events: ${error.message}`);
    throw error;
  }
}

function stopped(id: string): CommandError {
  return new CommandError(`container with id ${id} is not running`);
}

async function tellEvents({ id, root, stats, interval }: EventsWords): Promise<void> {
  const periodMs = durationMs(interval);
  const state = findContainer(root, String(id));
  const client = await ControlClient.connect(state.socket);
  if (client === null) throw stopped(id);
  const { status } = ((await client.askSoon("state")) ?? {}) as { status?: unknown };
  if (status === "stopped") throw stopped(id);
  const watched = new Watched(state, client);
  if (stats) {
    await watched.tellStats();
    client.close();
    return;
  }
  // Whoever read the lines has gone.
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => code === "EPIPE" && process.exit(0));
  const full = Promise.withResolvers<void>();
  const told = (error: unknown) => {
    if (error instanceof OutputError) full.reject(error);
    else if (error instanceof SchemaError) process.stderr.write(`ringfence: events: ${error.message}\n`);
  };
  const timers = [
    setInterval(() => watched.tellOom().catch(told), OOM_POLL_MS),
    setInterval(() => watched.tellStats().catch(told), periodMs),
  ];
  try {
    // However it ends: by its program, or with its sandbox.
    await Promise.race([client.ask("wait").catch(() => {}), full.promise]);
    await watched.tellOom();
  } finally {
    for (const timer of timers) clearInterval(timer);
    client.close();
  }
}
