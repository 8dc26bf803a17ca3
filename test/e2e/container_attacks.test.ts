// What must not do harm to the host: hooks that say too much, commands at once, state that others can write,
// root file systems whose symlinks lead out.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  watch,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { said } from "../said.ts";
import { eventually } from "../spawn.ts";
import { shell, withBundle } from "./bundle.ts";

const hook = (text: string) => ({ path: "/bin/sh", args: ["sh", "-c", text] });

test("of a hook that says very much, the end is told", async () => {
  const text = "printf x >&2; sleep 0.3; head -c 40000 /dev/zero | tr '\\0' y >&2; printf why >&2; exit 3";
  const change = (config: { hooks?: Record<string, object[]> }) => {
    config.hooks = { createRuntime: [hook(text)] };
  };
  await withBundle(
    shell("true"),
    async (bundle) => {
      const result = await bundle.create();
      assert.is(result.code, 1, `${result.signal}`);
      assert.match(said(result), /createRuntime hook #0: exit status 3.*yyywhy$/m);
      assert.equal(bundle.left(), []);
    },
    change,
  );
});

test("of two that delete at once, one removes; poststop runs once", async () => {
  await withBundle(shell("true"), async (bundle) => {
    const log = join(bundle.directory, "log");
    bundle.configure(shell("true"), (config) => {
      config.hooks = { poststop: [hook(`echo ran >> ${log}; sleep 1`)] };
    });
    for (const [flags, code] of [
      [["--force"], 0],
      [[], 1],
    ] as const) {
      rmSync(log, { force: true });
      assert.is((await bundle.create()).code, 0);
      assert.is((await bundle.on("kill", [], ["KILL"])).code, 0);
      await eventually(() => existsSync(bundle.directory), 100);
      const first = bundle.on("delete", ["--force"]);
      await eventually(() => existsSync(log), 5000);
      const second = await bundle.on("delete", [...flags]);
      assert.is(second.code, code, said(second));
      if (code !== 0) assert.match(said(second), /does not exist/);
      assert.is((await first).code, 0);
      assert.is(readFileSync(log, "latin1"), "ran\n");
      assert.equal(bundle.left(), []);
    }
  });
});

test("the lock is what is removed last", async () => {
  await withBundle(shell("true"), async (bundle) => {
    assert.is((await bundle.create()).code, 0);
    const removed: string[] = [];
    const watcher = watch(join(bundle.root, bundle.id), (_event, name) => removed.push(String(name)));
    await bundle.on("delete", ["--force"]);
    await eventually(() => removed.includes("lock"), 2000);
    watcher.close();
    const names = removed.filter((name) => name !== bundle.id);
    assert.is(names.at(-1), "lock", names.join(" "));
    assert.ok(names.indexOf("state.json") >= 0);
  });
});

test("state that others can write is not believed", async () => {
  await withBundle(shell("true"), async (bundle) => {
    const directory = join(bundle.root, bundle.id);
    mkdirSync(directory, { recursive: true });
    for (const spoil of [() => chmodSync(directory, 0o777), () => chownSync(directory, 12345, 0)]) {
      chmodSync(directory, 0o700);
      spoil();
      for (const result of [
        await bundle.create(),
        await bundle.on("state"),
        await bundle.on("delete", ["--force"]),
      ]) {
        assert.is(result.code, 1);
        assert.match(said(result), /can be changed by other users/);
      }
    }
    rmSync(directory, { recursive: true });
  });
});

test("symlinks of a root file system lead nowhere but into it", async () => {
  await withBundle(shell("busybox ls -d /mnt/sub /away; busybox cat /masked"), async (bundle) => {
    const outside = join(bundle.directory, "outside");
    mkdirSync(outside);
    // As far up as one may go, and then to a place of the host.
    const up = `${"../".repeat(12)}${outside.slice(1)}`;
    symlinkSync(up, join(bundle.rootfs, "mnt"));
    symlinkSync(outside, join(bundle.rootfs, "away"));
    symlinkSync("/etc/shadow", join(bundle.rootfs, "masked"));
    bundle.configure(shell("busybox ls -d /mnt/sub /away; busybox cat /masked"), (config) => {
      config.mounts.push(
        { destination: "/mnt/sub", type: "tmpfs", source: "tmpfs" },
        { destination: "/away/sub", type: "tmpfs", source: "tmpfs" },
        { destination: "/mnt/bound", type: "bind", source: bundle.directory, options: ["rbind", "ro"] },
      );
      config.linux.maskedPaths = ["/masked", "/mnt/../away"];
      config.linux.readonlyPaths = [`/${up}`];
    });
    const result = await bundle.runs();
    assert.equal(readdirSync(outside), [], said(result));
    assert.match(said(result) + result.stdout.toString(), /masked|mnt|away/);
    assert.is(result.stdout.toString().includes("root:"), false);
  });
});

test("a device has a name", async () => {
  await withBundle(
    shell("true"),
    async (bundle) => {
      const result = await bundle.create();
      assert.is(result.code, 1);
      assert.match(said(result), /device \/dev\/\.\.: that is no name/);
    },
    (config) => {
      config.linux.devices = [{ path: "/dev/..", type: "c", major: 1, minor: 3 }];
    },
  );
});

test.run();
