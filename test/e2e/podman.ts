// podman for tests, which has no daemon: what it knows is in a directory, and in namespaces of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { output, ringfence, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { absent, EngineRoom } from "./engine_room.ts";
import { makeRootfs } from "./rootfs.ts";

/** What podman knows is in its own directories, and what it shares with all podmans of a host; and its settings. */
const COVERED = [
  ...["/run/netns", "/run/containers", "/run/libpod", "/var/lib/containers", "/dev/shm"],
  "/etc/containers/containers.conf.d",
];

/** What is missing for it, in one line; null: nothing. */
export function podmanLacks(): string | null {
  if (process.getuid!() !== 0) return "podman's networks are root's";
  return absent({
    podman: "podman",
    conmon: "conmon",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
    nft: "nftables",
  });
}

export class Podman {
  readonly directory: string = mkdtempSync("/tmp/ringfence-podman-");
  readonly room: EngineRoom = new EngineRoom(COVERED);

  /** Tells podman of the runtime, and makes the image `bb`: busybox. */
  async start(): Promise<void> {
    await this.room.made();
    await this.room.run([ringfence, "install", "--engine=podman"]);
    const image = join(this.directory, "image");
    makeRootfs(image);
    await output("tar", ["-C", image, "-cf", `${image}.tar`, "."]);
    await this.ok("import", `${image}.tar`, "bb");
  }

  /** A command of podman, whose runtime is Ringfence unless the command says another one. */
  run(args: readonly string[], options?: SpawnOptions): Promise<SpawnResult> {
    const flags = ["--runtime", "ringfence", "--root", join(this.directory, "storage")];
    const others = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"];
    const env = { ...process.env, PODMAN_IGNORE_CGROUPSV1_WARNING: "1" } as Record<string, string>;
    return this.room.run(["podman", ...flags, ...others, ...args], { env, ...options });
  }

  /** One that must succeed: what it prints. */
  async ok(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await this.run(args);
    if (code !== 0) throw new Error(`podman ${args.join(" ")}: ${code} ${stdout}${stderr}`);
    return stdout.toString().trimEnd();
  }

  /** A command in the namespaces of podman. */
  beside(words: string[]): Promise<SpawnResult> {
    return this.room.run(words);
  }

  async stop(): Promise<void> {
    await this.run(["rm", "-f", "-a", "-t", "0"]);
    await this.room.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
