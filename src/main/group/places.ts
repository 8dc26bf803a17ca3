// Where kernels of a group run (--workers): solo, all of them on the main thread; else each has a thread 0 of its own, and what
// other kernel threads there are, they share.

import { setFlagsFromString } from "node:v8";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { type Remote, transfer, wrap } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Piscina } from "piscina";
import type { GroupThreadApi, GroupThreadBoot, KernelBoot, PoolApi } from "../../shared/kernel_boot.ts";
import type { KernelApi, SandboxOptions } from "../../shared/process_spec.ts";
import { PrivateSab } from "../../shared/ring/private_sab.ts";
import { Turns } from "../../shared/ring/turns.ts";
import { SUPERVISOR, type ThreadPlan } from "../../shared/thread_plan.ts";
import { openCredits } from "../../workers/credits.ts";
import { shareOf } from "../../workers/host_share.ts";
import { askingForTurns, ofAll, type Started } from "../kernel_threads.ts";

/** A kernel that runs. */
export interface Running {
  readonly api: KernelApi;
  /** Has it end. */
  end(): void;
  /** Resolves when nothing of it is left in the process but its memory. */
  readonly ended: Promise<void>;
}

export interface Places {
  /** Starts a kernel in the place of that number. Rejects, and nothing of it is left. */
  start(place: number, boot: KernelBoot): Promise<Running>;
  /** Rejects when a thread has ended; never resolves. */
  readonly ended: Promise<never>;
}

interface Thread {
  readonly remote: Remote<GroupThreadApi>;
}

class Threads implements Places {
  readonly ended: Promise<never>;
  readonly #supervisors: readonly Thread[];
  readonly #others: readonly Thread[];

  constructor(supervisors: readonly Thread[], others: readonly Thread[], ended: Promise<never>) {
    this.#supervisors = supervisors;
    this.#others = others;
    this.ended = ended;
  }

  async start(place: number, boot: KernelBoot): Promise<Running> {
    const sab = new PrivateSab(boot.privateSab);
    if (boot.roles.length > 1) openCredits(sab, shareOf(boot.config.options.kernels ?? 1));
    const all = [this.#supervisors[place]!, ...this.#others];
    const added = new Map<number, Started<unknown>>();
    try {
      // Thread 0 last: it needs the doorbells of the others.
      for (let thread = all.length - 1; thread >= SUPERVISOR; thread--) {
        const { port1, port2 } = new MessageChannel();
        await add(all[thread]!, boot, thread, port2);
        added.set(thread, { remote: wrap(nodeEndpoint(port1)), turns: new Turns(sab.control, thread) });
      }
    } catch (error) {
      await this.#end(boot, all, [...added.keys()]);
      throw error;
    }
    const others = all.slice(1).map((_thread, i) => added.get(i + 1) as Started<PoolApi>);
    for (const { remote } of others) await remote.begin();
    const { remote, turns } = added.get(SUPERVISOR) as Started<KernelApi>;
    const end = () => void all[SUPERVISOR]!.remote.end(boot.kernel);
    for (const thread of all.slice(1))
      void thread.remote.hasThrown(boot.kernel).then((has) => {
        if (has) end();
      });
    return {
      api: ofAll(askingForTurns(remote, turns), others),
      end,
      ended: this.#whenEnded(boot, all),
    };
  }

  async #whenEnded(boot: KernelBoot, all: readonly Thread[]): Promise<void> {
    await all[SUPERVISOR]!.remote.ended(boot.kernel);
    await this.#end(
      boot,
      all,
      all.slice(1).map((_thread, i) => i + 1),
    );
  }

  async #end(boot: KernelBoot, all: readonly Thread[], threads: readonly number[]): Promise<void> {
    for (const thread of threads) {
      await all[thread]!.remote.end(boot.kernel);
      await all[thread]!.remote.ended(boot.kernel);
    }
  }
}

async function add({ remote }: Thread, boot: KernelBoot, thread: number, port: MessagePort): Promise<void> {
  await remote.add(boot, thread, transfer(port as never, [port as never]));
}

/** In the sandbox's root: all that any of the threads needs. */
const BUNDLE = "/group.cjs";
/** Old space of each thread's heap, of which all its kernels have shares (host_share.ts). */
const HEAP_MB = 2048;

/** Starts the threads of so many places, and confines the process. Rejects: there is no sandbox without. */
export async function startThreads(
  hostLibrary: string,
  proc: number,
  init: number,
  options: SandboxOptions,
  roles: ThreadPlan,
  places: number,
): Promise<Places> {
  const count = places + roles.length - 1;
  // As for threads of a kernel by itself.
  setFlagsFromString("--max-old-space-size=0");
  const pool = new Piscina({
    filename: BUNDLE,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    minThreads: count,
    maxThreads: count,
    // A kernel thread's own loop decides when it sleeps.
    atomics: "disabled",
  });
  const ends: Promise<never>[] = [];
  const threads = Array.from({ length: count }, (_none, index): Thread => {
    const { port1, port2 } = new MessageChannel();
    const boot: GroupThreadBoot = { port: port2, hostLibrary, proc, isFirst: index === 0 };
    const transferList = [port2] as unknown as NonNullable<Parameters<typeof pool.run>[1]>["transferList"] &
      object;
    ends.push(
      pool.run(boot, { transferList }).then((): never => {
        throw new Error(`a kernel thread left its loop`);
      }),
    );
    return { remote: wrap<GroupThreadApi>(nodeEndpoint(port1)) };
  });
  const ended = Promise.race(ends);
  await Promise.race([Promise.all(threads.map(({ remote }) => remote.isReady())), ended]);
  await Promise.race([threads[0]!.remote.confine(init, options), ended]);
  return new Threads(threads.slice(0, places), threads.slice(places), ended);
}
