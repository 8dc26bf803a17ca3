// personality(2): a word that a task has, that fork and execve keep, and of which three things are looked at: uname(2) of
// 32-bit programs, the release of an old Linux, and whether addresses are random.

import * as P from "../../shared/abi/prctl.ts";
import type { Handlers } from "../call/dispatch.ts";
import { RELEASE } from "../identity/uts.ts";
import type { Task } from "../process/task.ts";

const ASK = 0xffffffff;
const DOMAIN = 0xff; // Linux's PER_MASK
/** Linux's PER_CLEAR_ON_SETID: what would help to attack a program that has more rights. */
const CLEARED_ON_SETID = P.READ_IMPLIES_EXEC | P.ADDR_NO_RANDOMIZE | P.ADDR_COMPAT_LAYOUT | P.MMAP_PAGE_ZERO;

/** Of the program that a task with that one executes; `secure`: it has got rights by its file. */
export function personalityAfterExec(persona: number, secure: boolean): number {
  return persona & ~(P.READ_IMPLIES_EXEC | (secure ? CLEARED_ON_SETID : 0));
}

export function randomizes(persona: number): boolean {
  return (persona & P.ADDR_NO_RANDOMIZE) === 0;
}

/** What uname(2) calls the machine. */
export function machineOf(persona: number): string {
  return (persona & DOMAIN) === P.PER_LINUX32 ? "i686" : "x86_64";
}

/** A release that begins with 2.6, as Linux makes it: 60 is added to the second number. */
function oldRelease(): string {
  const minor = Number(RELEASE.split(".")[1]);
  return `2.6.${minor + 60}${RELEASE.replace(/^[0-9]+(\.[0-9]+){0,2}/, "")}`;
}

/** What uname(2) says of the release. */
export function releaseOf(persona: number): string {
  return (persona & P.UNAME26) === 0 ? RELEASE : oldRelease();
}

export const PERSONALITY_HANDLERS: Handlers<Task> = {
  personality: (task, given) => {
    const before = task.persona;
    if (given >>> 0 !== ASK) task.persona = given | 0;
    return before >>> 0;
  },
};
