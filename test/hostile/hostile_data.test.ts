// Hostile guests that post to data threads, with a thread for the network and without.
// deadline: 600 s

import { attackUnder } from "./attacks.ts";

for (const workers of ["net,data=2", "data=2"])
  attackUnder({
    name: `systrap, ${workers}`,
    flags: [`--workers=${workers}`, "--patch=eager"],
    only: /^(forged_.*|request_storm|slot_garbage|unread_streams|kept_chunk|parked_threads|death_in_request|late_faults)$/,
  });
