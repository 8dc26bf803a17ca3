// Where the bench finds the checkout that it belongs to, and programs of the host.

import { accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";

export const checkout: string = dirname(import.meta.dirname);

/** The path of a program that is installed. Distributions keep some of them where only root looks. */
export function find(program: string): string | undefined {
  if (program.startsWith("/")) return program;
  for (const directory of [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"]) {
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      if (directory.startsWith("/")) return path;
    } catch {
      // It is not there.
    }
  }
  return undefined;
}
