// The zygote as the supervisor sees it: the clean process that all stub processes are copies of.

import { readI64, TWO_32 } from "../../shared/abi/struct.ts";
import type { Native } from "../native.ts";
import type { Introduction } from "./platform.ts";
import { type ResourceUse, useFrom } from "./resource_use.ts";

const HELLO = 1;
const SPAWN = 2;
const REAP = 3;
/** Where the further words of an answer stand in the scratch area (rf_zygote_call). */
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
  readonly #native: Native;
  readonly #socket: number;
  /** 0: it has not introduced itself. */
  pid = 0;

  constructor(native: Native, socket: number) {
    this.#native = native;
    this.#socket = socket;
  }

  /**
   * Hands kernel page and doorbells to the zygote and takes the listener. `catches`: how its filter catches calls of
   * guest code. Throws: no sandbox without it.
   */
  hello(kernelPage: number, doorbells: readonly number[], catches: Catch): Hello {
    const native = this.#native;
    native.scratchWords[0] = kernelPage;
    for (let i = 0; i < doorbells.length; i++) native.scratchWords[1 + i] = doorbells[i]!;
    const error = native.zygoteCall(this.#socket, HELLO, doorbells.length, catches, 1 + doorbells.length);
    const hostVdso = native.scratchView.getInt32(4, true) * TWO_32 + native.scratchView.getUint32(0, true);
    const [pid, fd] = [native.scratchWords[MORE / 4]!, native.scratchWords[MORE / 4 + 2]!];
    const listener = error < 0 || hostVdso < 0 ? -1 : native.takeDescriptor(pid, fd);
    if (listener < 0)
      throw new Error(`zygote: hello failed (${error}, ${hostVdso}): are seccomp notifications available?`);
    this.pid = pid;
    return { hostVdso, listener, pid, entry: readI64(native.scratchView, MORE + 16) };
  }

  /**
   * A copy of itself, whose first act is to put itself in control groups, and then to name the token: its pid, or a negative
   * errno. `name`: for the host's ps. `groups`: host descriptors.
   */
  spawn(low: number, high: number, name: string, groups: readonly number[]): number {
    const { scratch, scratchWords } = this.#native;
    for (let i = 0; i < NAME_SIZE; i++) scratch[NAME + i] = i < name.length ? name.charCodeAt(i) : 0;
    const count = Math.min(groups.length, GROUPS_MAX);
    for (let i = 0; i < count; i++) scratchWords[i] = groups[i]!;
    const error = this.#native.zygoteCall(this.#socket, SPAWN, low, high, count);
    return error < 0 ? error : scratchWords[0]!;
  }

  /** It leaves, and no stub is made any more. */
  close(): void {
    this.#native.close(this.#socket);
  }

  /** Reaps a child that has ended. */
  reap(pid: number): ResourceUse {
    this.#native.zygoteCall(this.#socket, REAP, pid, 0, 0);
    return useFrom(this.#native.scratchView, MORE);
  }
}
