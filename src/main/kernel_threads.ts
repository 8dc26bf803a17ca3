// A kernel with threads of its own, seen from the main thread: piscina owns them, each with one task that never settles,
// and comlink carries control requests to them. If one ends, the sandbox has lost its kernel.

import { totalmem } from "node:os";
import { MessageChannel } from "node:worker_threads";
import { type Remote, wrap } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Piscina } from "piscina";
import type { KernelBoot, PoolApi, ThreadBoot } from "../shared/kernel_boot.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { Turns } from "../shared/ring/turns.ts";
import { SUPERVISOR } from "../shared/thread_plan.ts";
import { openCredits } from "../workers/credits.ts";
import type { RunningKernel } from "./placement.ts";

/** In the sandbox's root. */
const KERNEL_BUNDLE = "/kernel.cjs";

/** A thread, as it is spoken to. */
interface Started<Api> {
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
  filename = KERNEL_BUNDLE,
): Promise<Omit<RunningKernel, "memory">> {
  const { roles } = boot;
  const pool = new Piscina({
    filename,
    minThreads: roles.length,
    maxThreads: roles.length,
    // A kernel thread's own loop decides when it sleeps.
    atomics: "disabled",
  });
  const sab = new PrivateSab(boot.privateSab);
  const { control } = sab;
  if (roles.length > 1) openCredits(sab, totalmem());
  const ends: Promise<never>[] = [];
  const start = <Api>(thread: number): Started<Api> => {
    const { port1, port2 } = new MessageChannel();
    const threadBoot: ThreadBoot = { ...boot, port: port2, thread };
    // piscina's type is inferred from the wrong overload of postMessage; it passes the list on as it is.
    const transferList = [port2] as unknown as NonNullable<Parameters<typeof pool.run>[1]>["transferList"] &
      object;
    ends.push(
      pool.run(threadBoot, { transferList }).then((): never => {
        throw new Error(`kernel thread ${thread} left its loop`);
      }),
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
  const counters = async () => {
    const ofOthers = others.map((thread) => ask(thread, (remote) => remote.counters()));
    return (await Promise.all([api.counters(), ...ofOthers])).reduce(sum);
  };
  return { api: { ...api, counters }, ended };
}

/** Counters of two threads: of what is a maximum, the greater one. */
function sum(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const total = { ...a };
  for (const [name, value] of Object.entries(b))
    total[name] = name.startsWith("longest") ? Math.max(total[name] ?? 0, value) : (total[name] ?? 0) + value;
  return total;
}

/** Each call posts its message and then asks the kernel thread to turn its event loop. */
function askingForTurns(remote: Remote<KernelApi>, turns: Turns): KernelApi {
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
    sites: () => asked(remote.sites()),
  };
}
