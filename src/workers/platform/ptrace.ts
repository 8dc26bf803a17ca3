// ptrace: the stubs' seccomp filter stops a thread of guest code at a system call, and a tracer
// (native/platform/ptrace.c) sends it to the stub's entry, which posts the call. For hosts where SIGSYS cannot be
// used; slots, signals and all else are systrap's.

import type { Introduction } from "./platform.ts";
import type { ResourceUse } from "./resource_use.ts";
import { StubPlatform } from "./stub_platform.ts";
import { Catch } from "./zygote.ts";

export class Ptrace extends StubPlatform {
  override readonly handsOver = true;

  override introduce(kernelPage: number, doorbells: readonly number[]): Introduction {
    const hello = this.zygote.hello(kernelPage, doorbells, Catch.TRACE);
    const tracer = this.native.trace(hello.pid, hello.entry);
    if (tracer < 0) throw new Error(`tracing the zygote: errno ${-tracer} (does the host allow ptrace?)`);
    this.threads.push(tracer);
    return hello;
  }

  override reap(pid: number, reaped: (use: ResourceUse) => void): void {
    // Its parent sees its end when the tracer has.
    this.native.traceEnded(pid);
    super.reap(pid, reaped);
  }
}
