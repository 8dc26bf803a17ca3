// Calls that are made in order to wait: the names are calls, metrics have them in a class of their own, and `debug` says what
// each waits for.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import { MADE_TO_WAIT } from "../../src/shared/abi/waiting_calls.ts";
import { CALL_CLASSES, classesByNumber } from "../../src/shared/call_latencies.ts";
import { KP_MARSHAL_COUNT } from "../../src/shared/ring/layout.ts";
import { waitOf } from "../../src/workers/inspect/waits.ts";
import type { Task } from "../../src/workers/process/task.ts";

const classes = classesByNumber(KP_MARSHAL_COUNT);
const waits = { call: { asked: null, waiter: null, coroutine: {}, owned: true } } as unknown as Task;

for (const [what, calls] of Object.entries(MADE_TO_WAIT))
  test(`who waits for ${what}`, () => {
    for (const name of calls) {
      assert.is(CALL_CLASSES[classes[nr(name)]!], "wait", name);
      assert.is(waitOf(waits, name), what);
    }
  });

test("what may wait, and is not made for it", () => {
  assert.is(CALL_CLASSES[classes[nr("read")]!], "file");
  assert.is(waitOf(waits, "read"), "something to read");
});

test.run();
