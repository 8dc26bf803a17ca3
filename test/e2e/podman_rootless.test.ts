// deadline: 120 s
// podman of a user without privilege, who has ids of the host's in /etc/subuid: the engine runs as root of a user namespace,
// and so does Ringfence. Without networks, which take a program beside podman. Skipped, and said so, where what it takes is
// not installed.

import * as fs from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually, output, ringfence, type SpawnResult } from "../spawn.ts";
import { LOOP } from "./columns.ts";
import { absent, EngineRoom } from "./engine_room.ts";
import { makeRootfs } from "./rootfs.ts";

const ID = 54_321;
const FIRST = 800_000;

const why =
  process.getuid!() !== 0
    ? "users and their ids are root's to make"
    : absent({ podman: "podman", conmon: "conmon", newuidmap: "uidmap", setpriv: "util-linux" });

let room: EngineRoom;
let directory: string;

function podman(...args: string[]): Promise<SpawnResult> {
  const who = ["setpriv", `--reuid=${ID}`, `--regid=${ID}`, "--clear-groups"];
  const flags = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"];
  const env = {
    PATH: process.env.PATH!,
    HOME: join(directory, "home"),
    XDG_RUNTIME_DIR: join(directory, "run"),
    USER: "somebody",
    PODMAN_IGNORE_CGROUPSV1_WARNING: "1",
  };
  const words = [...who, "podman", "--runtime", ringfence, "--log-level=error", ...flags, ...args];
  return room.run(words, { env, cwd: env.HOME });
}

async function ok(...args: string[]): Promise<string> {
  const result = await podman(...args);
  assert.is(result.code, 0, `podman ${args.join(" ")}: ${told(result)}`);
  return result.stdout.toString().trimEnd();
}

const runs = (flags: string[], command: string): Promise<string> =>
  ok("run", "--rm", "--network=none", ...flags, "bb", "sh", "-c", command);

if (why !== null) console.log(why);
else {
  test.before(async () => {
    directory = fs.mkdtempSync("/tmp/ringfence-rootless-");
    fs.chmodSync(directory, 0o711);
    for (const name of ["home", "run"]) {
      fs.mkdirSync(join(directory, name), { mode: 0o700 });
      fs.chownSync(join(directory, name), ID, ID);
    }
    room = await new EngineRoom(["/dev/shm"]).made();
    const lines = {
      passwd: `somebody:x:${ID}:${ID}::${directory}/home:/bin/sh\n`,
      group: `somebody:x:${ID}:\n`,
      subuid: `somebody:${FIRST}:65536\n`,
      subgid: `somebody:${FIRST}:65536\n`,
    };
    for (const [name, line] of Object.entries(lines)) {
      const file = join(directory, name);
      fs.copyFileSync(`/etc/${name}`, file);
      fs.appendFileSync(file, line);
      await room.sh(`mount --bind ${file} /etc/${name}`);
    }
    await room.sh("chmod 1777 /dev/shm");
    makeRootfs(join(directory, "image"));
    const tar = join(directory, "home/image.tar");
    await output("tar", ["-C", join(directory, "image"), "-cf", tar, "."]);
    await ok("import", "-q", tar, "bb");
  });
  test.after(async () => {
    await podman("rm", "-f", "-a", "-t", "0");
    // It holds the user's namespaces, for as long as nobody ends it.
    process.kill(Number(fs.readFileSync(join(directory, "run/libpod/tmp/pause.pid"), "utf8")), "SIGKILL");
    await room.remove();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  test("run: the engine's own ids, others of them, and the user's own kept", async () => {
    const look =
      "id -u; cat /proc/self/uid_map; touch /tmp/a; chown 5:6 /tmp/a; stat -c %u:%g /tmp/a /dev/null";
    const root = `0\n         0      ${ID}          1\n         1     ${FIRST}      65536\n5:6\n65534:65534`;
    assert.is(await runs([], look), root);
    assert.match(await runs(["--userns=auto:size=2000"], look), /^0\n +0 +1 +2000\n5:6\n65534:65534$/);
    const kept = await runs(
      ["--userns=keep-id"],
      "id -u; grep CapEff /proc/self/status; cat /proc/self/uid_map",
    );
    assert.match(kept, /^54321\nCapEff:\t0{16}\n +0 +1 +54321\n +54321 +0 +1\n/);
    const written = "id -u; echo x > /home/new; stat -c %u /home/new";
    const volume = join(directory, "home/volume");
    fs.mkdirSync(volume);
    fs.chownSync(volume, ID, ID);
    assert.is(await runs(["--userns=keep-id", "-v", `${volume}:/home`], written), "54321\n54321");
    fs.writeFileSync(join(volume, "roots"), "secret", { mode: 0o600 });
    const refused = await podman(
      "run",
      "--rm",
      "--network=none",
      "-v",
      `${volume}:/v`,
      "bb",
      "cat",
      "/v/roots",
    );
    assert.match(told(refused), /Permission denied/);
  });

  test("a container in the background: exec, ps, stop, restart, rm, and nothing left", async () => {
    await ok("run", "-d", "--name", "c", "--network=none", "bb", "sh", "-c", LOOP);
    assert.ok(await eventually(async () => (await ok("logs", "c")).includes("up"), 10_000));
    assert.is(
      await ok("exec", "c", "sh", "-c", "id -u; setpriv --help >/dev/null 2>&1; echo done"),
      "0\ndone",
    );
    assert.is(await ok("exec", "-u", "7:8", "c", "id", "-u"), "7");
    assert.match(await ok("ps", "--format", "{{.Names}} {{.Status}}"), /^c Up/);
    await ok("stop", "-t", "10", "c");
    assert.is(await ok("inspect", "-f", "{{.State.ExitCode}}", "c"), "9");
    await ok("start", "c");
    await ok("rm", "-f", "-t", "0", "c");
    assert.equal(fs.readdirSync(join(directory, "run/ringfence")), []);
  });
}

test.run();
