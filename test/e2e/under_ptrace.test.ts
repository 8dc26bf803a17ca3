// End-to-end tests with --platform=ptrace.
//
// deadline: 600 s

import { test } from "uvu";
import { again } from "./again.ts";

again("--platform=ptrace", [
  "cold_reads",
  "confinement",
  "container_attacks",
  "container_files",
  "control",
  "docker",
  "job_control",
  "memory_limit",
  "patching",
  "postgresql",
  "process_model",
  "stdio",
  "terminal",
  "waiter",
  "watched_futexes",
]);

test.run();
