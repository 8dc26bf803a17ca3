// The task that piscina runs on a thread of its own for kernel thread 0.

import type { ThreadBoot } from "../shared/kernel_boot.ts";
import { runKernel } from "./host.ts";
import { serveThread } from "./thread_task.ts";

export default function supervisorThread(boot: ThreadBoot): Promise<never> {
  return serveThread(boot, (own, _thread, asked) => runKernel(own, asked));
}
