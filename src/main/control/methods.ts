// What can be asked over a control connection: one table. A request is {"id", "method", "params"}; one
// with an id is answered by {"id", "result"} or {"id", "error": {"code", "message"}}; the life of the
// program that a connection stands for is told by events (program.ts).

import type { CgroupLimits } from "../../shared/cgroup.ts";
import type { LogLevel } from "../../shared/inspect_report.ts";
import { PRESERVED_MAX, THREAD_FAULTS } from "../../shared/process_spec.ts";
import type { TraceReport, TraceSession } from "../../shared/trace/session.ts";
import type { Container } from "../container/container.ts";
import { checkProcess } from "../container/exec_process.ts";
import type { ContainerKernel } from "../container/kernel_view.ts";
import { type Pod, readPodRequest } from "../container/pod.ts";
import type { Group } from "../group/group.ts";
import type { Log } from "../log.ts";
import { cgroupLimits } from "../oci/resources.ts";
import { SchemaError } from "../oci/schema.ts";
import { readSession } from "../trace/read_session.ts";
import { checkProcessSpec } from "./check_spec.ts";
import type { Connection } from "./connection.ts";
import { figures } from "./figures.ts";
import { HeldProfile, readOptions } from "./profile.ts";
import { CODE_RINGFENCE, type Event, Program } from "./program.ts";
import { invalid, RequestError } from "./request_error.ts";

const SIGNAL_MAX = 64;

export interface Peer {
  connection: Connection;
  /** The program that this connection stands for. */
  program?: Program;
  /** The connection has ended. */
  isGone?: true;
  /** What its requests wait for is wanted no more. */
  forget?: () => void;
  /** The profile that it has started. */
  profile?: HeldProfile;
  /** It is told when the kernel has done something. */
  watches?: true;
}

export interface Control {
  /** Where it may be another one later, that of now: who begins something keeps it. Throws a RequestError where there is none. */
  readonly kernel: ContainerKernel;
  log: Log;
  /** The sandbox's container, where it has one. */
  container?: Container;
  /** Others beside it in the process, of which each has such a control of its own. */
  group?: Group;
  /** Its other containers, if it is a pod's. */
  pod?: Pod;
  /** The last profile that was started by it. */
  profile?: HeldProfile;
  /** Serves one more connection as this one. */
  attach?(fd: number): void;
  /** Ends the sandbox at once, or of a pod's containers this one. */
  end(): void;
}

type Params = Record<string, unknown>;

function program(peer: Peer): Program {
  if (!peer.program) throw new RequestError("ERR_NO_PROGRAM", "this connection has started no program");
  return peer.program;
}

function container({ container }: Control): Container {
  if (!container) throw new RequestError("ERR_NO_CONTAINER", "this sandbox has no container");
  return container;
}

function signalNumber(signo: unknown): number {
  if (typeof signo !== "number" || !Number.isInteger(signo) || signo < 1 || signo > SIGNAL_MAX)
    throw invalid("signo");
  return signo;
}

function count(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw invalid(name);
  return value;
}

function changedLimits(resources: unknown): Partial<CgroupLimits> {
  try {
    return cgroupLimits(resources, "resources");
  } catch (error) {
    if (error instanceof SchemaError) throw new RequestError("ERR_PARAMS", error.message);
    throw error;
  }
}

/** How many descriptors of its caller's a program gets beside its standard streams. */
function preservedCount(value: unknown): number {
  const preserved = value === undefined ? 0 : count(value, "preserved");
  if (preserved > PRESERVED_MAX) throw invalid("preserved");
  return preserved;
}

function names(value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((name) => typeof name === "string")) throw invalid("only");
  return value;
}

function sessionOf(value: unknown): TraceSession {
  try {
    return readSession(value);
  } catch (error) {
    if (error instanceof SchemaError) throw new RequestError("ERR_PARAMS", error.message);
    throw error;
  }
}

function traceAnswer(answer: TraceReport[] | string): TraceReport[] {
  if (typeof answer === "string") throw new RequestError("ERR_STATE", answer);
  return answer;
}

function isLogLevel(value: unknown): value is LogLevel {
  return value === "debug" || value === "info" || value === "warn" || value === "error";
}

function groupOf(group: Group | undefined): Group {
  if (group === undefined) throw new RequestError("ERR_STATE", "this sandbox was not started with --kernels");
  return group;
}

function noProgram(peer: Peer): void {
  if (peer.program) throw new RequestError("ERR_BUSY", "this connection has started a program already");
}

function profile(peer: Peer): HeldProfile {
  if (!peer.profile) throw new RequestError("ERR_STATE", "this connection has started no profile");
  return peer.profile;
}

/** What a method returns that has something to do when its answer has gone out. */
class Answer {
  readonly result: unknown;
  readonly sent: () => void;

  constructor(result: unknown, sent: () => void = () => {}) {
    this.result = result;
    this.sent = sent;
  }
}

type Method = (control: Control, peer: Peer, params: Params) => unknown;

const METHODS: Readonly<Record<string, Method>> = {
  /** Starts a program with the three descriptors sent along as 0-2. Events tell the rest. */
  exec({ kernel, log }, peer, params) {
    noProgram(peer);
    const spec = checkProcessSpec(params);
    if (typeof spec === "string") throw invalid(spec);
    const stdio = peer.connection.takeDescriptors(3);
    if (!stdio) throw invalid("three descriptors");
    const { connection } = peer;
    peer.program = new Program(kernel, (event) => connection.send(event));
    peer.program.run(spec, stdio).catch((error: unknown) => {
      log.error({ err: error }, "exec failed");
      connection.send({ event: "error", code: CODE_RINGFENCE, message: String(error) });
    });
  },

  /** Sends a signal to the connection's program. */
  signal(_control, peer, { signo, terminal }) {
    const number = signalNumber(signo);
    return program(peer).signal(number, terminal === true);
  },

  /** The caller of the connection's program came into its terminal's foreground, or left it. */
  foreground(_control, peer, { value }) {
    if (typeof value !== "boolean") throw invalid("value");
    return program(peer).foreground(value);
  },

  /** Starts the container's program. With `attach`, this connection stands for it, as for an exec. */
  async start(control, peer, { attach }) {
    const { connection } = peer;
    if (attach !== true) return container(control).start();
    noProgram(peer);
    await container(control).start((event) => {
      const send = () => connection.send(event);
      // With what the end is told to the sandbox ends, too.
      if (event.event === "exit" && control.profile) void control.profile.settled().then(send);
      else send();
    });
    peer.program = container(control).program!;
  },

  /**
   * Other limits of what the kernel counts: `tasks`, `memory` (bytes), each if it is there; 0: none. `resources`: all that
   * was changed, as linux.resources has it.
   */
  limit(control, _peer, { tasks, memory, resources }) {
    return container(control).limit({
      ...(tasks !== undefined && { tasks: count(tasks, "tasks") }),
      ...(memory !== undefined && { memory: count(memory, "memory") }),
      ...(resources !== undefined && { cgroup: changedLimits(resources) }),
    });
  },

  /** Stops all code of the container; it is answered when none runs any more. */
  pause(control) {
    return container(control).pause();
  },

  resume(control) {
    return container(control).resume();
  },

  /** What the container is: created, running, paused, stopped. */
  state(control) {
    const { status } = container(control);
    return { status };
  },

  /** Resolves when the container has stopped: its first program's wait status. */
  wait(control, peer) {
    if (peer.forget) throw new RequestError("ERR_BUSY", "this connection waits already");
    return new Promise((resolve) => {
      peer.forget = container(control).onEnd((status) => {
        delete peer.forget;
        resolve({ status });
      });
    });
  },

  /** What the guests have of the sandbox's own: tasks, and what its network devices have moved (`events`). */
  usage(control) {
    if (container(control).status === "stopped") throw new RequestError("ERR_STATE", "container not running");
    return control.kernel.usage();
  },

  /** Sends a signal to the container's first process, or with `all` to every process. */
  kill(control, _peer, { signo, all }) {
    return container(control).kill(signo === 0 ? 0 : signalNumber(signo), all === true);
  },

  /**
   * Starts a further program in the container. `process` is an OCI process object; without it, the container's
   * own is taken with args, env, cwd, user and terminal of the request. Descriptors: 0-2; with `detach` the
   * channel of a waiter as well, which then stands for the program instead of this connection; and `preserved` more, which
   * are the program's from 3 on.
   */
  async container_exec(control, peer, params) {
    const { connection } = peer;
    const spec = checkProcess(container(control).spec.process, params);
    const isDetached = params.detach === true;
    if (!isDetached) noProgram(peer);
    const own = isDetached ? 4 : 3;
    const given = connection.takeDescriptors(own + preservedCount(params.preserved));
    if (!given) throw invalid("descriptors");
    // Who waits for the answer passes over what comes before it, which the program's end must not.
    let early: object[] | null = [];
    const tell = (event: Event) => {
      if (early === null || event.event !== "exit") connection.send(event);
      else early.push(event);
    };
    const waiter = isDetached ? given[3]! : null;
    const started = await container(control).exec(
      spec,
      [...given.slice(0, 3), ...given.slice(own)],
      waiter,
      params.ignorePaused === true,
      isDetached ? () => {} : tell,
    );
    if (isDetached) return;
    peer.program = started;
    // Nobody has waited for it to start.
    if (peer.isGone) await started.kill();
    return new Answer(null, () => {
      for (const event of early!) connection.send(event);
      early = null;
    });
  },

  /** Makes another container in the sandbox of its pod, of the descriptors that `descriptors` names in their order. */
  create({ pod }, { connection }, params) {
    if (pod === undefined) throw new RequestError("ERR_STATE", "this sandbox is not that of a pod");
    const request = readPodRequest(params);
    const given = connection.takeDescriptors(request.descriptors.length);
    if (!given) throw invalid("descriptors");
    return pod.create(request, given);
  },

  /** Ends the sandbox, or a container of its pod: the answer is the end of the connection. */
  async shutdown(control, _peer, { force }) {
    const stays = control.container?.mayBeDeleted() === false;
    if (stays && force !== true) {
      const { spec, status } = container(control);
      throw new RequestError(
        "ERR_STATE",
        `cannot delete container ${spec.id} that is not stopped: ${status}`,
      );
    }
    await control.profile?.settled();
    control.end();
  },

  /** Starts a kernel where one has ended, or has one end: answered when it has (`hold --kernels`). */
  kernel_start({ group }, _peer, { place }) {
    return groupOf(group).start(count(place, "place"));
  },

  kernel_end({ group }, _peer, { place }) {
    return groupOf(group).end(count(place, "place"));
  },

  /**
   * All that `metrics` and `metric-server` tell of a sandbox and its containers, in one answer. With `watch`, an event `moved`
   * comes when that may be no more so; `isWatched`: it does.
   */
  async metrics(control, peer, { watch }) {
    const { kernel } = control;
    const serial = watch === true ? await kernel.watch() : 0;
    const told = await figures(control);
    if (serial !== 0 && peer.watches === undefined) {
      peer.watches = true;
      const moved = () => {
        delete peer.watches;
        peer.connection.send({ event: "moved" });
      };
      // A kernel that ends takes the connection along, or its place.
      kernel.moved(serial).then(moved, moved);
    }
    return { ...told, isWatched: serial !== 0 };
  },

  /** Counters by name, for tests and debugging. */
  counters({ kernel }) {
    return kernel.counters();
  },

  /** Has host calls fail from now on, one in `oneIn` (0: none): of sandboxes of tests alone (`hold --host-faults`). */
  async fail_host_calls({ kernel }, _peer, { seed, oneIn, only }) {
    const plan = { seed: count(seed, "seed"), oneIn: count(oneIn, "oneIn"), only: names(only) };
    if (!(await kernel.failHostCalls(plan)))
      throw new RequestError("ERR_STATE", "this sandbox was not started with --host-faults");
  },

  /** Ends a kernel thread as an error of ours would: of sandboxes of tests alone. */
  async break_thread({ kernel }, _peer, { thread, how }) {
    const fault = THREAD_FAULTS.find((known) => known === how);
    if (fault === undefined) throw invalid("how");
    if (!(await kernel.breakThread(count(thread, "thread"), fault)))
      throw new RequestError("ERR_STATE", "this sandbox was not started with --host-faults");
  },

  /** One more connection, for who has no name to connect to: the descriptor of a socket comes along (`debug --pid`). */
  attach(control, { connection }) {
    if (control.attach === undefined)
      throw new RequestError("ERR_STATE", "this sandbox has a socket by a name");
    const given = connection.takeDescriptors(1);
    if (!given) throw invalid("descriptor");
    control.attach(given[0]!);
  },

  /** What kernel threads do, for `debug`. */
  threads({ kernel }) {
    return kernel.threads();
  },

  /** Profiles the kernel threads until profile_stop, or the end of the connection: what sandbox that is. */
  async profile_start(control, peer, params) {
    if (peer.profile) throw new RequestError("ERR_BUSY", "this connection profiles already");
    const started = await HeldProfile.start(control.kernel, readOptions(params));
    peer.profile = started.profile;
    control.profile = started.profile;
    if (peer.isGone) await started.profile.forget();
    return started.sandbox;
  },

  profile_stop(_control, peer) {
    return profile(peer).stop();
  },

  /** The next part of what was recorded; null: there is no more, and another profile may be started. */
  profile_part(control, peer) {
    const held = profile(peer);
    const part = held.next();
    if (part === null) {
      delete peer.profile;
      if (control.profile === held) delete control.profile;
    }
    return part;
  },

  /**
   * Makes a trace session (docs/traces.md) with the descriptors of its sinks, in their order: of those that are `open`, and
   * behind them with `connects` what reaches their readers anew.
   */
  async trace_create({ kernel }, { connection }, params) {
    const session = sessionOf(params.session);
    const { open, connects } = params;
    if (
      !Array.isArray(open) ||
      open.length !== session.sinks.length ||
      !open.every((is) => typeof is === "boolean")
    )
      throw invalid("open");
    const count = open.filter(Boolean).length + (connects === true ? 1 : 0);
    const given = connection.takeDescriptors(count);
    if (!given) throw invalid("descriptors");
    const connector = connects === true ? given.pop()! : -1;
    const descriptors = open.map((isOpen) => (isOpen ? given.shift()! : -1));
    return traceAnswer(await kernel.traces({ create: { session, descriptors, connector } }));
  },

  /** Ends a trace session. */
  async trace_delete({ kernel }, _peer, { name }) {
    if (typeof name !== "string") throw invalid("name");
    traceAnswer(await kernel.traces({ remove: name }));
  },

  /** Which trace sessions there are, and how their readers keep up. */
  async trace_list({ kernel }) {
    return traceAnswer(await kernel.traces({}));
  },

  /** For `debug`: guest threads and heaps, as far as they are asked for; and what of the log, of --strace and of what is kept of waits is to change. */
  inspect({ kernel, log }, _peer, params) {
    const { tasks, heap, strace, kernelStacks, logLevel } = params;
    if (strace !== undefined && typeof strace !== "boolean") throw invalid("strace");
    if (kernelStacks !== undefined && typeof kernelStacks !== "boolean") throw invalid("kernelStacks");
    if (logLevel !== undefined && !isLogLevel(logLevel)) throw invalid("logLevel");
    if (logLevel !== undefined) log.level = logLevel;
    return kernel.inspect({
      tasks: tasks === true,
      heap: heap === true,
      ...(strace !== undefined && { strace }),
      ...(kernelStacks !== undefined && { kernelStacks }),
      ...(logLevel !== undefined && { logLevel }),
    });
  },

  /** Call sites that trapped most, and whether they are patched, for tests and debugging. */
  sites({ kernel }) {
    return kernel.sites();
  },
};

/** Runs one request and answers it, if it wants an answer. False: it is no request at all. */
export async function handleRequest(control: Control, peer: Peer, value: unknown): Promise<boolean> {
  const { id, method, params } = (value ?? {}) as { id?: unknown; method?: unknown; params?: unknown };
  if (typeof value !== "object" || typeof method !== "string") return false;
  const given = typeof params === "object" && params !== null ? (params as Params) : {};
  try {
    const handler = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
    if (!handler) throw new RequestError("ERR_METHOD", `unknown method ${method}`);
    const returned = await handler(control, peer, given);
    const { result, sent } = returned instanceof Answer ? returned : new Answer(returned);
    if (id !== undefined) peer.connection.send({ id, result: result ?? null });
    sent();
  } catch (error) {
    const code = error instanceof RequestError ? error.code : "ERR_INTERNAL";
    const message = error instanceof Error ? error.message : String(error);
    if (code === "ERR_INTERNAL") control.log.error({ err: error, method }, "control request failed");
    if (id !== undefined) peer.connection.send({ id, error: { code, message } });
  }
  return true;
}

/** The peer is gone: so is whoever waited for its program. */
export function peerGone(control: Control, peer: Peer): void {
  peer.isGone = true;
  peer.forget?.();
  if (control.profile === peer.profile) delete control.profile;
  peer.profile
    ?.forget()
    .catch((error: unknown) => control.log.error({ err: error }, "ending a profile failed"));
  peer.program
    ?.kill()
    .catch((error: unknown) => control.log.error({ err: error }, "killing a program failed"));
}
