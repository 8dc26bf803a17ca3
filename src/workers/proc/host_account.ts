// What the host's account of a stub process says: CPU time, page faults, resident memory. Read from the
// sandbox's own proc mount; nothing of it names anything of the host.

import { O_DIRECTORY } from "../../shared/abi/fcntl.ts";
import { readHostText } from "../host_text.ts";
import type { SupervisorContext } from "../process/context.ts";

const TEXT_MAX = 1024;

export interface HostAccount {
  readonly minorFaults: number;
  readonly majorFaults: number;
  /** Clock ticks (USER_HZ). */
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly residentPages: number;
}

const NOTHING: HostAccount = {
  minorFaults: 0,
  majorFaults: 0,
  userTicks: 0,
  systemTicks: 0,
  residentPages: 0,
};

/** A file of the sandbox's own proc, by components; null if it cannot be read. */
function readProc(kernel: SupervisorContext, names: readonly string[]): string | null {
  const { native, descriptors } = kernel;
  let at = descriptors.proc;
  for (const [index, name] of names.entries()) {
    const next = native.openComponent(at, name, index < names.length - 1 ? O_DIRECTORY : 0);
    if (index > 0) native.close(at);
    if (next < 0) return null;
    at = next;
  }
  const text = readHostText(kernel, at, TEXT_MAX);
  native.close(at);
  return text;
}

/** Of a host task of a stub, or of the whole process when `tid` is 0. */
export function hostAccount(kernel: SupervisorContext, pid: number, tid: number): HostAccount {
  if (pid <= 0) return NOTHING;
  const names = tid === 0 ? [String(pid), "stat"] : [String(pid), "task", String(tid), "stat"];
  const text = readProc(kernel, names);
  if (text === null) return NOTHING;
  // Fields behind the command, which is in parentheses: state is the first.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (index: number) => Number(fields[index] ?? 0);
  return {
    minorFaults: number(7),
    majorFaults: number(9),
    userTicks: number(11),
    systemTicks: number(12),
    residentPages: number(21),
  };
}
