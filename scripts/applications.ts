// Runs applications natively, here and in runsc, and prints which do the same as natively, and how long they take, as
// the tables of docs/applications.md. Run as root: npx node scripts/applications.ts [--ways=systrap,runsc] [NAME...]
//
// A NAME is an application or a kind of them (bench/applications/); without any, all are run, which takes an hour. Ways
// are those of `ringfence bench --against`. Times are of one run each, to tell orders of magnitude. Ends with 1 if
// anything differs here from what it is natively; what is not installed is told, and left out.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Application, applications } from "../bench/applications/application.ts";
import { compare, isUsable } from "../bench/applications/compare.ts";
import { installed, missing } from "../bench/applications/packages.ts";
import { said } from "../bench/applications/place.ts";
import { heading, row } from "../bench/applications/table.ts";
import { killAll } from "../bench/command.ts";
import { BenchError } from "../bench/error.ts";
import { type Way, way } from "../bench/ways.ts";

const WAYS = "systrap,runsc";

function asked(words: readonly string[]): Application[] {
  const all = applications();
  if (words.length === 0) return all;
  const unknown = words.filter((word) => !all.some(({ name, kind }) => name === word || kind === word));
  if (unknown.length > 0) throw new BenchError(`no such applications: ${unknown.join(", ")}`);
  return all.filter(({ name, kind }) => words.includes(name) || words.includes(kind));
}

function waysOf(list: string): Way[] {
  return list.split(",").flatMap((name) => {
    const found = way(name);
    if (found === undefined) process.stderr.write(`${name} is not installed\n`);
    return found === undefined ? [] : [found];
  });
}

/** One row; whether everything of ours is as natively. */
async function measure(application: Application, ways: readonly Way[], work: string): Promise<boolean> {
  const { name } = application;
  const native = await said(application, way("native")!, work);
  if (!isUsable(application, native)) {
    process.stderr.write(`${name} fails natively: ${native.why} ${native.lines.slice(-3).join(" / ")}\n`);
    return false;
  }
  let isFine = true;
  const cells = [];
  for (const one of ways) {
    const here = await said(application, one, work);
    const verdict = compare(application, native, here, one.isHere);
    cells.push({ verdict, seconds: here.seconds });
    for (const line of verdict.differences) process.stderr.write(`${name}, ${one.name}: ${line}\n`);
    if (one.isHere) isFine &&= verdict.isSame;
  }
  process.stdout.write(row(application, installed(application), native.seconds, cells));
  return isFine;
}

async function main(argv: readonly string[]): Promise<number> {
  const flags = argv.filter((word) => word.startsWith("--"));
  const list = flags.map((flag) => /^--ways=(.+)$/.exec(flag)?.[1]);
  if (list.includes(undefined)) throw new BenchError("usage: applications.ts [--ways=NAME,...] [NAME...]");
  if (process.getuid!() !== 0) throw new BenchError("namespaces of the native runs need root");
  const ways = waysOf(list.at(-1) ?? WAYS);
  const work = mkdtempSync(join(tmpdir(), "ringfence-applications-"));
  process.on("exit", () => rmSync(work, { recursive: true, force: true }));
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.on(signal, () => {
      killAll();
      process.exit(128 + number);
    });
  let isFine = true;
  let kind = "";
  for (const application of asked(argv.filter((word) => !word.startsWith("--")))) {
    const lacks = missing(application);
    if (lacks) {
      process.stderr.write(
        `${application.name}: not installed: apt-get install ${application.packages.join(" ")}\n`,
      );
      continue;
    }
    if (application.kind !== kind) process.stdout.write(heading(application.kind, ways));
    kind = application.kind;
    isFine = (await measure(application, ways, work)) && isFine;
  }
  return isFine ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
