// Which kernel threads --workers asks for (src/shared/thread_plan.ts). The launcher takes the same values
// (test/e2e/command_line.test.ts).

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ThreadPlan, threadPlan } from "../../src/shared/thread_plan.ts";

const PLANS: Record<string, ThreadPlan> = {
  auto: ["supervisor"],
  solo: ["supervisor"],
  "1": ["supervisor"],
  "2": ["supervisor", "net"],
  "3": ["supervisor", "net", "data"],
  "7": ["supervisor", "net", "data", "data", "data", "data", "data"],
  net: ["supervisor", "net"],
  data: ["supervisor", "data"],
  "data=1": ["supervisor", "data"],
  "net,data=2": ["supervisor", "net", "data", "data"],
  "data=2,net": ["supervisor", "net", "data", "data"],
  "data=6": ["supervisor", "data", "data", "data", "data", "data", "data"],
};

for (const [workers, plan] of Object.entries(PLANS))
  test(`--workers=${workers}`, () => assert.equal(threadPlan(workers), plan));

const WRONG: Record<string, RegExp> = {
  "": /"" is neither/,
  "0": /without a thread/,
  "8": /at most 7/,
  "9999": /"9999" is neither/,
  "-1": /"-1" is neither/,
  "net,net": /"net" is named twice/,
  "data=1,data": /"data" is named twice/,
  "net=1": /"net=1" is neither/,
  "data=0": /"data=0" is neither/,
  "data=7": /at most 7/,
  "net,data=6": /at most 7/,
  "net,": /"" is neither/,
  "mem=1": /"mem=1" is neither/,
};

for (const [workers, wrong] of Object.entries(WRONG))
  test(`--workers=${workers} is refused`, () => assert.match(threadPlan(workers) as string, wrong));

test.run();
