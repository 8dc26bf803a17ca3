// A container for a test: a bundle whose root file system is busybox, its state, and a look at the host's
// control groups.

import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ringfence, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { makeRootfs } from "./rootfs.ts";

const CREATE_MS = 30_000;
const MASKED = ["/proc/kcore", "/proc/keys", "/sys/firmware"];
const READ_ONLY = ["/proc/bus", "/proc/sys"];

export interface Mount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

interface OciProcess {
  terminal?: boolean;
  user: { uid: number; gid: number; additionalGids?: number[]; umask?: number };
  args: string[];
  env: string[];
  cwd: string;
  capabilities?: Record<string, string[]>;
  rlimits?: { type: string; soft: number; hard: number }[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
}

/** What a test changes of a config.json, which engines fill with far more. */
export interface Config {
  ociVersion: string;
  root: { path: string; readonly?: boolean };
  hostname?: string;
  process: OciProcess;
  mounts: Mount[];
  hooks?: Record<string, object[]>;
  annotations?: Record<string, string>;
  linux: {
    cgroupsPath: string;
    namespaces: { type: string; path?: string }[];
    maskedPaths?: string[];
    readonlyPaths?: string[];
    devices?: object[];
    resources?: object;
    [other: string]: unknown;
  };
}

function defaultConfig(args: string[], cgroup: string): Config {
  return {
    ociVersion: "1.2.0",
    root: { path: "rootfs" },
    hostname: "inside",
    process: { user: { uid: 0, gid: 0 }, args, env: ["PATH=/bin", "KEPT=yes"], cwd: "/" },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
    ],
    linux: {
      cgroupsPath: cgroup,
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  };
}

export class Bundle {
  readonly directory: string = mkdtempSync("/tmp/ringfence-bundle-");
  /** Its state directory; that of another bundle for a container of its pod. */
  root: string = join(this.directory, "state");
  readonly rootfs: string = join(this.directory, "rootfs");
  readonly id: string;
  readonly #cgroup: string;
  readonly #runtime: string;

  /** `runtime`: another one that is called in the same way. */
  constructor(args: string[], change: (config: Config) => void = () => {}, runtime: string = ringfence) {
    this.#runtime = runtime;
    // Tests of several checkouts may run at once.
    this.id = `test-${this.directory.slice(-6)}`;
    this.#cgroup = `/ringfence-test-${this.directory.slice(-6)}`;
    makeRootfs(this.rootfs);
    this.configure(args, change);
  }

  /** Writes config.json anew. */
  configure(args: string[], change: (config: Config) => void = () => {}): void {
    const config = defaultConfig(args, this.#cgroup);
    change(config);
    this.write(JSON.stringify(config));
  }

  write(text: string): void {
    writeFileSync(join(this.directory, "config.json"), text);
  }

  /** A command of the runtime, with this bundle's state directory. */
  command(args: string[], options?: SpawnOptions): Promise<SpawnResult> {
    return run(this.#runtime, ["--root", this.root, ...args], options);
  }

  /** A command for this container: NAME, flags, ID, and what follows it. */
  on(name: string, flags: string[] = [], rest: string[] = [], options?: SpawnOptions): Promise<SpawnResult> {
    return this.command([name, ...flags, this.id, ...rest], options);
  }

  create(...flags: string[]): Promise<SpawnResult> {
    return this.creates({}, ...flags);
  }

  creates(how: { globalFlags?: string[]; killAfterMs?: number }, ...flags: string[]): Promise<SpawnResult> {
    return this.#leaves(["create", "--bundle", this.directory, ...flags, this.id], how);
  }

  runsDetached(): Promise<SpawnResult> {
    return this.#leaves(["run", "--bundle", this.directory, "--detach", this.id], {});
  }

  execsDetached(flags: string[], words: string[]): Promise<SpawnResult> {
    return this.#leaves(["exec", "--detach", ...flags, this.id, ...words], {});
  }

  /** A command whose streams are the container's and outlive it: they go to a file, where a pipe would not end. */
  #leaves(command: string[], how: { globalFlags?: string[]; killAfterMs?: number }): Promise<SpawnResult> {
    const path = join(this.directory, "said");
    const fd = openSync(path, "w");
    const child = spawn(this.#runtime, ["--root", this.root, ...(how.globalFlags ?? []), ...command], {
      stdio: ["ignore", fd, fd],
    });
    closeSync(fd);
    const timer = setTimeout(() => child.kill("SIGKILL"), how.killAfterMs ?? CREATE_MS);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => {
        clearTimeout(timer);
        const timedOut = signal !== null && how.killAfterMs === undefined;
        resolve({ stdout: Buffer.alloc(0), stderr: readFileSync(path), code, signal, timedOut });
      });
    });
  }

  runs(options?: SpawnOptions, ...flags: string[]): Promise<SpawnResult> {
    return this.on("run", ["--bundle", this.directory, ...flags], [], options);
  }

  async status(): Promise<string> {
    return JSON.parse((await this.on("state")).stdout.toString()).status;
  }

  /** What is left on the host: directories of state and control groups. */
  left(): string[] {
    const state = existsSync(join(this.root, this.id)) ? [join(this.root, this.id)] : [];
    return [...state, ...this.cgroups().filter((path) => existsSync(path))];
  }

  /** Where the container's control groups are while it exists, in all hierarchies. */
  cgroups(): string[] {
    return readFileSync("/proc/self/mountinfo", "latin1")
      .split("\n")
      .filter((line) => / - cgroup2? /.test(line))
      .map((line) => join(line.split(" ")[4]!, this.#cgroup));
  }

  async remove(): Promise<void> {
    await this.on("delete", ["--force"]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Runs `body` with a bundle whose process is `args`, and removes everything. */
export async function withBundle(
  args: string[],
  body: (bundle: Bundle) => Promise<void>,
  change?: (config: Config) => void,
  runtime?: string,
): Promise<void> {
  const bundle = new Bundle(args, change, runtime);
  try {
    await body(bundle);
  } finally {
    await bundle.remove();
  }
}

/** A shell command of the container. */
export function shell(text: string): string[] {
  return ["/bin/busybox", "sh", "-c", text];
}
