// A kernel thread: the loop that looks for requests, serves them, and sleeps when there are none. It
// never awaits; between turns of its loop it returns to Node's event loop, so that messages of the
// main thread (comlink), termination and profiling get through.
//
// While it sleeps, its sleep set holds the event loop's own descriptor: whatever concerns libuv wakes
// it like a doorbell. While it is busy it turns the event loop when the main thread asks and at least
// every TURN_INTERVAL_NS.

import { EPOLLIN } from "../shared/abi/poll.ts";
import type { KernelBoot } from "../shared/kernel_boot.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import { createGuestMemory, GuestMemory } from "../shared/ring/guest_memory.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { HostFaults } from "./host_faults.ts";
import { IdleTrim, openAlike } from "./idle_trim.ts";
import { Kernel } from "./kernel.ts";
import { kernelApi } from "./kernel_api.ts";
import { openLog } from "./log.ts";
import { loadNative } from "./native.ts";

/**
 * Between two looks at the clock: so many idle passes over a few chunks, each of which takes tens of nanoseconds. A
 * busy one counts for several, and one over many chunks for as many as CHUNKS_A_PASS goes into them.
 */
const IDLE_PASSES_PER_LOOK = 64;
const BUSY_PASS = 4;
const CHUNKS_A_PASS = 16;
/** While a notification is to come: the look for it takes as long as several idle passes. */
const PASSES_PER_NOTIFICATION = 8;
const LOOK_INTERVAL_NS = 1e6;
const TURN_INTERVAL_NS = 10e6;
const MIN_TURNS = 2;

/** The libuv side of the calling thread (native/host/napi.c). */
interface UvLoop {
  uvBackendFd(): number;
}

class KernelThread {
  readonly #kernel: Kernel;
  readonly #asked: Asked;
  readonly memory: WebAssembly.Memory;
  readonly #trim: IdleTrim;
  #turnsLeft = 0;
  #uvReady = false;
  #lastLookNs = 0;
  #lastTurnNs = 0;
  #lastBusyNs = 0;

  constructor(kernel: Kernel, asked: Asked, uv: UvLoop, memory: WebAssembly.Memory, trim: IdleTrim) {
    this.#kernel = kernel;
    this.#asked = asked;
    this.memory = memory;
    this.#trim = trim;
    kernel.sleep.add(uv.uvBackendFd(), EPOLLIN, () => {
      this.#uvReady = true;
    });
    kernel.sleep.addBell(kernel.doorbell);
  }

  /** Runs until the event loop is due, then comes back after it has turned. */
  run = (): void => {
    const { longTurns, native } = this.#kernel;
    longTurns.nr = -1;
    longTurns.end("event loop", null);
    longTurns.turned();
    this.#lastTurnNs = native.monotonicNs();
    if (this.#turnsLeft > 0) this.#turnsLeft--;
    else this.#loop();
    setImmediate(this.run);
  };

  #loop(): void {
    const kernel = this.#kernel;
    let passes = 0;
    let busy = false;
    let passesUnseen = 0;
    for (;;) {
      kernel.passes.loopTop();
      const served = this.#serveSlots();
      if (served) {
        busy = true;
        passes += BUSY_PASS;
      } else passes += kernel.placement.sleepsAtOnce ? IDLE_PASSES_PER_LOOK : 1;
      passes += (kernel.active.limit() / CHUNKS_A_PASS) | 0;
      if (kernel.nextSteps.any) kernel.nextSteps.run();
      if (kernel.stubs.outstanding && ++passesUnseen === PASSES_PER_NOTIFICATION) {
        passesUnseen = 0;
        this.#look();
        // Whoever asks over the control socket waits for no more passes.
        if (this.#uvReady) passes = IDLE_PASSES_PER_LOOK;
      }
      if (passes < IDLE_PASSES_PER_LOOK) continue;
      passes = 0;
      const now = kernel.native.monotonicNs();
      kernel.nowNs = now;
      if (busy) {
        this.#lastBusyNs = now;
        this.#trim.worked();
      }
      kernel.expireTimers(now);
      if (now - this.#lastLookNs > LOOK_INTERVAL_NS) {
        this.#lastLookNs = now;
        this.#look();
      }
      if (this.#asked.due() || this.#uvReady || kernel.owesAnswer) {
        kernel.owesAnswer = false;
        this.#turnsLeft = MIN_TURNS - 1;
        this.#uvReady = false;
        return;
      }
      if (now - this.#lastTurnNs > TURN_INTERVAL_NS) return;
      kernel.placement.look(now);
      if (!served && !kernel.nextSteps.any && now - this.#lastBusyNs >= kernel.placement.pollNs)
        this.#sleep(now);
      busy = false;
    }
  }

  #serveSlots(): boolean {
    const { scanner } = this.#kernel;
    let busy = false;
    scanner.begin();
    for (let slot = scanner.next(); slot >= 0; slot = scanner.next()) {
      busy = true;
      this.#kernel.requests.serve(slot, scanner.request, scanner.nr(slot));
    }
    return busy;
  }

  #look(): void {
    if (this.#kernel.waitForEvents(0) > 0) this.#lastBusyNs = this.#kernel.native.monotonicNs();
  }

  // Sets the flag, looks once more, then blocks; only this thread clears the flag.
  #sleep(nowNs: number): void {
    const kernel = this.#kernel;
    kernel.page.setSleeping(kernel.thread);
    if (!kernel.scanner.anyRequest() && !this.#asked.due() && !kernel.owesAnswer) {
      kernel.counters.sleeps++;
      kernel.passes.toggleAsleep();
      kernel.waitForEvents(kernel.placement.boundSleep(this.#trim.bound(this.#timeoutNs(nowNs))));
      kernel.passes.toggleAsleep();
      kernel.page.setCpu(kernel.thread, kernel.sleep.cpu);
      kernel.nowNs = kernel.sleep.nowNs;
    }
    kernel.page.clearSleeping(kernel.thread);
    kernel.placement.slept(kernel.nowNs - nowNs, kernel.nowNs);
    this.#trim.afterSleep(kernel.nowNs - nowNs);
    this.#lastBusyNs = kernel.nowNs;
  }

  #timeoutNs(nowNs: number): number {
    const deadline = this.#kernel.timers.nextDeadlineNs();
    return deadline === Number.POSITIVE_INFINITY ? -1 : Math.max(0, deadline - nowNs);
  }
}

/** Who else wants the event loop to turn: the main thread, where that is another one. */
export interface Asked {
  /** A request is on its way. */
  due(): boolean;
  /** It was served. */
  serve(): void;
}

/**
 * Makes the calling thread a kernel thread, and confines the process: everything has been loaded, in this thread and
 * the main one, and no guest has run. Its loop begins when the event loop turns. Throws: there is no sandbox without.
 */
export async function runKernel(boot: KernelBoot, asked: Asked): Promise<KernelApi> {
  const module = { exports: {} };
  process.dlopen(module, boot.hostLibrary);
  const native = await loadNative(boot.hostLibrary);
  const wasmMemory = createGuestMemory();
  const memory = new GuestMemory(wasmMemory.buffer);
  native.setGuestMemory(new Uint8Array(memory.buffer));
  const { config, descriptors } = boot;
  const { log, strace } = openLog(config, descriptors, boot.positions);
  const kernel = new Kernel(
    native,
    memory,
    new PrivateSab(boot.privateSab),
    config,
    {
      proc: descriptors.proc!,
      cpuinfo: descriptors.cpuinfo!,
      stat: descriptors.stat!,
      loadavg: descriptors.loadavg!,
      zygote: descriptors.zygote!,
      root: descriptors.root!,
    },
    log,
    strace,
  );
  kernel.boot();
  kernel.longTurns.watchCollector();
  const trim = new IdleTrim(native, descriptors.proc!, openAlike());
  const confined = native.confine(boot.init);
  if (confined < 0) throw new Error(`confining the sandbox process: errno ${-confined}`);
  // The loop refers to the memory for ever: a collected one would be unmapped.
  const thread = new KernelThread(kernel, asked, module.exports as UvLoop, wasmMemory, trim);
  setImmediate(thread.run);
  const faults = config.options?.hostFaults === true ? new HostFaults(native, kernel.counters, log) : null;
  return kernelApi(kernel, asked, faults);
}
