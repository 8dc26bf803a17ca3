// ptrace(2): the requests, as a table. All but those that begin a relation are about a thread that the caller traces, and, but
// for PTRACE_KILL and PTRACE_INTERRUPT, that stands; else there is no such thread for it (ESRCH).

import { EFAULT, EINVAL, EIO, ESRCH } from "../../shared/abi/errno.ts";
import * as R from "../../shared/abi/prctl.ts";
import * as P from "../../shared/abi/ptrace.ts";
import { CLD_STOPPED, SIGKILL, SIGRTMAX } from "../../shared/abi/signal.ts";
import { readU64, write64 } from "../../shared/abi/struct.ts";
import * as L from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import { fromUser, SIGINFO_SIZE, writeSigInfo } from "../call/siginfo.ts";
import { SIGSET_SIZE, SignalSet } from "../call/signal_set.ts";
import type { Task } from "../process/task.ts";
import { endListening } from "../signals/job_control.ts";
import { sendToTask } from "../signals/send_signal.ts";
import { DEBUG_REGISTERS, DebugRegisters } from "./debug_registers.ts";
import { readFrom, wait, writeTo } from "./memory.ts";
import * as N from "./registers.ts";
import { attach, checkOptions, letGo, traceMe } from "./relation.ts";
import { lookBefore } from "./steps.ts";
import { goOn } from "./stops.ts";
import { syscallInfo } from "./syscall_info.ts";
import type { Going, Tracee } from "./tracee.ts";

const WORD = 8;
const IOVEC_SIZE = 16;
/** struct ptrace_peeksiginfo_args */
const PEEK_SIZE = 16;
const EVENT_SHIFT = 8;

/** A request, with what came in its registers. */
interface Request {
  readonly tracer: Task;
  readonly tracee: Tracee<Task>;
  readonly address: number;
  /** A number, or an address, and its two words. */
  readonly data: number;
  readonly low: number;
  readonly high: number;
}

type Serve = (request: Request) => number | Coroutine;

// ---- Memory ----

function* peek({ tracer, tracee, address, data }: Request): Coroutine {
  const bytes = yield* readFrom(tracer, tracee, address, WORD);
  if (typeof bytes === "number") return bytes;
  if (bytes.length < WORD) return -EIO;
  return yield* writeGuest(tracer, data, bytes);
}

function* poke({ tracer, tracee, address, low, high }: Request): Coroutine {
  const bytes = new Uint8Array(WORD);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, low, true);
  view.setInt32(4, high, true);
  const n = yield* writeTo(tracer, tracee, address, bytes);
  if (n < 0) return n;
  return n === WORD ? 0 : -EIO;
}

// ---- Registers ----

function isInUser(address: number): boolean {
  return address % WORD === 0 && address < N.USER_SIZE;
}

function debugRegister(address: number): number {
  const index = (address - N.DEBUG_AT) / WORD;
  return index >= 0 && index < DEBUG_REGISTERS ? index : -1;
}

function debugOf(tracee: Tracee<Task>): DebugRegisters {
  tracee.debug ??= new DebugRegisters();
  return tracee.debug;
}

function* peekUser({ tracer, tracee, address, data }: Request): Coroutine {
  if (!isInUser(address)) return -EIO;
  const bytes = new Uint8Array(WORD);
  if (address < N.REGISTERS_SIZE) bytes.set(N.registerBytes(tracee.frame).subarray(address, address + WORD));
  else if (debugRegister(address) >= 0)
    write64(new DataView(bytes.buffer), 0, debugOf(tracee).get(debugRegister(address)));
  return yield* writeGuest(tracer, data, bytes);
}

function pokeUser({ tracee, address, data, low, high }: Request): number {
  if (!isInUser(address)) return -EIO;
  if (address < N.REGISTERS_SIZE) {
    tracee.areRegistersChanged = true;
    return N.setRegister(tracee.frame, address, low, high);
  }
  const index = debugRegister(address);
  if (index < 0) return -EIO;
  return debugOf(tracee).set(index, data);
}

function* getRegisters({ tracer, tracee, data }: Request): Coroutine {
  return yield* writeGuest(tracer, data, N.registerBytes(tracee.frame));
}

function* setRegisters({ tracer, tracee, data }: Request): Coroutine {
  const bytes = yield* readGuest(tracer, data, N.REGISTERS_SIZE);
  if (typeof bytes === "number") return bytes;
  tracee.areRegistersChanged = true;
  return N.setRegisters(tracee.frame, bytes);
}

/** The state that the thread's stub has for it; a negative errno. */
function* fpOf(tracer: Task, tracee: Tracee<Task>): Generator<void, N.FpState | number, void> {
  if (!(yield* wait(tracer, tracee, ({ call }) => call.copyRound(Reply.SAVE_FP)))) return -ESRCH;
  const { call, kernel } = tracee.task;
  const size = Math.min(kernel.slots.word(call.slot, L.REQ_FP_SIZE) >>> 0, L.FP_SIZE);
  if (size < N.FP_LEGACY_SIZE) return -EIO;
  const at = call.base + L.FP;
  return new N.FpState(call.bytes.slice(at, at + size));
}

function* putFp(tracer: Task, tracee: Tracee<Task>, { bytes }: N.FpState): Coroutine {
  const isDone = yield* wait(tracer, tracee, ({ call }) => {
    call.bytes.set(bytes, call.base + L.FP);
    call.copyRound(Reply.LOAD_FP);
  });
  return isDone ? 0 : -ESRCH;
}

function* getFp({ tracer, tracee, data }: Request): Coroutine {
  const fp = yield* fpOf(tracer, tracee);
  return typeof fp === "number" ? fp : yield* writeGuest(tracer, data, fp.legacy());
}

function* setFp({ tracer, tracee, data }: Request): Coroutine {
  const bytes = yield* readGuest(tracer, data, N.FP_LEGACY_SIZE);
  if (typeof bytes === "number") return bytes;
  const fp = yield* fpOf(tracer, tracee);
  if (typeof fp === "number") return fp;
  const error = fp.setLegacy(bytes);
  return error < 0 ? error : yield* putFp(tracer, tracee, fp);
}

/** A kind of register set: all of its bytes, or a negative errno; and what is made of bytes that are set, its first ones. */
interface RegisterSet {
  get(tracer: Task, tracee: Tracee<Task>): Generator<void, Uint8Array | number, void>;
  set(tracer: Task, tracee: Tracee<Task>, bytes: Uint8Array): Coroutine;
}

const GENERAL: RegisterSet = {
  // biome-ignore lint/correctness/useYield: others wait for the stub
  *get(_tracer, tracee) {
    return N.registerBytes(tracee.frame);
  },
  // biome-ignore lint/correctness/useYield: others wait for the stub
  *set(_tracer, tracee, bytes) {
    tracee.areRegistersChanged = true;
    return N.setRegisters(tracee.frame, bytes);
  },
};

const LEGACY_FP: RegisterSet = {
  *get(tracer, tracee) {
    const fp = yield* fpOf(tracer, tracee);
    return typeof fp === "number" ? fp : fp.legacy();
  },
  *set(tracer, tracee, bytes) {
    const fp = yield* fpOf(tracer, tracee);
    if (typeof fp === "number") return fp;
    const error = fp.setLegacy(bytes);
    return error < 0 ? error : yield* putFp(tracer, tracee, fp);
  },
};

const EXTENDED_FP: RegisterSet = {
  *get(tracer, tracee) {
    const fp = yield* fpOf(tracer, tracee);
    return typeof fp === "number" ? fp : (fp.extended() ?? -EINVAL);
  },
  *set(tracer, tracee, bytes) {
    const fp = yield* fpOf(tracer, tracee);
    if (typeof fp === "number") return fp;
    const error = fp.setExtended(bytes);
    return error < 0 ? error : yield* putFp(tracer, tracee, fp);
  },
};

const SETS: Readonly<Record<number, RegisterSet>> = {
  [P.NT_PRSTATUS]: GENERAL,
  [P.NT_PRFPREG]: LEGACY_FP,
  [P.NT_X86_XSTATE]: EXTENDED_FP,
};

/** Bytes that a struct iovec names, of which as many are meant as the set has. */
const SET_MAX = L.FP_SIZE;

function* withSet(
  { tracer, tracee, address, data }: Request,
  transfer: (set: RegisterSet, base: number, length: number) => Generator<void, number, void>,
): Coroutine {
  const iovec = yield* readGuest(tracer, data, IOVEC_SIZE);
  if (typeof iovec === "number") return iovec;
  const set = SETS[address];
  const view = new DataView(iovec.buffer, iovec.byteOffset, IOVEC_SIZE);
  const base = readU64(view, 0);
  const length = readU64(view, WORD);
  if (set === undefined || length % WORD !== 0) return -EINVAL;
  const n = yield* transfer(set, base, Math.min(length, SET_MAX));
  if (n < 0 || !tracee.isTrapped) return n < 0 ? n : -ESRCH;
  const told = new Uint8Array(WORD);
  write64(new DataView(told.buffer), 0, n);
  return yield* writeGuest(tracer, data + WORD, told);
}

function* getSet(request: Request): Coroutine {
  const { tracer, tracee } = request;
  return yield* withSet(request, function* (set, base, length) {
    const all = yield* set.get(tracer, tracee);
    if (typeof all === "number") return all;
    const part = all.subarray(0, length);
    const error = yield* writeGuest(tracer, base, part);
    return error < 0 ? error : part.length;
  });
}

function* setSet(request: Request): Coroutine {
  const { tracer, tracee } = request;
  return yield* withSet(request, function* (set, base, length) {
    const all = yield* set.get(tracer, tracee);
    if (typeof all === "number") return all;
    const bytes = yield* readGuest(tracer, base, Math.min(length, all.length));
    if (typeof bytes === "number") return bytes;
    const error = yield* set.set(tracer, tracee, bytes);
    return error < 0 ? error : bytes.length;
  });
}

function* archPrctl({ tracer, tracee, address, data }: Request): Coroutine {
  // Here the address is what ARCH_SET_FS sets, or where ARCH_GET_FS puts it, and the data say which.
  const offset = L.FS_BASE - L.FRAME;
  switch (data) {
    case R.ARCH_SET_FS:
      tracee.areRegistersChanged = true;
      return N.setRegister(tracee.frame, offset, address | 0, Math.floor(address / 2 ** 32) | 0);
    case R.ARCH_GET_FS:
      return yield* writeGuest(
        tracer,
        address,
        N.registerBytes(tracee.frame).subarray(offset, offset + WORD),
      );
    case R.ARCH_GET_GS:
      return yield* writeGuest(tracer, address, new Uint8Array(WORD));
    default:
      return -EINVAL;
  }
}

// ---- Signals ----

function* getInfo({ tracer, tracee, data }: Request): Coroutine {
  const info = tracee.stop?.info ?? null;
  if (info === null) return -EINVAL;
  const bytes = new Uint8Array(SIGINFO_SIZE);
  writeSigInfo(info, bytes, 0);
  return yield* writeGuest(tracer, data, bytes);
}

function* setInfo({ tracer, tracee, data }: Request): Coroutine {
  const raw = yield* readGuest(tracer, data, SIGINFO_SIZE);
  if (typeof raw === "number") return raw;
  const { stop } = tracee;
  if (stop === null || stop.info === null) return -EINVAL;
  const bytes = Uint8Array.from(raw);
  const view = new DataView(bytes.buffer);
  stop.info = { signo: view.getInt32(0, true), code: view.getInt32(8, true), raw: bytes };
  return 0;
}

function* peekInfos({ tracer, tracee, address, data }: Request): Coroutine {
  const args = yield* readGuest(tracer, address, PEEK_SIZE);
  if (typeof args === "number") return args;
  const view = new DataView(args.buffer, args.byteOffset, PEEK_SIZE);
  const [first, flags, count] = [readU64(view, 0), view.getUint32(8, true), view.getInt32(12, true)];
  if ((flags & ~P.PTRACE_PEEKSIGINFO_SHARED) !== 0 || count < 0) return -EINVAL;
  const isShared = (flags & P.PTRACE_PEEKSIGINFO_SHARED) !== 0;
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

/** Of more a tracer hears by asking again. */
const PEEKED_MAX = 128;

function* getMask({ tracer, tracee, address, data }: Request): Coroutine {
  if (address !== SIGSET_SIZE) return -EINVAL;
  const { task } = tracee;
  const bytes = new Uint8Array(SIGSET_SIZE);
  (task.savedMask ?? task.blocked).write(new DataView(bytes.buffer), 0);
  return yield* writeGuest(tracer, data, bytes);
}

function* setMask({ tracer, tracee, address, data }: Request): Coroutine {
  if (address !== SIGSET_SIZE) return -EINVAL;
  const bytes = yield* readGuest(tracer, data, SIGSET_SIZE);
  if (typeof bytes === "number") return bytes;
  const { task } = tracee;
  task.savedMask = null;
  task.blocked.assign(SignalSet.read(new DataView(bytes.buffer, bytes.byteOffset), 0).asMask());
  return 0;
}

// ---- Going on ----

function resume(request: Request, going: Going): number | Coroutine {
  const { tracee, data } = request;
  if (data > SIGRTMAX) return -EIO;
  const { debug } = tracee;
  if (debug?.isOn === true) return resumeWatched(request, going, debug);
  tracee.going = going;
  tracee.signal = data;
  goOn(tracee);
  return 0;
}

function* resumeWatched({ tracer, tracee, data }: Request, going: Going, debug: DebugRegisters): Coroutine {
  yield* lookBefore(tracer, tracee, debug);
  if (!tracee.isTrapped) return -ESRCH;
  tracee.going = going;
  tracee.signal = data;
  goOn(tracee);
  return 0;
}

function detach({ tracee, data }: Request): number {
  if (data > SIGRTMAX) return -EIO;
  letGo(tracee, data);
  return 0;
}

/** SIGKILL, whatever it does; nothing, if it has ended. */
function kill({ tracer, tracee }: Request): number {
  if (tracee.endStatus < 0) sendToTask(tracee.task, fromUser(tracer, SIGKILL));
  return 0;
}

function interrupt({ tracee }: Request): number {
  if (!tracee.isSeized) return -EIO;
  if (tracee.endStatus >= 0) return -ESRCH;
  tracee.trapStop = true;
  if (tracee.isListening) endListening(tracee.task);
  else if (tracee.stop === null) tracee.task.interrupt();
  return 0;
}

function listen({ tracee }: Request): number {
  const { stop } = tracee;
  if (!tracee.isSeized || stop === null) return -EIO;
  if (stop.why !== CLD_STOPPED || stop.code >> EVENT_SHIFT !== P.PTRACE_EVENT_STOP) return -EIO;
  tracee.isListening = true;
  if (tracee.trapNotify) endListening(tracee.task);
  return 0;
}

// ---- The rest ----

function setOptions({ tracee, data }: Request): number {
  const error = checkOptions(data, -EINVAL);
  if (error === 0) tracee.options = data;
  return error;
}

function* getMessage({ tracer, tracee, data }: Request): Coroutine {
  const bytes = new Uint8Array(WORD);
  write64(new DataView(bytes.buffer), 0, tracee.message);
  return yield* writeGuest(tracer, data, bytes);
}

/** As many bytes as the caller has room for; how many there are. */
function* getSyscallInfo({ tracer, tracee, address, data }: Request): Coroutine {
  const bytes = syscallInfo(tracee);
  const error = yield* writeGuest(tracer, data, bytes.subarray(0, Math.min(address, bytes.length)));
  return error < 0 ? error : bytes.length;
}

const STANDING: Readonly<Record<number, Serve>> = {
  [R.PTRACE_PEEKTEXT]: peek,
  [R.PTRACE_PEEKDATA]: peek,
  [R.PTRACE_POKETEXT]: poke,
  [R.PTRACE_POKEDATA]: poke,
  [R.PTRACE_PEEKUSER]: peekUser,
  [R.PTRACE_POKEUSER]: pokeUser,
  [R.PTRACE_GETREGS]: getRegisters,
  [R.PTRACE_SETREGS]: setRegisters,
  [R.PTRACE_GETFPREGS]: getFp,
  [R.PTRACE_SETFPREGS]: setFp,
  [R.PTRACE_GETREGSET]: getSet,
  [R.PTRACE_SETREGSET]: setSet,
  [R.PTRACE_ARCH_PRCTL]: archPrctl,
  [R.PTRACE_GETSIGINFO]: getInfo,
  [R.PTRACE_SETSIGINFO]: setInfo,
  [R.PTRACE_PEEKSIGINFO]: peekInfos,
  [R.PTRACE_GETSIGMASK]: getMask,
  [R.PTRACE_SETSIGMASK]: setMask,
  [R.PTRACE_CONT]: (request) => resume(request, "cont"),
  [R.PTRACE_SYSCALL]: (request) => resume(request, "syscall"),
  [R.PTRACE_SINGLESTEP]: (request) => resume(request, "step"),
  [R.PTRACE_SYSEMU]: (request) => resume(request, "sysemu"),
  [R.PTRACE_SYSEMU_SINGLESTEP]: (request) => resume(request, "sysemu_step"),
  [R.PTRACE_DETACH]: detach,
  [R.PTRACE_LISTEN]: listen,
  [R.PTRACE_SETOPTIONS]: setOptions,
  [R.PTRACE_GETEVENTMSG]: getMessage,
  [R.PTRACE_GET_SYSCALL_INFO]: getSyscallInfo,
};

/** Those that do not ask whether it stands. */
const ANY: Readonly<Record<number, Serve>> = {
  [R.PTRACE_KILL]: kill,
  [R.PTRACE_INTERRUPT]: interrupt,
};

function begin(tracer: Task, task: Task, request: number, address: number, options: number): number {
  const isSeized = request === R.PTRACE_SEIZE;
  const error = !isSeized ? 0 : address !== 0 ? -EIO : checkOptions(options, -EIO);
  return error < 0 ? error : tracer.call.start(attach(tracer, task, isSeized, isSeized ? options : 0));
}

export const PTRACE_HANDLERS: Handlers<Task> = {
  ptrace: (tracer, request, pid, address) => {
    if (request === R.PTRACE_TRACEME) return traceMe(tracer);
    const task = pid > 0 ? tracer.pids.task(pid) : undefined;
    if (task === undefined) return -ESRCH;
    const { frame } = tracer.call;
    const data = frame.argumentUnsigned(3);
    if (request === R.PTRACE_ATTACH || request === R.PTRACE_SEIZE)
      return begin(tracer, task, request, address, data);
    const { tracee } = task;
    if (tracee === null || tracee.tracer !== tracer) return -ESRCH;
    const any = ANY[request];
    if (any === undefined && !tracee.isTrapped) return -ESRCH;
    const serve = any ?? STANDING[request];
    if (serve === undefined) {
      tracer.kernel.counters.unsupportedCalls++;
      return -EIO;
    }
    const result = serve({
      tracer,
      tracee,
      address,
      data,
      low: frame.argumentLow(3),
      high: frame.argumentHigh(3),
    });
    return typeof result === "number" ? result : tracer.call.start(result);
  },
};
