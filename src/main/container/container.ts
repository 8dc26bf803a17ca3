// A container's way: created, running, stopped (runtime-spec, "Runtime and Lifecycle"). What its callers ask
// for comes from control requests; its waiter stands for its first process.

import { closeSync } from "node:fs";
import { SIGINT, SIGKILL, SIGTERM } from "../../shared/abi/signal.ts";
import type { ContainerSpec } from "../../shared/container_spec.ts";
import type { GuestLimits, ProcessSpec } from "../../shared/process_spec.ts";
import { containerStartError } from "../../shared/start_error.ts";
import { type Event, Program } from "../control/program.ts";
import { RequestError } from "../control/request_error.ts";
import type { Host } from "../host.ts";
import type { Log } from "../log.ts";
import type { ContainerKernel } from "./kernel_view.ts";
import { runStartHooks } from "./start_hooks.ts";
import { Waiter } from "./waiter.ts";

/** Host descriptors of a program: its standard streams, and what else its caller gives it, from 3 on. */
export type Streams = readonly number[];
export type Status = "created" | "running" | "paused" | "stopped";

/** Wait status of a container whose program was not started: exit code 1. */
const EXIT_HOOK_FAILED = 1 << 8;

/** runc's words, which engines look for. */
const CANNOT_START: Readonly<Record<Status, string>> = {
  created: "cannot start an already running container",
  running: "cannot start an already running container",
  paused: "cannot start a container in the paused state",
  stopped: "cannot start a container that has stopped",
};

export interface Parts {
  host: Host;
  kernel: ContainerKernel;
  log: Log;
}

/** Tells what becomes of a program; the first event answers whether it could be started. */
type Tell = (event: Event) => void;

export class Container {
  readonly spec: ContainerSpec;
  readonly #parts: Parts;
  readonly #waiter: Waiter | null;
  readonly #isPod: boolean;
  #streams: Streams | null;
  #program: Program | null = null;
  /** Of a pod: its program was asked for. */
  #runningAsInit: Promise<void> | null = null;
  #status: Exclude<Status, "paused"> = "created";
  #isPaused = false;
  #pauses = 0;
  /** Wait status of its first program, once it has stopped. */
  #exitStatus = 0;
  /** Who waits for its end. */
  readonly #waiting = new Set<(status: number) => void>();

  /**
   * `waiter`: descriptor of its channel, or null where the caller's connection stands for the container. `isPod`:
   * its program is one that does nothing but be there, as a pod's has it: so it is not run before somebody needs it.
   */
  constructor(parts: Parts, spec: ContainerSpec, streams: Streams, waiter: number | null, isPod = false) {
    this.#isPod = isPod;
    this.spec = spec;
    this.#parts = parts;
    this.#streams = streams;
    this.#waiter = waiter === null ? null : this.#watch(waiter, () => this.#program);
  }

  get status(): Status {
    return this.#isPaused && this.#status !== "stopped" ? "paused" : this.#status;
  }

  /** Its first program, once it was started. */
  get program(): Program | null {
    return this.#program;
  }

  /** Starts the container's program; resolves when it runs. `tell` gets the events of its way. */
  async start(tell: Tell = () => {}): Promise<void> {
    if (this.status !== "created" || this.#streams === null)
      throw new RequestError("ERR_STATE", CANNOT_START[this.status]);
    this.#status = "running";
    await this.#runHooks();
    if (this.#isPod) return;
    await this.#run(tell);
  }

  /** Of a pod: its program runs from now on, if it has not run before, for those whose process 1 it is. */
  async runAsInit(): Promise<void> {
    if (this.#status !== "running")
      throw new RequestError("ERR_STATE", "the container whose processes are to be shared is not running");
    if (!this.#isPod) return;
    this.#runningAsInit ??= this.#run(() => {});
    await this.#runningAsInit;
  }

  async #run(tell: Tell): Promise<void> {
    const streams = this.#streams ?? [];
    this.#streams = null;
    const program = this.#newProgram((event) => {
      if (event.event === "exit") this.#ended(event.status);
      tell(event);
    });
    this.#program = program;
    try {
      await this.#started(program, this.spec.process, streams);
    } catch (error) {
      this.#ended(SIGKILL);
      throw error;
    }
  }

  async #runHooks(): Promise<void> {
    if (this.spec.startHooks.length === 0) return;
    const { kernel } = this.#parts;
    const wrong = await runStartHooks(kernel, this.spec, () => this.status === "stopped");
    if (wrong === null) return;
    if (this.#status !== "stopped") this.#ended(EXIT_HOOK_FAILED);
    await kernel.signal(0, SIGKILL);
    throw new RequestError("ERR_START", wrong);
  }

  #newProgram(tell: Tell): Program {
    return new Program(this.#parts.kernel, tell, containerStartError);
  }

  /** Runs a program until its first event; the rest of its way goes on in the background. */
  #started(program: Program, spec: ProcessSpec, streams: Streams): Promise<void> {
    return new Promise((resolve, reject) => {
      program.onFirstEvent = (event) => {
        if (event.event === "error") reject(new RequestError("ERR_START", event.message));
        else resolve();
      };
      program.run(spec, streams).catch((error: unknown) => {
        this.#parts.log.error({ err: error }, "a program could not be run");
        reject(error);
      });
    });
  }

  async limit(limits: Partial<GuestLimits>): Promise<void> {
    if (this.#status === "stopped") throw new RequestError("ERR_STATE", "container not running");
    await this.#parts.kernel.limit(limits);
  }

  /** Stops all code of the container. Throws where it does not run, or cannot be stopped. */
  async pause(): Promise<void> {
    if (this.status !== "running" && this.status !== "created")
      throw new RequestError("ERR_STATE", "container not running");
    this.#isPaused = true;
    const which = ++this.#pauses;
    if (await this.#parts.kernel.pause()) return;
    // It may have been resumed, and paused again, meanwhile.
    if (which === this.#pauses) this.#isPaused = false;
    throw new RequestError("ERR_STATE", "the container's processes do not stop");
  }

  async resume(): Promise<void> {
    if (this.status !== "paused") throw new RequestError("ERR_STATE", "container not paused");
    this.#isPaused = false;
    await this.#parts.kernel.resume();
  }

  /**
   * A further program in the container, with a waiter of its own, or one whose caller is told by `tell`. `ignoresPause`:
   * in a paused one as well, where it begins to run when that is resumed.
   */
  async exec(
    spec: ProcessSpec,
    streams: Streams,
    waiter: number | null,
    ignoresPause: boolean,
    tell: Tell,
  ): Promise<Program> {
    const { status } = this;
    if (this.#status === "stopped" || (status === "paused" && !ignoresPause)) {
      for (const fd of new Set([...streams, ...(waiter === null ? [] : [waiter])])) closeSync(fd);
      const hint = status === "paused" ? " (use --ignore-paused to override)" : "";
      throw new RequestError("ERR_STATE", `cannot exec in a ${status} container${hint}`);
    }
    const standIn = waiter === null ? null : this.#watch(waiter, () => program);
    const program = this.#newProgram((event) => {
      if (event.event === "exit") standIn?.end(event.status);
      if (event.event === "error") standIn?.end(event.code << 8);
      tell(event);
    });
    await this.#started(program, spec, streams);
    return program;
  }

  /** Sends a signal to the first process, or to all. */
  async kill(signo: number, all: boolean): Promise<void> {
    if (this.#status === "stopped" && all) return; // nobody is left
    if (this.#status === "stopped") throw new RequestError("ERR_STATE", "container not running");
    if (signo === 0) return; // only whether it is there
    const { kernel } = this.#parts;
    if (this.#program !== null) {
      await (all ? kernel.signal(0, signo) : this.#program.signal(signo, false));
      return;
    }
    // There is no first process yet that could have a handler; what runs beside it (exec, hooks) ends with it.
    const ends = signo === SIGKILL || signo === SIGTERM || (this.#isPod && signo === SIGINT);
    if (ends) this.#ended(signo);
    if (ends || all) await kernel.signal(0, ends ? SIGKILL : signo);
  }

  /** `told` gets the wait status of the first program when the container has stopped; returns how to wait no more. */
  onEnd(told: (status: number) => void): () => void {
    if (this.#status === "stopped") told(this.#exitStatus);
    else this.#waiting.add(told);
    return () => this.#waiting.delete(told);
  }

  /** What an engine may delete as it stands. */
  mayBeDeleted(): boolean {
    return this.#status !== "running";
  }

  #ended(status: number): void {
    this.#status = "stopped";
    this.#exitStatus = status;
    for (const told of this.#waiting) told(status);
    this.#waiting.clear();
    this.#closeStreams();
    this.#waiter?.end(status);
  }

  /** It is gone from its pod. */
  close(): void {
    if (this.#status !== "stopped") this.#ended(SIGKILL);
  }

  #closeStreams(): void {
    for (const fd of new Set(this.#streams ?? [])) closeSync(fd);
    this.#streams = null;
  }

  #watch(channel: number, program: () => Program | null): Waiter {
    const failed = (error: unknown) => this.#parts.log.error({ err: error }, "a signal was lost");
    const send = (signo: number, fromTerminal: boolean) => {
      const target = program();
      if (target !== null) target.signal(signo, fromTerminal).catch(failed);
      else this.kill(signo, false).catch(failed);
    };
    return new Waiter(this.#parts.host, channel, { signal: send, gone: () => send(SIGKILL, false) });
  }
}
