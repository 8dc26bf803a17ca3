// The calls that kernel thread 0 does not see each time are those that the stub answers by itself.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { syscallByName } from "../../src/shared/abi/syscalls.ts";
import { ANSWERED_BY_STUBS, POSTED_TO_NET } from "../../src/shared/abi/unseen_calls.ts";

test("what stubs answer is what stub_local.c says", () => {
  const source = readFileSync(join(import.meta.dirname, "../../native/stub/stub_local.c"), "utf8");
  const table = /stub_local_calls\[.*?\] = \{(.*?)\};/s.exec(source)![1]!;
  const names = [...table.matchAll(/\[NR_(\w+)\]/g)].map(([, name]) => name!);
  assert.ok(names.length > 10);
  assert.equal([...names].sort(), [...ANSWERED_BY_STUBS].sort());
});

test("all of them are calls", () => {
  for (const name of [...ANSWERED_BY_STUBS, ...POSTED_TO_NET])
    assert.ok(syscallByName(name) !== undefined, name);
});

test.run();
