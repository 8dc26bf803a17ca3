// How long a sandbox takes to start, from outside: `do true`, and the commands that engines give.

import { setTimeout as sleep } from "node:timers/promises";
import { writeBundle } from "./bundle.ts";
import { runCommand } from "./command.ts";
import { BenchError } from "./error.ts";
import { atMost, timesRunsc } from "./goals.ts";
import { find } from "./paths.ts";
import type { Subject, Suite } from "./subject.ts";
import { CONTAINERS } from "./ways.ts";

const DEADLINE_MS = 60_000;
const STOP_POLL_MS = 10;
const MS = 1e6;

const doTrue: Subject = {
  rows: [{ name: "do_true", label: "`do true`", goals: [timesRunsc(0.9)] }],
  async measure(way, place) {
    const { ns } = await runCommand(way.run([find("true")!], place, false), { deadlineMs: DEADLINE_MS });
    return new Map([["do_true", ns]]);
  },
};

let made = 0;

const commands: Subject = {
  rows: [
    { name: "create_start", label: "create + start", goals: [timesRunsc(1)] },
    { name: "create", label: "create", goals: [atMost(70 * MS)] },
    { name: "start", label: "start", goals: [atMost(3 * MS)] },
    { name: "state", label: "state", goals: [atMost(3 * MS)] },
    { name: "kill", label: "kill", goals: [atMost(3 * MS)] },
    { name: "delete", label: "delete", goals: [atMost(3 * MS)] },
  ],
  missing: () => (process.getuid!() === 0 ? undefined : "containers are made by root"),
  leavesOut: (way) => (way.container === undefined ? "there are no containers" : undefined),
  async measure(way, place) {
    const bundle = writeBundle(place.work, ["/bin/sleep", "1000"], false);
    const id = `${CONTAINERS}start-${made++}`;
    const command = (...words: string[]) => runCommand(way.container!(words), { deadlineMs: DEADLINE_MS });
    // What a runtime leaves behind of a container must not hold our pipe: engines give it streams of its own.
    const detached = (...words: string[]) =>
      runCommand(way.container!(words), { deadlineMs: DEADLINE_MS, quiet: true });
    try {
      const create = (await detached("create", "--bundle", bundle, id)).ns;
      const start = (await detached("start", id)).ns;
      const state = (await command("state", id)).ns;
      const kill = (await detached("kill", id, "KILL")).ns;
      for (let i = 0; !/"status": ?"stopped"/.test((await command("state", id)).stdout); i++) {
        if (i * STOP_POLL_MS > DEADLINE_MS) throw new BenchError("the container does not stop");
        await sleep(STOP_POLL_MS);
      }
      const end = (await detached("delete", id)).ns;
      return new Map(
        Object.entries({ create_start: create + start, create, start, state, kill, delete: end }),
      );
    } catch (error) {
      await detached("delete", "--force", id).catch(() => {});
      throw error;
    }
  },
};

export const STARTUP: Suite = {
  name: "startup",
  describe: "from a command line to a running program, and the commands of engines",
  subjects: [doTrue, commands],
};
