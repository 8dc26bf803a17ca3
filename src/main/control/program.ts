// A program that somebody outside waits for: the first one of `do`, or one of `exec`. Its way is told
// as events: started, stopped (any number of times), exit; or error, when it could not be started.

import { SIGKILL } from "../../shared/abi/signal.ts";
import type { ProcessSpec } from "../../shared/process_spec.ts";
import { type StartError, shellStartError, startErrorCode } from "../../shared/start_error.ts";
import type { ContainerKernel } from "../container/kernel_view.ts";

/** Exit code for a sandbox that failed by itself. */
export const CODE_RINGFENCE = 125;

const STOPPED = 0x7f;

export type Event =
  | { event: "started"; pid: number }
  | { event: "stopped"; pid: number; signo: number }
  | { event: "exit"; pid: number; status: number }
  | { event: "error"; code: number; message: string };

/** What is wrong when a program could not be started, for its caller. */
type Explain = (error: StartError) => string;

export class Program {
  readonly #kernel: ContainerKernel;
  readonly #explain: Explain;
  readonly #tell: (event: Event) => void;
  /** Guest pid while the program runs, else 0. */
  #pid = 0;
  /** What was asked before the program ran. */
  #early: ((pid: number) => Promise<unknown>)[] = [];
  #ended = false;
  /** Gets the event that says whether the program could be started. */
  onFirstEvent: ((event: Event) => void) | null = null;

  constructor(kernel: ContainerKernel, tell: (event: Event) => void, explain: Explain = shellStartError) {
    this.#kernel = kernel;
    this.#explain = explain;
    this.#tell = (event) => {
      tell(event);
      this.onFirstEvent?.(event);
      this.onFirstEvent = null;
    };
  }

  /** Resolves when the program has ended and its last event is told. */
  async run(spec: ProcessSpec, streams: readonly number[]): Promise<void> {
    const pid = await this.#kernel.start(spec, streams);
    if (typeof pid !== "number") {
      this.#ended = true;
      return this.#tell({ event: "error", code: startErrorCode(pid), message: this.#explain(pid) });
    }
    this.#pid = pid;
    this.#tell({ event: "started", pid });
    for (const act of this.#early.splice(0)) await act(pid);
    for (;;) {
      const status = await this.#kernel.wait(pid);
      if ((status & 0xff) !== STOPPED) {
        this.#ended = true;
        return this.#tell({ event: "exit", pid, status });
      }
      this.#tell({ event: "stopped", pid, signo: status >> 8 });
    }
  }

  /** A signal that a terminal made goes to the program's process group, as a line discipline sends it. */
  async signal(signo: number, fromTerminal: boolean): Promise<void> {
    await this.#act((pid) => this.#kernel.signal(fromTerminal ? -pid : pid, signo));
  }

  async foreground(value: boolean): Promise<void> {
    await this.#act((pid) => this.#kernel.foreground(pid, value));
  }

  /** Nobody waits for it any more. */
  async kill(): Promise<void> {
    await this.signal(SIGKILL, false);
  }

  async #act(act: (pid: number) => Promise<unknown>): Promise<void> {
    if (this.#ended) return;
    if (this.#pid === 0) this.#early.push(act);
    else await act(this.#pid);
  }
}
