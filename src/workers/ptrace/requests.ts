// ptrace(2): the requests, as a table. All but those that begin a relation are about a thread that the caller traces, and, but
// for PTRACE_KILL and PTRACE_INTERRUPT, that stands; else there is no such thread for it (ESRCH).

import { EINVAL, EIO, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import * as R from "../../shared/abi/prctl.ts";
import * as P from "../../shared/abi/ptrace.ts";
import { CLD_STOPPED, SIGKILL, SIGRTMAX } from "../../shared/abi/signal.ts";
import { write64 } from "../../shared/abi/struct.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { writeGuest } from "../call/guest_copy.ts";
import { fromUser } from "../call/siginfo.ts";
import type { Task } from "../process/task.ts";
import { endListening } from "../signals/job_control.ts";
import { sendToTask } from "../signals/send_signal.ts";
import type { DebugRegisters } from "./debug_registers.ts";
import { readFrom, writeTo } from "./memory.ts";
import * as G from "./register_requests.ts";
import { attach, letGo, traceMe } from "./relation.ts";
import { type Request, type Serve, WORD } from "./request.ts";
import * as S from "./signal_requests.ts";
import { lookBefore } from "./steps.ts";
import { goOn } from "./stops.ts";
import { syscallInfo } from "./syscall_info.ts";
import type { Going } from "./tracee.ts";

const EVENT_SHIFT = 8;

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

/** 0, or why these are no options of a tracer: `unknown` is what Linux says of those that it does not know. */
function checkOptions(options: number, unknown: number): number {
  if ((options & ~P.PTRACE_O_MASK) !== 0 || options > 0xffffffff) return unknown;
  return (options & P.PTRACE_O_SUSPEND_SECCOMP) !== 0 ? -EPERM : 0;
}

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
  [R.PTRACE_PEEKUSER]: G.peekUser,
  [R.PTRACE_POKEUSER]: G.pokeUser,
  [R.PTRACE_GETREGS]: G.getRegisters,
  [R.PTRACE_SETREGS]: G.setRegisters,
  [R.PTRACE_GETFPREGS]: G.getFp,
  [R.PTRACE_SETFPREGS]: G.setFp,
  [R.PTRACE_GETREGSET]: G.getSet,
  [R.PTRACE_SETREGSET]: G.setSet,
  [R.PTRACE_ARCH_PRCTL]: G.archPrctl,
  [R.PTRACE_GETSIGINFO]: S.getInfo,
  [R.PTRACE_SETSIGINFO]: S.setInfo,
  [R.PTRACE_PEEKSIGINFO]: S.peekInfos,
  [R.PTRACE_GETSIGMASK]: S.getMask,
  [R.PTRACE_SETSIGMASK]: S.setMask,
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

/** There is none of that number. */
const NO_REQUEST = -1;

function begin(tracer: Task, task: Task, request: number, address: number, options: number): number {
  const isSeized = request === R.PTRACE_SEIZE;
  const error = !isSeized ? 0 : address !== 0 ? -EIO : checkOptions(options, -EIO);
  return error < 0 ? error : tracer.call.start(attach(tracer, task, isSeized, isSeized ? options : 0));
}

export const PTRACE_HANDLERS: Handlers<Task> = {
  ptrace: (tracer, low, pid, address) => {
    const { frame } = tracer.call;
    // A long, of which all bits tell.
    const request = frame.argumentHigh(0) === 0 ? low : NO_REQUEST;
    if (request === R.PTRACE_TRACEME) return traceMe(tracer);
    const task = pid > 0 ? tracer.pids.task(pid) : undefined;
    if (task === undefined) return -ESRCH;
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
