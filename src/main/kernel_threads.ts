// A kernel with threads of its own, seen from the main thread: piscina owns them, each with one task that never settles,
// and comlink carries control requests to them. If one ends, the sandbox has lost its kernel.

import { setFlagsFromString } from "node:v8";
import { MessageChannel, type ResourceLimits } from "node:worker_threads";
import { type Remote, wrap } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Piscina } from "piscina";
import type { KernelBoot, PoolApi, ThreadBoot } from "../shared/kernel_boot.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { Turns } from "../shared/ring/turns.ts";
import { SUPERVISOR, type ThreadRole } from "../shared/thread_plan.ts";
import { openCredits } from "../workers/credits.ts";
import type { RunningKernel } from "./placement.ts";

/** In the sandbox's root: what a thread loads, no more than it needs. */
const BUNDLES: Readonly<Record<ThreadRole, string>> = {
  supervisor: "/kernel.cjs",
  net: "/net.cjs",
  data: "/data.cjs",
};

/**
 * Each thread's heap: beside what guests may use (HEAP_BUDGET_MAX of the kernel), its own, and what is not collected yet.
 * Those that keep nothing need little, and make little that is new.
 */
const HEAPS: Readonly<Record<ThreadRole, ResourceLimits>> = {
  supervisor: { maxOldGenerationSizeMb: 2048 },
  net: { maxOldGenerationSizeMb: 2048 },
  data: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 3 },
};

/** Stacks of calls that other threads serve, as JSON: an answer has room for them beside what thread 0 tells. */
const STACKS_MAX = 256 << 10;

/** A thread, as it is spoken to. */
export interface Started<Api> {
  readonly remote: Remote<Api>;
  readonly turns: Turns;
}

/** Asks a thread for something, and has it turn its event loop. */
function ask<Api, T>({ remote, turns }: Started<Api>, question: (remote: Remote<Api>) => T): T {
  const answer = question(remote);
  turns.ask();
  return answer;
}

export async function startKernelThreads(
  boot: KernelBoot,
  bundleOf = (role: ThreadRole): string => BUNDLES[role],
): Promise<Omit<RunningKernel, "memory">> {
  const { roles } = boot;
  // The flag that limits the heap of this thread would limit all others' alike, whatever is said of each.
  setFlagsFromString("--max-old-space-size=0");
  const pools = new Map(
    [...new Set(roles)].map((role) => {
      const count = roles.filter((other) => other === role).length;
      const pool = new Piscina({
        filename: bundleOf(role),
        minThreads: count,
        maxThreads: count,
        // A kernel thread's own loop decides when it sleeps.
        atomics: "disabled",
        resourceLimits: HEAPS[role],
      });
      return [role, pool] as const;
    }),
  );
  const sab = new PrivateSab(boot.privateSab);
  const { control } = sab;
  if (roles.length > 1) openCredits(sab);
  const ends: Promise<never>[] = [];
  const start = <Api>(thread: number): Started<Api> => {
    const { port1, port2 } = new MessageChannel();
    const threadBoot: ThreadBoot = { ...boot, port: port2, thread };
    // piscina's type is inferred from the wrong overload of postMessage; it passes the list on as it is.
    const transferList = [port2] as unknown as NonNullable<Parameters<Piscina["run"]>[1]>["transferList"] &
      object;
    const role = roles[thread]!;
    ends.push(
      pools
        .get(role)!
        .run(threadBoot, { transferList })
        .then(
          (): never => {
            throw new Error(`thread ${thread} (${role}) left its loop`);
          },
          (cause: Error): never => {
            throw new Error(`thread ${thread} (${role}): ${cause.message}`, { cause });
          },
        ),
    );
    return { remote: wrap<Api>(nodeEndpoint(port1)), turns: new Turns(control, thread) };
  };
  const others = roles.slice(SUPERVISOR + 1).map((_role, i) => start<PoolApi>(SUPERVISOR + 1 + i));
  // Their doorbells are there, and all that they will ever load, before the process is confined.
  await Promise.race([Promise.all(others.map(({ remote }) => remote.isReady())), ...ends]);
  const supervisor = start<KernelApi>(SUPERVISOR);
  const api = askingForTurns(supervisor.remote, supervisor.turns);
  const ended = Promise.race(ends);
  if (others.length === 0) return { api, ended };
  await Promise.race([api.counters(), ended]); // the kernel page is there
  await Promise.race([Promise.all(others.map(({ remote }) => remote.begin())), ended]);
  return { api: ofAll(api, others), ended };
}

/** What is asked of thread 0, and of others where they have to do with it. */
export function ofAll(api: KernelApi, others: readonly Started<PoolApi>[]): KernelApi {
  const stopProfiles = () => [
    api.profileStop(),
    ...others.map((thread) => ask(thread, (remote) => remote.profileStop())),
  ];
  return {
    ...api,

    async counters() {
      const ofOthers = others.map((thread) => ask(thread, (remote) => remote.counters()));
      return (await Promise.all([api.counters(), ...ofOthers])).reduce(sum);
    },

    // What one of them does others do not see.
    async watch() {
      return 0;
    },

    async threads() {
      const ofOthers = others.map((thread) => ask(thread, (remote) => remote.report()));
      return [...(await api.threads()), ...(await Promise.all(ofOthers))];
    },

    async profileStart(options) {
      const sandbox = await api.profileStart(options);
      if (sandbox === null) return null;
      const ofOthers = others.map((thread) => ask(thread, (remote) => remote.profileStart(options)));
      const failed = (await Promise.allSettled(ofOthers)).find(({ status }) => status === "rejected");
      if (failed === undefined) return sandbox;
      // All or none: those that record would do so for nobody.
      await Promise.allSettled(stopProfiles());
      throw (failed as PromiseRejectedResult).reason;
    },

    async profileStop() {
      return (await Promise.all(stopProfiles())).flat().filter((record) => record !== null);
    },

    async inspect(request) {
      const ofOthers = others.map((thread) => ask(thread, (remote) => remote.inspect(request)));
      const [own, ...told] = await Promise.all([api.inspect(request), ...ofOthers]);
      const heaps = [...(own.heap ?? []), ...told.flatMap(({ heap }) => heap ?? [])];
      const stacks = new Map(
        told.flatMap(({ waits = [] }) => waits.map((one) => [one.tid, one.kernelStack])),
      );
      let length = 0;
      for (const task of own.tasks ?? []) {
        const kernelStack = task.state === "elsewhere" ? stacks.get(task.tid) : undefined;
        if (kernelStack === undefined) continue;
        length += JSON.stringify(kernelStack).length;
        if (length > STACKS_MAX) break;
        task.kernelStack = kernelStack;
      }
      return { ...own, ...(own.heap !== undefined && { heap: heaps }) };
    },

    async breakThread(number, how) {
      const other = others[number - 1];
      return other === undefined
        ? api.breakThread(number, how)
        : ask(other, (remote) => remote.breakThread(how));
    },
  };
}

/** Counters of two threads: of what is a maximum, the greater one. */
function sum(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const total = { ...a };
  for (const [name, value] of Object.entries(b))
    total[name] = name.startsWith("longest") ? Math.max(total[name] ?? 0, value) : (total[name] ?? 0) + value;
  return total;
}

/** Each call posts its message and then asks the kernel thread to turn its event loop. */
export function askingForTurns(remote: Remote<KernelApi>, turns: Turns): KernelApi {
  const asked = <T>(answer: T): T => {
    turns.ask();
    return answer;
  };
  return {
    prepare: (container, spec) => asked(remote.prepare(container, spec)),
    remove: (container) => asked(remote.remove(container)),
    start: (container, spec, streams) => asked(remote.start(container, spec, streams)),
    startHook: (container, spec, input) => asked(remote.startHook(container, spec, input)),
    endHook: (pid) => asked(remote.endHook(pid)),
    usage: (container) => asked(remote.usage(container)),
    wait: (pid) => asked(remote.wait(pid)),
    signal: (container, pid, signo) => asked(remote.signal(container, pid, signo)),
    limit: (container, limits) => asked(remote.limit(container, limits)),
    pause: (container) => asked(remote.pause(container)),
    resume: (container) => asked(remote.resume(container)),
    foreground: (pid, value) => asked(remote.foreground(pid, value)),
    counters: () => asked(remote.counters()),
    failHostCalls: (plan) => asked(remote.failHostCalls(plan)),
    breakThread: (thread, how) => asked(remote.breakThread(thread, how)),
    watch: () => asked(remote.watch()),
    moved: (serial) => asked(remote.moved(serial)),
    threads: () => asked(remote.threads()),
    sites: () => asked(remote.sites()),
    profileStart: (options) => asked(remote.profileStart(options)),
    profileStop: () => asked(remote.profileStop()),
    traces: (request) => asked(remote.traces(request)),
    inspect: (request) => asked(remote.inspect(request)),
  };
}
