// Hostile guests (docs/hardening.md): each attack ends in an error or in the death of that guest process
// alone. After each the sandbox serves another program, its counters are what they were, and the
// host is unchanged. The test files beside this one each have a configuration of their own, so that they run two at a time.
//
// GUEST=NAME[,NAME...] runs these programs alone.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compile, compileAll, type GuestProgram, parse, programsIn } from "../guest/program.ts";
import { Sandbox, told } from "../guest/sandbox.ts";
import { type PipedResult, runPiped } from "../guest/streams.ts";
import { launcher } from "../spawn.ts";
import { counters, settled } from "./control.ts";
import { hostState } from "./host_state.ts";

const LONG = process.env["RINGFENCE_TEST_LONG"] === "1";
const LONG_CALLS = "2000000";
const LONG_DEADLINE_MS = 600_000;

/**
 * CPU time that no turn of the kernel thread may take, whatever guests ask for (docs/hardening.md, F26). It says
 * ten; this leaves room for a machine that is busy with others, and for a poll of as many descriptors as there can be.
 */
const TURN_MS = 100;
/**
 * Programs that fill the heap to its budget: 42 to 74 on a quiet machine, and more where others use its caches. Of signals to
 * thousands a turn took 60 when all got them at once.
 */
const TURN_MS_OF: Readonly<Record<string, number>> = { heap_exhaustion: 250, signal_crowds: 30 };

const directory = new URL(".", import.meta.url).pathname;
const only = process.env["GUEST"]?.split(",");
const witness = parse(`${directory}witness.c`);
const programs = programsIn(directory).filter(
  ({ name }) => name !== witness.name && (only === undefined || only.includes(name)),
);

async function run(sandbox: Sandbox, program: GuestProgram, args: readonly string[]): Promise<PipedResult> {
  const isLong = LONG && program.name === "fuzz";
  return runPiped(launcher, sandbox.execArguments(compile(program), isLong ? [args[0]!, LONG_CALLS] : args), {
    env: { PATH: "/usr/bin:/bin", ...(LONG && { RINGFENCE_TEST_LONG: "1" }) },
    stdin: "",
    deadlineMs: isLong ? LONG_DEADLINE_MS : program.deadlineMs,
  });
}

function endedAsAllowed(program: GuestProgram, result: PipedResult): boolean {
  if (program.ends.includes("any")) return true;
  const how = result.status === "deadline passed" ? "deadline" : result.status;
  return program.ends.includes(how);
}

/** Runs a hostile program, and another one beside or after it; throws if anything is not as it must be. */
async function attack(sandbox: Sandbox, program: GuestProgram, args: readonly string[]): Promise<void> {
  const running = run(sandbox, program, args);
  if (program.ends.includes("deadline")) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await isServed(sandbox, "while it runs");
  }
  const result = await running;
  const text = `${result.stdout}${result.stderr}status ${result.status}`;
  assert.ok(sandbox.running, `the sandbox has ended: ${text}${sandbox.report}`);
  assert.not.match(text, /^BAD/m, text);
  assert.ok(endedAsAllowed(program, result), `it may end with ${program.ends.join(", ")}: ${text}`);
  await isServed(sandbox, "afterwards");
}

/** The witness runs as it should. */
async function isServed(sandbox: Sandbox, when: string): Promise<void> {
  const { stdout, stderr, status } = await run(sandbox, witness, []);
  assert.is(stdout, "alive: 10\n", `another program is not served ${when}: ${stderr} ${status}`);
}

function differences(before: Record<string, number>, after: Record<string, number>): string {
  const names = Object.keys(before).filter((name) => before[name] !== after[name]);
  return names.map((name) => `${name} ${before[name]} -> ${after[name]}`).join(", ");
}

export interface Configuration {
  readonly name: string;
  /** Global flags of the command. */
  readonly flags: readonly string[];
  /** Programs that are run under it; without it all are. */
  readonly only?: RegExp;
}

/** Runs all programs in a sandbox; `once`: those as well that attack what is the same in each configuration. */
export function attackUnder(configuration: Configuration, { once = false } = {}): void {
  const tests = suite(`hostile programs: ${configuration.name}`);
  let sandbox: Sandbox;
  let before: Record<string, number>;
  let host: string;

  async function start(): Promise<void> {
    sandbox = await Sandbox.start(configuration.flags);
    await isServed(sandbox, "at the start");
    before = await settled(sandbox.socket);
  }

  // That a throw is survived does not make it right: there is none that a guest can cause.
  async function end(): Promise<void> {
    if (!sandbox.running) await start(); // the last attack has ended it, and has failed
    const { handlerErrors } = await counters(sandbox.socket);
    await sandbox.endWell();
    assert.is(handlerErrors, 0, sandbox.report);
  }

  tests.before(async () => {
    host = hostState();
    await compileAll([witness, ...programs]);
    await told(start());
  });

  tests.after(() => told(end()));

  for (const program of programs) {
    if (configuration.only?.test(program.name) === false) continue;
    for (const args of once ? [...program.runs, ...program.runsOnce] : program.runs) {
      tests(`${program.name} ${args.join(" ")}`, async () => {
        if (!sandbox.running) await start();
        try {
          await attack(sandbox, program, args);
          const after = await settled(sandbox.socket, before);
          assert.equal(after, before, `counters are not what they were: ${differences(before, after)}`);
          assert.is(hostState(), host, "the host has changed");
          let { longestTurnMs } = await counters(sandbox.socket);
          const most = TURN_MS_OF[program.name] ?? TURN_MS;
          // A collection of what all programs before have left may fall into a turn: the program's own doing comes again.
          if (longestTurnMs! > most) {
            await end();
            await start();
            await attack(sandbox, program, args);
            ({ longestTurnMs } = await counters(sandbox.socket));
          }
          assert.ok(longestTurnMs! <= most, `others waited: a turn took ${longestTurnMs} ms of CPU time`);
          // The counter knows the longest turn of all: the next program is not charged with this one's.
          if (longestTurnMs! > TURN_MS) await end();
        } catch (error) {
          const { report } = sandbox;
          // The next attack gets a sandbox that nobody has harmed.
          await sandbox.end();
          (error as Error).message += report;
          throw error;
        }
      });
    }
  }

  tests.run();
}
