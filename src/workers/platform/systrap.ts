// systrap: the stubs' seccomp filter answers system calls of guest code with SIGSYS, whose handler in the stub posts
// them. Nothing of it needs the supervisor but the signal that interrupts a thread.

import { SIGKILL } from "../../shared/abi/signal.ts";
import type { Native } from "../native.ts";
import type { Introduction, Platform } from "./platform.ts";
import type { ResourceUse } from "./resource_use.ts";
import { Zygote } from "./zygote.ts";

/** The host signal that makes a stub thread enter its handler; guests never see it. */
const SIGKICK = 63;

export class Systrap implements Platform {
  readonly name = "systrap";
  readonly #native: Native;
  readonly #zygote: Zygote;

  constructor(native: Native, zygoteSocket: number) {
    this.#native = native;
    this.#zygote = new Zygote(native, zygoteSocket);
  }

  introduce(kernelPage: number, doorbells: readonly number[]): Introduction {
    return this.#zygote.hello(kernelPage, doorbells);
  }

  start(low: number, high: number): number {
    return this.#zygote.spawn(low, high);
  }

  // Filter and handlers are its creator's.
  adopt(): number {
    return 0;
  }

  interrupt(pid: number, tid: number): void {
    this.#native.tgkill(pid, tid, SIGKICK);
  }

  kill(pidfd: number): void {
    this.#native.pidfdSendSignal(pidfd, SIGKILL);
  }

  reap(pid: number): ResourceUse {
    return this.#zygote.reap(pid);
  }
}
