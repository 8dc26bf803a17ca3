// A containerd for tests, with everything it has in a directory, and in a room of its own where one is given. Containers
// have the image `bb`: busybox.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { checkout, eventually, output, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { absent, type EngineRoom } from "./engine_room.ts";
import { makeRootfs } from "./rootfs.ts";

const START_MS = 30_000;
/** All that would use more of the host than the directory. */
const DISABLED = [
  ...["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"],
  ...["aufs", "blockfile", "btrfs", "devmapper", "erofs", "zfs"].map(
    (name) => `io.containerd.snapshotter.v1.${name}`,
  ),
];
/** The image, as containerd names it. */
export const BB = "docker.io/library/bb:latest";
export const RINGFENCE = "io.containerd.ringfence.v1";
export const RUNC = "io.containerd.runc.v2";

/** Why there can be no containerd; null: there can. */
export const containerdLacks = (): string | null =>
  process.getuid!() === 0 ? absent({ containerd: "containerd", ctr: "containerd" }) : "containerd is root's";

/** An archive that `ctr image import` takes, in the form of `docker save`: one layer, the tar file. */
export async function imageArchive(directory: string, layer: string, name: string): Promise<string> {
  const archive = join(directory, "archive");
  mkdirSync(archive);
  copyFileSync(layer, join(archive, "layer.tar"));
  const digest = createHash("sha256").update(readFileSync(layer)).digest("hex");
  const rootfs = { type: "layers", diff_ids: [`sha256:${digest}`] };
  const config = { architecture: "amd64", os: "linux", config: { Env: ["PATH=/bin"] }, rootfs };
  const manifest = [{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }];
  writeFileSync(join(archive, "config.json"), JSON.stringify(config));
  writeFileSync(join(archive, "manifest.json"), JSON.stringify(manifest));
  await output("tar", ["-C", archive, "-cf", `${archive}.tar`, "."]);
  return `${archive}.tar`;
}

/** Lines of `ctr events` while it runs. */
export interface Followed {
  lines(): string[];
  end(): void;
}

export class Containerd {
  readonly directory: string = mkdtempSync("/tmp/ringfence-containerd-");
  readonly address: string = join(this.directory, "s");
  readonly log: string = join(this.directory, "log");
  readonly #room: EngineRoom | undefined;
  #process: ChildProcess | undefined;

  constructor(room?: EngineRoom) {
    this.#room = room;
    chmodSync(this.directory, 0o711);
    const quote = (name: string) => JSON.stringify(join(this.directory, name));
    const lines = [
      "version = 2",
      `root = ${quote("root")}`,
      `state = ${quote("state")}`,
      `disabled_plugins = ${JSON.stringify(DISABLED)}`,
      `[grpc]\naddress = ${quote("s")}`,
      `[ttrpc]\naddress = ${quote("s.ttrpc")}`,
    ];
    writeFileSync(join(this.directory, "config.toml"), `${lines.join("\n")}\n`);
  }

  /** Where it has a container's bundle. */
  bundle(id: string): string {
    return join(this.bundles, id);
  }

  get bundles(): string {
    return join(this.directory, "state/io.containerd.runtime.v2.task/default");
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  /** Starts it, and waits until it answers. */
  async start(): Promise<void> {
    const log = openSync(this.log, "a");
    const words = ["containerd", "--config", join(this.directory, "config.toml")];
    const [program, ...args] = this.#room ? ["nsenter", ...this.#room.words(words)] : words;
    // The shim of the checkout is the one that is found.
    const env = { ...process.env, PATH: `${checkout}bin:${process.env.PATH}` };
    this.#process = spawn(program!, args, { stdio: ["ignore", log, log], env });
    closeSync(log);
    const isUp = await eventually(async () => (await this.ctr("version")).code === 0, START_MS);
    if (!isUp)
      throw new Error(
        `no containerd: ${existsSync(this.log) ? readFileSync(this.log, "utf8").slice(-2000) : ""}`,
      );
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  async importImage(): Promise<void> {
    const root = join(this.directory, "image");
    makeRootfs(root);
    const tar = join(this.directory, "image.tar");
    await output("tar", ["-C", root, "-cf", tar, "."]);
    await this.ok("image", "import", await imageArchive(this.directory, tar, BB));
  }

  #beside(words: string[]): Promise<SpawnResult> {
    return this.#room ? this.#room.run(words) : run(words[0]!, words.slice(1));
  }

  #words(args: readonly string[]): [string, string[]] {
    const words = ["ctr", "--address", this.address, ...args];
    return this.#room ? ["nsenter", this.#room.words(words)] : [words[0]!, words.slice(1)];
  }

  run(args: readonly string[], options?: SpawnOptions): Promise<SpawnResult> {
    return run(...this.#words(args), options);
  }

  ctr(...args: string[]): Promise<SpawnResult> {
    return this.run(args);
  }

  /** One that must succeed: what it prints. */
  async ok(...args: string[]): Promise<string> {
    return (await output(...this.#words(args))).trimEnd();
  }

  /** A command line of ctr, for programs that start it themselves. */
  commandLine(args: readonly string[]): [string, string[]] {
    return this.#words(args);
  }

  /** Events of a namespace as they come. */
  follow(...filters: string[]): Followed {
    const [program, words] = this.#words(["events", ...filters]);
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "ignore"] });
    let text = "";
    child.stdout.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
    return { lines: () => text.split("\n").filter((line) => line !== ""), end: () => child.kill("SIGKILL") };
  }

  /** The state of a container's task as `ctr task ls` says it, or "". */
  async status(id: string): Promise<string> {
    const line = (await this.ok("task", "ls")).split("\n").find((each) => each.startsWith(`${id} `));
    return line?.split(/ +/)[2] ?? "";
  }

  /** The pid of a task. */
  async taskPid(id: string): Promise<number> {
    const line = (await this.ok("task", "ls")).split("\n").find((each) => each.startsWith(`${id} `));
    return Number(line?.split(/ +/)[1] ?? 0);
  }

  /** Tasks and containers that are there end. */
  async clear(): Promise<void> {
    for (const id of (await this.ok("task", "ls", "-q")).split("\n").filter(Boolean))
      await this.ctr("task", "delete", "-f", id);
    for (const id of (await this.ok("container", "ls", "-q")).split("\n").filter(Boolean))
      await this.ctr("container", "rm", id);
  }

  /** With all of its containers. */
  async remove(): Promise<void> {
    try {
      await this.clear();
    } finally {
      await this.end("SIGTERM");
      // It has mounted over its own directories, and a test that fails may leave a container's.
      const mounts = readFileSync(`/proc/${this.#room?.pid ?? "self"}/mountinfo`, "latin1").split("\n");
      for (const line of mounts.reverse()) {
        const target = line.split(" ")[4] ?? "";
        if (target.startsWith(`${this.directory}/`)) await this.#beside(["umount", "-l", target]);
      }
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}
