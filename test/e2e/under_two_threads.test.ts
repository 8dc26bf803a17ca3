// End-to-end tests with a kernel thread for the network (--workers=2).
//
// deadline: 600 s

import { test } from "uvu";
import { again } from "./again.ts";

again("--workers=2", [
  "confinement",
  "control",
  "docker",
  "job_control",
  "memory_limit",
  "process_model",
  "stdio",
  "terminal",
  "waiter",
]);

test.run();
