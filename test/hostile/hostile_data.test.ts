// Hostile guests of placements that those beside this file have not: data threads with no thread for the network, where all
// call sites are patched, and a kernel thread beside Node's own, where none is. What is about requests, files and who dies.
// deadline: 600 s

import { attackUnder } from "./attacks.ts";

for (const [workers, patch] of [
  ["data=2", "eager"],
  ["1", "off"],
] as const)
  attackUnder({
    name: `systrap, ${workers}`,
    flags: [`--workers=${workers}`, `--patch=${patch}`],
    only: /^(forged_.*|lent_.*|request_storm|slot_garbage|unread_streams|kept_chunk|parked_threads|death_in_request|late_faults)$/,
  });
