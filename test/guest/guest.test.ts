// Differential tests: every program of this directory runs natively, twice, and in a sandbox, under each
// platform and placement that exists; standard output, standard error and status must be equal. Sandboxes run two at a time.
//
// deadline: 900 s
// GUEST=NAME[,NAME...] runs these programs alone, whether or not what they need is there yet; SHOW=1 prints what
// they say natively.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { launcher } from "../spawn.ts";
import { FEATURES, NATIVE_FEATURES } from "./features.ts";
import { OwnNetwork } from "./own_network.ts";
import { compile, compileAll, type Field, type GuestProgram, programsIn } from "./program.ts";
import { ALL_CONFIGURATIONS, Sandbox, told } from "./sandbox.ts";
import { type PipedResult, runPiped } from "./streams.ts";

const FIELDS: readonly Field[] = ["status", "stdout", "stderr"];

const only = process.env["GUEST"]?.split(",");
const programs = programsIn(new URL(".", import.meta.url).pathname);

const hasMusl = spawnSync("musl-gcc", ["--version"]).status === 0;
if (!hasMusl) console.log("musl-gcc is missing: programs with that C library are not run");

const lacking = [...NATIVE_FEATURES].filter(([, file]) => !existsSync(file)).map(([name]) => name);
for (const name of lacking) console.log(`the host has no ${name}: programs that need it are not run`);

function runsNatively(program: GuestProgram): boolean {
  if (only !== undefined) return only.includes(program.name);
  return program.link !== "musl" || hasMusl;
}

function runs(program: GuestProgram): boolean {
  if (only === undefined && program.needs.some((need) => !FEATURES.has(need) || lacking.includes(need)))
    return false;
  return runsNatively(program);
}

const network = await OwnNetwork.made();
process.on("exit", () => network?.end());

/** Native results, one a run; a program runs natively once for all configurations. */
const natives = new Map<string, PipedResult>();

async function native(program: GuestProgram, args: readonly string[]): Promise<PipedResult> {
  const key = nameOf(program, args);
  let result = natives.get(key);
  if (result === undefined) {
    result = await runNatively(program, args);
    natives.set(key, result);
  }
  return result;
}

function runNatively(program: GuestProgram, args: readonly string[]): Promise<PipedResult> {
  const how = { ...options(program), statusByShell: true, network: network?.path };
  return runPiped(compile(program), args, how);
}

function nameOf(program: GuestProgram, args: readonly string[]): string {
  return `${program.name} ${args.map((arg) => JSON.stringify(arg)).join(" ")}`;
}

function options(program: GuestProgram) {
  const env = { PATH: "/usr/bin:/bin", PWD: "/", ...program.env };
  return { env, stdin: program.stdin, deadlineMs: program.deadlineMs };
}

function compare(program: GuestProgram, expected: PipedResult, actual: PipedResult): void {
  for (const field of FIELDS) {
    const difference = program.differences.get(field);
    const wanted = difference === undefined ? expected[field] : difference.value;
    if (wanted !== undefined && actual[field] !== wanted) assert.unreachable(describe(field, wanted, actual));
  }
}

function describe(field: Field, wanted: string, actual: PipedResult): string {
  const lines = [
    `${field} differs; the sandbox's status is ${actual.status}, its standard error:`,
    actual.stderr,
  ];
  if (field === "status")
    return [`${lines[0]} (native status ${wanted})`, lines[1], actual.stdout].join("\n");
  const expected = wanted.split("\n");
  const got = actual[field].split("\n");
  for (let i = 0; i < Math.max(expected.length, got.length); i++) {
    if (expected[i] !== got[i])
      lines.push(`line ${i + 1}`, `  native:  ${expected[i]}`, `  sandbox: ${got[i]}`);
  }
  return lines.slice(0, 60).join("\n");
}

/** One that does not say the same twice is no use as a comparison. */
const natively = suite("guest programs: natively, twice");

natively.before(() => compileAll(programs.filter(runsNatively)));

for (const program of programs)
  for (const args of program.runs)
    if (runsNatively(program))
      natively(nameOf(program, args), async () => {
        const first = await native(program, args);
        assert.equal(await runNatively(program, args), first);
        const isBroken = ["98", "99", "deadline passed"].includes(first.status);
        assert.ok(!isBroken || program.name === "exit_codes", first.stdout);
        if (process.env["SHOW"] !== undefined) console.log(first.stdout, first.stderr, first.status);
      });

natively.run();

/** A sandbox with what programs have said in it; those of two sandboxes run at the same time. */
class Place {
  readonly name: string;
  readonly #flags: readonly string[];
  readonly #results = new Map<string, Promise<Outcome>>();
  #sandbox: Promise<Sandbox> | null = null;

  constructor({ name, flags }: { readonly name: string; readonly flags: readonly string[] }) {
    this.name = name;
    this.#flags = flags;
  }

  /** The program's first run here, which may be under way. */
  result(program: GuestProgram, args: readonly string[]): Promise<Outcome> {
    const key = nameOf(program, args);
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    const made = this.#run(program, args);
    this.#results.set(key, made);
    return made;
  }

  async #run(program: GuestProgram, args: readonly string[]): Promise<Outcome> {
    const sandbox = await this.start();
    const result = await runPiped(launcher, sandbox.execArguments(compile(program), args), options(program));
    const report = sandbox.running ? null : sandbox.report;
    // The next program gets another one.
    if (report !== null) this.#sandbox = null;
    return { result, report };
  }

  start(): Promise<Sandbox> {
    this.#sandbox ??= Sandbox.start(this.#flags);
    return this.#sandbox;
  }

  async end(): Promise<void> {
    const sandbox = await this.#sandbox;
    await sandbox?.endWell();
  }
}

interface Outcome {
  readonly result: PipedResult;
  /** Of a sandbox that has ended with it. */
  readonly report: string | null;
}

const AT_ONCE = Math.min(2, availableParallelism());
const places = ALL_CONFIGURATIONS.map((configuration) => new Place(configuration));

for (const [index, place] of places.entries()) {
  const tests = suite(`guest programs: ${place.name}`);
  const first = index - (index % AT_ONCE);
  const together = places.slice(first, first + AT_ONCE);

  tests.before(async () => {
    await told(Promise.all(together.map((one) => one.start())));
  });

  tests.after(() => told(place.end()));

  for (const program of programs) {
    if (!runs(program)) {
      tests.skip(program.name, () => {});
      continue;
    }
    for (const args of program.runs) {
      tests(nameOf(program, args), async () => {
        const expected = await native(program, args);
        await Promise.allSettled(together.map((one) => one.result(program, args)));
        const { result, report } = await place.result(program, args);
        compare(program, expected, result);
        assert.is(report, null, `the sandbox has ended: ${report}`);
      });
    }
  }

  tests.run();
}
