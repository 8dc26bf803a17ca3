// The task that piscina runs on a thread that several kernels share, as the main thread calls it.

import type { MessagePort } from "node:worker_threads";
import { expose } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import type { GroupThreadApi, GroupThreadBoot, KernelBoot } from "../shared/kernel_boot.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { Turns } from "../shared/ring/turns.ts";
import { SUPERVISOR } from "../shared/thread_plan.ts";
import { GroupHost } from "./group_host.ts";
import { openAlike } from "./idle_trim.ts";
import { patcherFor } from "./patch/patcher.ts";
import { DataKernel } from "./pool/data_kernel.ts";
import { NetKernel } from "./pool/net_kernel.ts";
import { type PoolHost, poolHost } from "./pool/pool_group.ts";

interface Here {
  readonly port: MessagePort;
  readonly end: () => void;
  readonly ended: Promise<void>;
  /** Resolves when it has thrown. */
  readonly thrown: Promise<true>;
}

/** A kernel that throws on its own thread 0 ends by itself (group_host.ts). */
const NEVER = new Promise<true>(() => {});

/** Never settles, but rejects: there is no sandbox without. */
export default async function groupThread(boot: GroupThreadBoot): Promise<never> {
  expose(await groupApi(boot), nodeEndpoint(boot.port));
  return new Promise<never>(() => {});
}

/** What serves a kernel's sockets, or data. Throws. */
function servePart(
  host: GroupHost,
  boot: KernelBoot,
  thread: number,
  asked: Turns,
  onThrow: () => void,
): PoolHost {
  const parts = host.parts(boot);
  const every = patcherFor(boot.config.options)?.every ?? 0;
  const place = { thread, threads: boot.roles.length };
  const isNet = boot.roles[thread] === "net";
  const kernel = isNet ? new NetKernel(parts, place, every) : new DataKernel(parts, place, every);
  return poolHost(kernel, boot, host.thread, asked, onThrow);
}

async function groupApi({ hostLibrary, proc, isFirst }: GroupThreadBoot): Promise<GroupThreadApi> {
  const host = await GroupHost.make(hostLibrary, proc, isFirst ? openAlike() : -1);
  const kernels = new Map<number, Here>();
  return {
    async isReady() {},

    async confine(init, options) {
      host.confine(init, options);
    },

    async add(boot, thread, port) {
      const turns = new Turns(new PrivateSab(boot.privateSab).control, thread);
      if (thread === SUPERVISOR) {
        const { api, end, ended } = host.supervise(boot, turns);
        expose(api, nodeEndpoint(port));
        kernels.set(boot.kernel, { port, end, ended, thrown: NEVER });
        return;
      }
      const thrown = Promise.withResolvers<true>();
      const part = servePart(host, boot, thread, turns, () => thrown.resolve(true));
      expose(part, nodeEndpoint(port));
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = () => void part.end().then(resolve);
      kernels.set(boot.kernel, { port, end, ended: promise, thrown: thrown.promise });
    },

    async hasThrown(kernel) {
      const here = kernels.get(kernel);
      if (here === undefined) return false;
      return Promise.race([here.thrown, here.ended.then(() => false)]);
    },

    async end(kernel) {
      kernels.get(kernel)?.end();
    },

    async ended(kernel) {
      const here = kernels.get(kernel);
      await here?.ended;
      here?.port.close();
      kernels.delete(kernel);
    },
  };
}
