// A kernel with this machine's files below it, and one task in it without a stub: its calls are made by writing
// where a stub would, and by taking the place of the loop.

import { openSync } from "node:fs";
import { join } from "node:path";
import { GuestMemory } from "../../src/shared/ring/guest_memory.ts";
import { CHUNK_SIZE, REQ_IN_LENGTH, REQ_VALUE, WINDOW, WINDOW_SECOND } from "../../src/shared/ring/layout.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { BLOCKED } from "../../src/workers/call/call.ts";
import type { Handler } from "../../src/workers/call/dispatch.ts";
import { initialCredentials } from "../../src/workers/credentials/credentials.ts";
import { HANDLERS } from "../../src/workers/handlers.ts";
import { IpcMember } from "../../src/workers/ipc/member.ts";
import { Kernel } from "../../src/workers/kernel.ts";
import { loadNative, type Native } from "../../src/workers/native.ts";
import { StubProcess } from "../../src/workers/platform/stub_process.ts";
import { newAddressSpace } from "../../src/workers/process/exec.ts";
import type { Pid } from "../../src/workers/process/pids.ts";
import { Task } from "../../src/workers/process/task.ts";
import { ThreadGroup } from "../../src/workers/process/thread_group.ts";
import { SignalHandlers } from "../../src/workers/signals/signals.ts";
import { limitsFrom } from "../../src/workers/system/limit_calls.ts";
import { FileTable } from "../../src/workers/vfs/file_table.ts";
import { FsState } from "../../src/workers/vfs/fs_state.ts";
import { mountInitialTree } from "../../src/workers/vfs/initial_mounts.ts";

const LIBRARY = join(import.meta.dirname, "../../build/native/host.node");
const STACK_LIMIT = 8 << 20;

/** An address that no check turns away; nothing is ever read or written there. */
export const ADDRESS = 0x7f00_0000_1000;

export class OneTask {
  readonly kernel: Kernel;
  readonly task: Task;
  #given: Uint8Array | null = null;
  readonly #handlers = new Map<string, Handler<Task>>();

  static async make(): Promise<OneTask> {
    return new OneTask(await loadNative(LIBRARY));
  }

  private constructor(native: Native) {
    const memory = new GuestMemory(new SharedArrayBuffer(CHUNK_SIZE));
    native.setGuestMemory(0, new Uint8Array(memory.buffer));
    const [root, proc] = [openSync("/", "r"), openSync("/proc", "r")];
    const kernel = new Kernel(
      native,
      memory,
      new PrivateSab(),
      { mode: "hold", hostname: "test", options: { overlay2: "root:self", patch: "off" } } as never,
      { proc, cpuinfo: -1, stat: -1, loadavg: -1, zygote: -1, root },
      () => {},
      null,
    );
    this.kernel = kernel;
    kernel.nowNs = native.monotonicNs();
    kernel.containers.first.root = mountInitialTree(kernel);
    const rlimits = limitsFrom([], 1048576);
    const stub = new StubProcess(kernel, newAddressSpace(kernel, STACK_LIMIT, 0));
    const id = kernel.pids.allot() as Pid;
    const group = new ThreadGroup(kernel, id, kernel.containers.first, null, 0, rlimits);
    const parts = {
      files: new FileTable(kernel),
      fs: new FsState(0o022, kernel.mounts, kernel.root, kernel.root),
      handlers: new SignalHandlers(),
      ipc: new IpcMember(kernel.ipc),
      network: kernel.network,
      uts: kernel.uts,
      cgroups: kernel.cgroups,
    };
    const credentials = initialCredentials(0, 0, [], kernel.users);
    this.task = new Task(kernel, id, group, stub, 0, parts, credentials, "test");
    group.leader = this.task;
    group.tasks.push(this.task);
    kernel.taskAt[0] = this.task;
    id.give(this.task);
    for (const [name, handler] of HANDLERS) this.#handlers.set(name, handler as Handler<Task>);
  }

  /** What the following calls find in their first in piece: a path. */
  giveString(text: string): void {
    this.#given = Buffer.from(`${text}\0`, "latin1");
    this.kernel.slots.setWord(0, REQ_IN_LENGTH, text.length + 1);
  }

  /** What the next call finds in its two in pieces. */
  giveStrings(first: string, second: string): void {
    this.giveString(first);
    const { call } = this.task;
    call.bytes.set(Buffer.from(`${second}\0`, "latin1"), call.base + WINDOW_SECOND);
    this.kernel.slots.setWord(0, REQ_IN_LENGTH + 4, second.length + 1);
  }

  /** What the following calls find in their first in piece: a structure. */
  giveBytes(bytes: Uint8Array): void {
    this.#given = bytes;
    this.kernel.slots.setWord(0, REQ_IN_LENGTH, bytes.length);
  }

  /** ... or so many bytes, whatever they are. */
  giveLength(length: number): void {
    this.#given = null;
    this.kernel.slots.setWord(0, REQ_IN_LENGTH, length);
  }

  handler(name: string): Handler<Task> {
    return this.#handlers.get(name)!;
  }

  /** Makes a call, which must end at once: its result. */
  serve(handler: Handler<Task>, a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0): number {
    const result = this.begin(handler, a0, a1, a2, a3, a4, a5);
    if (result === BLOCKED) throw new Error("the call does not end at once");
    this.task.call.complete(result);
    return result;
  }

  /** Begins a call, which may have to wait: its result, or BLOCKED. */
  begin(handler: Handler<Task>, a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0): number {
    const { call } = this.task;
    // Each call's out pieces may have taken its place.
    if (this.#given !== null) call.bytes.set(this.#given, call.base + WINDOW);
    call.owned = true;
    call.sequence = (call.sequence + 1) & 0xffffff;
    call.begin(0);
    return handler(this.task, a0, a1, a2, a3, a4, a5);
  }

  /** The stub has done what the call in progress asked of it: `moved` bytes were copied. */
  posts(moved = 0): void {
    const { call } = this.task;
    this.kernel.slots.setNumber(0, REQ_VALUE, moved);
    call.owned = true;
    call.posted();
    this.kernel.nextSteps.run();
  }
}
