// A host's side of a container's link, for tests: a network namespace that nobody is in, named by a file, with one end of
// a veth pair in it, eth0 (10.9.0.2, fd09::2), and the other end, veth0 (10.9.0.1, fd09::1), in a namespace of the test's
// own. Nothing of it is seen outside, and all of it ends with one process.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run, type SpawnOptions, type SpawnResult } from "../spawn.ts";

const PROGRAMS = ["/usr/bin/unshare", "/usr/bin/nsenter", "/usr/sbin/ip", "/usr/sbin/nft"];

/** What is missing for it, in one line; null: nothing. */
export function missing(): string | null {
  const absent = PROGRAMS.filter((path) => !existsSync(path));
  if (process.getuid!() !== 0) return "there are no links of the host for who is not root";
  return absent.length > 0 ? `missing: ${absent.join(" ")} (iproute2, nftables)` : null;
}

const MAKE = `
ip link set lo up
ip link add veth0 type veth peer name eth0
ip link set eth0 netns "$1"
ip addr add 10.9.0.1/24 dev veth0
ip addr add fd09::1/64 dev veth0 nodad
ip link set veth0 up
nsenter --net="$1" sh -c '
ip link set lo up
ip addr add 10.9.0.2/24 dev eth0
ip addr add fd09::2/64 dev eth0 nodad
ip link set eth0 up
ip route add default via 10.9.0.1'
`;

export class NetworkRoom {
  readonly directory: string = mkdtempSync("/tmp/ringfence-room-");
  /** The namespace's file, in the room's mount namespace. */
  readonly path: string = join(this.directory, "ns");
  readonly #holder: ChildProcess;

  constructor() {
    const script = `touch ${this.path} && unshare -n mount --bind /proc/self/ns/net ${this.path} && echo made && exec sleep 1000`;
    this.#holder = spawn("unshare", ["-mn", "--propagation", "private", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  async made(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#holder.stdout!.once("data", () => resolve());
      this.#holder.once("exit", () => reject(new Error("no network namespace could be made")));
    });
    this.sh(MAKE);
    return this;
  }

  #enter(text: string): string[] {
    return ["-t", String(this.#holder.pid), "-m", "-n", "--", "sh", "-c", text, "sh", this.path];
  }

  /** A command beside the container's namespace, whose file is $1: what it prints. Throws when it fails. */
  sh(text: string): string {
    const { stdout, stderr, status } = spawnSync("nsenter", this.#enter(text), {
      encoding: "utf8",
      timeout: 30_000,
    });
    if (status !== 0) throw new Error(`${text}: ${status} ${stderr}`);
    return stdout;
  }

  /** The same in the container's namespace, on the host's side. */
  inside(text: string): string {
    return this.sh(`nsenter --net=$1 sh -c ${JSON.stringify(text).replaceAll("$", "\\$")}`);
  }

  /** A command of ringfence there. */
  runs(args: string[], options: SpawnOptions = {}): Promise<SpawnResult> {
    const words = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(" ");
    return run("nsenter", this.#enter(words), options);
  }

  /** How the namespace is configured on the host's side. */
  state(): string {
    const text = this.inside(
      "ip -o link; ip -o addr; ip route; ip -6 route; ip rule; nft list ruleset; tc qdisc",
    );
    // Times of addresses pass, and what the host has learned of its own accord comes and goes.
    return text.replaceAll(/(valid_lft|preferred_lft) \S+|expires \S+|tentative | (?= )/g, "");
  }

  async remove(): Promise<void> {
    const gone = new Promise((resolve) => this.#holder.once("exit", resolve));
    this.#holder.kill("SIGKILL");
    await gone;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
