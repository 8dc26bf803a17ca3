// containerd with its CRI plugin, and all that it knows in a directory and namespaces of its own.

import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { absent, EngineRoom } from "../e2e/engine_room.ts";
import { proc } from "../e2e/processes.ts";
import { checkout, eventually, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { CriClient } from "./client.ts";
import { RuntimeService } from "./gen/runtime_pb.ts";
import { busyboxImage, PAUSE, pauseImage } from "./image.ts";

const PLUGINS = "/usr/lib/cni";
const COVERED = ["/etc/cni", "/opt", "/var/lib/cni", "/run/netns", "/run/containerd"];
const CGROUPS = "/sys/fs/cgroup";
const START_MS = 30_000;
const SHIM_END_MS = 10_000;
const OURS = `runtime_type = "io.containerd.ringfence.v1"
runtime_path = "${checkout}bin/containerd-shim-ringfence-v1"`;

const NETWORK = {
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.78.0.0/24" }]],
        routes: [{ dst: "0.0.0.0/0" }],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

/** Why there is no such engine here; null: there is. */
export function whyNot(): string | null {
  if (process.getuid!() !== 0) return "containerd's CRI plugin is root's";
  return absent({
    containerd: "containerd",
    ctr: "containerd",
    runc: "runc",
    iptables: "iptables",
    [`${PLUGINS}/bridge`]: "containernetworking-plugins",
  });
}

/** What pods that are not trusted ask their kernel, which the table of their runtime wants to know. */
export const straceOf = (directory: string): string => join(directory, "strace");

function configuration(directory: string): string {
  const runtimes = [
    ["runc", 'runtime_type = "io.containerd.runc.v2"'],
    ["ringfence", OURS],
    ["ringfence-host", OURS],
    ["untrusted", OURS],
  ].map(
    ([name, type]) => `
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${name}]
${type}
pod_annotations = ["dev.ringfence.*"]
container_annotations = ["dev.ringfence.*"]`,
  );
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
address = "${directory}/s"
[ttrpc]
address = "${directory}/t"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE}"
stream_server_address = "127.0.0.1"
stream_server_port = "0"
netns_mounts_under_state_dir = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${PLUGINS}"
conf_dir = "${directory}/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"
${runtimes.join("\n")}
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.ringfence-host.options.ringfence_config]
network = "host"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.untrusted.options.ringfence_config]
strace = true
debug-log = "${straceOf(directory)}"
`;
}

export class CriEngine {
  readonly directory: string = mkdtempSync("/tmp/ringfence-cri-");
  readonly socket: string = join(this.directory, "s");
  readonly client: CriClient = new CriClient(this.socket);
  /** Where pods' control groups are, in each hierarchy. */
  readonly cgroup: string = `/ringfence-cri-${process.pid}`;
  readonly #room = new EngineRoom(COVERED);
  #containerd: ChildProcess | null = null;

  async start(): Promise<void> {
    await this.#room.made();
    writeFileSync(join(this.directory, "config.toml"), configuration(this.directory));
    mkdirSync(join(this.directory, "net.d"));
    writeFileSync(join(this.directory, "net.d/10-pods.conflist"), JSON.stringify(NETWORK));
    await this.#startContainerd();
    for (const image of [busyboxImage(this.directory), pauseImage(this.directory)])
      await this.ctr("images", "import", image);
  }

  async #startContainerd(): Promise<void> {
    const log = openSync(join(this.directory, "log"), "a");
    const words = this.#room.words(["containerd", "-c", join(this.directory, "config.toml")]);
    this.#containerd = spawn("nsenter", words, { stdio: ["ignore", log, log] });
    closeSync(log);
    const answers = () =>
      this.client.call(RuntimeService.method.status, {}, 1000).then(
        ({ status }) => status!.conditions.slice(0, 2).every((condition) => condition.status),
        () => false,
      );
    if (!(await eventually(answers, START_MS))) throw new Error(`no containerd: ${this.log.slice(-3000)}`);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const containerd = this.#containerd;
    if (containerd === null) return;
    const hasEnded = () => containerd.exitCode !== null || containerd.signalCode !== null;
    containerd.kill(signal);
    await eventually(hasEnded, 10_000);
    containerd.kill("SIGKILL");
  }

  /** Pods and their shims go on without it. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.#end(signal);
    await this.#startContainerd();
  }

  /** What a command of containerd's client prints about what is Kubernetes'; throws where it fails. */
  async ctr(...args: string[]): Promise<string> {
    const said = await this.beside(["ctr", "-a", this.socket, "-n", "k8s.io", ...args]);
    if (said.code !== 0) throw new Error(`ctr ${args.join(" ")}: ${said.stdout}${said.stderr}`);
    return said.stdout.toString();
  }

  /** A command in the engine's namespaces, where its bridge is and its stream server listens. */
  beside(words: string[], options?: SpawnOptions): Promise<SpawnResult> {
    return this.#room.run(words, options);
  }

  /** Words that run a command there. */
  words(command: string[]): string[] {
    return this.#room.words(command);
  }

  get log(): string {
    return readFileSync(join(this.directory, "log"), "utf8");
  }

  /** What there still is of pods: processes, mounts, files, and control groups of any. */
  async left(ids: readonly string[]): Promise<string[]> {
    const isOurs = (text: string) => ids.some((id) => text.includes(id));
    const mounts = (await this.beside(["cat", "/proc/self/mountinfo"])).stdout.toString().split("\n");
    const processes = () =>
      readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => `${pid} ${proc(Number(pid), "cmdline")?.replaceAll("\0", " ") ?? ""}`)
        .filter(isOurs);
    // A shim ends a moment after its pod.
    await eventually(() => processes().length === 0, SHIM_END_MS);
    const own = ["state/io.containerd.grpc.v1.cri", "state/io.containerd.runtime.v2.task/k8s.io"];
    const files = ["root/io.containerd.grpc.v1.cri", ...own]
      .flatMap((name) => readdirSync(join(this.directory, name), { recursive: true, encoding: "utf8" }))
      .filter((name) => isOurs(name) || name.includes("netns/"));
    return [...processes(), ...mounts.filter(isOurs), ...files, ...this.#cgroups()];
  }

  /** Directories below that of pods. */
  #cgroups(): string[] {
    return this.#cgroupRoots().flatMap((root) =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name)),
    );
  }

  #cgroupRoots(): string[] {
    return [".", ...readdirSync(CGROUPS)]
      .map((hierarchy) => join(CGROUPS, hierarchy, this.cgroup))
      .filter((directory) => existsSync(directory));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#end("SIGTERM");
    await this.#room.remove();
    for (const root of this.#cgroupRoots()) rmdirSync(root);
    await run("umount", ["-q", join(this.directory, "state")]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
