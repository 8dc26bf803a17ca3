// What a sandbox costs whose program sleeps: CPU time over a minute, and memory that it shares with nobody.

import { setTimeout as sleep } from "node:timers/promises";
import { startCommand } from "./command.ts";
import { atMost, type Goal, on } from "./goals.ts";
import { find } from "./paths.ts";
import { cpuNs, memoryBytes, processesBelow } from "./process_tree.ts";
import type { Suite } from "./subject.ts";

const MS = 1e6;
const MIB = 2 ** 20;
const IDLE_MS = 60_000;
/** V8 tidies its heap some seconds after the start. */
const SETTLE_MS = 10_000;
const QUICK_MS = 500;
const DEADLINE_MS = 60_000;

/** Also where the kernel has a thread of its own beside Node's, and four. */
const DIRTY: readonly Goal[] = [
  atMost(16 * MIB),
  on("systrap:workers=1", atMost(24 * MIB)),
  on("systrap:workers=4", atMost(55 * MIB)),
];

export const IDLE: Suite = {
  name: "idle",
  describe: "what a sandbox costs whose program sleeps",
  subjects: [
    {
      rows: [
        // A thousandth of a processor.
        { name: "idle_cpu", label: "CPU time in 60 s", goals: [atMost(60 * MS)] },
        { name: "idle_dirty", label: "private memory, dirty", unit: "bytes", goals: DIRTY },
        { name: "idle_clean", label: "private memory, clean", unit: "bytes" },
      ],
      usualRuns: 1,
      leavesOut: (way) => (way.name === "native" ? "there is no sandbox" : undefined),
      async measure(way, place) {
        const settle = place.effort.quick ? QUICK_MS : SETTLE_MS;
        const idle = place.effort.quick ? QUICK_MS : IDLE_MS;
        const command = way.run([find("sleep")!, String((2 * settle + idle) / 1000)], place, false);
        const { pid, ended } = startCommand(command, DEADLINE_MS + 2 * settle + idle);
        await sleep(settle);
        const pids = processesBelow(pid);
        const before = cpuNs(pids);
        await sleep(idle);
        const after = cpuNs(pids);
        const dirty = memoryBytes(pids, "Private_Dirty");
        const clean = memoryBytes(pids, "Private_Clean");
        await ended;
        return new Map([
          ["idle_cpu", after - before],
          ["idle_dirty", dirty],
          ["idle_clean", clean],
        ]);
      },
    },
  ],
};
