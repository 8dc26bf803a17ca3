// End-to-end tests with kernel threads for the network and for bytes of files (--workers=net,data=2).
//
// deadline: 600 s

import { test } from "uvu";
import { again } from "./again.ts";

again("--workers=net,data=2", [
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
