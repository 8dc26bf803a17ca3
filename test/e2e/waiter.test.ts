// The waiter is the second process of the sandbox's PID namespace, forwards signals, and ends as the
// guest's process did.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { output } from "../spawn.ts";
import { buildDriver } from "./driver.ts";

// What the waiter holds is looked at when it takes its first step.
const driver = buildDriver(
  "waiter_driver",
  ["waiter", "namespaces", "report", "buffer", "privileges", "cgroup_fork", "cgroup", "small_file"],
  ["-Wl,--wrap=setsid"],
);

const ENDS: [string, number][] = [
  ["exit code 0", 0],
  ["exit code 3", 3 << 8],
  ["SIGTERM", 15],
  ["SIGKILL", 9],
  ["SIGSEGV", 11],
];
for (const [name, status] of ENDS)
  test(`ends like a guest that ended with ${name}`, async () => {
    const text = await output(driver, ["status", String(status)]);
    assert.match(text, /^NSpid:\t\d+\t2$/m);
    assert.match(text, /^CapEff:\t0+$/m);
    // The sandbox may trace it from then on: channel, answer, standard error, nothing else.
    assert.match(text, /^first step: 3 descriptors, dumpable 0, capabilities 0$/m);
    assert.match(text, new RegExp(`^status ${status}$`, "m"));
  });

for (const signo of [1, 2, 15, 10, 18, 34])
  test(`passes signal ${signo} on, and ends with 137 when the sandbox dies`, async () => {
    const text = await output(driver, ["signal", String(signo)]);
    assert.match(text, new RegExp(`^seen ${signo}$`, "m"));
    assert.match(text, new RegExp(`^status ${137 << 8}$`, "m"));
  });

test.run();
