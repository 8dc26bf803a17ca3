// Requests of ptrace(2) about signals: what has stopped a thread, what waits for it, its mask.

import { EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import { PTRACE_PEEKSIGINFO_SHARED } from "../../shared/abi/ptrace.ts";
import { readU64 } from "../../shared/abi/struct.ts";
import type { Coroutine } from "../call/call.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import { SIGINFO_SIZE, writeSigInfo } from "../call/siginfo.ts";
import { SIGSET_SIZE, SignalSet } from "../call/signal_set.ts";
import type { Request } from "./request.ts";

/** struct ptrace_peeksiginfo_args */
const PEEK_SIZE = 16;
/** Of more a tracer hears by asking again. */
const PEEKED_MAX = 128;

export function* getInfo({ tracer, tracee, data }: Request): Coroutine {
  const info = tracee.stop?.info ?? null;
  if (info === null) return -EINVAL;
  const bytes = new Uint8Array(SIGINFO_SIZE);
  writeSigInfo(info, bytes, 0);
  return yield* writeGuest(tracer, data, bytes);
}

export function* setInfo({ tracer, tracee, data }: Request): Coroutine {
  const raw = yield* readGuest(tracer, data, SIGINFO_SIZE);
  if (typeof raw === "number") return raw;
  const { stop } = tracee;
  if (stop === null || stop.info === null) return -EINVAL;
  const bytes = Uint8Array.from(raw);
  const view = new DataView(bytes.buffer);
  stop.info = { signo: view.getInt32(0, true), code: view.getInt32(8, true), raw: bytes };
  return 0;
}

export function* peekInfos({ tracer, tracee, address, data }: Request): Coroutine {
  const args = yield* readGuest(tracer, address, PEEK_SIZE);
  if (typeof args === "number") return args;
  const view = new DataView(args.buffer, args.byteOffset, PEEK_SIZE);
  const [first, flags, count] = [readU64(view, 0), view.getUint32(8, true), view.getInt32(12, true)];
  if ((flags & ~PTRACE_PEEKSIGINFO_SHARED) !== 0 || count < 0) return -EINVAL;
  const isShared = (flags & PTRACE_PEEKSIGINFO_SHARED) !== 0;
  const { pending } = isShared ? tracee.task.group : tracee.task;
  const bytes = new Uint8Array(SIGINFO_SIZE);
  let told = 0;
  for (; told < count && told < PEEKED_MAX; told++) {
    const info = pending.at(first + told);
    if (info === undefined) break;
    writeSigInfo(info, bytes, 0);
    if ((yield* writeGuest(tracer, data + told * SIGINFO_SIZE, bytes)) < 0) return told > 0 ? told : -EFAULT;
  }
  return told;
}

export function* getMask({ tracer, tracee, address, data }: Request): Coroutine {
  if (address !== SIGSET_SIZE) return -EINVAL;
  const { task } = tracee;
  const bytes = new Uint8Array(SIGSET_SIZE);
  (task.savedMask ?? task.blocked).write(new DataView(bytes.buffer), 0);
  return yield* writeGuest(tracer, data, bytes);
}

export function* setMask({ tracer, tracee, address, data }: Request): Coroutine {
  if (address !== SIGSET_SIZE) return -EINVAL;
  const bytes = yield* readGuest(tracer, data, SIGSET_SIZE);
  if (typeof bytes === "number") return bytes;
  const { task } = tracee;
  task.savedMask = null;
  task.blocked.assign(SignalSet.read(new DataView(bytes.buffer, bytes.byteOffset), 0).asMask());
  return 0;
}
