// deadline: 300 s
// The same calls of containers in each state, right ones and wrong ones, made of runc and of Ringfence: both end with the
// same codes, leave the container in the same state, and fail with the words that engines look for
// (containerd's process/utils.go, moby's daemon/errors.go, podman's oci_conmon_common.go). Skipped, and said so, where runc
// is not installed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { said, text } from "../said.ts";
import { eventually, ringfence, run, type SpawnResult } from "../spawn.ts";
import { type Bundle, shell, withBundle } from "./bundle.ts";

type State = "absent" | "created" | "running" | "paused" | "stopped";

interface Call {
  state: State;
  /** ID and BUNDLE stand for the container's. */
  words: string[];
  /** In both runtimes' words on standard error; engines look for these parts. */
  says?: RegExp;
  /** What the container is then; as before if absent. */
  after?: State;
}

const GONE = /container does not exist/;
const NOT_RUNNING = /container not running/;
const NOT_FOUND = /executable file not found in \$PATH/;

const CALLS: Call[] = [
  { state: "absent", words: ["start", "ID"], says: GONE },
  { state: "absent", words: ["state", "ID"], says: GONE },
  { state: "absent", words: ["kill", "ID", "KILL"], says: GONE },
  { state: "absent", words: ["kill", "--all", "ID", "9"], says: GONE },
  { state: "absent", words: ["delete", "ID"], says: GONE },
  { state: "absent", words: ["delete", "--force", "ID"] },
  { state: "absent", words: ["exec", "ID", "/bin/true"], says: GONE },
  { state: "absent", words: ["ps", "ID"], says: GONE },
  { state: "absent", words: ["ps", "--format", "json", "ID"], says: GONE },
  { state: "absent", words: ["events", "--stats", "ID"], says: GONE },
  { state: "absent", words: ["list"] },
  { state: "absent", words: ["list", "--format", "yaml"] },
  { state: "absent", words: ["state"] },
  { state: "absent", words: ["state", "ID", "more"] },
  { state: "absent", words: ["start", "--unknown", "ID"] },
  {
    state: "absent",
    words: ["create", "--bundle", "/nosuch", "ID"],
    says: /no such file or directory/i,
  },
  {
    state: "absent",
    words: ["create", "--bundle", "BUNDLE", "a/b"],
    says: /invalid container ID format/,
  },
  { state: "absent", words: ["create", "--bundle", "BUNDLE", "--preserve-fds", "x", "ID"] },
  { state: "absent", words: ["run", "--bundle", "/nosuch", "ID"], says: /no such file or directory/i },
  { state: "absent", words: ["checkpoint", "--image-path", "/tmp", "ID"] },
  { state: "absent", words: ["restore", "--no-pivot", "--image-path", "/tmp", "ID"] },

  { state: "created", words: ["create", "--bundle", "BUNDLE", "ID"], says: /already exists/ },
  { state: "created", words: ["state", "ID"] },
  { state: "created", words: ["ps", "--format", "json", "ID"] },
  { state: "created", words: ["events", "--stats", "ID"] },
  { state: "created", words: ["kill", "ID", "NOSUCH"], says: /unknown signal .?"NOSUCH/ },
  { state: "created", words: ["kill", "ID", "0"] },
  { state: "created", words: ["kill", "ID", "KILL"], after: "stopped" },
  { state: "created", words: ["kill", "--all", "ID", "9"], after: "stopped" },
  { state: "created", words: ["start", "ID"], after: "running" },
  { state: "created", words: ["delete", "ID"], after: "absent" },
  { state: "created", words: ["delete", "--force", "ID"], after: "absent" },

  { state: "running", words: ["start", "ID"], says: /cannot start an already running container/ },
  { state: "running", words: ["create", "--bundle", "BUNDLE", "ID"], says: /already exists/ },
  { state: "running", words: ["run", "--bundle", "BUNDLE", "ID"], says: /already exists/ },
  {
    state: "running",
    words: ["delete", "ID"],
    says: /cannot delete container \S+ that is not stopped: running/,
  },
  { state: "running", words: ["state", "ID"] },
  { state: "running", words: ["list"] },
  { state: "running", words: ["kill", "ID", "0"] },
  { state: "running", words: ["kill", "ID", "99"] },
  { state: "running", words: ["kill", "ID", "SIGWINCH"] },
  { state: "running", words: ["kill", "--all", "ID", "WINCH"] },
  { state: "running", words: ["exec", "ID", "/bin/busybox", "sh", "-c", "exit 7"] },
  { state: "running", words: ["exec", "ID", "/bin/busybox", "sh", "-c", "kill -9 $$"] },
  { state: "running", words: ["exec", "ID", "nosuch"], says: NOT_FOUND },
  { state: "running", words: ["exec", "ID", "/no/such"], says: /no such file or directory/ },
  { state: "running", words: ["exec", "ID", "/etc/passwd"], says: /permission denied/ },
  {
    state: "running",
    words: ["exec", "--cwd", "/no/where", "ID", "/bin/true"],
    says: /no such file or directory/,
  },
  { state: "running", words: ["exec", "ID"] },
  {
    state: "running",
    words: ["exec", "--process", "/nosuch", "ID"],
    says: /no such file or directory/i,
  },
  { state: "running", words: ["ps", "ID"] },
  {
    state: "running",
    words: ["ps", "ID", "-o", "comm"],
    says: /couldn't find PID field in ps output/,
  },
  { state: "running", words: ["ps", "--format", "json", "ID"] },
  { state: "running", words: ["ps", "--format", "yaml", "ID"] },
  { state: "running", words: ["events", "--interval", "0s", "ID"], says: /must be greater than 0/ },
  { state: "running", words: ["events", "--interval", "often", "ID"] },
  { state: "running", words: ["kill", "ID", "9"], after: "stopped" },
  { state: "running", words: ["kill", "ID", "SIGKILL"], after: "stopped" },
  { state: "running", words: ["delete", "--force", "ID"], after: "absent" },

  { state: "absent", words: ["pause", "ID"], says: GONE },
  { state: "absent", words: ["resume", "ID"], says: GONE },
  { state: "absent", words: ["update", "--pids-limit", "100", "ID"], says: GONE },
  { state: "running", words: ["pause", "ID"], after: "paused" },
  { state: "running", words: ["resume", "ID"], says: /container not paused/ },
  { state: "running", words: ["update", "--pids-limit", "100", "ID"] },
  { state: "paused", words: ["pause", "ID"] },
  { state: "paused", words: ["start", "ID"], says: /cannot start a container in the paused state/ },
  {
    state: "paused",
    words: ["exec", "ID", "/bin/true"],
    says: /cannot exec in a paused container \(use --ignore-paused/,
  },
  {
    state: "paused",
    words: ["delete", "ID"],
    says: /cannot delete container \S+ that is not stopped: paused/,
  },
  { state: "paused", words: ["ps", "--format", "json", "ID"] },
  { state: "paused", words: ["list"] },
  { state: "paused", words: ["resume", "ID"], after: "running" },
  { state: "paused", words: ["delete", "--force", "ID"], after: "absent" },
  { state: "stopped", words: ["pause", "ID"], says: NOT_RUNNING },
  { state: "stopped", words: ["resume", "ID"], says: /container not paused/ },

  { state: "stopped", words: ["start", "ID"], says: /cannot start a container that has stopped/ },
  { state: "stopped", words: ["create", "--bundle", "BUNDLE", "ID"], says: /already exists/ },
  { state: "stopped", words: ["state", "ID"] },
  { state: "stopped", words: ["list", "--quiet"] },
  { state: "stopped", words: ["kill", "ID", "KILL"], says: NOT_RUNNING },
  { state: "stopped", words: ["kill", "ID", "0"], says: NOT_RUNNING },
  { state: "stopped", words: ["kill", "--all", "ID", "9"] },
  { state: "stopped", words: ["exec", "ID", "/bin/true"], says: /cannot exec in a stopped container/ },
  { state: "stopped", words: ["ps", "ID"] },
  { state: "stopped", words: ["ps", "--format", "json", "ID"] },
  { state: "stopped", words: ["events", "--stats", "ID"], says: /is not running/ },
  { state: "stopped", words: ["delete", "ID"], after: "absent" },
  { state: "stopped", words: ["delete", "--force", "ID"], after: "absent" },
];

const SLEEP = shell("exec busybox sleep 100");
const NO_FILE: SpawnResult["stdout"] = Buffer.alloc(0);

async function stateOf(bundle: Bundle): Promise<State> {
  const { code, stdout } = await bundle.on("state");
  return code === 0 ? JSON.parse(stdout.toString()).status : "absent";
}

/** Brings the container there from whatever it is. */
async function bring(bundle: Bundle, wanted: State): Promise<void> {
  if ((await stateOf(bundle)) === wanted) return;
  const steps: [string, string[], string[]][] = [];
  if (wanted === "running" || wanted === "stopped") steps.push(["start", [], []]);
  if (wanted === "paused") steps.push(["start", [], []], ["pause", [], []]);
  if (wanted === "stopped") steps.push(["kill", [], ["KILL"]]);
  await bundle.on("delete", ["--force"]);
  if (wanted === "absent") return;
  const created = await bundle.create();
  assert.is(created.code, 0, said(created));
  for (const [name, flags, rest] of steps) {
    const done = await bundle.on(name, flags, rest);
    assert.is(done.code, 0, `${name}: ${said(done)}`);
  }
  assert.ok(await eventually(async () => (await stateOf(bundle)) === wanted, 10_000), wanted);
}

function call(bundle: Bundle, words: string[]): Promise<SpawnResult> {
  const given = words.map((word) =>
    word === "ID" ? bundle.id : word === "BUNDLE" ? bundle.directory : word,
  );
  const path = join(bundle.directory, "said");
  // What is created keeps the streams: a file is no pipe that somebody would wait for.
  if (given[0] !== "create" && given[0] !== "run") return bundle.command(given);
  return bundle
    .command(["--log", path, ...given])
    .then((result) => ({ ...result, stderr: existsSync(path) ? readFileSync(path) : NO_FILE }));
}

/** What becomes of all calls, each from the state that it is for. */
async function outcomes(
  runtime: string | undefined,
): Promise<{ code: number | null; said: string; after: State }[]> {
  const found: { code: number | null; said: string; after: State }[] = [];
  const body = async (bundle: Bundle) => {
    for (const { state, words, after } of CALLS) {
      await bring(bundle, state);
      const result = await call(bundle, words);
      // A kill is over when its signal is sent.
      if (after === "stopped") await eventually(async () => (await stateOf(bundle)) === after, 10_000);
      found.push({ code: result.code, said: said(result), after: await stateOf(bundle) });
      rmSync(join(bundle.directory, "said"), { force: true });
    }
  };
  await withBundle(SLEEP, body, undefined, runtime);
  return found;
}

if (spawnSync("which", ["runc"]).status !== 0) {
  console.log("skipped: runc is not installed");
} else {
  test("each call in each state ends as with runc", async () => {
    const [theirs, ours] = await Promise.all([outcomes("runc"), outcomes(undefined)]);
    for (const [i, { state, words, says, after }] of CALLS.entries()) {
      const name = `${state}: ${words.join(" ")}`;
      const [their, our] = [theirs[i]!, ours[i]!];
      assert.is(their.after, after ?? state, `${name}: runc: ${their.said}`);
      assert.is(our.after, after ?? state, `${name}: ${our.said}`);
      assert.is(our.code, their.code, `${name}: ${our.said} / runc: ${their.said}`);
      if (says === undefined) continue;
      assert.match(their.said, says, `${name}: runc`);
      assert.match(our.said, says, name);
    }
  });

  test("spec writes what runc writes", async () => {
    const directory = mkdtempSync("/tmp/ringfence-spec-");
    const written = async (runtime: string, ...flags: string[]) => {
      const file = join(directory, "config.json");
      rmSync(file, { force: true });
      const result = await run(runtime, ["spec", "--bundle", directory, ...flags]);
      assert.is(result.code, 0, said(result));
      const again = await run(runtime, ["spec", ...flags], { cwd: directory });
      assert.is(again.code, 1);
      assert.match(said(again), /File config\.json exists\. Remove it first/);
      return readFileSync(file, "utf8");
    };
    try {
      assert.is(await written(ringfence), await written("runc"));
      assert.is(await written(ringfence, "--rootless"), await written("runc", "--rootless"));
      writeFileSync(join(directory, "file"), "");
      for (const runtime of ["runc", ringfence])
        assert.is((await run(runtime, ["spec", "--bundle", join(directory, "file")])).code, 1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  /** A line for each member, and each entry of a list. */
  function lines(value: unknown, at = ""): string[] {
    if (Array.isArray(value)) return value.map((word) => `${at} ${word}`);
    if (typeof value !== "object" || value === null) return [`${at} ${value}`];
    return Object.entries(value).flatMap(([name, member]) => lines(member, `${at}.${name}`));
  }

  test("features has what runc's has, but for what there is not here", async () => {
    const featuresOf = async (runtime: string) => JSON.parse(text(await run(runtime, ["features"])));
    const ours = new Set(lines(await featuresOf(ringfence)));
    /** What says of which build runc is, and how new. */
    const ofBuild = /^\.(annotations|potentiallyUnsafe|ociVersionMax)/;
    const absent = /^\.linux\.(apparmor|selinux|intelRdt|netDevices|memoryPolicy)\./;
    const missing = lines(await featuresOf("runc")).filter((line) => !ours.has(line));
    assert.equal(
      missing.filter((line) => !ofBuild.test(line) && !absent.test(line)),
      [".mountOptions remount", ".linux.seccomp.actions SCMP_ACT_NOTIFY"],
    );
  });

  /** Names of all members, with those of objects inside. */
  function shape(value: unknown, at = ""): string[] {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [at];
    return Object.entries(value).flatMap(([name, member]) => shape(member, `${at}.${name}`));
  }

  test("state, list, ps and events print what runc prints", async () => {
    const forms: Record<string, Record<string, unknown>> = {};
    for (const runtime of ["runc", ringfence])
      await withBundle(
        SLEEP,
        async (bundle) => {
          await bring(bundle, "running");
          const state = JSON.parse(text(await bundle.on("state")));
          const [listed] = JSON.parse(text(await bundle.command(["list", "--format", "json"])));
          const [titles, row] = text(await bundle.command(["list"])).split("\n");
          const stats = JSON.parse(text(await bundle.on("events", ["--stats"])));
          const numbers = JSON.parse(text(await bundle.on("ps", ["-f", "json"])));
          assert.is(text(await bundle.command(["list", "--quiet"])), `${bundle.id}\n`);
          // In columns of the same widths, but for the time, of which runc says more digits.
          assert.is(row!.indexOf(bundle.directory), titles!.indexOf("BUNDLE"));
          assert.ok(
            numbers.includes(state.pid) && listed.pid === state.pid,
            JSON.stringify([numbers, listed]),
          );
          assert.ok(stats.data.memory.usage.usage > 0 && stats.data.cpu.usage.total > 0);
          assert.is(stats.data.pids.current, 1);
          forms[runtime] = {
            state: Object.keys(state).sort(),
            listed: Object.keys(listed).sort(),
            owner: listed.owner,
            status: [state.status, listed.status],
            titles: titles!.replace(/CREATED +/, "CREATED "),
            header: text(await bundle.on("ps", [], ["-o", "pid,comm"])).split("\n")[0],
            event: [stats.type, stats.id === bundle.id, Object.keys(stats).sort()],
            data: Object.keys(stats.data).sort(),
            cpu: shape(stats.data.cpu).sort(),
            cpuset: stats.data.cpuset,
            limit: stats.data.memory.usage.limit,
            raw: Object.keys(stats.data.memory.raw).sort(),
          };
        },
        undefined,
        runtime,
      );
    assert.equal(forms[ringfence], forms["runc"]);
  });
}

test.run();
