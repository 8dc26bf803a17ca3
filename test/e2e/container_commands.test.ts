// deadline: 240 s
// Commands of containers beside their lifecycle: list, wait, events; and flags by which engines pass things on.

import { type StdioOptions, spawn } from "node:child_process";
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, said, text } from "../said.ts";
import { eventually, ringfence, run, type SpawnResult } from "../spawn.ts";
import { type Bundle, type Config, shell, withBundle } from "./bundle.ts";
import { exists } from "./processes.ts";

const SLEEP = shell("exec busybox sleep 100");
/** Descriptors of the test itself that a command gets from 3 on. */
type Given = number[];

async function started(bundle: Bundle): Promise<void> {
  ok(await bundle.create());
  ok(await bundle.on("start"));
}

const record = (bundle: Bundle) =>
  JSON.parse(readFileSync(join(bundle.root, bundle.id, "state.json"), "utf8")) as { init: number };

// ---- list ----

test("list tells dead sandboxes as stopped, and goes on over what it cannot read", async () => {
  await withBundle(SLEEP, async (bundle) => {
    assert.is(text(ok(await bundle.command(["list", "--format=json"]))), "[]\n");
    await started(bundle);
    const listed = async () => JSON.parse(text(await bundle.command(["list", "--format", "json"])));
    const [alive] = await listed();
    assert.equal([alive.id, alive.status, alive.bundle], [bundle.id, "running", bundle.directory]);
    assert.ok(alive.pid > 0 && exists(alive.pid));

    const at = (name: string) => join(bundle.root, name);
    for (const name of ["open", "garbage", "empty", "not an id"]) mkdirSync(at(name), { mode: 0o700 });
    chmodSync(at("open"), 0o777);
    writeFileSync(join(at("garbage"), "config.json"), "{}");
    writeFileSync(join(at("garbage"), "state.json"), '{"init":[');
    writeFileSync(at("file"), "");
    const held = spawn(ringfence, ["--root", bundle.root, "hold", "held"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    await new Promise((resolve) => held.stdout.once("data", resolve));
    try {
      process.kill(record(bundle).init, "SIGKILL");
      const stopped = async () => (await listed())[0]?.status === "stopped";
      assert.ok(await eventually(stopped, 5000));
      // While its processes are ending they can be killed.
      const isOver = async () => said(await bundle.on("kill", [], ["9"])).includes("container not running");
      assert.ok(await eventually(isOver, 5000));
      ok(await bundle.on("kill", ["--all"], ["9"]));
      const result = ok(await bundle.command(["list", "--format", "json"]));
      assert.equal(
        JSON.parse(text(result)).map(({ id, pid, status }: Record<string, unknown>) => [id, pid, status]),
        [[bundle.id, 0, "stopped"]],
      );
      for (const name of ["open", "garbage", "not an id"])
        assert.match(said(result), `load container ${name}: `);
      assert.is(text(await bundle.command(["list", "-q"])), `${bundle.id}\n`);
    } finally {
      held.stdin.end();
      await new Promise((resolve) => held.once("exit", resolve));
    }
  });
});

// ---- wait ----

test("wait tells how a container has ended, before, while and after it does", async () => {
  await withBundle(shell("trap 'exit 9' TERM; while :; do busybox sleep 0.05; done"), async (bundle) => {
    assert.match(said(await bundle.on("wait")), /container does not exist/);
    ok(await bundle.create());
    const early = bundle.on("wait");
    ok(await bundle.on("start"));
    const later = bundle.on("wait");
    // One that goes away asks for nothing.
    const gone = spawn(ringfence, ["--root", bundle.root, "wait", bundle.id], { stdio: "ignore" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    gone.kill("SIGKILL");
    ok(await bundle.on("kill", [], ["TERM"]));
    const expected = `${JSON.stringify({ id: bundle.id, exitStatus: 9 })}\n`;
    for (const waited of [early, later, bundle.on("wait")]) assert.is(text(ok(await waited)), expected);
    ok(await bundle.on("delete"));
    assert.equal(bundle.left(), []);
  });
});

test("wait tells 128 + signal, and 137 of a sandbox that died or is deleted", async () => {
  await withBundle(SLEEP, async (bundle) => {
    const ends: [() => Promise<unknown>, number][] = [
      [() => bundle.on("kill", [], ["KILL"]), 137],
      [async () => process.kill(record(bundle).init, "SIGKILL"), 137],
      [() => bundle.on("delete", ["--force"]), 137],
    ];
    for (const [end, code] of ends) {
      await started(bundle);
      const waited = bundle.on("wait");
      await new Promise((resolve) => setTimeout(resolve, 200));
      await end();
      assert.is(JSON.parse(text(ok(await waited))).exitStatus, code);
      if (existsSync(join(bundle.root, bundle.id)))
        assert.is(JSON.parse(text(ok(await bundle.on("wait")))).exitStatus, code);
      ok(await bundle.on("delete", ["--force"]));
    }
    assert.equal(bundle.left(), []);
  });
});

// ---- events ----

/** Lines of `events`, until it ends. */
async function eventsWhile(bundle: Bundle, flags: string[], body: () => Promise<void>) {
  const following = bundle.on("events", flags);
  await body();
  const result = ok(await following);
  const lines = text(result).trimEnd().split("\n");
  return lines.filter(Boolean).map((line) => JSON.parse(line));
}

test("events tells in its interval what a container uses, and ends with it", async () => {
  const script = "busybox sleep 100 & trap 'exit 0' TERM; while :; do :; done";
  await withBundle(shell(script), async (bundle) => {
    await started(bundle);
    const told = await eventsWhile(bundle, ["--interval=300ms"], async () => {
      await new Promise((resolve) => setTimeout(resolve, 1800));
      ok(await bundle.on("kill", [], ["TERM"]));
    });
    assert.ok(told.length >= 3, JSON.stringify(told));
    assert.ok(told.every(({ type, id }) => type === "stats" && id === bundle.id));
    const [first, last] = [told[0].data, told.at(-1).data];
    assert.is(first.pids.current, 2);
    assert.equal(first.network_interfaces, []);
    const cpuMs = (last.cpu.usage.total - first.cpu.usage.total) / 1e6;
    const hostCpuMs = 2 * 300 * (told.length - 1) * 2;
    assert.ok(cpuMs > 50 && cpuMs < hostCpuMs, `${cpuMs} ms`);
    assert.match(said(await bundle.on("events", ["--stats"])), /is not running/);
    ok(await bundle.on("delete"));
    await started(bundle);
    const { init } = record(bundle);
    await eventsWhile(bundle, ["--interval=300ms"], async () => {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      process.kill(init, "SIGKILL");
    });
  });
});

test("events tells limits, and when the host has killed for want of memory", async () => {
  const fill = "x=0123456789abcdef; while :; do x=$x$x; done";
  await withBundle(
    shell(`busybox sleep 0.7; ${fill}`),
    async (bundle) => {
      await started(bundle);
      const { data } = JSON.parse(text(ok(await bundle.on("events", ["--stats"]))));
      assert.is(data.pids.limit, 300);
      assert.is(data.memory.usage.limit, 256 << 20);
      assert.ok(data.memory.usage.usage < 256 << 20);
      const told = await eventsWhile(bundle, [], async () => {});
      assert.ok(told.length > 0 && told.every(({ type }) => type === "oom"), JSON.stringify(told));
      assert.equal(told[0], { type: "oom", id: bundle.id });
    },
    ({ linux }: Config) => {
      linux.resources = { memory: { limit: 256 << 20 }, pids: { limit: 300 } };
    },
  );
});

test("events believes nothing that others may have written", async () => {
  await withBundle(SLEEP, async (bundle) => {
    mkdirSync(join(bundle.root, "bad"), { recursive: true, mode: 0o700 });
    const tell = async () => said(await bundle.command(["events", "--stats", "bad"]));
    assert.match(await tell(), /container does not exist/);
    for (const state of ["", "[]", '{"init":"1","bundle":"/x"}', '{"init":1,"bundle":7}']) {
      writeFileSync(join(bundle.root, "bad/state.json"), state);
      assert.match(await tell(), /^ringfence: the state of bad cannot be read: [^\n]*\n$/);
    }
    chmodSync(join(bundle.root, "bad"), 0o707);
    assert.match(await tell(), /can be changed by other users/);
    assert.match(said(await bundle.command(["events", "--stats", "../bad"])), /invalid container ID/);
  });
});

// ---- What is passed on ----

/** A command with further descriptors from 3 on; its output. */
function withDescriptors(
  bundle: Bundle,
  words: string[],
  given: Given,
): Promise<{ code: number | null; out: string }> {
  const path = join(bundle.directory, "out");
  const out = openSync(path, "w");
  const child = spawn(ringfence, ["--root", bundle.root, ...words], {
    stdio: ["ignore", out, out, ...given],
  });
  closeSync(out);
  return new Promise((resolve) =>
    child.once("exit", (code) => resolve({ code, out: readFileSync(path, "utf8") })),
  );
}

test("descriptors that are preserved reach the program by their numbers, of run, create and exec", async () => {
  const script =
    "busybox cat <&3; echo written >&5; busybox cat <&3; echo bad >&4; (echo no >&6) 2>/dev/null || echo none";
  await withBundle(shell(script), async (bundle) => {
    const file = join(bundle.directory, "given");
    const opened = <T>(body: (given: Given) => Promise<T>) => {
      writeFileSync(file, "kept\n");
      const given = [openSync(file, "r"), openSync("/dev/null", "r+"), openSync(file, "a")];
      return body(given).finally(() => given.forEach(closeSync));
    };
    const preserve = ["--bundle", bundle.directory, "--preserve-fds", "3"];
    const expected = "kept\nwritten\nnone\n";
    await opened(async (given) => {
      assert.equal(await withDescriptors(bundle, ["run", ...preserve, bundle.id], given), {
        code: 0,
        out: expected,
      });
    });
    await opened(async (given) => {
      const created = await withDescriptors(bundle, ["create", ...preserve, bundle.id], given);
      assert.is(created.code, 0, created.out);
      ok(await bundle.on("start"));
      ok(await bundle.on("wait"));
      assert.is(readFileSync(join(bundle.directory, "out"), "utf8"), expected);
      ok(await bundle.on("delete"));
    });
    bundle.configure(SLEEP);
    await started(bundle);
    for (const more of [[], ["--detach"]])
      await opened(async (given) => {
        const words = ["exec", ...more, "--preserve-fds=3", bundle.id, "--", ...shell(`${script}; echo end`)];
        const { code } = await withDescriptors(bundle, words, given);
        assert.is(code, 0);
        const out = () => readFileSync(join(bundle.directory, "out"), "utf8");
        assert.ok(await eventually(() => out() === `${expected}end\n`, 5000), out());
      });
    const missing = await withDescriptors(bundle, ["exec", "--preserve-fds=2", bundle.id, "true"], [0]);
    assert.is(missing.code, 255);
    assert.match(missing.out, /preserved descriptor 4 /);
    for (const count of ["-1", "129", "1x", ""])
      assert.is((await bundle.on("exec", [`--preserve-fds=${count}`], ["true"])).code, 255, count);
  });
});

const RECEIVE = `
import os, socket, subprocess, sys
path, pid_file, words = sys.argv[1], sys.argv[2], sys.argv[3:]
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
listening.listen(1)
null = subprocess.DEVNULL
subprocess.run(words, stdin=null, stdout=null, stderr=null, check=True)
text, fds, _, _ = socket.recv_fds(listening.accept()[0], 64, 4)
of = [line.split()[1] for line in open("/proc/self/fdinfo/%d" % fds[0]) if line.startswith("Pid:")]
print(text.decode(), len(fds), of[0] == open(pid_file).read())
`;

test("a pidfd of the process that stands for the container's goes to a socket", async () => {
  await withBundle(SLEEP, async (bundle) => {
    const receives = (name: string, words: string[]) => {
      const [socket, pidFile] = [join(bundle.directory, `s-${name}`), join(bundle.directory, `pid-${name}`)];
      const flags = ["--pidfd-socket", socket, "--pid-file", pidFile];
      const command = [ringfence, "--root", bundle.root, name, ...flags, ...words];
      return run("python3", ["-c", RECEIVE, socket, pidFile, ...command]);
    };
    const created = await receives("run", ["--detach", "--bundle", bundle.directory, bundle.id]);
    assert.is(text(created), "standard 1 True\n", said(created));
    const executed = await receives("exec", ["--detach", bundle.id, "/bin/busybox", "sleep", "0.1"]);
    assert.is(text(executed), "setns 1 True\n", said(executed));
  });
});

test("run --keep leaves the container as it has ended", async () => {
  await withBundle(shell("exit 5"), async (bundle) => {
    assert.is((await bundle.runs({}, "--keep")).code, 5);
    assert.is(await bundle.status(), "stopped");
    assert.is(JSON.parse(text(ok(await bundle.on("wait")))).exitStatus, 5);
    ok(await bundle.on("delete"));
    assert.equal(bundle.left(), []);
  });
});

test("exec takes capabilities and groups more, and no new privileges", async () => {
  const change = ({ process }: Config) => {
    const sets = ["bounding", "effective", "permitted"];
    process.capabilities = Object.fromEntries(sets.map((set) => [set, ["CAP_KILL"]]));
    process.user.additionalGids = [3];
  };
  await withBundle(
    SLEEP,
    async (bundle) => {
      await started(bundle);
      const status = async (...flags: string[]) => {
        const result = await bundle.on("exec", flags, ["/bin/busybox", "cat", "/proc/self/status"]);
        const lines = text(ok(result)).split("\n");
        return ["Groups", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs"].map((name) =>
          lines
            .find((line) => line.startsWith(`${name}:`))!
            .replace(/^.*?:\s*/, "")
            .trim(),
        );
      };
      const set = (bits: string) => bits.padStart(16, "0");
      assert.equal(await status(), ["3", set("20"), set("20"), set("20"), "0"]);
      const flags = ["--cap", "CAP_CHOWN", "-c", "CAP_FOWNER", "--additional-gids", "7", "-g", "8"];
      assert.equal(await status(...flags, "--no-new-privs", "--ignore-paused"), [
        "3 7 8",
        ...[set("29"), set("29"), set("29")],
        "1",
      ]);
      assert.match(
        said(await bundle.on("exec", ["-g", "users"], ["true"])),
        /--additional-gids must be a number/,
      );
      const log = join(bundle.directory, "log");
      ok(await bundle.command(["--log", log, "exec", "--apparmor=some", bundle.id, "/bin/busybox", "true"]));
      assert.match(readFileSync(log, "utf8"), /level=warn msg=".*have no effect: some"/);
    },
    change,
  );
});

// ---- At once, and cut short ----

test("commands that are killed leave the container as it was", async () => {
  await withBundle(SLEEP, async (bundle) => {
    await started(bundle);
    const numbers = async () => JSON.parse(text(ok(await bundle.on("ps", ["--format", "json"])))).length;
    // The waiter, and the program, when it has become what it is to be.
    const before = 2;
    assert.ok(await eventually(async () => (await numbers()) === before, 5000));
    const given = openSync("/dev/null", "r");
    const sleep = ["--", "/bin/busybox", "sleep", "100"];
    const commands = [
      ["list"],
      ["wait", bundle.id],
      ["events", "--interval=50ms", bundle.id],
      ["exec", "--preserve-fds=1", bundle.id, ...sleep],
    ];
    for (const words of commands)
      for (const delay of [2, 10, 20, 40, 80, 160]) {
        const stdio: StdioOptions = ["ignore", "ignore", "ignore", given];
        const child = spawn(ringfence, ["--root", bundle.root, ...words], { stdio });
        const ended = new Promise((resolve) => child.once("exit", resolve));
        await new Promise((resolve) => setTimeout(resolve, delay));
        child.kill("SIGKILL");
        await ended;
      }
    closeSync(given);
    assert.ok(await eventually(async () => (await numbers()) === before, 5000), `${await numbers()}`);
    assert.is(await bundle.status(), "running");
    ok(await bundle.on("kill", [], ["KILL"]));
    assert.is(JSON.parse(text(ok(await bundle.on("wait")))).exitStatus, 137);
    ok(await bundle.on("delete"));
    assert.equal(bundle.left(), []);
  });
});

test("of calls that are made at once one does it, and the others say why not", async () => {
  await withBundle(SLEEP, async (bundle) => {
    const atOnce = (name: string, flags: string[] = [], rest: string[] = []) =>
      Promise.all(Array.from({ length: 6 }, () => bundle.on(name, flags, rest)));
    const others = (results: SpawnResult[], why: RegExp) => {
      assert.is(results.filter(({ code }) => code === 0).length, 1, results.map(said).join(""));
      for (const result of results) if (result.code !== 0) assert.match(said(result), why);
    };
    for (let round = 0; round < 3; round++) {
      ok(await bundle.create());
      others(await atOnce("start"), /cannot start an already running container/);
      for (const result of await atOnce("exec", [], ["/bin/busybox", "true"])) ok(result);
      for (const result of await atOnce("kill", [], ["KILL"]))
        if (result.code !== 0) assert.match(said(result), /container not running/);
      for (const result of await atOnce("wait")) assert.is(JSON.parse(text(ok(result))).exitStatus, 137);
      others(await atOnce("delete"), /container does not exist/);
      assert.equal(bundle.left(), []);
    }
  });
});

test.run();
