// What comes with a signal (siginfo_t, sigaction(2)): one record for all its forms, and its bytes.

import { SI_KERNEL, SI_TIMER, SI_TKILL, SI_USER, SIGCHLD } from "../../shared/abi/signal.ts";
import {
  siginfo_chld,
  siginfo_fault,
  siginfo_kill,
  siginfo_rt,
  siginfo_sys,
  siginfo_timer,
} from "../../shared/abi/structs.ts";
import type { Caller } from "./caller.ts";
import type { PidNumbers } from "./pid.ts";

export const SIGINFO_SIZE = 128;

export interface SigInfo {
  readonly signo: number;
  readonly code: number;
  /** si_errno */
  readonly errno?: number;
  /** Sender, or child: its number in its receiver's PID namespace. */
  readonly pid?: number;
  /** The process that sends it, where that may be in another PID namespace: an ancestor's is not to be seen. */
  readonly from?: PidNumbers | null;
  readonly uid?: number;
  /** SI_QUEUE and SI_TIMER. */
  readonly value?: { lo: number; hi: number };
  readonly timer?: { id: number; overrun: number };
  /** Faults. */
  readonly addr?: number;
  /** SIGSYS: a system call that was not to be made, where it stood, and AUDIT_ARCH_*. */
  readonly refused?: { address: number; nr: number; arch: number };
  /** SIGCHLD. */
  readonly status?: number;
  readonly utime?: number;
  readonly stime?: number;
  /** From an ancestor PID namespace, or from outside the sandbox: an init cannot refuse SIGKILL and SIGSTOP. */
  readonly isFromOutside?: boolean;
  /** As a guest gave it (rt_sigqueueinfo): all 128 bytes. */
  readonly raw?: Uint8Array;
}

export function fromUser(task: Caller, signo: number): SigInfo {
  return { signo, code: SI_USER, pid: task.pid, from: task.process, uid: task.credentials.uid };
}

export function fromThread(task: Caller, signo: number): SigInfo {
  return { signo, code: SI_TKILL, pid: task.pid, from: task.process, uid: task.credentials.uid };
}

export function fromKernel(signo: number): SigInfo {
  return { signo, code: SI_KERNEL, pid: 0, uid: 0 };
}

/** Of which nothing is known but its number: what Linux tells where it has kept no record. */
export function fromNobody(signo: number): SigInfo {
  return { signo, code: SI_USER, pid: 0, uid: 0 };
}

export function fromOutside(signo: number): SigInfo {
  return { signo, code: SI_KERNEL, pid: 0, uid: 0, isFromOutside: true };
}

/** Writes the 128 bytes at `at`. */
export function writeSigInfo(
  info: SigInfo,
  bytes: Uint8Array,
  at: number,
  view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
): void {
  if (info.raw !== undefined) {
    bytes.set(info.raw, at);
    return;
  }
  bytes.fill(0, at, at + SIGINFO_SIZE);
  const head = { si_signo: info.signo, si_errno: info.errno ?? 0, si_code: info.code, _align: 0 };
  const sender = { si_pid: info.pid ?? 0, si_uid: info.uid ?? 0 };
  if (info.timer !== undefined || info.code === SI_TIMER) {
    const { id, overrun } = info.timer ?? { id: 0, overrun: 0 };
    siginfo_timer.write(view, at, {
      ...head,
      si_tid: id,
      si_overrun: overrun,
      si_value: info.value ?? { lo: 0, hi: 0 },
    });
  } else if (info.refused !== undefined) {
    const { address, nr, arch } = info.refused;
    siginfo_sys.write(view, at, { ...head, si_call_addr: address, si_syscall: nr, si_arch: arch });
  } else if (info.addr !== undefined)
    siginfo_fault.write(view, at, { ...head, si_addr: info.addr, si_addr_lsb: 0 });
  else if (info.signo === SIGCHLD && info.status !== undefined)
    siginfo_chld.write(view, at, {
      ...head,
      ...sender,
      si_status: info.status,
      si_utime: info.utime ?? 0,
      si_stime: info.stime ?? 0,
    });
  else if (info.value !== undefined) siginfo_rt.write(view, at, { ...head, ...sender, si_value: info.value });
  else siginfo_kill.write(view, at, { ...head, ...sender });
}
