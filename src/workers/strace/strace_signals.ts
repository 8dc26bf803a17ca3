// The lines of --strace that are not about calls, in the look of strace(1): a signal that is taken, and how a task
// ended.

import { SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP } from "../../shared/abi/signal.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { hex, pointer, signalName } from "./strace_values.ts";

const CORE_DUMPED = 0x80;
const SIGNAL_MASK = 0x7f;

/** si_code of any signal (sigaction(2)). */
const CODES: Readonly<Record<number, string>> = {
  0: "SI_USER",
  128: "SI_KERNEL",
  [-1]: "SI_QUEUE",
  [-2]: "SI_TIMER",
  [-3]: "SI_MESGQ",
  [-4]: "SI_ASYNCIO",
  [-5]: "SI_SIGIO",
  [-6]: "SI_TKILL",
};

/** si_code from 1 on, by signal. */
const OWN_CODES: Readonly<Record<number, readonly string[]>> = {
  [SIGSEGV]: ["SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"],
  [SIGBUS]: ["BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"],
  [SIGFPE]: [
    "FPE_INTDIV",
    "FPE_INTOVF",
    "FPE_FLTDIV",
    "FPE_FLTOVF",
    "FPE_FLTUND",
    "FPE_FLTRES",
    "FPE_FLTINV",
    "FPE_FLTSUB",
  ],
  [SIGILL]: [
    "ILL_ILLOPC",
    "ILL_ILLOPN",
    "ILL_ILLADR",
    "ILL_ILLTRP",
    "ILL_PRVOPC",
    "ILL_PRVREG",
    "ILL_COPROC",
    "ILL_BADSTK",
  ],
  [SIGTRAP]: ["TRAP_BRKPT", "TRAP_TRACE"],
  [SIGCHLD]: ["CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"],
  [SIGSYS]: ["SYS_SECCOMP"],
};

function codeName(signo: number, code: number): string {
  return CODES[code] ?? OWN_CODES[signo]?.[code - 1] ?? hex(code >>> 0);
}

/** "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---" */
export function formatSignal({ signo, code, pid, uid, addr, status }: SigInfo): string {
  const name = signalName(signo);
  const fields = [`si_signo=${name}`, `si_code=${codeName(signo, code)}`];
  if (addr !== undefined) fields.push(`si_addr=${pointer(addr)}`);
  else if (pid !== undefined) fields.push(`si_pid=${pid}`, `si_uid=${uid ?? 0}`);
  if (status !== undefined) fields.push(`si_status=${status}`);
  return `--- ${name} {${fields.join(", ")}} ---`;
}

/** "+++ exited with 0 +++", or by which signal it was killed, from a wait status. */
export function formatEnd(status: number): string {
  const signo = status & SIGNAL_MASK;
  if (signo === 0) return `+++ exited with ${(status >> 8) & 0xff} +++`;
  return `+++ killed by ${signalName(signo)}${(status & CORE_DUMPED) !== 0 ? " (core dumped)" : ""} +++`;
}
