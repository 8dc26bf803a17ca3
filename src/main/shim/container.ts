// A container as its shim has it: from Create to Delete. What its kernel can answer is asked over a connection to the
// sandbox; what must be done on the host is a command of the launcher's.

import { closeSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Any, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { SIGKILL } from "../../shared/abi/signal.ts";
import { ControlClient } from "../cli/control_client.ts";
import { findContainer } from "../cli/state_directory.ts";
import { CgroupFiles } from "../usage/cgroup_files.ts";
import { readUsage } from "../usage/guest_usage.ts";
import type { Addon } from "./addon.ts";
import { type Children, exitStatus } from "./children.ts";
import { ConsoleSocket } from "./console.ts";
import type { Publisher } from "./events.ts";
import { taskMetrics } from "./metrics.ts";
import { OomWatch } from "./oom.ts";
import { type Exit, Process } from "./process.ts";
import { mountRoot, type RootMount, unmountRoot } from "./rootfs.ts";
import type { Runtime } from "./runtime.ts";
import { Stdio, type StdioPaths } from "./stdio.ts";
import { Code, RpcError } from "./ttrpc/status.ts";

/** How long those that were added are waited for when the first process has ended: they end with it. */
const OTHERS_MS = 2000;
/** How long what SIGKILL was sent to may take to end: its kernel may say that it will, and not do it. */
const KILLED_MS = 10_000;
const EXECS_MAX = 4096;
/** Characters of what execs are to run that were not started yet. */
const SPEC_BYTES_MAX = 16 << 20;

/** What all containers of a shim have. */
export interface Surroundings {
  readonly addon: Addon;
  readonly children: Children;
  readonly events: Publisher;
  readonly namespace: string;
  /** The shim's own; beside it are those of terminals, by its name and a number, which the shim's `delete` finds. */
  readonly socket: string;
  readonly consoles: { last: number };
  readonly log: (message: string) => void;
}

export interface CreateWords {
  id: string;
  bundle: string;
  mounts: RootMount[];
  paths: StdioPaths;
}

function kill(pid: number, signo: number): void {
  try {
    process.kill(pid, signo);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Of runc, which engines look for: the process is gone, and that is what was wanted. */
const finished = () => new RpcError(Code.NOT_FOUND, "process already finished: not found");

export class Container {
  readonly id: string;
  readonly bundle: string;
  readonly runtime: Runtime;
  readonly init: Process;
  isPaused = false;
  readonly #around: Surroundings;
  readonly #execs = new Map<string, Process>();
  /** What an exec is to run, until it is started. */
  readonly #specs = new Map<string, string>();
  #specBytes = 0;
  #control: ControlClient | null = null;
  /** Of its control groups. */
  #files = new CgroupFiles([]);
  /** Process 1 of its sandbox, as the host knows it. */
  #sandbox = 0;
  #oom: OomWatch | null = null;
  /** The runtime has it. */
  #isMade = false;
  /** containerd knows of it: so it does of its end. */
  #isTold = false;
  #removal: Promise<void> | null = null;
  #killing: NodeJS.Timeout | undefined;
  /** Calls that change it go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(around: Surroundings, runtime: Runtime, { id, bundle, paths }: CreateWords) {
    this.id = id;
    this.bundle = bundle;
    this.runtime = runtime;
    this.init = new Process("", paths);
    this.#around = around;
  }

  /** Creates it; where that fails nothing is left. */
  static async create(around: Surroundings, runtime: Runtime, words: CreateWords): Promise<Container> {
    const container = new Container(around, runtime, words);
    const root = `${words.bundle}/rootfs`;
    // Not the bundle itself: a name that containerd has not made is wrong.
    if (words.mounts.length > 0 && !existsSync(root)) mkdirSync(root, 0o711);
    mountRoot(around.addon, root, words.mounts);
    try {
      // For the shim's `delete`, which knows nothing else of it.
      writeFileSync(`${words.bundle}/ringfence.json`, JSON.stringify({ root: runtime.root }), {
        mode: 0o600,
      });
      await container.init.start(() => container.#createInit(words));
    } catch (error) {
      container.#close();
      if (container.#isMade)
        await runtime.run(container.#command(["delete", "--force", words.id])).catch(() => {});
      unmountRoot(around.addon, root);
      throw error;
    }
    return container;
  }

  /** The first process, or the one that was added by that name; throws NOT_FOUND. */
  process(execId: string): Process {
    const found = execId === "" ? this.init : this.#execs.get(execId);
    if (!found) throw new RpcError(Code.NOT_FOUND, `process does not exist ${execId}: not found`);
    return found;
  }

  /** Nobody will ask for it, or delete it: containerd has cleaned up without its shim. */
  get isForgotten(): boolean {
    return !existsSync(this.bundle);
  }

  /** Removes one that nobody will ask for any more, whether it runs or not. */
  async abandon(): Promise<void> {
    this.#close();
    await this.runtime.run(this.#command(["delete", "--force", this.id])).catch((error: Error) => {
      this.#around.log(`${this.id}, which nobody needs, cannot be removed: ${error.message}`);
    });
  }

  /** Those that run. */
  get running(): Process[] {
    return [this.init, ...this.#execs.values()].filter(({ isRunning }) => isRunning);
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.init.start(() => this.#startInit()));
  }

  /** A process to be started later; `spec`: an OCI process object as JSON. */
  addExec(execId: string, spec: string, paths: StdioPaths): void {
    if (this.init.exit !== null) throw new RpcError(Code.UNKNOWN, "cannot exec in a stopped state");
    if (this.isPaused) throw new RpcError(Code.UNKNOWN, "cannot exec in a paused state");
    if (this.#execs.size >= EXECS_MAX || this.#specBytes + spec.length > SPEC_BYTES_MAX)
      throw new RpcError(Code.RESOURCE_EXHAUSTED, "too many execs that nobody has started or deleted");
    if (this.#execs.has(execId)) throw new RpcError(Code.ALREADY_EXISTS, `id ${execId}: already exists`);
    this.#execs.set(execId, new Process(execId, paths));
    this.#specs.set(execId, spec);
    this.#specBytes += spec.length;
    this.#around.events.publish("/tasks/exec-added", { containerId: this.id, execId });
  }

  startExec(execId: string): Promise<void> {
    const process = this.process(execId);
    if (process.pid > 0 || process.starting !== null)
      throw new RpcError(Code.FAILED_PRECONDITION, `cannot start a process that was started: ${execId}`);
    return process.start(() => this.#startExec(process));
  }

  async kill(execId: string, signo: number, all: boolean): Promise<void> {
    const target = this.process(execId);
    if (target.exit !== null) throw finished();
    if (target.pid === 0)
      throw new RpcError(Code.FAILED_PRECONDITION, "process not created: failed precondition");
    if (execId !== "") {
      kill(target.pid, signo);
      return;
    }
    try {
      await this.#ask("kill", { signo, all }).catch((error: Error) => {
        // What its kernel says of it, or does not say, is not believed: it ends all the same.
        if (signo !== SIGKILL || this.init.exit !== null) throw error;
        return this.#killByForce();
      });
    } catch (error) {
      if ((error as Error).message === "container not running" || this.init.exit !== null) throw finished();
      throw error;
    }
    if (signo === SIGKILL) this.#expectEnd();
  }

  async #killByForce(): Promise<void> {
    await this.runtime.run(this.#command(["kill", this.id, "9"]));
  }

  #expectEnd(): void {
    if (this.init.exit !== null || this.#killing !== undefined) return;
    this.#killing = setTimeout(() => {
      this.#killing = undefined;
      if (this.init.exit !== null) return;
      this.#killByForce().catch(({ message }: Error) => this.#around.log(`killing ${this.id}: ${message}`));
    }, KILLED_MS);
    this.#killing.unref();
  }

  pause(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#ask("pause");
      this.isPaused = true;
      this.#around.events.publish("/tasks/paused", { containerId: this.id });
    });
  }

  resume(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#ask("resume");
      this.isPaused = false;
      this.#around.events.publish("/tasks/resumed", { containerId: this.id });
    });
  }

  /** `resources`: linux.resources as JSON. */
  update(resources: string): Promise<void> {
    return this.#inTurn(async () => {
      const path = `${this.bundle}/resources.json`;
      writeFileSync(path, resources, { mode: 0o600 });
      try {
        await this.runtime.output(this.#command(["update", "--resources", "-", this.id]), path);
      } finally {
        rmSync(path, { force: true });
      }
    });
  }

  /** The host's processes that stand for its processes. */
  async pids(): Promise<number[]> {
    // Nobody: a containerd that starts forgets the container then.
    if (this.init.exit !== null) return [];
    const text = await this.runtime.output(this.#command(["ps", "--format", "json", this.id]));
    const pids: unknown = JSON.parse(text);
    return Array.isArray(pids) ? pids.filter((pid) => Number.isSafeInteger(pid)) : [];
  }

  /** What it uses, as containerd's clients read it. */
  async stats(): Promise<Any> {
    const usage = this.init.exit === null ? readUsage(await this.#ask("usage"), "usage") : undefined;
    return taskMetrics({ files: this.#files, init: this.#sandbox, usage });
  }

  /** What is over, or was never started, goes: an added process, or the whole container. */
  async delete(execId: string): Promise<Exit & { pid: number }> {
    const process = this.process(execId);
    if (execId === "" && !process.isStarted && process.exit === null)
      await this.#inTurn(() => this.#endUnstarted());
    const isOver = process.exit !== null || (execId !== "" && process.pid === 0 && process.starting === null);
    if (!isOver)
      throw new RpcError(Code.FAILED_PRECONDITION, "cannot delete a running process: failed precondition");
    if (process.exit !== null) await process.told;
    await process.closeStreams();
    const exit = process.exit ?? { status: 0, at: Date.now() };
    if (execId === "") await this.#removeOnce();
    this.#execs.delete(execId);
    this.#forgetSpec(execId);
    return { ...exit, pid: process.pid };
  }

  // ---- Its parts ----

  /** In the bundle, beside others: an exec may be called `config`. */
  #file({ execId }: Process, kind: string): string {
    return `${this.bundle}/${execId === "" ? "init" : `exec-${execId}`}.${kind}`;
  }

  #command(words: readonly string[]) {
    return { bundle: this.bundle, words };
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act, act);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Rejects with the sandbox's own words. */
  async #ask(method: string, params?: object): Promise<unknown> {
    const control = await this.#connected();
    if (control === null) throw new RpcError(Code.FAILED_PRECONDITION, "container not running");
    try {
      return await control.askSoon(method, params);
    } catch (error) {
      throw new RpcError(Code.UNKNOWN, (error as Error).message || "container not running");
    }
  }

  /** The connection to its kernel; another one, where that was closed and the container has not ended. */
  async #connected(): Promise<ControlClient | null> {
    const control = this.#control;
    if (control === null || control.isOpen || this.init.exit !== null) return control;
    const fresh = await this.#dial().catch(() => null);
    // Somebody else was sooner, or it is being removed.
    if (this.#control !== control) fresh?.client?.close();
    else if (fresh?.client) this.#control = fresh.client;
    return this.#control;
  }

  async #dial() {
    const state = findContainer(this.runtime.root, this.id);
    try {
      return { state, client: await ControlClient.connect(state.socket) };
    } finally {
      closeSync(state.directory);
    }
  }

  /** Has the launcher make a process, with its streams; it is watched from then on. */
  async #make(process: Process, words: readonly string[]): Promise<void> {
    const { addon, children, namespace, socket, consoles } = this.#around;
    const pidFile = this.#file(process, "pid");
    const { terminal } = process.paths;
    const stdio = await Stdio.open(addon, children, process.paths, { id: this.id, namespace });
    process.stdio = stdio;
    let console: ConsoleSocket | null = null;
    let since = 0;
    try {
      if (terminal) console = new ConsoleSocket(addon, `${socket}-${++consoles.last}`);
      const flags = console === null ? [] : ["--console-socket", console.path];
      const all = [...words, "--pid-file", pidFile, ...flags, this.id];
      since = await this.runtime.run({
        bundle: this.bundle,
        words: all,
        ...(!terminal && { stdio: stdio.given }),
      });
      if (process === this.init) this.#isMade = true;
      const pid = Number(readFileSync(pidFile, "utf8"));
      if (!Number.isSafeInteger(pid) || pid <= 0) throw new Error(`${pidFile} has no process's number in it`);
      process.pid = pid;
      if (console !== null) stdio.attach(console.take());
    } catch (error) {
      this.#unmake(process);
      stdio.close();
      throw error;
    } finally {
      stdio.closeGiven();
      console?.close();
      rmSync(pidFile, { force: true });
    }
    void children
      .end(process.pid, since)
      .then((status) => process.end(exitStatus(status), (exit) => this.#ended(process, exit)));
  }

  /** Of one that was made, and cannot be used: an added one ends here, the first one with its container. */
  #unmake(process: Process): void {
    process.stdio = null;
    if (process === this.init || process.pid === 0) return;
    kill(process.pid, SIGKILL);
    process.pid = 0;
  }

  async #createInit({ id, bundle, mounts, paths }: CreateWords): Promise<void> {
    await this.#make(this.init, ["create", "--bundle", bundle]);
    await this.#connect();
    const { stdin, stdout, stderr, terminal } = paths;
    this.#isTold = true;
    this.#around.events.publish("/tasks/create", {
      containerId: id,
      bundle,
      rootfs: mounts,
      io: { stdin, stdout, stderr, terminal },
      pid: this.init.pid,
    });
  }

  async #connect(): Promise<void> {
    const { state, client } = await this.#dial();
    this.#control = client;
    this.#sandbox = state.init;
    this.#files = new CgroupFiles(state.cgroups);
    this.#oom = new OomWatch(this.#around.addon, this.#files, state.cgroups, () =>
      this.#around.events.publish("/tasks/oom", { containerId: this.id }),
    );
  }

  async #startInit(): Promise<void> {
    if (this.#hasHooks()) await this.runtime.run(this.#command(["start", this.id]));
    else await this.#ask("start");
    this.init.isStarted = true;
    this.#around.events.publish("/tasks/start", { containerId: this.id, pid: this.init.pid });
  }

  /** Those of the host's are the launcher's, and those of the container's may take longer than an answer. */
  #hasHooks(): boolean {
    const { hooks } = JSON.parse(readFileSync(`${this.bundle}/config.json`, "utf8")) as {
      hooks?: Record<string, unknown>;
    };
    return ["poststart", "startContainer"].some(
      (name) => hooks?.[name] !== undefined && hooks[name] !== null,
    );
  }

  #forgetSpec(execId: string): void {
    this.#specBytes -= this.#specs.get(execId)?.length ?? 0;
    this.#specs.delete(execId);
  }

  async #startExec(process: Process): Promise<void> {
    const { execId } = process;
    const file = this.#file(process, "json");
    writeFileSync(file, this.#specs.get(execId)!, { mode: 0o600 });
    try {
      await this.#make(process, ["exec", "--process", file, "--detach"]);
    } finally {
      rmSync(file, { force: true });
    }
    process.isStarted = true;
    this.#forgetSpec(execId);
    this.#around.events.publish("/tasks/exec-started", { containerId: this.id, execId, pid: process.pid });
  }

  async #ended(process: Process, exit: Exit): Promise<void> {
    if (process === this.init) clearTimeout(this.#killing);
    if (!this.#isTold) return;
    if (process === this.init) {
      this.#oom?.look();
      await this.#othersEnded();
    }
    this.#around.events.publish("/tasks/exit", {
      containerId: this.id,
      id: process.execId || this.id,
      pid: process.pid,
      exitStatus: exit.status,
      exitedAt: timestampFromMs(exit.at),
    });
  }

  async #othersEnded(): Promise<void> {
    const others = [...this.#execs.values()]
      .filter(({ pid, starting }) => pid > 0 || starting !== null)
      .map(({ told, starting }) => (starting === null ? told : starting.then(() => told).catch(() => {})));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, OTHERS_MS);
    });
    await Promise.race([Promise.all(others), late]);
    clearTimeout(timer);
  }

  #close(): void {
    this.#oom?.close();
    this.#oom = null;
    this.#control?.close();
    this.#control = null;
  }

  /** One that was created: its end is told as that of any other. */
  async #endUnstarted(): Promise<void> {
    if (this.init.isStarted || this.init.exit !== null) return;
    await this.runtime.run(this.#command(["delete", "--force", this.id]));
    await this.init.told;
  }

  /** For all who ask; again where it has failed. */
  async #removeOnce(): Promise<void> {
    this.#removal ??= this.#inTurn(() => this.#remove());
    try {
      await this.#removal;
    } catch (error) {
      this.#removal = null;
      throw error;
    }
  }

  async #remove(): Promise<void> {
    this.#close();
    await this.runtime.run(this.#command(["delete", "--force", this.id]));
    unmountRoot(this.#around.addon, `${this.bundle}/rootfs`);
    const exit = this.init.exit!;
    this.#around.events.publish("/tasks/delete", {
      containerId: this.id,
      pid: this.init.pid,
      exitStatus: exit.status,
      exitedAt: timestampFromMs(exit.at),
    });
  }
}
