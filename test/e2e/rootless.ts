// A user without privilege for tests, who has ids of the host's in /etc/subuid, and his podman: the engine runs as root of a
// user namespace, and so do its runtimes. Users, and the link to others that the networks of such an engine stand on, are those
// of namespaces of their own.

import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { output, ringfence, type SpawnResult } from "../spawn.ts";
import { absent, EngineRoom } from "./engine_room.ts";
import { makeRootfs } from "./rootfs.ts";

export const ID = 54_321;
export const FIRST = 800_000;

/** What is missing for it, in one line; null: nothing. */
export function rootlessLacks(more: Readonly<Record<string, string>> = {}): string | null {
  if (process.getuid!() !== 0) return "users and their ids are root's to make";
  return absent({ podman: "podman", conmon: "conmon", newuidmap: "uidmap", setpriv: "util-linux", ...more });
}

export class RootlessPodman {
  readonly directory: string = fs.mkdtempSync("/tmp/ringfence-rootless-");
  readonly room: EngineRoom = new EngineRoom(["/dev/shm"]);

  /** Makes the user, and the image `bb`: busybox. `first`: shell text for what his namespaces are to begin with. */
  async start(first = "true"): Promise<void> {
    const { directory, room } = this;
    fs.chmodSync(directory, 0o711);
    for (const name of ["home", "run"]) {
      fs.mkdirSync(join(directory, name), { mode: 0o700 });
      fs.chownSync(join(directory, name), ID, ID);
    }
    await room.made();
    await this.cover("passwd", `somebody:x:${ID}:${ID}::${directory}/home:/bin/sh\n`);
    await this.cover("group", `somebody:x:${ID}:\n`);
    for (const name of ["subuid", "subgid"]) await this.cover(name, `somebody:${FIRST}:65536\n`);
    await room.sh("chmod 1777 /dev/shm");
    await room.sh(first);
    makeRootfs(join(directory, "image"));
    const tar = join(directory, "home/image.tar");
    await output("tar", ["-C", join(directory, "image"), "-cf", tar, "."]);
    await this.ok("import", "-q", tar, "bb");
  }

  /** A file of /etc that has these lines more in the room. */
  async cover(name: string, lines: string): Promise<void> {
    const file = join(this.directory, name);
    fs.copyFileSync(`/etc/${name}`, file);
    fs.appendFileSync(file, lines);
    await this.room.sh(`mount --bind ${file} /etc/${name}`);
  }

  /** A command of podman under that runtime. */
  run(runtime: string, args: readonly string[]): Promise<SpawnResult> {
    const who = ["setpriv", `--reuid=${ID}`, `--regid=${ID}`, "--clear-groups"];
    const flags = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"];
    const env = {
      PATH: process.env.PATH!,
      HOME: join(this.directory, "home"),
      XDG_RUNTIME_DIR: join(this.directory, "run"),
      USER: "somebody",
      PODMAN_IGNORE_CGROUPSV1_WARNING: "1",
    };
    const words = [...who, "podman", "--runtime", runtime, "--log-level=error", ...flags, ...args];
    return this.room.run(words, { env, cwd: env.HOME });
  }

  async okUnder(runtime: string, ...args: string[]): Promise<string> {
    const result = await this.run(runtime, args);
    assert.is(result.code, 0, `podman ${args.join(" ")}: ${told(result)}`);
    return result.stdout.toString().trimEnd();
  }

  /** A command that must succeed, under Ringfence. */
  ok(...args: string[]): Promise<string> {
    return this.okUnder(ringfence, ...args);
  }

  async stop(): Promise<void> {
    await this.run(ringfence, ["rm", "-f", "-a", "-t", "0"]);
    // It holds the user's namespaces, for as long as nobody ends it.
    process.kill(
      Number(fs.readFileSync(join(this.directory, "run/libpod/tmp/pause.pid"), "utf8")),
      "SIGKILL",
    );
    await this.room.remove();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
