// The kernels of a thread that several share: they come and go while it runs. What a thread loads, it loads before the process
// is confined; a kernel needs nothing but what it is given.

import { O_DIRECTORY, O_PATH } from "../shared/abi/fcntl.ts";
import type { KernelBoot } from "../shared/kernel_boot.ts";
import { Leftovers } from "../shared/leftovers.ts";
import type { KernelApi, SandboxOptions } from "../shared/process_spec.ts";
import { confineProcess, Part } from "./confine.ts";
import { GroupThread } from "./group_thread.ts";
import { HostFaults } from "./host_faults.ts";
import { IdleTrim } from "./idle_trim.ts";
import { Kernel } from "./kernel.ts";
import { kernelApi } from "./kernel_api.ts";
import { endKernel } from "./kernel_end.ts";
import type { Asked } from "./loop.ts";
import { readVdso } from "./mem/vdso.ts";
import { kernelParts, type ThreadBase, type ThreadParts, threadBase } from "./thread_parts.ts";

/** A kernel that has begun. */
export interface GroupMember<Api> {
  readonly api: Api;
  /** Has it end, if it has not begun to. */
  end(): void;
  /** Resolves when nothing of it is left on this thread. */
  readonly ended: Promise<void>;
}

export class GroupHost {
  readonly #base: ThreadBase;
  readonly #vdso: Buffer;
  readonly #thread: GroupThread;
  readonly #leftovers = new Leftovers();

  private constructor(base: ThreadBase, vdso: Buffer, thread: GroupThread) {
    this.#base = base;
    this.#vdso = vdso;
    this.#thread = thread;
  }

  /** `alike`: the file of what is alike in every sandbox, on one thread of the process, or -1. Throws. */
  static async make(hostLibrary: string, proc: number, alike: number): Promise<GroupHost> {
    const base = await threadBase(hostLibrary);
    const trim = new IdleTrim(base.native, proc, alike);
    return new GroupHost(base, readVdso(), new GroupThread(base.native, base.uv, trim));
  }

  /** When all threads are there: none loads anything from now on. `init`: its socket. Throws: there is no sandbox without. */
  confine(init: number, { platform }: SandboxOptions): void {
    const parts = platform === "ptrace" ? Part.KERNELS | Part.TRACED_KERNELS : Part.KERNELS;
    confineProcess(this.#base.native, init, parts);
  }

  /** Starts a kernel. Throws, and nothing of it is left; its zygote's socket is the caller's still. */
  supervise(boot: KernelBoot, asked: Asked): GroupMember<KernelApi> {
    this.#leftovers.collectIfMany();
    const given = kernelParts(this.#base, boot);
    const { native } = given;
    // Its own to close.
    const root = native.openComponent(boot.descriptors.root!, ".", O_PATH | O_DIRECTORY);
    const parts = { ...given, descriptors: { ...given.descriptors, root } };
    let kernel: Kernel | null = null;
    try {
      if (root < 0) throw new Error(`the root file system: errno ${-root}`);
      kernel = this.#make(parts, boot);
      kernel.boot(this.#vdso);
      kernel.longTurns.watchCollector();
      return this.#member(kernel, boot, asked);
    } catch (error) {
      kernel?.sleep.close();
      for (const fd of [kernel?.doorbell ?? -1, root]) if (fd >= 0) native.close(fd);
      native.forgetGuestMemory(boot.kernel);
      throw error;
    }
  }

  #make(
    { native, memory, sab, descriptors, log, strace }: ThreadParts,
    { config, roles }: KernelBoot,
  ): Kernel {
    return new Kernel(native, memory, sab, config, descriptors, log, strace, roles);
  }

  #member(kernel: Kernel, boot: KernelBoot, asked: Asked): GroupMember<KernelApi> {
    const thread = this.#thread;
    let isEnding = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => {
      if (isEnding) return;
      isEnding = true;
      endKernel(kernel, thread, () => {
        this.#base.native.forgetGuestMemory(boot.kernel);
        this.#leftovers.add(kernel);
        resolve();
      });
    };
    thread.add(kernel, asked, (error) => {
      kernel.log("error", "a kernel threw: it ends", { stack: error instanceof Error ? error.stack : error });
      end();
    });
    const faults =
      boot.config.options.hostFaults === true
        ? new HostFaults(kernel.native, kernel.counters, kernel.log)
        : null;
    return { api: kernelApi(kernel, asked, faults), end, ended: promise };
  }

  /** What another thread than 0 of a kernel begins with here. Throws. */
  parts(boot: KernelBoot): ThreadParts {
    return kernelParts(this.#base, boot);
  }

  get thread(): GroupThread {
    return this.#thread;
  }
}
