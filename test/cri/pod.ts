// A pod and its containers as a kubelet asks for them, and their directories on the host.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { eventually } from "../spawn.ts";
import type { CriEngine } from "./engine.ts";
import {
  type ContainerConfigSchema,
  ContainerState,
  type ContainerStatus,
  type LinuxContainerResourcesSchema,
  type LinuxContainerSecurityContextSchema,
  type LinuxPodSandboxConfigSchema,
  type MountSchema,
  NamespaceMode,
  type NamespaceOptionSchema,
  type PodSandboxConfigSchema,
  type PodSandboxStatus,
  RuntimeService,
} from "./gen/runtime_pb.ts";
import { BUSYBOX } from "./image.ts";
import { Stream } from "./stream.ts";

const { method } = RuntimeService;
const UP_MS = 15_000;

/** The name of a value of an enumeration. */
export function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? String(value);
}

const CGROUPS = "/sys/fs/cgroup";

type NamespaceOptions = MessageInitShape<typeof NamespaceOptionSchema>;
export type Resources = MessageInitShape<typeof LinuxContainerResourcesSchema>;

/** What a pod has for itself where nothing else is said. */
export const OWN: NamespaceOptions = {
  network: NamespaceMode.POD,
  pid: NamespaceMode.CONTAINER,
  ipc: NamespaceMode.POD,
};

export interface PodOptions {
  readonly namespaces?: NamespaceOptions;
  readonly config?: MessageInitShape<typeof PodSandboxConfigSchema>;
  readonly linux?: MessageInitShape<typeof LinuxPodSandboxConfigSchema>;
}

export interface ContainerOptions {
  readonly name?: string;
  readonly attempt?: number;
  readonly namespaces?: NamespaceOptions;
  readonly mounts?: MessageInitShape<typeof MountSchema>[];
  readonly resources?: Resources;
  readonly security?: MessageInitShape<typeof LinuxContainerSecurityContextSchema>;
  readonly config?: MessageInitShape<typeof ContainerConfigSchema>;
}

/** A line of a log (the kubelet's format): its stream, whether it ends there, and its text. */
const LINE = /^\d{4}-\d\d-\d\dT\S+ (stdout|stderr) ([FP]) (.*)$/;

export class PodContainer {
  readonly pod: Pod;
  readonly id: string;
  readonly logFile: string;

  constructor(pod: Pod, id: string, logFile: string) {
    this.pod = pod;
    this.id = id;
    this.logFile = logFile;
  }

  get #client() {
    return this.pod.engine.client;
  }

  async start(): Promise<void> {
    await this.#client.call(method.startContainer, { containerId: this.id });
  }

  async status(): Promise<ContainerStatus> {
    return (await this.#client.call(method.containerStatus, { containerId: this.id })).status!;
  }

  /** Waits until it has ended; with its reason and its code. */
  async ended(): Promise<string> {
    let status = await this.status();
    await eventually(async () => {
      status = await this.status();
      return status.state === ContainerState.CONTAINER_EXITED;
    }, UP_MS);
    return `${nameOf(ContainerState, status.state)} ${status.reason} ${status.exitCode}`;
  }

  /** Lines as they were printed, but for `P ` before those that do not end there; `stderr: ` before errors. */
  log(): string[] {
    if (!existsSync(this.logFile)) return [];
    const lines = readFileSync(this.logFile, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const parts = LINE.exec(line);
      if (parts === null) throw new Error(`no line of a log: ${line}`);
      return `${parts[1] === "stderr" ? "stderr: " : ""}${parts[2] === "P" ? "P " : ""}${parts[3]}`;
    });
  }

  /** Waits for a line of its log. */
  async says(line: string): Promise<void> {
    const isSaid = await eventually(() => this.log().includes(line), UP_MS);
    if (!isSaid) throw new Error(`${this.id} does not say ${line}: ${this.log().join("\n")}`);
  }

  /** What it printed, when it has ended, and how it ended. */
  async told(): Promise<string> {
    const how = await this.ended();
    return [...this.log(), how].join("\n");
  }

  /** What a command in it prints, and its code where that is not 0. */
  async exec(...cmd: string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await this.execSync(cmd);
    const text = Buffer.concat([stdout, stderr]).toString().trimEnd();
    return exitCode === 0 ? text : `${text}\n${exitCode}`;
  }

  /** `timeout` in seconds; 0: none. */
  execSync(cmd: string[], timeout = 0) {
    return this.#client.call(method.execSync, { containerId: this.id, cmd, timeout: BigInt(timeout) });
  }

  /** A command with streams. */
  async stream(cmd: string[], tty = false): Promise<Stream> {
    const ask = { containerId: this.id, cmd, tty, stdin: true, stdout: true, stderr: !tty };
    const { url } = await this.#client.call(method.exec, ask);
    return new Stream((command) => this.pod.engine.words(command), url).opened();
  }

  async attach(tty = false): Promise<Stream> {
    const ask = { containerId: this.id, tty, stdin: true, stdout: true, stderr: !tty };
    const { url } = await this.#client.call(method.attach, ask);
    return new Stream((command) => this.pod.engine.words(command), url).opened();
  }

  async stats() {
    return (await this.#client.call(method.containerStats, { containerId: this.id })).stats!;
  }

  async update(linux: Resources): Promise<void> {
    await this.#client.call(method.updateContainerResources, { containerId: this.id, linux });
  }

  /** `timeout`: seconds between the two signals. */
  async stop(timeout: number): Promise<void> {
    await this.#client.call(method.stopContainer, { containerId: this.id, timeout: BigInt(timeout) });
  }

  async remove(): Promise<void> {
    await this.#client.call(method.removeContainer, { containerId: this.id });
  }
}

export class Pod {
  readonly engine: CriEngine;
  readonly id: string;
  readonly config: MessageInitShape<typeof PodSandboxConfigSchema>;
  readonly #namespaces: NamespaceOptions;

  private constructor(
    engine: CriEngine,
    id: string,
    config: MessageInitShape<typeof PodSandboxConfigSchema>,
    namespaces: NamespaceOptions,
  ) {
    this.engine = engine;
    this.id = id;
    this.config = config;
    this.#namespaces = namespaces;
  }

  /** `uid`: unlike that of other pods. */
  static async run(engine: CriEngine, handler: string, uid: string, options: PodOptions): Promise<Pod> {
    const namespaces = options.namespaces ?? OWN;
    const config = {
      metadata: { name: `pod-${uid}`, uid, namespace: "default", attempt: 0 },
      logDirectory: join(engine.directory, "logs", uid),
      linux: {
        cgroupParent: `${engine.cgroup}/${uid}`,
        securityContext: { namespaceOptions: namespaces },
        ...options.linux,
      },
      ...options.config,
    } as MessageInitShape<typeof PodSandboxConfigSchema>;
    mkdirSync(join(engine.directory, "logs", uid), { recursive: true });
    const asked = { config, runtimeHandler: handler };
    const { podSandboxId } = await engine.client.call(method.runPodSandbox, asked);
    return new Pod(engine, podSandboxId, config, namespaces);
  }

  async status(): Promise<PodSandboxStatus> {
    return (await this.engine.client.call(method.podSandboxStatus, { podSandboxId: this.id })).status!;
  }

  /** What containerd knows beside that. */
  async info(): Promise<{ pid: number; runtimeType: string; runtimeHandler: string }> {
    const ask = { podSandboxId: this.id, verbose: true };
    return JSON.parse((await this.engine.client.call(method.podSandboxStatus, ask)).info["info"]!);
  }

  /** One that a shell's text is for, or those words. */
  async create(command: string | string[], options: ContainerOptions = {}): Promise<PodContainer> {
    const name = options.name ?? "main";
    const attempt = options.attempt ?? 0;
    const logPath = `${name}-${attempt}.log`;
    const securityContext = {
      namespaceOptions: options.namespaces ?? this.#namespaces,
      ...options.security,
    };
    const config = {
      metadata: { name, attempt },
      image: { image: BUSYBOX },
      command: typeof command === "string" ? ["sh", "-c", command] : command,
      logPath,
      mounts: options.mounts ?? [],
      linux: { securityContext, ...(options.resources && { resources: options.resources }) },
      ...options.config,
    } as MessageInitShape<typeof ContainerConfigSchema>;
    const asked = { podSandboxId: this.id, config, sandboxConfig: this.config };
    const { containerId } = await this.engine.client.call(method.createContainer, asked);
    return new PodContainer(this, containerId, join(this.config.logDirectory!, logPath));
  }

  async start(command: string | string[], options: ContainerOptions = {}): Promise<PodContainer> {
    const container = await this.create(command, options);
    await container.start();
    return container;
  }

  /** The same, until it says that it is up. */
  async up(script: string, options: ContainerOptions = {}): Promise<PodContainer> {
    const container = await this.start(script, options);
    await container.says("up");
    return container;
  }

  /** One that ends: what it printed, and how it ended; and it is removed. */
  async once(command: string | string[], options: ContainerOptions = {}): Promise<string> {
    const container = await this.start(command, options);
    const told = await container.told();
    await container.remove();
    return told;
  }

  async forward(port: number): Promise<Stream> {
    const ask = { podSandboxId: this.id, port: [port] };
    const { url } = await this.engine.client.call(method.portForward, ask);
    return new Stream((command) => this.engine.words(command), `${url}?port=${port}`).opened();
  }

  async stop(): Promise<void> {
    await this.engine.client.call(method.stopPodSandbox, { podSandboxId: this.id });
  }

  async remove(): Promise<void> {
    await this.engine.client.call(method.removePodSandbox, { podSandboxId: this.id });
  }

  /** As a kubelet does behind a pod: there is nothing in it. */
  removeCgroups(): void {
    const parent = this.config.linux!.cgroupParent!;
    for (const hierarchy of [".", ...readdirSync(CGROUPS)]) {
      const directory = join(CGROUPS, hierarchy, parent);
      if (existsSync(directory)) rmdirSync(directory);
    }
  }
}
