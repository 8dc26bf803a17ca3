// A kernel with a thread of its own, seen from the main thread: piscina starts it with one task that never settles, and
// comlink carries control requests to it. If the thread ends, the sandbox has lost its kernel.

import { MessageChannel } from "node:worker_threads";
import { type Remote, wrap } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Piscina } from "piscina";
import type { KernelBoot, ThreadBoot } from "../shared/kernel_boot.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { Turns } from "../shared/ring/turns.ts";
import type { RunningKernel } from "./placement.ts";

/** In the sandbox's root. */
const KERNEL_BUNDLE = "/kernel.cjs";

export function startKernelThread(boot: KernelBoot): RunningKernel {
  const pool = new Piscina({
    filename: KERNEL_BUNDLE,
    minThreads: 1,
    maxThreads: 1,
    // A kernel thread's own loop decides when it sleeps.
    atomics: "disabled",
  });
  const { port1, port2 } = new MessageChannel();
  const threadBoot: ThreadBoot = { ...boot, port: port2, thread: 0 };
  // piscina's type is inferred from the wrong overload of postMessage; it passes the list on as it is.
  const transferList = [port2] as unknown as NonNullable<Parameters<typeof pool.run>[1]>["transferList"] &
    object;
  const ended = pool.run(threadBoot, { transferList }).then((): never => {
    throw new Error("the kernel thread left its loop");
  });
  const remote = wrap<KernelApi>(nodeEndpoint(port1));
  return { api: askingForTurns(remote, new Turns(new PrivateSab(boot.privateSab).control, 0)), ended };
}

/** Each call posts its message and then asks the kernel thread to turn its event loop. */
function askingForTurns(remote: Remote<KernelApi>, turns: Turns): KernelApi {
  const asked = <T>(answer: T): T => {
    turns.ask();
    return answer;
  };
  return {
    prepare: (container) => asked(remote.prepare(container)),
    start: (spec, stdio) => asked(remote.start(spec, stdio)),
    wait: (pid) => asked(remote.wait(pid)),
    signal: (pid, signo) => asked(remote.signal(pid, signo)),
    foreground: (pid, value) => asked(remote.foreground(pid, value)),
    counters: () => asked(remote.counters()),
    failHostCalls: (plan) => asked(remote.failHostCalls(plan)),
    sites: () => asked(remote.sites()),
  };
}
