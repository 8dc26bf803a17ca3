// What a vector gave, in a form in which two systems can agree: errors by name, results that may differ from
// run to run (addresses, ids, times) as "ok".

import * as errno from "../../src/shared/abi/errno.ts";
import { F_GETOWN } from "../../src/shared/abi/fcntl.ts";
import type { Vector } from "./vectors.ts";

const ERRNO_NAMES = new Map<number, string>(
  Object.entries(errno)
    .filter(([name, value]) => /^E[A-Z0-9]+$/.test(name) && typeof value === "number")
    .map(([name, value]) => [value as number, name]),
);
ERRNO_NAMES.set(11, "EAGAIN").set(35, "EDEADLK").set(95, "EOPNOTSUPP");

/** Calls whose results say nothing beyond success. */
const MASKED = new Set([
  "getdents64",

  ...["getpid", "getppid", "gettid", "getpgid", "getpgrp", "getsid", "setsid", "set_tid_address"],
  ...["fork", "vfork", "clone", "clone3", "wait4", "time", "times", "alarm", "personality"],
  ...[
    "brk",
    "mmap",
    "mremap",
    "shmat",
    "shmget",
    "semget",
    "msgget",
    "timer_create",
    "shmctl",
    "semctl",
    "msgctl",
  ],
]);

/** F_GETOWN gives a process, whose number is another one in each run; pid 1 is the same everywhere. */
function givesProcess({ call, words }: Vector, result: number): boolean {
  return call.name === "fcntl" && words[1] === String(F_GETOWN) && Math.abs(result) > 1;
}

export function told(vector: Vector, line: string): string {
  const [how, text] = line.split(" ") as [string, string];
  if (how !== "r") return how === "hangs" ? how : line;
  const result = Number(text);
  if (result < 0 && result >= -4095) return ERRNO_NAMES.get(-result) ?? `errno ${-result}`;
  const isMasked = MASKED.has(vector.call.name) || givesProcess(vector, result);
  return isMasked || Math.abs(result) > 2 ** 40 ? "ok" : text;
}
