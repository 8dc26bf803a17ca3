// The system call table and the registry of handlers agree: whatever is said to be supported is served,
// and whatever is served is said to be.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { SYSCALLS } from "../../src/shared/abi/syscalls.ts";
import { HANDLERS } from "../../src/workers/handlers.ts";

test("a call has a handler if and only if its level says so", () => {
  const claimed = SYSCALLS.filter((call) => call.level !== "none").map((call) => call.name);
  assert.equal([...HANDLERS.keys()].sort(), claimed.sort());
});

test.run();
