// deadline: 180 s
// Whoever can talk to a shim and means it ill, or has lost its way: names that are paths, bundles that are not there,
// calls that cross each other, thousands of them, streams that are none. The shim answers, goes on, and keeps nothing.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../src/main/shim/ttrpc/client.ts";
import { Code } from "../../src/main/shim/ttrpc/status.ts";
import { eventually } from "../spawn.ts";
import { shell } from "./bundle.ts";
import { proc, status } from "./processes.ts";
import { execSpec, Shim } from "./shim.ts";

const FORGED = ["../x", "", "..", "a/b", "/etc", "a\0b", "-rf", "a b", "é", "x".repeat(10_000)];
const SLEEP = shell("while :; do sleep 0.05; done");
/** Kilobytes: messages of some megabytes are garbage for a while. */
const GROWTH_MAX = 128 * 1024;

let shim: Shim;
let directory: string;

const create = (more: object = {}) => ({ id: shim.bundle.id, bundle: shim.bundle.directory, ...more });

async function running(): Promise<void> {
  await shim.call("create", create());
  await shim.call("start", { id: shim.bundle.id });
}

/** The container ends, and is deleted. */
async function over(): Promise<void> {
  const { id } = shim.bundle;
  await shim.code("kill", { id, signal: 9 });
  await shim.code("wait", { id });
  assert.is(await shim.code("delete", { id }), 0);
}

const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("skipped: a shim with containers is root's");
else {
  test.before(async () => {
    directory = mkdtempSync("/tmp/ringfence-streams-");
    shim = await Shim.start(SLEEP);
    // What is loaded, and opened, once.
    await running();
    await over();
  });
  test.after(async () => {
    const { sockets } = shim;
    assert.is(sockets.length, 1);
    assert.ok(await shim.end(), "the shim ends when it is asked to");
    rmSync(directory, { recursive: true });
  });

  /** Before and after it the shim has the same: descriptors, and nothing more of memory than there is reason for. */
  function attack(what: string, body: () => Promise<void>): void {
    test(what, async () => {
      const { descriptors } = shim;
      const rss = () => Number.parseInt(status(shim.pid, "VmRSS")!, 10);
      const before = rss();
      await body();
      const isSame = await eventually(() => shim.descriptors === descriptors, 5000);
      assert.ok(isSame, `${descriptors} descriptors have become ${shim.descriptors}`);
      assert.ok(rss() - before < GROWTH_MAX, `${before} kB have become ${rss()}`);
      assert.equal(shim.sockets.length, 1);
    });
  }

  attack("names that are paths, empty, or endless, in every call", async () => {
    const { directory: bundle } = shim.bundle;
    for (const id of FORGED) {
      assert.is(await shim.code("create", { id, bundle }), Code.INVALID_ARGUMENT, id);
      for (const method of ["start", "state", "delete", "kill", "wait", "pause", "resume", "pids"] as const)
        assert.is(await shim.code(method, { id }), Code.NOT_FOUND, `${method} ${id}`);
      for (const method of ["resizePty", "update", "stats"] as const)
        assert.is(await shim.code(method, { id }), Code.NOT_FOUND, `${method} ${id}`);
      assert.is(await shim.code("exec", { id, execId: "x", spec: execSpec("true") }), Code.NOT_FOUND);
      assert.is(await shim.code("closeIO", { id, stdin: true }), Code.NOT_FOUND);
      assert.is(await shim.code("checkpoint", { id }), Code.UNIMPLEMENTED);
    }
    await running();
    const { id } = shim.bundle;
    for (const execId of FORGED) {
      assert.is(
        await shim.code("exec", { id, execId, spec: execSpec("true") }),
        Code.INVALID_ARGUMENT,
        execId,
      );
      if (execId === "") continue;
      for (const method of ["start", "state", "delete", "kill", "wait"] as const)
        assert.is(await shim.code(method, { id, execId }), Code.NOT_FOUND, `${method} ${execId}`);
    }
    await over();
  });

  attack("bundles that are not there, are none, or are relative", async () => {
    const { id } = shim.bundle;
    const missing = join(directory, "missing");
    const rootfs = [{ type: "tmpfs", source: "tmpfs", options: [] }];
    for (const bundle of [missing, "/etc/passwd", "rootfs", "", "/proc/1", `/${"x".repeat(10_000)}`, "/a\0b"])
      for (const mounts of [[], rootfs])
        assert.not.equal(await shim.code("create", { id, bundle, rootfs: mounts }), 0, bundle);
    assert.not.ok(existsSync(missing));
    assert.not.match(readFileSync("/proc/self/mountinfo", "latin1"), missing);
  });

  attack("a root file system that cannot be mounted takes back what was", async () => {
    const rootfs = [
      { type: "tmpfs", source: "tmpfs", options: [] },
      { type: "nosuchfs", source: "none", options: [] },
    ];
    assert.is(await shim.code("create", create({ rootfs })), Code.UNKNOWN);
    assert.not.match(proc(shim.pid, "mountinfo")!, shim.bundle.directory);
    assert.is(await shim.code("create", create({ rootfs: Array(1000).fill(rootfs[0]) })), Code.UNKNOWN);
    assert.not.match(proc(shim.pid, "mountinfo")!, shim.bundle.directory);
  });

  attack("execs that are called as the bundle's files are", async () => {
    await running();
    const { id, directory: bundle } = shim.bundle;
    const config = readFileSync(join(bundle, "config.json"), "utf8");
    for (const execId of ["config", "ringfence", "init", "resources", "log"]) {
      await shim.call("exec", { id, execId, spec: execSpec("true") });
      assert.is(await shim.code("exec", { id, execId, spec: execSpec("true") }), Code.ALREADY_EXISTS);
      await shim.call("start", { id, execId });
      assert.is((await shim.call("wait", { id, execId })).exitStatus, 0);
      await shim.call("delete", { id, execId });
    }
    assert.is(readFileSync(join(bundle, "config.json"), "utf8"), config);
    assert.ok(existsSync(join(bundle, "ringfence.json")));
    await over();
  });

  attack("Create, Start and Delete at once, and again", async () => {
    const { id } = shim.bundle;
    const codes = (await Promise.all(Array.from({ length: 8 }, () => shim.code("create", create())))).sort();
    assert.equal(codes, [0, ...Array(7).fill(Code.ALREADY_EXISTS)]);
    const starts = ["start", "delete", "start", "delete", "start"] as const;
    const [first, ...others] = await Promise.all(starts.map((method) => shim.code(method, { id })));
    assert.is(first, 0);
    assert.not.ok(others.includes(0));
    await shim.call("exec", { id, execId: "x", spec: execSpec("sleep", "100") });
    const execs = ["start", "start", "delete"] as const;
    const [one, two, three] = await Promise.all(
      execs.map((method) => shim.code(method, { id, execId: "x" })),
    );
    assert.equal([one, two !== 0, three !== 0], [0, true, true]);
    await shim.call("kill", { id, signal: 9 });
    await shim.call("wait", { id });
    const deletes = await Promise.all(Array.from({ length: 8 }, () => shim.code("delete", { id })));
    assert.ok(deletes.includes(0));
    assert.ok(deletes.every((code) => code === 0 || code === Code.NOT_FOUND));
  });

  attack("a Create that nobody waits for, with Delete behind it, and one that is never started", async () => {
    const { id } = shim.bundle;
    const codes = [shim.code("create", create()), shim.code("delete", { id })];
    assert.equal(await Promise.all(codes), [0, 0]);
    assert.is(await shim.code("state", { id }), Code.NOT_FOUND);
    await shim.call("create", create());
    const ended = shim.call("wait", { id });
    assert.is((await shim.call("delete", { id })).exitStatus, 137);
    assert.is((await ended).exitStatus, 137);
    // Nor is one that was asked for while Shutdown was under way forgotten.
    const made = shim.code("create", create());
    await shim.call("shutdown", { id });
    assert.is(await made, 0);
    assert.is(await shim.code("delete", { id }), 0);
  });

  attack("a thousand Waits, of a caller that goes and of one that stays", async () => {
    await running();
    const { id } = shim.bundle;
    const gone = await connect(shim.address);
    const left = Array.from({ length: 1000 }, () => shim.call("wait", { id }, gone).catch(() => "gone"));
    const stay = Array.from({ length: 1000 }, () => shim.call("wait", { id }));
    await shim.call("state", { id });
    gone.close();
    assert.ok((await Promise.all(left)).every((answer) => answer === "gone"));
    await shim.call("kill", { id, signal: 9 });
    assert.ok((await Promise.all(stay)).every(({ exitStatus }) => exitStatus === 137));
    assert.is(await shim.code("delete", { id }), 0);
  });

  attack("more connections than one pod has", async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect(shim.address)));
    const answers = await Promise.all(clients.map((client) => shim.call("connect", {}, client)));
    assert.ok(answers.every(({ shimPid }) => shimPid === shim.pid));
    for (const client of clients) client.close();
  });

  attack("execs without end, and texts that are no process", async () => {
    await running();
    const { id } = shim.bundle;
    const large = execSpec("true", "x".repeat(3 << 20));
    for (let round = 0; round < 3; round++) {
      const codes: number[] = [];
      for (let i = 0; i < 8; i++) codes.push(await shim.code("exec", { id, execId: `l${i}`, spec: large }));
      assert.ok(codes.includes(0) && codes.includes(Code.RESOURCE_EXHAUSTED), codes.join());
      for (let i = 0; i < 8; i++) await shim.code("delete", { id, execId: `l${i}` });
    }
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      '"text"',
      '{"args":7}',
      '{"args":[]}',
      `${"[".repeat(10_000)}`,
    ]) {
      const value = Buffer.from(text);
      const added = await shim.code("exec", { id, execId: "t", spec: { typeUrl: "", value } });
      if (added === 0) assert.not.equal(await shim.code("start", { id, execId: "t" }), 0, text);
      await shim.code("delete", { id, execId: "t" });
    }
    await over();
  });

  attack("streams that are directories, devices, regular files or nothing", async () => {
    const { id } = shim.bundle;
    const dir = join(directory, "dir");
    mkdirSync(dir);
    execFileSync("mkfifo", [join(directory, "fifo")]);
    const fifo = join(directory, "fifo");
    for (const name of ["stdin", "stdout", "stderr"])
      for (const path of [dir, join(directory, "missing"), "http://x/y", "binary:///nosuch", "binary://["])
        assert.not.equal(await shim.code("create", create({ [name]: path })), 0, `${name} ${path}`);
    for (const terminal of [dir, "/dev/zero", "/etc/passwd", join(directory, "missing")])
      assert.not.equal(
        await shim.code("create", create({ terminal: true, stdin: terminal, stdout: fifo })),
        0,
      );
    await shim.call("create", create({ stdin: "/dev/zero", stdout: "/dev/null", stderr: fifo }));
    await shim.call("start", { id });
    for (const terminal of [dir, "/dev/zero"]) {
      await shim.call("exec", {
        id,
        execId: "t",
        spec: execSpec("true"),
        terminal: true,
        stdin: terminal,
        stdout: fifo,
      });
      assert.not.equal(await shim.code("start", { id, execId: "t" }), 0);
      assert.is(await shim.code("delete", { id, execId: "t" }), 0);
    }
    // Nobody reads it, and nobody has to.
    await shim.call("exec", {
      id,
      execId: "n",
      spec: execSpec("sh", "-c", "seq 100000; exit 7"),
      terminal: true,
    });
    await shim.call("start", { id, execId: "n" });
    assert.is((await shim.call("wait", { id, execId: "n" })).exitStatus, 7);
    for (const [width, height] of [
      [0, 0],
      [65_536, 1],
      [2 ** 32 - 1, 2 ** 32 - 1],
    ] as const)
      assert.is(await shim.code("resizePty", { id, execId: "n", width, height }), 0);
    assert.is(await shim.code("delete", { id, execId: "n" }), 0);
    await over();
  });

  attack("signals and limits that there are not", async () => {
    await running();
    const { id } = shim.bundle;
    for (const signal of [0, 65, 1000, 2 ** 32 - 1]) await shim.code("kill", { id, signal });
    for (const text of ["", "{", "[]", '{"memory":{"limit":-5}}', '{"memory":{"limit":"x"}}']) {
      const resources = { typeUrl: "", value: Buffer.from(text) };
      await shim.code("update", { id, resources });
    }
    assert.is((await shim.call("state", { id })).status, 2);
    await over();
    assert.equal(
      readdirSync(shim.bundle.directory).filter((name) => /\.(pid|out)$/.test(name)),
      [],
    );
  });
}

test.run();
