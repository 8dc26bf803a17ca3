// The task that piscina runs on a data thread. A bundle of its own: each thread has what it loads in memory once more.

import type { ThreadBoot } from "../../shared/kernel_boot.ts";
import { serveThread } from "../thread_task.ts";
import { runData } from "./data_host.ts";

export default function dataThread(boot: ThreadBoot): Promise<never> {
  return serveThread(boot, runData);
}
