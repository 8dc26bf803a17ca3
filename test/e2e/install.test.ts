// `install` and `uninstall` as their users call them: files, links and modes, and that engines understand what is written.

import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const LAUNCHER = `${checkout}build/native/ringfence-launcher`;
let directory: string;

test.before.each(() => {
  directory = mkdtempSync("/tmp/ringfence-install-");
});
test.after.each(() => rmSync(directory, { recursive: true }));

/** A command for this file: its code and all that it says. */
async function tell(file: string, ...args: string[]): Promise<[number | null, string]> {
  const [command, ...rest] = args;
  const { code, stdout, stderr } = await run(ringfence, [command!, "--config-file", file, ...rest]);
  return [code, `${stdout}${stderr}`];
}

const has = (program: string): boolean => spawnSync("which", [program]).status === 0;

test("a file that is there keeps its mode, and a link stays one", async () => {
  const [file, link] = [join(directory, "real.json"), join(directory, "daemon.json")];
  writeFileSync(file, '{"debug": true}\n');
  chmodSync(file, 0o640);
  symlinkSync("real.json", link);
  const [code, said] = await tell(link, "install", "--", "--platform=ptrace", "--debug");
  assert.is(code, 0, said);
  assert.match(said, /real\.json: the runtime ringfence: .*ringfence-launcher\nnext: .*\nthen: docker run/);
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.is(statSync(file).mode & 0o777, 0o640);
  const runtimes = { ringfence: { path: LAUNCHER, runtimeArgs: ["--platform=ptrace", "--debug"] } };
  assert.equal(JSON.parse(readFileSync(file, "utf8")), { debug: true, runtimes });
  assert.is((await tell(link, "uninstall"))[0], 0);
  assert.is(readFileSync(file, "utf8"), '{"debug": true}\n');
  assert.match((await tell(link, "uninstall"))[1], /nothing to do/);
  assert.equal(readdirSync(directory).sort(), ["daemon.json", "real.json"]);
});

test("directories are made; nothing is where nothing was to be removed", async () => {
  const file = join(directory, "a/b/podman.conf");
  assert.is((await tell(file, "uninstall", "--engine=podman"))[0], 0);
  assert.not.ok(existsSync(join(directory, "a")));
  assert.is((await tell(file, "install", "--engine=podman"))[0], 0);
  assert.match(readFileSync(file, "utf8"), /\[engine\.runtimes\]\nringfence = /);
  assert.is((await tell(file, "uninstall", "--engine=podman"))[0], 0);
  assert.not.ok(existsSync(file));
});

test("what is wrong is said in one line, and changes nothing", async () => {
  const file = join(directory, "daemon.json");
  const cases: [string[], RegExp][] = [
    [["install", "--engine=lxc"], /engine/],
    [["install", "--runtime=a b"], /a b is no name of a runtime/],
    [["install", "--", "--nosuch"], /--nosuch is no global flag/],
    [["install", "--", "--debug=$(id)"], /is no global flag/],
    [["install", "--", "debug"], /is no global flag/],
    [["install", "--engine=podman", "--", "--debug"], /podman has no place for flags/],
  ];
  for (const [args, expected] of cases) {
    const [code, said] = await tell(file, ...args);
    assert.is(code, 125, said);
    assert.match(said, expected);
    assert.is(said.trimEnd().split("\n").length, 1, said);
    assert.not.ok(existsSync(file));
  }
  writeFileSync(file, "{");
  const [code, said] = await tell(file, "install");
  assert.is(code, 125);
  assert.match(said, /daemon\.json: /);
  assert.is(readFileSync(file, "utf8"), "{");
});

if (has("dockerd"))
  test("dockerd accepts it", async () => {
    const file = join(directory, "daemon.json");
    await tell(file, "install", "--runtime=other", "--", "--network=host");
    const { stdout, stderr, code } = await run("dockerd", ["--validate", `--config-file=${file}`]);
    assert.is(code, 0, `${stdout}${stderr}`);
  });

if (has("containerd"))
  test("containerd reads the runtime, beside its own", async () => {
    const file = join(directory, "config.toml");
    writeFileSync(file, execFileSync("containerd", ["config", "default"]));
    const before = readFileSync(file, "utf8");
    assert.is((await tell(file, "install", "--engine=containerd", "--", "--systemd-cgroup"))[0], 0);
    const { stdout, code } = await run("containerd", ["-c", file, "config", "dump"]);
    assert.is(code, 0);
    const dump = stdout.toString();
    assert.match(dump, /containerd\.runtimes\.ringfence\]/);
    assert.match(dump, /runtime_type = "io\.containerd\.ringfence\.v1"/);
    const shim = /runtime_path = "(.+)"/.exec(dump)![1]!;
    assert.is(realpathSync(shim), LAUNCHER);
    assert.match(dump, /runtimes\.ringfence\.options\.ringfence_config\]\n\s*systemd-cgroup = true/);
    assert.match(dump, /containerd\.runtimes\.runc\]/);
    assert.is((await tell(file, "uninstall", "--engine=containerd"))[0], 0);
    assert.is(readFileSync(file, "utf8"), before);
  });

test.run();
