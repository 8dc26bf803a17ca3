// The task service: what containerd asks of a shim, call by call (docs/containerd.md).

import { type Any, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { pack } from "./any.ts";
import { Container, type Surroundings } from "./container.ts";
import { ProcessDetailsSchema } from "./gen/runc_options_pb.ts";
import { Status } from "./gen/task_types_pb.ts";
import { Task as TaskV2 } from "./gen/task_v2_pb.ts";
import { Task as TaskV3 } from "./gen/task_v3_pb.ts";
import { readOptions, type ShimOptions } from "./options.ts";
import type { Exit, Process } from "./process.ts";
import { MountError } from "./rootfs.ts";
import { Runtime, RuntimeError } from "./runtime.ts";
import { type Handlers, type Service, service } from "./ttrpc/server.ts";
import { Code, RpcError } from "./ttrpc/status.ts";

/** As containerd's own identifiers are, and as part of a file's name: 76 characters. */
const ID = /^[A-Za-z0-9][\w.-]{0,75}$/;

export interface ShimWords {
  readonly launcher: string;
  /** Where containers are, unless options say something else. */
  readonly root: string;
  readonly isDebug: boolean;
  /** What options say of the shim itself, told with each container. */
  readonly configure: (options: ShimOptions, id: string) => void;
}

/** Global flags of the runtime. */
function flagsOf({ flags, systemdCgroup, logLevel }: ShimOptions, isDebug: boolean): string[] {
  const all = [...flags];
  if (isDebug || logLevel === "debug" || logLevel === "trace") all.push("--debug");
  if (systemdCgroup) all.push("--systemd-cgroup");
  return all;
}

function checkId(id: string): void {
  if (!ID.test(id)) throw new RpcError(Code.INVALID_ARGUMENT, `invalid identifier: ${id}`);
}

function statusOf(container: Container, process: Process): Status {
  if (process.exit !== null) return Status.STOPPED;
  if (!process.isStarted) return Status.CREATED;
  return container.isPaused ? Status.PAUSED : Status.RUNNING;
}

const exitOf = (exit: Exit) => ({ exitStatus: exit.status, exitedAt: timestampFromMs(exit.at) });

/** JSON that stands in an Any as it is (containerd's typeurl). */
const jsonOf = (any: Any | undefined): string => Buffer.from(any?.value ?? []).toString("utf8");

export class TaskService {
  readonly #around: Surroundings;
  readonly #words: ShimWords;
  readonly #containers = new Map<string, Container>();
  /** Creates that are under way; each resolves when it has ended, well or not. */
  readonly #creating = new Map<string, Promise<void>>();
  #isEnding = false;
  /** Asked to end, with nothing left to do. */
  readonly #end: () => void;

  constructor(around: Surroundings, words: ShimWords, end: () => void) {
    this.#around = around;
    this.#words = words;
    this.#end = end;
  }

  get isEmpty(): boolean {
    return this.#containers.size === 0 && this.#creating.size === 0;
  }

  /** Nobody needs what it has. */
  get isForgotten(): boolean {
    return (
      this.#creating.size === 0 && [...this.#containers.values()].every(({ isForgotten }) => isForgotten)
    );
  }

  /** Nothing is made from now on; resolves when what there is has been removed. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#creating.values());
    await Promise.all([...this.#containers.values()].map((container) => container.abandon()));
    this.#containers.clear();
  }

  /** The service by both of its names. */
  services(): Service[] {
    const handlers = this.#handlers();
    return [service(TaskV2, handlers), service(TaskV3, handlers)];
  }

  #find(id: string): Container {
    const found = this.#containers.get(id);
    if (!found) throw new RpcError(Code.NOT_FOUND, `container not created: ${id}: not found`);
    return found;
  }

  #runtime(given: Any | undefined, id: string): Runtime {
    const options = readOptions(given);
    if (typeof options === "string") throw new RpcError(Code.INVALID_ARGUMENT, options);
    const { binaryName, root } = options;
    this.#words.configure(options, id);
    return new Runtime(
      this.#around.children,
      binaryName || this.#words.launcher,
      root || this.#words.root,
      flagsOf(options, this.#words.isDebug),
    );
  }

  async #create(words: Parameters<typeof Container.create>[2], options: Any | undefined): Promise<Container> {
    const { id } = words;
    checkId(id);
    if (!words.bundle.startsWith("/"))
      throw new RpcError(Code.INVALID_ARGUMENT, `the bundle ${words.bundle} is no absolute path`);
    if (this.#isEnding) throw new RpcError(Code.UNAVAILABLE, "the shim is ending");
    if (this.#containers.has(id) || this.#creating.has(id))
      throw new RpcError(Code.ALREADY_EXISTS, `container ${id}: already exists`);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#creating.set(id, promise);
    try {
      const container = await Container.create(this.#around, this.#runtime(options, id), words);
      this.#containers.set(id, container);
      return container;
    } catch (error) {
      if (error instanceof RuntimeError)
        throw new RpcError(Code.UNKNOWN, `OCI runtime create failed: ${error.message}`);
      if (error instanceof MountError)
        throw new RpcError(Code.UNKNOWN, `failed to mount rootfs component: ${error.message}`);
      throw error;
    } finally {
      this.#creating.delete(id);
      resolve();
    }
  }

  #handlers(): Handlers<typeof TaskV2> {
    return {
      create: async ({ id, bundle, rootfs, terminal, stdin, stdout, stderr, checkpoint, options }) => {
        if (checkpoint !== "")
          throw new RpcError(Code.UNIMPLEMENTED, "containers cannot be restored: not implemented");
        const mounts = rootfs.map(({ type, source, target, options }) => ({ type, source, target, options }));
        const paths = { stdin, stdout, stderr, terminal };
        const { init } = await this.#create({ id, bundle, mounts, paths }, options);
        return { pid: init.pid };
      },

      start: async ({ id, execId }) => {
        const container = this.#find(id);
        const what = execId === "" ? "start" : "exec";
        try {
          await (execId === "" ? container.start() : container.startExec(execId));
        } catch (error) {
          if (error instanceof RpcError && error.code !== Code.UNKNOWN) throw error;
          throw new RpcError(Code.UNKNOWN, `OCI runtime ${what} failed: ${(error as Error).message}`);
        }
        return { pid: container.process(execId).pid };
      },

      delete: async ({ id, execId }) => {
        // Whoever has asked for it, and has given up waiting, wants it to go.
        await this.#creating.get(id);
        const container = this.#find(id);
        const { pid, ...exit } = await container.delete(execId);
        if (execId === "") this.#containers.delete(id);
        return { pid, ...exitOf(exit) };
      },

      exec: async ({ id, execId, terminal, stdin, stdout, stderr, spec }) => {
        checkId(execId);
        const process = JSON.parse(jsonOf(spec)) as object;
        const text = JSON.stringify({ ...process, terminal });
        this.#find(id).addExec(execId, text, { stdin, stdout, stderr, terminal });
        return {};
      },

      state: async ({ id, execId }) => {
        const container = this.#find(id);
        const process = container.process(execId);
        return {
          id,
          execId,
          bundle: container.bundle,
          pid: process.pid,
          status: statusOf(container, process),
          ...process.paths,
          ...(process.exit !== null && exitOf(process.exit)),
        };
      },

      wait: async ({ id, execId }, { gone }) => exitOf(await this.#find(id).process(execId).wait(gone)),

      kill: async ({ id, execId, signal, all }) => {
        await this.#find(id).kill(execId, signal, all);
        return {};
      },

      pause: async ({ id }) => {
        await this.#find(id).pause();
        return {};
      },

      resume: async ({ id }) => {
        await this.#find(id).resume();
        return {};
      },

      pids: async ({ id }) => {
        const container = this.#find(id);
        const execs = new Map(container.running.map(({ pid, execId }) => [pid, execId]));
        const processes = (await container.pids()).map((pid) => {
          const execId = execs.get(pid);
          return execId ? { pid, info: pack(ProcessDetailsSchema, { execId }) } : { pid };
        });
        return { processes };
      },

      resizePty: async ({ id, execId, width, height }) => {
        const { stdio } = this.#find(id).process(execId);
        // Who has no terminal, or has it no more, is told nothing: as with runc.
        stdio?.resize(width, height);
        return {};
      },

      closeIO: async ({ id, execId, stdin }) => {
        if (stdin) this.#find(id).process(execId).stdio?.closeStdin();
        return {};
      },

      update: async ({ id, resources }) => {
        await this.#find(id).update(jsonOf(resources));
        return {};
      },

      stats: async ({ id }) => ({ stats: await this.#find(id).stats() }),

      checkpoint: async () => {
        throw new RpcError(Code.UNIMPLEMENTED, "containers cannot be checkpointed: not implemented");
      },

      connect: async ({ id }) => ({
        shimPid: process.pid,
        taskPid: this.#containers.get(id)?.init.pid ?? 0,
        version: "2",
      }),

      shutdown: async ({ id }) => {
        await this.#creating.get(id);
        if (this.isEmpty) this.#end();
        return {};
      },
    };
  }
}
