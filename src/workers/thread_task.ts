// What the tasks that piscina runs on kernel threads have in common: the main thread's requests come by comlink. They never
// settle.

import { expose } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import type { KernelBoot, ThreadBoot } from "../shared/kernel_boot.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { Turns } from "../shared/ring/turns.ts";
import type { Asked } from "./loop.ts";

/** `run` begins with what the calling thread is for, and gives what the main thread may ask of it. */
export async function serveThread<Api extends object>(
  { port, thread, ...boot }: ThreadBoot,
  run: (boot: KernelBoot, thread: number, asked: Asked) => Promise<Api>,
): Promise<never> {
  const turns = new Turns(new PrivateSab(boot.privateSab).control, thread);
  expose(await run(boot, thread, turns), nodeEndpoint(port));
  return new Promise<never>(() => {});
}
