// deadline: 3000 s
// Tests of Go's standard library (package golang-go), whose runtime asks more of signals, threads and clocks than most.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, run } from "../spawn.ts";
import { compareSuites, type Expected, isFull, isInstalled, type Outcomes } from "./compare.ts";

const SUITE_MS = 900_000;
const SUITE_S = 600;
const BUILD_MS = 600_000;

const SMALL = ["os/signal", "os/exec"];
const FULL = [
  ...SMALL,
  "os",
  "syscall",
  "time",
  "io/fs",
  "path/filepath",
  "sync",
  "bufio",
  "runtime",
  "runtime/pprof",
];

const EXPECTED: readonly Expected[] = [
  { name: /ViaNetwork|TCP|[Tt]cp|TestExtraFilesRace|TestSpliceFile|TestSendFile/, why: "IP sockets" },
  { name: /Ptrace|^TestGdb|^TestUsingVDSO/, why: "ptrace" },
  {
    name: /User[Nn][Sns]|CloneNEWUSER|AmbientCaps|EmptyCredGroups|UnshareUidGid/,
    why: "namespaces of users",
  },
];

function outcomes(text: string): Outcomes {
  const lines = text.matchAll(/^ *--- (PASS|FAIL|SKIP): (\S+)/gm);
  return new Map([...lines].map(([, outcome, name]) => [name!, outcome!]));
}

const sources = ["/usr/lib", "/usr/share"]
  .flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => /^go-1\.\d+$/.test(name))
      .map((name) => join(directory, name, "src")),
  )
  .find((path) => existsSync(join(path, "os/signal")));

/** The tests of a package as one program, which the directory of its sources goes with. */
async function build(name: string): Promise<string> {
  const program = `/tmp/ringfence-go-${name.replace("/", "-")}.test`;
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: "/tmp",
    GOCACHE: join(checkout, "build/go-cache"),
    GOPROXY: "off",
    GOFLAGS: "-mod=mod",
  };
  const options = { cwd: sources!, env, deadlineMs: BUILD_MS };
  const { code, stderr } = await run("go", ["test", "-c", "-o", program, name], options);
  assert.is(code, 0, stderr.toString());
  return program;
}

if (isInstalled("go", "golang-go") && sources !== undefined)
  for (const name of isFull ? FULL : SMALL)
    test(`Go: ${name}`, async () => {
      const program = await build(name);
      await compareSuites({
        script: `export GOCACHE=$(mktemp -d) GOPROXY=off; cd ${sources}/${name}; exec timeout -k 5 ${SUITE_S} ${program} -test.v -test.short -test.timeout=${SUITE_S}s </dev/null`,
        outcomes,
        expected: EXPECTED,
        deadlineMs: SUITE_MS,
      });
    });

test.run();
