// Hostile guests (hardening.md): each attack ends in an error or in the death of that guest process
// alone. After each the sandbox serves another program, its counters are what they were, and the
// host is unchanged.
//
// GUEST=NAME[,NAME...] runs these programs alone.
// deadline: 900 s

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compile, type GuestProgram, parse, programsIn } from "../guest/program.ts";
import { CONFIGURATIONS, Sandbox } from "../guest/sandbox.ts";
import { type PipedResult, runPiped } from "../guest/streams.ts";
import { ringfence } from "../spawn.ts";
import { counters } from "./control.ts";
import { hostState } from "./host_state.ts";

const SETTLE_MS = 5_000;
const LONG = process.env["RINGFENCE_TEST_LONG"] === "1";
const LONG_CALLS = "2000000";
const LONG_DEADLINE_MS = 600_000;

/** Counters that only go up: they tell of attacks, not of what is held. */
const TOTALS = /^(unexpected|dropped|hostile|killed|handler|requests|syscalls|unknown)/i;

const directory = new URL(".", import.meta.url).pathname;
const only = process.env["GUEST"]?.split(",");
const witness = parse(`${directory}witness.c`);
const programs = programsIn(directory).filter(
  ({ name }) => name !== witness.name && (only === undefined || only.includes(name)),
);

function held(all: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !TOTALS.test(name)));
}

async function run(sandbox: Sandbox, program: GuestProgram, args: readonly string[]): Promise<PipedResult> {
  const isLong = LONG && program.name === "fuzz";
  return runPiped(
    ringfence,
    sandbox.execArguments(compile(program), isLong ? [args[0]!, LONG_CALLS] : args),
    {
      env: { PATH: "/usr/bin:/bin" },
      stdin: "",
      deadlineMs: isLong ? LONG_DEADLINE_MS : program.deadlineMs,
    },
  );
}

function endedAsAllowed(program: GuestProgram, result: PipedResult): boolean {
  if (program.ends.includes("any")) return true;
  const how = result.status === "deadline passed" ? "deadline" : result.status;
  return program.ends.includes(how);
}

/** What the sandbox holds when nothing runs in it; waits until it says the same twice. */
async function settled(sandbox: Sandbox, wanted?: Record<string, number>): Promise<Record<string, number>> {
  const end = performance.now() + SETTLE_MS;
  let last = held(await counters(sandbox.socket));
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const next = held(await counters(sandbox.socket));
    const goal = wanted ?? last;
    if (JSON.stringify(next) === JSON.stringify(goal) || performance.now() > end) return next;
    last = next;
  }
}

for (const configuration of CONFIGURATIONS) {
  const tests = suite(`hostile programs: ${configuration.name}`);
  let sandbox: Sandbox;
  let before: Record<string, number>;
  let host: string;

  async function start(): Promise<void> {
    sandbox = await Sandbox.start(configuration.flags);
    const first = await run(sandbox, witness, []);
    assert.is(first.stdout, "alive 2\n", first.stderr);
    before = await settled(sandbox);
  }

  tests.before(async () => {
    host = hostState();
    await start();
  });

  tests.after(async () => {
    const how = await sandbox.end();
    if (how !== "0") throw new Error(`the sandbox ended with ${how}: ${sandbox.errors}`);
  });

  for (const program of programs) {
    for (const args of program.runs) {
      tests(`${program.name} ${args.join(" ")}`, async () => {
        if (!sandbox.running) await start();
        const running = run(sandbox, program, args);
        if (program.ends.includes("deadline")) {
          await new Promise((resolve) => setTimeout(resolve, 300));
          const during = await run(sandbox, witness, []);
          assert.is(during.stdout, "alive 2\n", "another program is not served while it runs");
        }
        const result = await running;
        const text = `${result.stdout}${result.stderr}status ${result.status}`;
        assert.ok(sandbox.running, `the sandbox has ended: ${text}${sandbox.errors}`);
        assert.not.match(text, /^BAD/m);
        assert.ok(endedAsAllowed(program, result), `it may end with ${program.ends.join(", ")}: ${text}`);
        const after = await run(sandbox, witness, []);
        assert.is(
          after.stdout,
          "alive 2\n",
          `another program is not served: ${after.stderr} ${after.status}`,
        );
        assert.equal(await settled(sandbox, before), before, "counters are not what they were");
        assert.is(hostState(), host, "the host has changed");
      });
    }
  }

  tests.run();
}
