// signalfd(2): pending signals of whoever reads, taken by reading. It has no signals of its own: each
// reader sees its own and its group's.

import { EAGAIN, EINVAL } from "../../shared/abi/errno.ts";
import { O_RDWR } from "../../shared/abi/fcntl.ts";
import { POLLIN } from "../../shared/abi/poll.ts";
import { signalfd_siginfo } from "../../shared/abi/structs.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { SignalSet } from "../call/signal_set.ts";
import type { WaitQueue } from "../call/wait_queue.ts";
import type { SupervisorContext } from "../process/context.ts";
import type { Task } from "../process/task.ts";
import { AnonymousFile } from "../vfs/anonymous/anonymous_file.ts";
import { pendingOf, takePending } from "./pending.ts";

const SIZE = signalfd_siginfo.size;
const SWEEP_MIN = 64;

export class SignalFile extends AnonymousFile {
  protected readonly kind = "[signalfd]";
  #mask: SignalSet;
  /** What tells this file of new signals: queues of processes that have waited for it, gone ones swept out. */
  readonly #known = new WeakSet<WaitQueue>();
  #watched: WeakRef<WaitQueue>[] = [];
  #sweepAt = SWEEP_MIN;
  readonly #entry = { events: POLLIN, wake: () => this.waiters.wake(POLLIN) };

  constructor(kernel: SupervisorContext, mask: SignalSet, status: number) {
    super(kernel, O_RDWR | status);
    this.#mask = mask;
  }

  set mask(mask: SignalSet) {
    this.#mask = mask;
    this.waiters.wake(POLLIN);
  }

  override read(task: Task, offset: number, length: number): number {
    if (length < SIZE) return -EINVAL;
    let done = 0;
    while (length - done >= SIZE) {
      const info = takePending(task, this.#mask);
      if (info === null) break;
      encode(info, task.call.bytes, task.call.base + offset + done);
      done += SIZE;
    }
    return done > 0 ? done : -EAGAIN;
  }

  override poll(task: Task): number {
    return pendingOf(task).intersects(this.#mask) ? POLLIN : 0;
  }

  override watch(_events: number, { handlers: { watchers } }: Task): void {
    if (this.#known.has(watchers)) return;
    this.#known.add(watchers);
    if (this.#watched.length >= this.#sweepAt) {
      this.#watched = this.#watched.filter((queue) => queue.deref() !== undefined);
      this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#watched.length);
    }
    this.#watched.push(new WeakRef(watchers));
    watchers.add(this.#entry);
  }

  override info(): Iterable<string> {
    return [`sigmask:\t${this.#mask.toHex()}\n`];
  }

  override release(): void {
    for (const queue of this.#watched) queue.deref()?.remove(this.#entry);
  }
}

function encode(info: SigInfo, bytes: Uint8Array, at: number): void {
  const { value } = info;
  const raw = info.raw === undefined ? null : new DataView(info.raw.buffer, info.raw.byteOffset);
  signalfd_siginfo.encode(
    {
      ssi_signo: info.signo,
      ssi_code: info.code,
      ssi_pid: raw?.getUint32(16, true) ?? info.pid ?? 0,
      ssi_uid: raw?.getUint32(20, true) ?? info.uid ?? 0,
      ssi_tid: info.timer?.id ?? 0,
      ssi_overrun: info.timer?.overrun ?? 0,
      ssi_status: info.status ?? 0,
      ssi_utime: info.utime ?? 0,
      ssi_stime: info.stime ?? 0,
      ssi_int: raw?.getInt32(24, true) ?? (value?.lo ?? 0) | 0,
      ssi_ptr:
        raw === null
          ? (value ?? { lo: 0, hi: 0 })
          : { lo: raw.getUint32(24, true), hi: raw.getUint32(28, true) },
      ssi_addr: info.addr ?? 0,
    },
    bytes,
    at,
  );
}
