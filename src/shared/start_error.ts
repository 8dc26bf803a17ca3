// Why a program could not be started, in the words that its caller looks for: a shell's, or a container engine's.

import { ENOENT } from "./abi/errno.ts";
import { errnoText } from "./abi/errno_text.ts";

export interface StartError {
  /**
   * What is wrong: the program itself; what it needs to run (an interpreter), where `name` is the program; the
   * directory; whom it is to run as, where `name` says why that is nobody.
   */
  readonly subject: "program" | "interpreter" | "directory" | "user";
  readonly name: string;
  /** Positive. */
  readonly errno: number;
}

/** The shell's and Docker's exit codes: not found, found but not executable. */
const CODE_NOT_FOUND = 127;
const CODE_NOT_EXECUTABLE = 126;

export function startErrorCode({ subject, errno }: StartError): number {
  return errno === ENOENT && subject !== "directory" ? CODE_NOT_FOUND : CODE_NOT_EXECUTABLE;
}

function isLookedUp({ subject, name, errno }: StartError): boolean {
  return subject === "program" && errno === ENOENT && !name.includes("/");
}

/** As runc says it, which engines match. */
export function containerStartError(error: StartError): string {
  const { subject, name, errno } = error;
  const text = errnoText(errno).toLowerCase();
  if (subject === "user") return `unable to setup user: ${name}`;
  if (subject === "directory") return `chdir to cwd ("${name}") set in config.json failed: ${text}`;
  return `exec: "${name}": ${isLookedUp(error) ? "executable file not found in $PATH" : text}`;
}

/** As a shell says it. */
export function shellStartError(error: StartError): string {
  const { subject, name, errno } = error;
  if (isLookedUp(error)) return `${name}: command not found`;
  if (subject === "interpreter") return `${name}: cannot execute: required file not found`;
  return `${name}: ${errnoText(errno)}`;
}
