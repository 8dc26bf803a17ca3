// What PTRACE_GET_SYSCALL_INFO tells of a standing thread (struct ptrace_syscall_info).

import { AUDIT_ARCH_X86_64 } from "../../shared/abi/prctl.ts";
import * as P from "../../shared/abi/ptrace.ts";
import { write64 } from "../../shared/abi/struct.ts";
import * as L from "../../shared/ring/layout.ts";
import { highWord } from "../../shared/ring/slot.ts";
import type { Tracee } from "./tracee.ts";

const HEAD_SIZE = 24;
const NR_AT = 24;
const ARGUMENTS_AT = 32;
const ARGUMENTS = 6;
const ENTRY_SIZE = 80;
const RESULT_AT = 24;
const IS_ERROR_AT = 32;
const EXIT_SIZE = 33;
const SECCOMP_DATA_AT = 80;
const SECCOMP_SIZE = 84;
const ERRNO_MAX = 4095;

const KINDS: Readonly<Record<string, { readonly op: number; readonly size: number }>> = {
  entry: { op: P.PTRACE_SYSCALL_INFO_ENTRY, size: ENTRY_SIZE },
  exit: { op: P.PTRACE_SYSCALL_INFO_EXIT, size: EXIT_SIZE },
  seccomp: { op: P.PTRACE_SYSCALL_INFO_SECCOMP, size: SECCOMP_SIZE },
};

export function syscallInfo({ stop, frame, message }: Tracee<unknown>): Uint8Array {
  const kind = KINDS[stop?.kind ?? ""] ?? { op: P.PTRACE_SYSCALL_INFO_NONE, size: HEAD_SIZE };
  const bytes = new Uint8Array(SECCOMP_SIZE);
  const view = new DataView(bytes.buffer);
  const put = (at: number, register: number) => {
    view.setInt32(at, frame.low(register), true);
    view.setInt32(at + 4, frame.high(register), true);
  };
  view.setUint8(0, kind.op);
  view.setUint32(4, AUDIT_ARCH_X86_64, true);
  put(8, L.RIP);
  put(16, L.RSP);
  if (kind.op === P.PTRACE_SYSCALL_INFO_EXIT) {
    put(RESULT_AT, L.RAX);
    const isError = frame.high(L.RAX) === -1 && frame.low(L.RAX) >= -ERRNO_MAX && frame.low(L.RAX) < 0;
    view.setUint8(IS_ERROR_AT, isError ? 1 : 0);
  } else if (kind.op !== P.PTRACE_SYSCALL_INFO_NONE) {
    const nr = frame.low(L.ORIG_RAX);
    write64(view, NR_AT, nr);
    view.setInt32(NR_AT + 4, highWord(nr), true);
    for (let i = 0; i < ARGUMENTS; i++) {
      view.setInt32(ARGUMENTS_AT + 8 * i, frame.argumentLow(i), true);
      view.setInt32(ARGUMENTS_AT + 8 * i + 4, frame.argumentHigh(i), true);
    }
    if (kind.op === P.PTRACE_SYSCALL_INFO_SECCOMP) view.setUint32(SECCOMP_DATA_AT, message, true);
  }
  return bytes.subarray(0, kind.size);
}
