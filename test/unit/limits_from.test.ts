// The limits that a program is started with (system/limit_calls.ts).

import { test } from "uvu";
import * as assert from "uvu/assert";
import { RLIMIT_CPU, RLIMIT_NOFILE } from "../../src/shared/abi/resource.ts";
import { limitsFrom, RLIM_INFINITY } from "../../src/workers/system/limit_calls.ts";

test("none is infinite for descriptors, whatever is given", () => {
  const given = (soft: string, hard: string) =>
    limitsFrom([{ type: "RLIMIT_NOFILE", soft, hard }], 4096)[RLIMIT_NOFILE];
  assert.equal(limitsFrom([], 4096)[RLIMIT_NOFILE], [4096, 4096]);
  assert.equal(given(RLIM_INFINITY, RLIM_INFINITY), [4096, 4096]);
  assert.equal(given("100", "9999999"), [100, 4096]);
  assert.equal(limitsFrom([], 4096)[RLIMIT_CPU], [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
});

test.run();
