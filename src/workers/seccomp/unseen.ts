// The numbers of the calls that kernel thread 0 does not see each time (abi/unseen_calls.ts): where a filter allows all of
// them, its tasks make them as others do.

import { nr } from "../../shared/abi/syscalls.ts";
import { ANSWERED_BY_STUBS, POSTED_TO_MOVERS, POSTED_TO_NET } from "../../shared/abi/unseen_calls.ts";

export const UNSEEN_CALLS: readonly number[] = [
  ...ANSWERED_BY_STUBS,
  ...POSTED_TO_NET,
  ...POSTED_TO_MOVERS,
].map(nr);
