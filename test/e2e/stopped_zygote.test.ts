// A zygote that the host does not let run holds up who starts a program, and nobody else. Who waits for it can be killed, and
// nothing is left behind when it goes on.

import type { ChildProcess } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { counters } from "../hostile/control.ts";
import { eventually } from "../spawn.ts";
import { type Held, withHeld } from "./hold.ts";
import { children, sandboxOf, status } from "./processes.ts";

const DEADLINE_MS = 20_000;

/** A guest's script with its streams at hand. */
class Script {
  seen = "";
  readonly ended: ReturnType<Held["exec"]>;
  #child: ChildProcess | undefined;

  constructor({ exec }: Held, text: string) {
    this.ended = exec(["sh", "-c", text], {
      keepStdin: true,
      deadlineMs: 100_000,
      started: (child) => {
        this.#child = child;
        child.stdout!.on("data", (bytes: Buffer) => {
          this.seen += bytes.toString();
        });
      },
    });
  }

  say(text: string): void {
    this.#child!.stdin!.write(text);
  }

  async says(wanted: RegExp): Promise<void> {
    assert.ok(await eventually(() => wanted.test(this.seen), DEADLINE_MS), `${wanted}: ${this.seen}`);
  }

  /** It prints so many lines from now on. */
  async goesOn(count = 20): Promise<void> {
    const lines = () => this.seen.split("\n").length;
    const goal = lines() + count;
    assert.ok(await eventually(() => lines() >= goal, DEADLINE_MS), "others go on");
  }
}

// Forks, and waits for what it has forked, without a program of its own.
const WITNESS = "while (exit 0) && read line < /proc/self/stat && test -d /; do echo on; done";
const BLOCKED = `read go
/bin/echo started & one=$!
/bin/sleep 100 & two=$!
echo waiting; read go
kill -9 $two; wait $two; echo killed $?
read go
wait $one; echo ended $?`;
const MANY = 40;
const CROWD = `read go
i=0; while [ $i -lt ${MANY} ]; do /bin/echo program & i=$((i+1)); done; wait; echo all`;

for (const platform of ["systrap", "ptrace"])
  test(`a stopped zygote: --platform=${platform}`, async () => {
    const ended = await withHeld(
      async (held) => {
        const { zygote } = await sandboxOf(held.launcher, false);
        const [witness, blocked, crowd] = [WITNESS, BLOCKED, CROWD].map((text) => new Script(held, text)) as [
          Script,
          Script,
          Script,
        ];
        await witness.goesOn();
        assert.ok(await eventually(() => children(zygote).length >= 3, DEADLINE_MS));
        process.kill(zygote, "SIGSTOP");
        try {
          assert.ok(await eventually(() => /^T/i.test(status(zygote, "State") ?? ""), DEADLINE_MS));
          blocked.say("go\n");
          await blocked.says(/waiting/);
          await witness.goesOn();
          blocked.say("go\n");
          await blocked.says(/killed 137/);
          crowd.say("go\n");
          await witness.goesOn();
          assert.not.match(blocked.seen, /started/);
          assert.is(crowd.seen, "");
        } finally {
          process.kill(zygote, "SIGCONT");
        }
        blocked.say("go\n");
        await blocked.says(/ended 0/);
        assert.match(blocked.seen, /started/);
        assert.is((await crowd.ended).stdout.toString(), `${"program\n".repeat(MANY)}all\n`);
        await blocked.ended;
        process.kill(children(zygote)[0]!, "SIGKILL");
        await witness.ended;
        // What was asked for the dead is nobody's.
        const isEmpty = async () => {
          const now = await counters(`${held.root}/held/s`);
          return children(zygote).length === 0 && now["stubProcesses"] === 0;
        };
        assert.ok(await eventually(isEmpty, DEADLINE_MS), children(zygote).join());
        assert.is((await held.exec(["echo", "on"])).stdout.toString(), "on\n");
      },
      [`--platform=${platform}`],
    );
    assert.is(ended.code, 0, ended.stderr.toString());
  });

test.run();
