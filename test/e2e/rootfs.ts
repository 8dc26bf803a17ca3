// A small root file system for containers: busybox under all of its names.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PASSWD = "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n";
const GROUP = "root:x:0:\nuser:x:1000:\n";

const lines = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: "utf8" }).trimEnd().split("\n");

export function makeRootfs(directory: string): void {
  for (const name of ["bin", "etc", "tmp"]) mkdirSync(join(directory, name), { recursive: true });
  copyFileSync(lines("which", "busybox")[0]!, join(directory, "bin/busybox"));
  for (const name of lines("busybox", "--list"))
    if (name !== "busybox") symlinkSync("busybox", join(directory, "bin", name));
  writeFileSync(join(directory, "etc/passwd"), PASSWD);
  writeFileSync(join(directory, "etc/group"), GROUP);
}
