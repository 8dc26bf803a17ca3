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

/** Of a package's version as Debian numbers it, that of its makers; "4:13.2.0-3+really12.2.0-3" is 12.2.0. */
export function upstream(version: string): string {
  return /(?:\+really|^(?:\d+:)?)(\d+(?:\.\d+)*)(?!.*\+really)/.exec(version)?.[1] ?? "";
}

const NAMES_OF_DEFAULTS = /^default-/;
const NUMBER = /-?\d+(\.\d+)*/;

/** Of the packages that one depends on, which it only chooses the version of: gcc-12 for gcc, php8.4-cli for php-cli; else itself. */
export function chosenBy(name: string, depends: string): string {
  const plain = name.replace(NAMES_OF_DEFAULTS, "openjdk-");
  const all = depends.split(/[,|]/).map((one) => one.trim().replace(/[ :].*$/s, ""));
  return all.find((one) => NUMBER.test(one) && one.replace(NUMBER, "") === plain) ?? name;
}

/** A field of a package that is installed, as dpkg-query(1) writes it; "": there is none. */
function field(name: string, what: string): string {
  const format = ["$", `{${what}}`].join("");
  const asked = spawnSync("dpkg-query", ["-W", "-f", format, name], { encoding: "utf8" });
  return asked.status === 0 ? asked.stdout : "";
}

/** The version of its first package, as its makers number it; "" where packages are not Debian's. */
export function installed({ packages }: Application): string {
  const name = packages[0]!;
  return upstream(field(chosenBy(name, field(name, "Depends")), "Version"));
}
