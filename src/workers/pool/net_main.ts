// The task that piscina runs on the kernel thread NET. A bundle of its own: each thread has what it loads in memory once more.

import type { ThreadBoot } from "../../shared/kernel_boot.ts";
import { serveThread } from "../thread_task.ts";
import { runNet } from "./net_host.ts";

export default function netThread(boot: ThreadBoot): Promise<never> {
  return serveThread(boot, runNet);
}
