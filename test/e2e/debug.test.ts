// `debug` tells what each kernel thread does: figures are plausible, and grow with what guests ask.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ThreadReport } from "../../src/shared/thread_report.ts";
import { ok, said, text } from "../said.ts";
import { eventually } from "../spawn.ts";
import { type Bundle, shell, withBundle } from "./bundle.ts";
import { children, exists } from "./processes.ts";

const ROLES: Readonly<Record<string, readonly string[]>> = {
  auto: ["supervisor"],
  "1": ["supervisor"],
  "data=1": ["supervisor", "data"],
  "net,data=1": ["supervisor", "net", "data"],
};

/** Calls on sockets, and others. */
const GUEST = shell("trap 'exit 0' TERM; while busybox sleep 0.01; do busybox ip link >/dev/null; done");

const allNs = ({ workNs, spinNs, sleepNs }: ThreadReport) => workNs + spinNs + sleepNs;

async function told(bundle: Bundle): Promise<ThreadReport[]> {
  const threads = JSON.parse(text(ok(await bundle.on("debug", ["--json"])))) as ThreadReport[];
  for (const [name, value] of threads.flatMap((thread) => Object.entries(thread)))
    if (name !== "role")
      for (const number of [value].flat())
        assert.ok(Number.isSafeInteger(Math.round(number)) && number >= 0, `${name}: ${value}`);
  return threads;
}

for (const [workers, roles] of Object.entries(ROLES))
  test(`threads tell what they do (--workers=${workers})`, async () => {
    await withBundle(GUEST, async (bundle) => {
      ok(await bundle.creates({ globalFlags: [`--workers=${workers}`] }));
      ok(await bundle.on("start"));
      const first = await told(bundle);
      assert.equal(
        first.map(({ role }) => role),
        roles,
      );
      assert.equal(
        first.map(({ thread }) => thread),
        roles.map((_role, i) => i),
      );
      assert.is(new Set(first.map(({ tid }) => tid)).size, roles.length);
      for (const { tid } of first) assert.ok(exists(tid), `thread ${tid}`);
      let last = first;
      const grown = async () => {
        last = await told(bundle);
        return last[0]!.requests > first[0]!.requests + 100;
      };
      assert.ok(await eventually(grown, 20_000), JSON.stringify(last));
      const [before, after] = [first[0]!, last[0]!];
      assert.ok(after.workNs > before.workNs && after.sleepNs >= before.sleepNs);
      // All have gone on for as long, and account for all of it.
      for (const [i, thread] of last.entries()) {
        const passedNs = allNs(thread) - allNs(first[i]!);
        assert.ok(passedNs > 0, JSON.stringify(thread));
        const share = passedNs / (allNs(after) - allNs(before));
        assert.ok(share > 0.3 && share < 3, `${share} of thread 0's time: ${JSON.stringify(last)}`);
      }
      const net = last.find(({ role }) => role === "net");
      if (net !== undefined) {
        assert.ok(net.passedIn + net.requests > 0, JSON.stringify(net));
        assert.ok(after.passedOut > 0 && after.passedOut >= net.passedIn, JSON.stringify(last));
        assert.ok(net.queuedMax > 0 && after.doorbells > 0, JSON.stringify(last));
      }
      if (roles.length === 1) assert.equal([after.passedOut, after.passedIn, after.queued], [0, 0, 0]);
      for (const { passedOut, forwards, requests } of last.slice(1))
        assert.ok(forwards <= passedOut && forwards <= requests, JSON.stringify(last));

      const lines = text(ok(await bundle.on("debug", ["--threads"])))
        .trimEnd()
        .split("\n");
      assert.is(lines.length, 1 + roles.length);
      assert.match(lines[0]!, /^THREAD +ROLE +TID +CPU +WORK-MS +SPIN-MS +SLEEP-MS +REQUESTS/);
      for (const [i, role] of roles.entries()) assert.match(lines[1 + i]!, new RegExp(`^${i} +${role} `));
    });
  });

test("a container is found by a process of its sandbox", async () => {
  await withBundle(GUEST, async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("start"));
    const { init } = JSON.parse(readFileSync(join(bundle.root, bundle.id, "state.json"), "utf8"));
    for (const pid of [init, ...children(init)]) {
      const [thread] = JSON.parse(text(ok(await bundle.command(["debug", "--json", "--pid", String(pid)]))));
      assert.is(thread.role, "supervisor");
    }
    assert.match(
      said(await bundle.command(["debug", `--pid=${process.pid}`])),
      /is in no container's sandbox/,
    );
    assert.match(said(await bundle.command(["debug", "--pid=x"])), /--pid is a number of a process/);
    assert.match(said(await bundle.command(["debug"])), /name a container/);
    assert.match(said(await bundle.on("debug", ["--pid=1"])), /name a container/);
    ok(await bundle.on("kill", [], ["9"]));
  });
});

test.run();
