// systrap: the stubs' seccomp filter answers system calls of guest code with SIGSYS, whose handler in the stub posts
// them. Nothing of it needs the supervisor.

import type { Introduction } from "./platform.ts";
import { StubPlatform } from "./stub_platform.ts";
import { Catch } from "./zygote.ts";

export class Systrap extends StubPlatform {
  override introduce(kernelPage: number, doorbells: readonly number[]): Introduction {
    return this.zygote.hello(kernelPage, doorbells, Catch.TRAP);
  }
}
