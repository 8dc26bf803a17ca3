// Whether an application is installed, and in which version.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Application } from "./application.ts";

/** Where scripts look for programs: what a user has added of his own is not what the table tells the version of. */
export const DIRECTORIES: readonly string[] = [
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
  "/usr/games",
];

export function missing({ needs }: Application): boolean {
  const isThere = (probe: string) =>
    probe.startsWith("/") ? existsSync(probe) : DIRECTORIES.some((one) => existsSync(join(one, probe)));
  return !needs.every(isThere);
}

/** As dpkg-query(1) writes it. */
const VERSION = ["$", "{Version}"].join("");

/** The version of its first package, as its makers number it; "" where packages are not Debian's. */
export function installed({ packages }: Application): string {
  const asked = spawnSync("dpkg-query", ["-W", "-f", VERSION, packages[0]!], { encoding: "utf8" });
  return asked.status === 0 ? (/^(?:\d+:)?(\d+(?:\.\d+)*)/.exec(asked.stdout)?.[1] ?? "") : "";
}
