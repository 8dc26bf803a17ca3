// Several kernels in one process: sandboxes that know nothing of each other (architecture.md, "Several kernels in a process").
// Each has a place, by which its control socket is known; in a place one kernel may follow another.

import { closeSync } from "node:fs";
import { Leftovers } from "../../shared/leftovers.ts";
import { createGuestMemory } from "../../shared/ring/guest_memory.ts";
import { PrivateSab } from "../../shared/ring/private_sab.ts";
import { threadPlan } from "../../shared/thread_plan.ts";
import { nextKernel } from "../../workers/guest_native.ts";
import { type Boot, required } from "../boot.ts";
import type { ContainerKernel } from "../container/kernel_view.ts";
import { RequestError } from "../control/request_error.ts";
import type { Host } from "../host.ts";
import type { Log } from "../log.ts";
import { forKernel } from "../placement.ts";
import { BoundKernel } from "./bound_kernel.ts";
import { Nursery, type Zygote } from "./nursery.ts";
import type { Places, Running } from "./places.ts";
import { openSolo } from "./solo.ts";

interface Parts {
  readonly host: Host;
  readonly log: Log;
  readonly hostLibrary: string;
  readonly positions: number;
  readonly boot: Boot;
}

interface Place {
  running: Running | null;
  /** That one. */
  bound: BoundKernel | null;
  /** That of the kernel that is being started, or has ended last; null: there was none. */
  busy: Promise<void> | null;
  /** Held for as long as the kernel lives. */
  memory: WebAssembly.Memory | null;
  kernel: number;
}

export class Group {
  readonly #parts: Parts;
  readonly #nursery: Nursery;
  readonly #places: Place[];
  #threads: Places | null = null;
  readonly #leftovers = new Leftovers();
  /** Numbers of kernels are never given twice (guest_native.ts), and 0, whose entries are the thread's own, to none. */
  #last = 0;

  constructor(parts: Parts) {
    const { config, descriptors } = parts.boot;
    this.#parts = parts;
    this.#nursery = new Nursery(parts.host, required(descriptors, "nursery"));
    this.#places = Array.from({ length: config.options.kernels ?? 1 }, () => ({
      running: null,
      bound: null,
      busy: null,
      memory: null,
      kernel: 0,
    }));
  }

  /** Starts the threads and confines the process. Rejects: there is no sandbox without. Resolves to what rejects when one ends. */
  async open(): Promise<{ ended: Promise<never> }> {
    const { hostLibrary, boot } = this.#parts;
    const { config, descriptors, init } = boot;
    const proc = required(descriptors, "proc");
    if (config.options.workers === "solo") {
      this.#threads = await openSolo(hostLibrary, proc, init, config.options);
    } else {
      const { startThreads } = await import("./places.ts");
      this.#threads = await startThreads(
        hostLibrary,
        proc,
        init,
        config.options,
        this.#roles,
        this.#places.length,
      );
    }
    return { ended: this.#threads.ended };
  }

  get #roles() {
    const { workers } = this.#parts.boot.config.options;
    const roles = threadPlan(workers);
    if (typeof roles === "string") throw new Error(`--workers: ${roles}`);
    return roles;
  }

  get size(): number {
    return this.#places.length;
  }

  /** The kernel that is in a place now. Throws a RequestError where there is none. */
  kernel(place: number): ContainerKernel {
    const bound = this.#places[place]?.bound ?? null;
    if (bound === null) throw none();
    return bound.view;
  }

  #running(place: number): Running {
    const running = this.#places[place]?.running ?? null;
    if (running === null) throw none();
    return running;
  }

  /** Starts a kernel in a place that has none. Rejects: with a RequestError where there is one. */
  async start(number: number): Promise<void> {
    const place = this.#places[number];
    if (place === undefined) throw new RequestError("ERR_PARAMS", "there is no such place");
    if (place.running !== null || place.busy !== null)
      throw new RequestError("ERR_STATE", "there is a kernel in this place");
    const starting = this.#start(number, place);
    place.busy = starting;
    try {
      await starting;
    } finally {
      place.busy = null;
    }
  }

  async #start(number: number, place: Place): Promise<void> {
    const zygote = await this.#nursery.make();
    try {
      await this.#startWith(zygote, number, place);
    } catch (error) {
      // Nothing of it is left: the zygote ends with its socket.
      closeSync(zygote.socket);
      await zygote.ended;
      if (place.memory !== null) this.#leftovers.add(place.memory);
      place.memory = null;
      throw error;
    }
  }

  async #startWith(zygote: Zygote, number: number, place: Place): Promise<void> {
    const { log, positions, hostLibrary, boot } = this.#parts;
    const kernel = nextKernel(
      this.#last,
      this.#places.flatMap((other) => (other.memory === null ? [] : [other.kernel])),
    );
    if (kernel < 0) throw new Error("the process has had as many kernels as it can");
    this.#leftovers.collectIfMany();
    const memory = createGuestMemory();
    this.#last = kernel;
    place.kernel = kernel;
    place.memory = memory;
    const running = await this.#threads!.start(number, {
      config: number === 0 ? boot.config : { ...boot.config, id: `${boot.config.id}.${number}` },
      kernel,
      descriptors: { ...forKernel(boot.descriptors), zygote: zygote.socket },
      init: -1,
      privateSab: new PrivateSab().buffer,
      guestMemory: memory.buffer as unknown as SharedArrayBuffer,
      roles: this.#roles,
      hostLibrary,
      positions,
    });
    const bound = new BoundKernel(running.api);
    place.running = running;
    place.bound = bound;
    let isOver = false;
    const whenEnded = async () => {
      await running.ended;
      isOver = true;
      await zygote.ended;
      bound.end();
      place.running = null;
      place.bound = null;
      place.memory = null;
      this.#leftovers.add(memory);
    };
    this.#ends.set(running, whenEnded());
    // Without it the kernel can make no process: it is of no use any more.
    void zygote.ended.then((status) => {
      // 0: its socket has ended, by the kernel's own end.
      if (isOver || status === 0) return;
      log.error({ place: number, status }, "a zygote ended: its kernel ends");
      void this.end(number);
    });
  }

  /** When nothing is left of each kernel. */
  readonly #ends = new WeakMap<Running, Promise<void>>();

  /** Ends the kernel of a place. Resolves when nothing is left of it. */
  async end(number: number): Promise<void> {
    const running = this.#running(number);
    running.end();
    await this.#ends.get(running);
  }

  /** Numbers of the places that have a kernel. */
  get running(): number[] {
    return this.#places.flatMap(({ running }, number) => (running === null ? [] : [number]));
  }
}

function none(): RequestError {
  return new RequestError("ERR_STATE", "there is no kernel in this place");
}
