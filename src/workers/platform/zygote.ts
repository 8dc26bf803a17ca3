// The zygote as the supervisor sees it: the clean process that all stub processes are copies of.

import { readI64 } from "../../shared/abi/struct.ts";
import type { Introduction } from "./platform.ts";
import { NO_USE, type ResourceUse, useFrom } from "./resource_use.ts";
import { type RequestsContext, ZygoteRequests } from "./zygote_requests.ts";

const SPAWN = 2;
const REAP = 3;
/** Where an answer's value, and what else it says, stand in the scratch area (struct zygote_message). */
const VALUE = 8;
const MORE = 16;
/** Of a process's name (SPAWN_NAME_SIZE), and where it stands there, behind descriptors. */
const NAME_SIZE = 16;
const NAME = 1024;
/** SPAWN_GROUPS_MAX */
const GROUPS_MAX = 32;

/** enum zygote_catch: by a signal, or for a tracer. */
export const Catch = { TRAP: 0, TRACE: 1 } as const;
type Catch = (typeof Catch)[keyof typeof Catch];

interface Hello extends Introduction {
  /** The zygote's. */
  readonly pid: number;
  /** Where in the stub a tracer sends caught calls. */
  readonly entry: number;
}

export class Zygote {
  readonly #kernel: RequestsContext;
  readonly #socket: number;
  readonly #requests: ZygoteRequests;
  /** 0: it has not introduced itself. */
  pid = 0;

  constructor(kernel: RequestsContext, socket: number) {
    this.#kernel = kernel;
    this.#socket = socket;
    this.#requests = new ZygoteRequests(kernel, socket);
  }

  /** Requests without an answer. */
  get asked(): number {
    return this.#requests.count;
  }

  /**
   * Hands kernel page and doorbells to the zygote and takes the listener. `catches`: how its filter catches calls of
   * guest code. The one answer that is waited for on the spot: there are no guests yet. Throws: no sandbox without it.
   */
  hello(kernelPage: number, doorbells: readonly number[], catches: Catch): Hello {
    const { native } = this.#kernel;
    native.scratchWords[0] = kernelPage;
    for (let i = 0; i < doorbells.length; i++) native.scratchWords[1 + i] = doorbells[i]!;
    const error = native.zygoteHello(this.#socket, doorbells.length, catches);
    const hostVdso = readI64(native.scratchView, VALUE);
    const [pid, fd] = [native.scratchWords[MORE / 4]!, native.scratchWords[MORE / 4 + 2]!];
    const listener = error < 0 || hostVdso < 0 ? -1 : native.takeDescriptor(pid, fd);
    if (listener < 0)
      throw new Error(`zygote: hello failed (${error}, ${hostVdso}): are seccomp notifications available?`);
    this.pid = pid;
    const entry = readI64(native.scratchView, MORE + 16);
    this.#requests.begin();
    return { hostVdso, listener, pid, entry };
  }

  /**
   * A copy of itself, whose first act is to put itself in control groups, and then to name the token. `name`: for the host's
   * ps. `groups`: host descriptors, which are good for as long as it is wanted. `done` is told its pid or a negative errno; or a
   * negative errno is returned, and `done` is not called.
   */
  spawn(
    low: number,
    high: number,
    name: string,
    groups: readonly number[],
    isWanted: () => boolean,
    done: (pid: number) => void,
  ): number {
    const { native } = this.#kernel;
    const { scratch, scratchWords, scratchView } = native;
    return this.#requests.ask({
      isWanted,
      send: (sequence) => {
        for (let i = 0; i < NAME_SIZE; i++) scratch[NAME + i] = i < name.length ? name.charCodeAt(i) : 0;
        const count = Math.min(groups.length, GROUPS_MAX);
        for (let i = 0; i < count; i++) scratchWords[i] = groups[i]!;
        return native.zygoteSend(this.#socket, SPAWN, sequence, low, high, count);
      },
      answered: (error) => done(error < 0 ? error : scratchView.getInt32(VALUE, true)),
    });
  }

  /** It leaves, and no stub is made any more. */
  close(): void {
    this.#requests.close();
    this.#kernel.native.close(this.#socket);
  }

  /** Reaps a child that has ended; `done` is told what it has used, also where nobody knows. */
  reap(pid: number, done: (use: ResourceUse) => void): void {
    const { native } = this.#kernel;
    const error = this.#requests.ask({
      isWanted: () => true,
      send: (sequence) => native.zygoteSend(this.#socket, REAP, sequence, pid, 0, 0),
      answered: (failed) => done(failed < 0 ? NO_USE : useFrom(native.scratchView, MORE)),
    });
    if (error < 0) done(NO_USE);
  }
}
