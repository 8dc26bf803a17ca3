// Patching as its users meet it: calls of ordinary programs trap no more, --patch=off and --patch-exclude leave code as
// it is, and the control socket tells of the sites.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence, run } from "../spawn.ts";
import { type Held, withHeld } from "./hold.ts";

const CALLS = 3000;
// Prints the name of its C library, and waits for its input's end when it has called often.
const LOOP = `
import os, sys
libc = [line.split()[-1] for line in open("/proc/self/maps") if "libc.so" in line or "libc-" in line][0]
for _ in range(${CALLS}): os.getppid()
print(libc, flush=True)
`;
const WAIT = `${LOOP}
sys.stdin.read()
`;

interface Site {
  traps: number;
  file: string;
  state: string;
}

async function ask<T>({ talk }: Held, method: string): Promise<T> {
  const { received } = await talk(`{"id":1,"method":"${method}"}\n`, (text) => text.includes("\n"));
  return (JSON.parse(received) as { result: T }).result;
}

/** Calls that did not trap while a program ran. */
async function untrapped(held: Held): Promise<number> {
  const before = await ask<Record<string, number>>(held, "counters");
  const { code } = await held.exec(["/usr/bin/python3", "-c", LOOP]);
  assert.is(code, 0);
  const after = await ask<Record<string, number>>(held, "counters");
  const all = after["requests"]! - before["requests"]!;
  return all - (after["trappedCalls"]! - before["trappedCalls"]!);
}

/** The sites in the C library of a program that has called often. */
async function sitesOf(held: Held): Promise<Site[]> {
  let sites: Site[] = [];
  await held.exec(["/usr/bin/python3", "-c", WAIT], {
    keepStdin: true,
    started: (child) => {
      let text = "";
      child.stdout!.on("data", async (bytes: Buffer) => {
        text += bytes.toString("latin1");
        if (!text.endsWith("\n")) return;
        const all = await ask<Site[]>(held, "sites");
        sites = all.filter(({ file }) => file === text.trim());
        child.stdin!.end();
      });
    },
  });
  return sites;
}

test("a site that is called often traps no more", async () => {
  await withHeld(async (held) => {
    assert.ok((await untrapped(held)) > CALLS - 200);
    const sites = await sitesOf(held);
    assert.ok(
      sites.some(({ state, traps }) => state === "patched" && traps < CALLS / 2),
      JSON.stringify(sites),
    );
  });
});

test("nothing is patched with --patch=off", async () => {
  await withHeld(
    async (held) => {
      const before = await ask<Record<string, number>>(held, "counters");
      await sitesOf(held);
      const after = await ask<Record<string, number>>(held, "counters");
      assert.is(after["trappedCalls"], before["trappedCalls"]);
      assert.is(after["patchedSites"], 0);
      assert.equal(await ask(held, "sites"), []);
    },
    ["--patch=off"],
  );
});

test("a file of --patch-exclude stays as it is", async () => {
  const { stdout } = await run(ringfence, ["do", "/usr/bin/python3", "-c", LOOP]);
  const library = stdout.toString("latin1").trim();
  await withHeld(
    async (held) => {
      const often = (await sitesOf(held)).filter(({ traps }) => traps > CALLS / 2);
      assert.equal(
        often.map(({ state }) => state),
        ["its file is excluded"],
      );
    },
    [`--patch-exclude=${library}`, "--patch-exclude=/nonexistent"],
  );
});

test.run();
