// Containers in user namespaces other than their caller's: what guests see of ids and may do with them is what runc's
// guests see, and on the host files and processes are those of the mapped ids. Skipped, and said so, where runc is not
// installed, or not by root.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { said, text } from "../said.ts";
import { eventually, ringfence, run, type SpawnResult } from "../spawn.ts";
import { Bundle, type Config, shell, withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { exists, proc, procLink } from "./processes.ts";

const UID = 100_000;
const GID = 200_000;
const COUNT = 65_536;
const UNMAPPED = 70_000;
const SOMEBODY = 54_321;
const CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETUID", "SETGID", "SETFCAP", "MKNOD"]
  .concat("SYS_ADMIN", "SYS_CHROOT", "SYS_RESOURCE", "SYS_NICE", "KILL", "IPC_LOCK")
  .map((name) => `CAP_${name}`);

const range = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });

/** A user namespace of its own, and what its root needs for what the tests do. */
function mapped(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [range(0, UID, COUNT)];
  config.linux.gidMappings = [range(0, GID, COUNT)];
  config.linux.readonlyPaths = [];
  const [bounding, effective, permitted] = [CAPABILITIES, CAPABILITIES, CAPABILITIES];
  config.process.capabilities = { bounding, effective, permitted };
  config.mounts.find(({ type }) => type === "devpts")!.options!.push("ptmxmode=666");
  const options = ["nosuid", "nodev", "mode=1777"];
  config.mounts.push({ destination: "/dev/shm", type: "tmpfs", source: "shm", options });
}

/** Such a container's root, of which some is not its own. */
function furnish({ directory, rootfs }: Bundle, uid = UID, gid = GID): void {
  const driver = buildDriver("user_ids", [], ["-static"]);
  for (const name of ["own", "unmapped", "nobody"]) writeFileSync(join(rootfs, name), "");
  for (const name of ["dev", "proc", "sys"]) mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync(driver, join(rootfs, "driver"));
  copyFileSync(driver, join(rootfs, "setid"));
  execFileSync("chown", ["-hR", `${uid}:${gid}`, rootfs]);
  chmodSync(join(rootfs, "tmp"), 0o1777);
  for (const name of ["unmapped", "setid"]) chownSync(join(rootfs, name), 2000, 2000);
  chmodSync(join(rootfs, "unmapped"), 0o644);
  chmodSync(join(rootfs, "setid"), 0o6755);
  chownSync(join(rootfs, "nobody"), UID + 65_534, GID + 65_534);
  chmodSync(directory, 0o711); // runc's container walks there as its own root
}

/** What the same container prints under both runtimes. */
async function alike(
  args: string[],
  change: (config: Config) => void,
  uid = UID,
  gid = GID,
): Promise<string> {
  const printed: string[] = [];
  for (const runtime of ["runc", ringfence]) {
    const body = async (bundle: Bundle): Promise<void> => {
      furnish(bundle, uid, gid);
      const result = await bundle.runs();
      printed.push(`${text(result)}${said(result)}`);
    };
    await withBundle(args, body, change, runtime);
  }
  assert.is(printed[1], printed[0]);
  return printed[1]!;
}

/** Whether they refuse such a container with these words. */
async function refused(bundles: Bundle[], words: RegExp, change: (config: Config) => void): Promise<void> {
  for (const bundle of bundles) {
    bundle.configure(shell("true"), (config) => {
      mapped(config);
      change(config);
    });
    const result = await bundle.runs();
    assert.is.not(result.code, 0);
    assert.match(said(result), words);
    assert.equal(bundle.left(), []);
  }
}

/** Bundles of both runtimes, ours first. */
async function withBoth(body: (bundles: Bundle[]) => Promise<void>): Promise<void> {
  const bundles = [new Bundle([]), new Bundle([], undefined, "runc")];
  for (const bundle of bundles) furnish(bundle);
  try {
    await body(bundles);
  } finally {
    for (const bundle of bundles) await bundle.remove();
  }
}

/** A process in a user namespace with a thousand ids from 300000 on. */
async function inNamespace(body: (pid: number) => Promise<void>): Promise<void> {
  const maps = ["--map-users=0:300000:1000", "--map-groups=0:300000:1000"];
  const holder: ChildProcess = spawn("unshare", ["-U", ...maps, "sleep", "infinity"], { stdio: "ignore" });
  try {
    const isReady = () => procLink(holder.pid!, "exe")?.endsWith("/sleep") === true;
    assert.ok(await eventually(isReady, 10_000));
    await body(holder.pid!);
  } finally {
    holder.kill("SIGKILL");
  }
}

/** A command of somebody without privilege, who has a directory for his state. */
function bySomebody(bundle: Bundle, words: string[]): Promise<SpawnResult> {
  const runtime = join(bundle.directory, "run");
  mkdirSync(runtime, { recursive: true });
  chownSync(runtime, SOMEBODY, SOMEBODY);
  const who = [`--reuid=${SOMEBODY}`, `--regid=${SOMEBODY}`, "--clear-groups"];
  const env = { PATH: process.env.PATH!, XDG_RUNTIME_DIR: runtime, USER: "somebody" };
  return run("setpriv", [...who, ...words], { env, cwd: bundle.directory });
}

const why =
  process.getuid!() !== 0
    ? "user namespaces with maps are root's"
    : spawnSync("which", ["runc"]).status !== 0
      ? "not installed: runc"
      : null;

if (why !== null) console.log(`skipped: ${why}`);
else {
  test("ids, owners and capabilities are what they are under runc", async () => {
    const printed = await alike(["/driver", String(UNMAPPED)], mapped);
    assert.match(printed, /uid_map: +0 +100000 +65536\n/);
    assert.match(printed, /setuid\(other\) = -1 EINVAL/);
    assert.match(printed, /\/unmapped: 65534:65534/);
    assert.match(printed, /set-user-ID: 8/);
  });

  test("on the host, files and processes are the mapped ids', without other groups", async () => {
    const body = async (bundle: Bundle): Promise<void> => {
      furnish(bundle);
      // Somebody else's, who lets the mapped ids not walk there: the launcher may.
      chownSync(bundle.directory, SOMEBODY, SOMEBODY);
      chmodSync(bundle.directory, 0o700);
      assert.is((await bundle.create()).code, 0);
      await bundle.on("start");
      const made = "touch /tmp/a; mkdir /tmp/d; ln -s x /tmp/s; chown 5:6 /tmp/a; cat /proc/self/uid_map";
      assert.match(text(await bundle.on("exec", [], shell(made))), /^ +0 +100000 +65536\n$/);
      assert.is((await bundle.on("exec", ["-u", "7:8"], shell("touch /tmp/b; id -u"))).code, 0);
      assert.match(said(await bundle.on("exec", ["-u", String(UNMAPPED)], shell("id"))), /unmapped user/);
      const owner = (name: string): string => {
        const { uid, gid } = statSync(join(bundle.rootfs, "tmp", name), { throwIfNoEntry: true });
        return `${uid - UID}:${gid - GID}`;
      };
      assert.equal(["a", "b", "d"].map(owner), ["5:6", "7:8", "0:0"]);
      const { pid } = JSON.parse(text(await bundle.on("state")));
      assert.ok(readdirSync(`/proc/${pid}/root/tmp`).includes("a"));
      const namespace = procLink(pid, "ns/pid");
      const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && exists(Number(name)));
      const inside = all.filter((name) => procLink(Number(name), "ns/pid") === namespace);
      assert.ok(inside.length > 3);
      for (const name of inside) {
        const status = proc(Number(name), "status")!;
        assert.match(status, new RegExp(`^Uid:${`\t${UID}`.repeat(4)}$`, "m"));
        assert.match(status, new RegExp(`^Gid:${`\t${GID}`.repeat(4)}$`, "m"));
        assert.match(status, /^Groups:\s*$/m);
      }
      await bundle.on("kill", [], ["KILL"]);
      assert.ok(await eventually(async () => (await bundle.status()) === "stopped", 10_000));
      assert.is((await bundle.on("delete")).code, 0);
    };
    await withBundle(shell("sleep 100"), body, mapped);
  });

  test("maps that are missing or wrong are refused, in runc's words where engines see them", async () => {
    await withBoth(async (both) => {
      const set =
        (name: "uidMappings" | "gidMappings", ...ranges: object[]) =>
        (config: Config) => {
          config.linux[name] = ranges;
        };
      await refused(both, /User namespaces enabled, but no uid mappings found/, set("uidMappings"));
      await refused(both, /User namespaces enabled, but no gid mappings found/, set("gidMappings"));
      const rootless = set("uidMappings", range(1, UID, 9));
      await refused(both, /User namespaces enabled, but no user mapping found/, rootless);
      await refused(both, /cannot set uid to unmapped user in user namespace/, ({ process }) => {
        process.user.uid = UNMAPPED;
      });
      await refused(both, /setgroups: invalid argument/, ({ process }) => {
        process.user.additionalGids = [UNMAPPED];
      });
      const own = both.slice(0, 1);
      const twice = set("uidMappings", range(0, UID, COUNT), range(9, 1, 1));
      await refused(own, /mapping user ids: failed to update uid_map: Invalid argument/, twice);
      const beyond = set("gidMappings", range(0, GID, COUNT), range(2 ** 32 - 5, 1, 10));
      await refused(own, /mapping group ids: failed to update gid_map: Invalid argument/, beyond);
      const large = set("uidMappings", range(0, UID, 2 ** 32));
      await refused(own, /linux\.uidMappings\[0\]\.size must be an integer from 0 to 4294967295/, large);
      const many = set("gidMappings", ...Array.from({ length: 341 }, (_none, id) => range(id, GID + id, 1)));
      await refused(own, /linux\.gidMappings must have at most 340 entries/, many);
    });
  });

  test("a user namespace by its path is joined, with the ids that it has", async () => {
    await inNamespace(async (pid) => {
      const join = (config: Config): void => {
        mapped(config);
        config.linux.namespaces.at(-1)!.path = `/proc/${pid}/ns/user`;
        delete config.linux.uidMappings;
        delete config.linux.gidMappings;
      };
      const printed = await alike(["/driver", "1000"], join, 300_000, 300_000);
      assert.match(printed, /uid_map: +0 +300000 +1000\n/);
      const path = (name: string) => (config: Config) => {
        config.linux.namespaces.at(-1)!.path = name;
      };
      await withBoth(async (both) => {
        const mismatch = /both namespace path and non-matching mapping specified/;
        await refused(both.slice(0, 1), mismatch, path(`/proc/${pid}/ns/user`));
        for (const name of ["/proc/self/ns/user", "/proc/self/ns/net"])
          await refused(both, /Invalid argument/, path(name));
        await refused(both, /No such file/, path("/nosuch"));
      });
    });
  });

  test("a bind mount's ids are mapped, by its own maps or the container's", async () => {
    const body = async (bundle: Bundle): Promise<void> => {
      furnish(bundle);
      const source = join(bundle.directory, "volume");
      mkdirSync(source);
      writeFileSync(join(source, "f"), "");
      chownSync(join(source, "f"), 7, 8);
      const mount = { type: "bind", source, options: ["rbind"] };
      const maps = { uidMappings: [range(7, UID + 3, 1)], gidMappings: [range(0, GID, 10)] };
      bundle.configure(shell("touch /a/new; stat -c %u:%g /a/f /b/f; touch /b/new"), (config) => {
        mapped(config);
        config.mounts.push({ ...mount, destination: "/a", options: ["rbind", "ridmap"] });
        config.mounts.push({ ...mount, destination: "/b", ...maps } as Config["mounts"][number]);
      });
      const result = await bundle.runs();
      assert.is(text(result), "7:8\n3:8\n", said(result));
      assert.is(statSync(join(source, "new")).uid, 0);
    };
    await withBundle([], body, mapped);
  });

  test("without privilege: the caller's own ids, run, exec and delete, and state where he can write", async () => {
    const body = async (bundle: Bundle): Promise<void> => {
      furnish(bundle, SOMEBODY, SOMEBODY);
      execFileSync("chown", ["-hR", `${SOMEBODY}:${SOMEBODY}`, bundle.rootfs]);
      chmodSync(bundle.directory, 0o755);
      const as = (words: string[]) => bySomebody(bundle, words);
      const command =
        "id -u; cat /proc/self/setgroups; touch /tmp/new; chown 1 /tmp/new 2>&1; cat /proc/self/uid_map";
      const alone = (config: Config): void => {
        config.linux.namespaces = ["pid", "ipc", "uts", "mount", "user"].map((type) => ({ type }));
        config.linux.uidMappings = [range(0, SOMEBODY, 1)];
        config.linux.gidMappings = [range(0, SOMEBODY, 1)];
      };
      bundle.configure(shell(command), alone);
      const expected = /^0\ndeny\nchown: \/tmp\/new: Invalid argument\n +0 +54321 +1\n$/;
      assert.match(text(await as([ringfence, "run", "a"])), expected);
      bundle.configure(shell("sleep 100"), alone);
      const script = `${ringfence} create b </dev/null >said 2>&1; cat said; ${ringfence} start b; ls run/ringfence
        ${ringfence} exec b id -u; ${ringfence} exec -d b touch /tmp/later; ${ringfence} kill b KILL
        ${ringfence} wait b; ${ringfence} delete b; ls run/ringfence`;
      writeFileSync(join(bundle.directory, "said"), "");
      chmodSync(join(bundle.directory, "said"), 0o666);
      const result = await as(["sh", "-c", script]);
      assert.match(text(result), /^b\n0\n/, said(result));
      assert.is(
        text(result)
          .split("\n")
          .filter((line) => line === "b").length,
        1,
      );
      // Root of a namespace that is not the initial one.
      const nested = ["unshare", "-U", "-r", "-m", "sh", "-c"];
      bundle.configure(shell("cat /proc/self/uid_map"), (config) => {
        config.linux.namespaces = ["pid", "ipc", "uts", "mount"].map((type) => ({ type }));
      });
      const inner = await as([...nested, `${ringfence} run c; ls -d $XDG_RUNTIME_DIR/ringfence`]);
      assert.match(text(inner), /^ +0 +54321 +1\n\S+run\/ringfence\n$/, said(inner));
    };
    await withBundle([], body);
  });
}

test.run();
