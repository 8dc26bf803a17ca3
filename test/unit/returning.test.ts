// Calls behind which a stub goes back to its guest by itself (Task.runAndReturn): only so many of an address space at
// once, since each of its requests looks at them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { OperationList, SYS_munmap } from "../../src/workers/call/operation_list.ts";
import { RETURNING_MAX } from "../../src/workers/process/task.ts";
import { ADDRESS, OneTask } from "./one_task.ts";

test("those beyond the bound wait for their lists", async () => {
  const { kernel, task } = await OneTask.make();
  const begin = () => {
    const list = new OperationList(kernel.slots, 0);
    list.call(SYS_munmap, ADDRESS, 4096);
    task.call.owned = true;
    task.runAndReturn(list, 0).next();
  };
  for (let i = 0; i < RETURNING_MAX; i++) begin();
  assert.is(task.stub.returning.length, RETURNING_MAX);
  begin();
  assert.is(task.stub.returning.length, RETURNING_MAX);
});

test.run();
