// `profile`: what it tells of a program whose calls are known, of what runs already, and what becomes of a sandbox whose
// profiler stops, is killed, or is not the only one.
// deadline: 300 s

import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CallProfile, Profile } from "../../src/shared/profile.ts";
import { ok, said, text } from "../said.ts";
import { eventually, output, platform, ringfence, run, type SpawnOptions, workers } from "../spawn.ts";
import { type Bundle, shell, withBundle } from "./bundle.ts";
import { withHeld } from "./hold.ts";
import { withSlowHost } from "./slow_host.ts";

const directory = mkdtempSync(join(tmpdir(), "ringfence-profile-"));
const guest = join(directory, "guest");

test.before(async () => {
  const source = join(import.meta.dirname, "profile_guest.c");
  await output("gcc", ["-static", "-O1", "-fno-omit-frame-pointer", "-Wall", "-o", guest, source]);
});

test.after(() => rmSync(directory, { recursive: true, force: true }));

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Profile;

async function ofGuest(globals: string[], flags: string[] = []): Promise<Profile> {
  const file = join(directory, "profile.json");
  const result = await run(ringfence, [...globals, "profile", "--json", file, ...flags, "--", guest], {
    deadlineMs: 60_000,
  });
  assert.is(result.code, 7, said(result));
  assert.match(said(result), /^Profile of a command: /);
  return readJson(file);
}

function named({ calls }: Profile, name: string): CallProfile {
  const found = calls.find((call) => call.name === name);
  assert.ok(found, name);
  return found;
}

/** Whatever is counted in two ways is the same. */
function addsUp({ calls, total, threads, durationNs }: Profile): void {
  assert.is(
    calls.reduce((sum, { count }) => sum + count, 0),
    total.count,
  );
  for (const call of [...calls, total]) {
    const { count, service, work, waitEvent, waitStub, waitHost } = call;
    assert.is(service.count, count);
    assert.is(work.count, count);
    for (const part of [service, work, waitEvent, call.queue, call.reply, call.guest]) {
      assert.is(
        part.buckets.reduce((sum, [, , held]) => sum + held, 0),
        part.count,
      );
      assert.ok(part.count <= count && part.minNs <= part.p50Ns && part.p50Ns <= part.maxNs);
      for (const [from, to] of part.buckets) assert.ok(from < to);
    }
    const parts = work.sumNs + waitEvent.sumNs + waitStub.sumNs + waitHost.sumNs;
    assert.ok(Math.abs(parts - service.sumNs) <= 1000 + service.sumNs / 100, `${parts} of ${service.sumNs}`);
  }
  for (const { byThread, count } of calls)
    assert.is(
      Object.values(byThread).reduce((sum, each) => sum + each, 0),
      count,
    );
  for (const { workNs, spinNs, sleepNs, durationNs: own } of threads) {
    const all = workNs + spinNs + sleepNs;
    assert.ok(own > 0 && own <= durationNs && all >= own * 0.5 && all <= own * 2, `${all} of ${own}`);
  }
}

for (const globals of [[], ["--platform=ptrace"], ["--workers=1"], ["--workers=net,data=2"], ["--patch=off"]])
  test(`figures of a known program (${globals.join(" ") || "as usual"})`, async () => {
    const profile = await ofGuest(globals);
    addsUp(profile);
    const { sandbox, subject, top, dropped } = profile;
    assert.equal(subject, { kind: "command", command: [guest], exitCode: 7 });
    assert.is(sandbox.platform, globals[0] === "--platform=ptrace" ? "ptrace" : "systrap");
    const [getppid, read, access, write] = ["getppid", "read", "access", "write"].map((name) =>
      named(profile, name),
    );
    assert.equal([getppid!.count, getppid!.errors], [1000, 0]);
    assert.equal([read!.count, read!.bytes, read!.small], [600, 60_000, 600]);
    assert.equal([access!.count, access!.errors, access!.errnos], [200, 200, { ENOENT: 200 }]);
    assert.equal([write!.count, write!.bytes], [100, 100]);
    assert.is(named(profile, "exit_group").count, 2);
    // Nearly all tell when they were posted, and when their thread went on.
    for (const { queue, guest: between, reply } of [getppid!, read!])
      for (const part of [queue, between, reply]) assert.ok(part.count > 500, JSON.stringify(part));
    // The child's whole life.
    const wait = named(profile, "wait4");
    assert.ok(wait.waitEvent.sumNs > wait.work.sumNs);
    if (globals[0] === "--patch=off") assert.is(getppid!.trapped, 1000);
    else assert.ok(getppid!.trapped < 500, String(getppid!.trapped));
    const hostile = top.paths.find(({ name }) => name.includes("red"))!;
    assert.is(hostile.name, "/tmp/\\x1b[31mred\\x1b[0m\\x0a\\x5c \\xff");
    assert.is(hostile.count, 200);
    assert.ok(top.paths.some(({ name, bytes }) => name === "/dev/zero" && bytes === 60_000));
    assert.ok(
      profile.advice.some(({ rule }) => rule === "small-reads"),
      JSON.stringify(profile.advice),
    );
    assert.equal(dropped, {});
  });

test("call sites, stacks and functions have their names", async () => {
  const profile = await ofGuest(["--patch=off"], ["--stacks=10000"]);
  const site = profile.sites.find(({ calls }) => calls.getppid !== undefined)!;
  assert.equal([site.file, site.traps, site.calls], [guest, 1000, { getppid: 1000 }]);
  assert.match(site.symbol, /getppid$/);
  const { frames, stacks, samples } = profile.guestStacks;
  assert.ok(samples > 100);
  const symbols = stacks
    .filter(({ call }) => call === "getppid")
    .map(({ frames: places }) => places.map((at) => frames[at]!.symbol).join(" "));
  const callers = /(main|round_of_calls) outer_function inner_function \w*getppid/;
  assert.ok(
    symbols.some((all) => callers.test(all)),
    symbols.join("\n"),
  );
  const sources = profile.threads.flatMap(({ cpuProfile }) => cpuProfile!.nodes.map(({ source }) => source));
  assert.ok(sources.includes("src/workers/loop.ts"), [...new Set(sources)].join(" "));
  assert.ok(sources.every((source) => !source.endsWith(".cjs")));
});

for (const [how, flags] of [
  ["a static program", ["-static"]],
  ["a program with libraries", []],
] as const)
  test(`stacks without frame pointers lead through all functions, in ${how}`, async () => {
    const program = join(directory, "unwound");
    const source = join(import.meta.dirname, "unwind_guest.c");
    const optimized = ["-O2", "-fomit-frame-pointer", "-D_GNU_SOURCE", "-Wall"];
    await output("gcc", [...flags, ...optimized, "-o", program, source, "-lpthread"]);
    const file = join(directory, "unwound.json");
    const words = ["profile", "--no-cpu", "--stacks=10000", "--json", file, "--", program];
    const result = await run(ringfence, words, { deadlineMs: 60_000 });
    assert.is(result.code, 7, said(result));
    const { frames, stacks, samples, whole } = readJson(file).guestStacks;
    const symbols = stacks.map(({ frames: places }) => places.map((at) => frames[at]!.symbol).join(" "));
    const inner = "outer_function inner_function \\w*getppid$";
    for (const outer of [
      "^_start (\\S* )*main ",
      // Libraries have no name for what thread functions are called by.
      "thread_function ",
      "^\\S* \\S* ?signalled_function spinning_function \\S* ?handler_function ",
    ])
      assert.ok(
        symbols.some((all) => new RegExp(outer + inner).test(all)),
        `${outer}:\n${symbols.join("\n")}`,
      );
    const ofVdso = /^_start (\S* )*main clock_function \w*clock_gettime \w*clock_gettime$/;
    assert.ok(
      symbols.some((all) => ofVdso.test(all)),
      symbols.join("\n"),
    );
    assert.ok(whole > samples / 2, `${whole} of ${samples}`);
  });

test("each kernel thread tells of itself", async () => {
  const profile = await ofGuest(["--workers=net,data=2"]);
  assert.equal(
    profile.threads.map(({ role }) => role),
    ["supervisor", "net", "data", "data"],
  );
  for (const thread of profile.threads) assert.ok(thread.cpuProfile !== null && thread.allocatedBytes >= 0);
});

test("files for other programs, and no samples where none are wanted", async () => {
  const [speedscope, pprof, html] = ["speedscope.json", "pprof.gz", "page.html"].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  const flags = ["--speedscope", speedscope, "--pprof", pprof, "--html", html, "--no-cpu", "--stacks", "0"];
  const profile = await ofGuest([], flags);
  assert.is(profile.threads[0]!.cpuProfile, null);
  assert.is(profile.guestStacks.samples, 0);
  assert.match(JSON.parse(readFileSync(speedscope, "utf8")).$schema, /speedscope/);
  assert.ok(gunzipSync(readFileSync(pprof)).length > 0);
  const page = readFileSync(html, "utf8");
  assert.match(page, /^<!doctype html>/i);
  // What guests have named is text.
  assert.ok(page.includes("getppid") && !page.includes("\x1b"));
});

test("under --strace both see every call", async () => {
  const traced = join(directory, "strace");
  const profile = await ofGuest([`--debug-log=${traced}`, "--strace"]);
  assert.is(named(profile, "getppid").count, 1000);
  assert.is([...readFileSync(traced, "latin1").matchAll(/ getppid\(\) = /g)].length, 1000);
});

test("waits for a host that takes its time are told, with what was waited for", async () => {
  await withSlowHost(async (host) => {
    const file = join(directory, "slow.json");
    await host.tell("stall read");
    const words = ["profile", "--json", file, "--", "sh", "-c", `cat ${host.directory}/file >/dev/null`];
    const running = run(ringfence, words, { deadlineMs: 60_000 });
    await host.isAsked();
    await host.tell("go");
    ok(await running);
    const profile = readJson(file);
    addsUp(profile);
    const waited = profile.top.hostWaits.map(({ name }) => name);
    assert.ok(waited.includes(`${host.directory}/file`), waited.join(" "));
    assert.ok(profile.total.waitHost.sumNs > 0);
  });
});

test("a command's own streams and code are its own", async () => {
  const result = await run(ringfence, ["profile", "--", "sh", "-c", "cat; echo err >&2; kill -9 $$"], {
    input: "through",
  });
  assert.is(text(result), "through");
  assert.match(said(result), /^err\nProfile of a command/);
  assert.is(result.code, 137);
});

/** Processes of the host whose command line has all of these words. */
function processesWith(...words: string[]): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "latin1");
        return words.every((word) => line.includes(word));
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

test("a sandbox that is killed ends the profiler, which says so", async () => {
  const place = mkdtempSync(join(directory, "killed-"));
  let begun = "";
  const ended = run(ringfence, ["profile", "--", "sh", "-c", "echo begun; sleep 100"], {
    deadlineMs: 60_000,
    env: { ...(process.env as Record<string, string>), TMPDIR: place },
    started: (child) => child.stdout!.on("data", (bytes: Buffer) => (begun += bytes.toString("latin1"))),
  });
  assert.ok(await eventually(() => begun.includes("begun"), 30_000), begun);
  const sandbox = processesWith(place, "hold");
  assert.ok(sandbox.length > 0);
  for (const pid of sandbox) process.kill(pid, "SIGKILL");
  const result = await ended;
  assert.is(result.code, 125, said(result));
  assert.match(said(result), /ringfence: profile: the sandbox has ended\n$/);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  test(`${signal} before its command runs ends the profiler, and nothing is left`, async () => {
    const place = mkdtempSync(join(directory, "early-"));
    const result = await run(ringfence, ["profile", "--", "sh", "-c", "echo begun; sleep 100"], {
      deadlineMs: 60_000,
      env: { ...(process.env as Record<string, string>), TMPDIR: place },
      started: async (child) => {
        await eventually(() => readdirSync(place).length > 0, 30_000);
        child.kill(signal);
      },
    });
    assert.match(said(result), new RegExp(`^ringfence: profile: ended by ${signal}\n$`));
    assert.is(result.code, 125);
    assert.equal(readdirSync(place), []);
    assert.ok(await eventually(() => processesWith(place).length === 0, 5000));
  });

test("a terminal that hangs up ends the command, and its profile is told", async () => {
  const place = mkdtempSync(join(directory, "hung-up-"));
  let child: ChildProcess | undefined;
  const result = await run(ringfence, ["profile", "--", "sh", "-c", "echo begun; sleep 100"], {
    deadlineMs: 60_000,
    env: { ...(process.env as Record<string, string>), TMPDIR: place },
    started: (one) => {
      child = one;
      one.stdout!.once("data", () => child!.kill("SIGHUP"));
    },
  });
  assert.is(result.code, 128 + 1, said(result));
  assert.match(said(result), /^Profile of a command: /);
  assert.equal(readdirSync(place), []);
});

test("a place for its sandbox may have a long name, and is to be there", async () => {
  const place = join(directory, "x".repeat(120));
  const inPlace = () =>
    run(ringfence, ["profile", "--", "echo", "ran"], {
      deadlineMs: 60_000,
      env: { ...(process.env as Record<string, string>), TMPDIR: place },
    });
  const missing = await inPlace();
  assert.match(said(missing), /^ringfence: profile: there is no place for a sandbox: ENOENT[^\n]*\n$/);
  assert.is(missing.code, 125);
  mkdirSync(place);
  assert.is(text(ok(await inPlace())), "ran\n");
  assert.equal(readdirSync(place), []);
});

// ---- What runs already ----

const BUSY = shell("trap 'exit 0' TERM; while :; do busybox stat /bin/busybox >/dev/null; done");

function profiles(bundle: Bundle, flags: string[], options?: SpawnOptions) {
  return bundle.on("profile", flags, [], { deadlineMs: 60_000, ...options });
}

/** A profiler that records, and what becomes of it. */
async function attached(bundle: Bundle, flags: string[] = []) {
  let child: ChildProcess | undefined;
  let announced = "";
  const ended = profiles(bundle, flags, {
    started: (one) => {
      child = one;
      one.stderr!.on("data", (bytes: Buffer) => {
        announced += bytes.toString("latin1");
      });
    },
  });
  assert.ok(await eventually(() => announced.includes("recording"), 20_000), announced);
  return { child: child!, ended };
}

for (const placement of ["auto", "net,data=2"])
  test(`attach, end and attach again under load (--workers=${placement})`, async () => {
    await withBundle(BUSY, async (bundle) => {
      ok(await bundle.creates({ globalFlags: [`--workers=${placement}`] }));
      ok(await bundle.on("start"));
      const file = join(directory, "attached.json");
      for (let time = 0; time < 2; time++) {
        const first = text(ok(await profiles(bundle, ["--seconds=1", "--json", file])));
        assert.match(first, new RegExp(`^Profile of a container ${bundle.id}: `));
        const profile = readJson(file);
        addsUp(profile);
        assert.ok(profile.total.count > 50 && profile.durationNs > 9e8, JSON.stringify(profile.total));
        assert.equal(profile.subject, { kind: "container", id: bundle.id });
        for (const { tid } of profile.threads) assert.ok(existsSync(`/proc/${tid}`), String(tid));
      }
      const { child, ended } = await attached(bundle);
      const second = await profiles(bundle, ["--seconds=1"]);
      assert.is(second.code, 125);
      assert.match(said(second), /^ringfence: the sandbox is being profiled already\n$/);
      child.kill("SIGINT");
      assert.match(text(ok(await ended)), /^Profile of a container/);
      ok(await bundle.on("kill", [], ["9"]));
    });
  });

test("with a profiler that is killed the profile ends, and nothing else", async () => {
  await withBundle(BUSY, async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("start"));
    for (let time = 0; time < 2; time++) {
      const { child, ended } = await attached(bundle);
      child.kill("SIGKILL");
      await ended;
    }
    // Another may begin as soon as the sandbox has noticed.
    const again = async () => (await profiles(bundle, ["--seconds=0.2"])).code === 0;
    assert.ok(await eventually(again, 20_000));
    assert.is(await bundle.status(), "running");
    ok(await bundle.on("kill", [], ["9"]));
  });
});

test("it ends with the container, which waits until it is fetched", async () => {
  await withBundle(shell("read line"), async (bundle) => {
    let container: ChildProcess | undefined;
    const over = bundle.runs({
      keepStdin: true,
      started: (child) => {
        container = child;
      },
    });
    const running = async () => {
      try {
        return (await bundle.status()) === "running";
      } catch {
        return false;
      }
    };
    assert.ok(await eventually(running, 20_000));
    const { ended } = await attached(bundle);
    container!.stdin!.end("line\n");
    const profile = text(ok(await ended));
    assert.match(profile, /^Profile of a container/);
    assert.match(profile, /exit_group/);
    ok(await over);
  });
});

test("a container that has several is profiled by a process of its sandbox", async () => {
  await withBundle(BUSY, async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("start"));
    const { init } = JSON.parse(readFileSync(join(bundle.root, bundle.id, "state.json"), "utf8"));
    const flags = ["profile", `--pid=${init}`, "--seconds=0.3", "--json", "-"];
    const profile = JSON.parse(text(ok(await bundle.command(flags)))) as Profile;
    assert.ok(profile.total.count > 0);
    ok(await bundle.on("kill", [], ["9"]));
  });
});

test("what is wrong is said", async () => {
  await withBundle(BUSY, async (bundle) => {
    ok(await bundle.create());
    for (const [words, message] of [
      [["profile"], /name a container/],
      [["profile", "nobody"], /container does not exist: nobody/],
      [["profile", bundle.id, "--seconds=0"], /--seconds is a number above 0/],
      [["profile", bundle.id, "--stacks=many"], /--stacks is a number up to/],
      [["profile", bundle.id, "--", "true"], /either a command, or a container/],
      [["profile", bundle.id, "--seconds=0.1", "--json", "/nowhere/x"], /\/nowhere\/x cannot be written/],
    ] as const) {
      const result = await bundle.command([...words]);
      assert.is(result.code, 125, said(result));
      assert.match(said(result), message);
    }
  });
  const missing = await run(ringfence, ["profile", "--", "/no/such/program"]);
  assert.is(missing.code, 127);
});

test("requests that break the rules are refused", async () => {
  await withHeld(async ({ talk }) => {
    const ask = (id: number, method: string, params = {}) => `${JSON.stringify({ id, method, params })}\n`;
    const start = { cpu: false, stacksPerSecond: 0 };
    const { received } = await talk(
      [
        ask(1, "profile_stop"),
        ask(2, "profile_part"),
        ask(3, "profile_start", { cpu: 1 }),
        ask(4, "profile_start", { cpu: false, stacksPerSecond: -1 }),
        ask(5, "profile_start", start),
        ask(6, "profile_start", start),
      ].join(""),
      (all) => all.includes('"id":5') && all.includes('"id":6'),
    );
    const answers = new Map(
      received
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .map(({ id, result, error }) => [id, error?.code ?? result]),
    );
    assert.equal(answers.get(1), "ERR_STATE");
    assert.equal(answers.get(2), "ERR_STATE");
    assert.equal(answers.get(3), "ERR_PARAMS");
    assert.equal(answers.get(4), "ERR_PARAMS");
    assert.equal(answers.get(5), { platform, workers, patch: "on" });
    assert.equal(answers.get(6), "ERR_BUSY");
  });
});

test.run();
