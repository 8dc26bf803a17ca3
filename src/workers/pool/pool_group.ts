// What serves a part of one kernel on a thread that several kernels share: it begins when thread 0 of its kernel has made what
// they have in common, and ends behind it, when nobody has anything to ask any more.

import type { KernelBoot, PoolApi } from "../../shared/kernel_boot.ts";
import type { GroupThread } from "../group_thread.ts";
import type { Asked } from "../loop.ts";
import { answersOf } from "./pool_host.ts";
import type { PoolKernel } from "./pool_kernel.ts";

const LOOK_NS = 1e6;
/** Looks, while something of it does not end: the log tells. */
const PATIENCE = 5000;

export interface PoolHost extends PoolApi {
  /** Thread 0 has ended. Resolves when nothing is left of it here. */
  end(): Promise<void>;
}

/** `onThrow`: it has thrown where nobody catches: what it was in the midst of nobody knows, so that its kernel is to be ended. */
export function poolHost(
  kernel: PoolKernel,
  boot: KernelBoot,
  thread: GroupThread,
  asked: Asked,
  onThrow: () => void,
): PoolHost {
  kernel.longTurns.watchCollector();
  let hasBegun = false;
  const close = () => {
    const { native, sleep, doorbell, longTurns } = kernel;
    if (hasBegun) thread.remove(kernel);
    longTurns.ignoreCollector();
    sleep.close();
    native.close(doorbell);
  };
  return {
    ...answersOf(kernel, boot, asked),

    async isReady() {},

    async begin() {
      hasBegun = true;
      thread.add(kernel, asked, (error) => {
        kernel.log("error", "a thread of a kernel threw: it ends", {
          stack: error instanceof Error ? error.stack : error,
        });
        onThrow();
      });
    },

    async end() {
      asked.serve();
      await new Promise<void>((resolve) => {
        let looks = 0;
        const look = (): void => {
          const isIdle = kernel.isIdle || !hasBegun;
          if (!isIdle && looks++ < PATIENCE) {
            kernel.timers.add(kernel.native.monotonicNs() + LOOK_NS, look);
            return;
          }
          if (!isIdle) kernel.log("error", "a part of a kernel does not end", { thread: kernel.thread });
          kernel.owesAnswer = true;
          setImmediate(() => {
            close();
            resolve();
          });
        };
        look();
      });
    },
  };
}
