// The containers of a pod beside its first one: each is made by a request of the launcher's to that one's socket, has a
// socket of its own, by which it is asked as any container is, and ends without the others.

import { closeSync } from "node:fs";
import type { BootDescriptor, KernelApi, SandboxConfig } from "../../shared/process_spec.ts";
import type { Descriptors } from "../boot.ts";
import type { Control } from "../control/methods.ts";
import { invalid, RequestError } from "../control/request_error.ts";
import type { ControlServer } from "../control/server.ts";
import type { Host } from "../host.ts";
import type { Log } from "../log.ts";
import { readContainer } from "../oci/container.ts";
import { SchemaError } from "../oci/schema.ts";
import { Container } from "./container.ts";
import { type ContainerKernel, kernelOf } from "./kernel_view.ts";

const CONTAINERS_MAX = 256;
const NAME = /^(spec|listen|lock|waiter|root|stdin|stdout|stderr|(mount|preserved|group):\d{1,4})$/;

interface Parts {
  readonly host: Host;
  readonly kernel: KernelApi;
  readonly log: Log;
  readonly config: SandboxConfig;
}

/** What the launcher says of a container (native/launcher/pod.c). */
export interface PodRequest {
  readonly id: string;
  readonly bundle: string;
  /** On the host, the process that stands for it; 0: none. */
  readonly pid: number;
  readonly processes: "own" | "shared";
  /** The `pid` of that one whose processes it is to be among, where they are shared; 0: the pod's. */
  readonly processesOf: number;
  readonly listening: number;
  readonly descriptors: readonly BootDescriptor[];
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw invalid(name);
  return value;
}

/** A container of the pod, and the kernel as it has it. */
interface Member {
  readonly container: Container;
  readonly kernel: ContainerKernel;
}

/** Throws a RequestError. */
export function readPodRequest(params: Record<string, unknown>): PodRequest {
  const { descriptors, processes, listening = 0, pid = 0, processesOf = 0 } = params;
  const names = Array.isArray(descriptors) ? (descriptors as unknown[]) : [];
  if (names.length === 0 || !names.every((name) => typeof name === "string" && NAME.test(name)))
    throw invalid("descriptors");
  if (new Set(names).size !== names.length) throw invalid("descriptors");
  if (processes !== "own" && processes !== "shared") throw invalid("processes");
  if (typeof listening !== "number") throw invalid("listening");
  if (typeof pid !== "number") throw invalid("pid");
  if (typeof processesOf !== "number") throw invalid("processesOf");
  return {
    id: text(params.id, "id"),
    bundle: text(params.bundle, "bundle"),
    pid,
    processes,
    processesOf,
    listening,
    descriptors: names as BootDescriptor[],
  };
}

/** Those named so, in the order of their numbers. */
function numbered(descriptors: Descriptors, kind: "preserved" | "group"): number[] {
  const found: number[] = [];
  for (let fd = descriptors[`${kind}:0`]; fd !== undefined; fd = descriptors[`${kind}:${found.length}`])
    found.push(fd);
  return found;
}

export class Pod {
  readonly #parts: Parts;
  readonly #server: ControlServer;
  readonly #first: Container;
  #count = 0;
  /** By the processes that stand for them. */
  readonly #numbers = new Map<number, number>();
  #lastNumber = 0;
  /** Those that were made beside the first, and are there. */
  readonly members = new Set<Member>();

  /** `first`: the one that the pod is known by. */
  constructor(parts: Parts, server: ControlServer, first: Container) {
    this.#first = first;
    this.#parts = parts;
    this.#server = server;
  }

  /** Makes a container, which is then asked by its own socket; the descriptors are the pod's, whatever becomes of it. */
  async create(request: PodRequest, fds: readonly number[]): Promise<void> {
    if (this.#count >= CONTAINERS_MAX) {
      for (const fd of fds) closeSync(fd);
      throw new RequestError("ERR_STATE", `a pod has at most ${CONTAINERS_MAX} containers`);
    }
    this.#count++;
    const descriptors: Descriptors = {};
    for (const [index, name] of request.descriptors.entries()) descriptors[name] = fds[index]!;
    // What the container takes over is not to be closed here.
    const kept = new Set<number>();
    let isMade = false;
    try {
      await this.#create(request, descriptors, kept);
      isMade = true;
    } finally {
      if (!isMade) this.#count--;
      for (const fd of fds) if (!kept.has(fd)) closeSync(fd);
    }
  }

  async #create(request: PodRequest, descriptors: Descriptors, kept: Set<number>): Promise<void> {
    const { spec, listen, lock, waiter, root, stdin, stdout, stderr } = descriptors;
    const all = [spec, listen, lock, root, stdin, stdout, stderr];
    if (all.includes(undefined)) throw invalid("descriptors");
    const { host, log, config } = this.#parts;
    const { id, bundle, pid, listening } = request;
    const read = this.#read(spec!, { ...config, id, bundle, listening }, descriptors);
    const groups = numbered(descriptors, "group");
    const number = ++this.#lastNumber;
    const kernel = kernelOf(this.#parts.kernel, number);
    const processes = await this.#processesFor(request);
    const mounts = read.mounts.flatMap(({ descriptor }) => descriptor ?? []);
    // The kernel's from now on, whatever it says.
    for (const fd of [root!, ...groups, ...mounts]) kept.add(fd);
    const wrong = await kernel.prepare({ ...read, pod: { root: root!, processes, groups } });
    if (wrong !== null) throw new RequestError("ERR_START", wrong);
    if (pid > 0) this.#numbers.set(pid, number);
    const streams = [stdin!, stdout!, stderr!, ...numbered(descriptors, "preserved")];
    for (const fd of [listen!, lock!, ...(waiter === undefined ? [] : [waiter]), ...streams]) kept.add(fd);
    const container = new Container({ host, kernel, log }, read, streams, waiter ?? null);
    const member: Member = { container, kernel };
    this.members.add(member);
    const end = (): void => {
      stop();
      this.members.delete(member);
      void kernel.remove().then(() => {
        this.#count--;
        if (this.#numbers.get(pid) === number) this.#numbers.delete(pid);
        container.close();
        // Whoever holds it may believe that nothing of the container is left.
        closeSync(lock!);
      });
    };
    const control: Control = { kernel, log, container, end };
    const stop = this.#server.listen(listen!, control);
  }

  /** Those that are all of the pod's have its own program as their first, which is run from then on. */
  async #processesFor({ processes, processesOf }: PodRequest): Promise<"own" | number> {
    if (processes === "own") return "own";
    const target = this.#numbers.get(processesOf);
    if (target !== undefined) return target;
    if (processesOf !== 0)
      throw new RequestError("ERR_STATE", "the container whose processes it is to be among is gone");
    await this.#first.runAsInit();
    return 0;
  }

  #read(spec: number, config: SandboxConfig, descriptors: Descriptors) {
    try {
      return readContainer(spec, config.id!, config, descriptors, this.#parts.log);
    } catch (error) {
      if (error instanceof SchemaError) throw new RequestError("ERR_PARAMS", error.message);
      throw error;
    }
  }
}
