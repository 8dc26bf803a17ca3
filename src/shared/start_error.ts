// Why a program could not be started, in the words that container engines look for.

import { ENOENT } from "./abi/errno.ts";
import { errnoText } from "./abi/errno_text.ts";

/** `errno` is positive. */
export function containerStartError(name: string, errno: number): string {
  if (errno === ENOENT && !name.includes("/")) return `exec: "${name}": executable file not found in $PATH`;
  return `exec: "${name}": ${errnoText(errno).toLowerCase()}`;
}
