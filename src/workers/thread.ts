// The task that piscina runs on a kernel thread of its own: the main thread's requests come by comlink. It never
// settles.

import { expose } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import type { KernelBoot, ThreadBoot } from "../shared/kernel_boot.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { Turns } from "../shared/ring/turns.ts";
import { runKernel } from "./host.ts";
import type { Asked } from "./loop.ts";
import { runData } from "./pool/data_host.ts";
import { runNet } from "./pool/net_host.ts";

const START = {
  supervisor: (boot: KernelBoot, _thread: number, asked: Asked) => runKernel(boot, asked),
  net: runNet,
  data: runData,
} as const;

export default async function kernelThread({ port, thread, ...boot }: ThreadBoot): Promise<never> {
  const turns = new Turns(new PrivateSab(boot.privateSab).control, thread);
  const api = await START[boot.roles[thread]!](boot, thread, turns);
  expose(api, nodeEndpoint(port));
  return new Promise<never>(() => {});
}
