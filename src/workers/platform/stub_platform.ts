// What the platforms whose stubs are host processes have in common: all but how a call of guest code is caught.

import { SIGKILL } from "../../shared/abi/signal.ts";
import type { Native } from "../native.ts";
import type { Introduction, Platform } from "./platform.ts";
import type { ResourceUse } from "./resource_use.ts";
import { Zygote } from "./zygote.ts";
import type { RequestsContext } from "./zygote_requests.ts";

/** The host signal that makes a stub thread enter its handler; guests never see it. */
const SIGKICK = 63;

export abstract class StubPlatform implements Platform {
  protected readonly native: Native;
  protected readonly zygote: Zygote;
  readonly threads: number[] = [];
  readonly handsOver: boolean = false;

  constructor(kernel: RequestsContext, zygoteSocket: number) {
    this.native = kernel.native;
    this.zygote = new Zygote(kernel, zygoteSocket);
  }

  get asked(): number {
    return this.zygote.asked;
  }

  get zygotePid(): number {
    return this.zygote.pid;
  }

  abstract introduce(kernelPage: number, doorbells: readonly number[]): Introduction;

  start(
    low: number,
    high: number,
    name: string,
    groups: readonly number[],
    isWanted: () => boolean,
    started: (pid: number) => void,
  ): number {
    return this.zygote.spawn(low, high, name, groups, isWanted, started);
  }

  interrupt(pid: number, tid: number): void {
    this.native.tgkill(pid, tid, SIGKICK);
  }

  kill(pidfd: number): void {
    this.native.pidfdSendSignal(pidfd, SIGKILL);
  }

  killByNumber(pid: number): void {
    this.native.tgkill(pid, pid, SIGKILL);
  }

  close(): void {
    this.zygote.close();
  }

  reap(pid: number, reaped: (use: ResourceUse) => void): void {
    this.zygote.reap(pid, reaped);
  }
}
