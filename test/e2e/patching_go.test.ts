// deadline: 300 s
// Call sites of Go programs (package golang-go): they are found by the runtime's own table, stripped or not, and
// patched while goroutines are preempted.

import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isInstalled } from "../software/compare.ts";
import { checkout, run } from "../spawn.ts";
import { type Held, withHeld } from "./hold.ts";

const BUILD_MS = 200_000;

const FORMS: readonly (readonly [string, readonly string[]])[] = [
  ["static", []],
  ["static, stripped", ["-ldflags=-s -w"]],
  ["placed anywhere", ["-buildmode=pie"]],
  ["placed anywhere, stripped", ["-buildmode=pie", "-ldflags=-s -w"]],
];

interface Site {
  traps: number;
  file: string;
  state: string;
}

async function build(form: number): Promise<string> {
  const program = `/tmp/ringfence-go-patching-${form}`;
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: "/tmp",
    GOCACHE: join(checkout, "build/go-cache"),
    GOPROXY: "off",
    CGO_ENABLED: "0",
  };
  const source = join(checkout, "test/e2e/patching_go.go");
  const options = { cwd: "/tmp", env, deadlineMs: BUILD_MS };
  const { code, stderr } = await run("go", ["build", ...FORMS[form]![1], "-o", program, source], options);
  assert.is(code, 0, stderr.toString());
  return program;
}

async function ask<T>({ talk }: Held, method: string): Promise<T> {
  const { received } = await talk(`{"id":1,"method":"${method}"}\n`, (text) => text.includes("\n"));
  return (JSON.parse(received) as { result: T }).result;
}

/** Runs a program, and asks for its sites when it has said its line. */
async function sitesOf(held: Held, program: string): Promise<Site[]> {
  let sites: Site[] = [];
  let text = "";
  const { code } = await held.exec([program, "wait"], {
    keepStdin: true,
    started: (child) => {
      child.stdout!.on("data", async (bytes: Buffer) => {
        text += bytes.toString("latin1");
        if (!text.endsWith("\n")) return;
        sites = (await ask<Site[]>(held, "sites")).filter(({ file }) => file === program);
        child.stdin!.end();
      });
    },
  });
  assert.is(code, 0);
  assert.is(text, "wrong: [0 0 0]\n");
  return sites;
}

if (isInstalled("go", "golang-go"))
  for (const [form, [name]] of FORMS.entries())
    test(`Go, ${name}`, async () => {
      const program = await build(form);
      for (const flags of [[], ["--patch=eager"]])
        await withHeld(async (held) => {
          const before = await ask<Record<string, number>>(held, "counters");
          const sites = await sitesOf(held, program);
          const after = await ask<Record<string, number>>(held, "counters");
          const requests = after["requests"]! - before["requests"]!;
          const trapped = after["trappedCalls"]! - before["trappedCalls"]!;
          // Three times 3000 rounds of three calls.
          assert.ok(requests > 27_000, `${requests}`);
          assert.ok(trapped < requests / 4, `${trapped} of ${requests}: ${JSON.stringify(sites)}`);
          if (flags.length === 0)
            assert.ok(
              sites.some(({ state }) => state === "patched"),
              JSON.stringify(sites),
            );
        }, flags);
    });

test.run();
