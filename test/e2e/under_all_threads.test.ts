// End-to-end tests with kernel threads for the network and for bytes of files (--workers=net,data=2), and with one kernel
// thread that is not Node's own.
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

again("--workers=1", ["control", "job_control", "process_model", "stdio", "terminal"]);

test.run();
