// Many sandboxes at once. Started together, each with a little to do: the wall time until the last has ended, and the CPU time
// of the whole machine; a sandbox that polls takes both from its neighbours. And what each costs while all sleep (asleep.ts).

import { ASLEEP } from "./asleep.ts";
import { busyNsSince, readTicks } from "./busy.ts";
import { runCommand } from "./command.ts";
import { timesRunsc } from "./goals.ts";
import { find } from "./paths.ts";
import type { Subject, Suite } from "./subject.ts";
import type { Workplace } from "./workplace.ts";

const DEADLINE_MS = 900_000;
const QUICK_SANDBOXES = 2;

interface Work {
  readonly name: string;
  readonly label: string;
  /** How often each sandbox does it, and how often when it is only to be seen that it works. */
  readonly times: number;
  readonly quickTimes: number;
  readonly command: (place: Workplace, times: number) => readonly string[];
}

const SHELL = "for ((i = 0; i < $1; i++)); do echo $i | cat > /dev/null; sleep 0.01; done";

const WORKS: readonly Work[] = [
  {
    name: "shell",
    label: "60 × (`echo` into `cat`, `sleep 0.01`)",
    times: 60,
    quickTimes: 2,
    command: (_, times) => [find("bash")!, "-c", SHELL, "bash", String(times)],
  },
  {
    name: "stat",
    label: "100 000 × stat",
    times: 100_000,
    quickTimes: 100,
    command: (place, times) => [place.program("fixed"), "stat", String(times), "/usr/bin/env"],
  },
  {
    name: "unix",
    label: "8000 round trips, unix",
    times: 8000,
    quickTimes: 10,
    command: (place, times) => [place.program("fixed"), "unix", String(times)],
  },
];

function subject(sandboxes: number, { name, label, times, quickTimes, command }: Work): Subject {
  const row = `dense_${sandboxes}_${name}`;
  return {
    rows: [
      { name: row, label: `${sandboxes} at once, ${label}`, goals: [timesRunsc(0.5)] },
      { name: `${row}_cpu`, label: "- CPU time of the machine", goals: [timesRunsc(0.5)] },
    ],
    async measure(way, place) {
      const { quick } = place.effort;
      const argv = command(place, quick ? quickTimes : times);
      const commands = Array.from({ length: quick ? QUICK_SANDBOXES : sandboxes }, () =>
        way.run(argv, place, false),
      );
      const ticks = readTicks();
      const from = process.hrtime.bigint();
      await Promise.all(commands.map((each) => runCommand(each, { deadlineMs: DEADLINE_MS })));
      const wall = Number(process.hrtime.bigint() - from);
      return new Map([
        [row, wall],
        [`${row}_cpu`, busyNsSince(ticks)],
      ]);
    },
  };
}

export const DENSITY: Suite = {
  name: "density",
  describe: "many sandboxes at once: 8 and 24 that work, what each of 8 costs that sleep",
  subjects: [...[8, 24].flatMap((sandboxes) => WORKS.map((work) => subject(sandboxes, work))), ...ASLEEP],
};
