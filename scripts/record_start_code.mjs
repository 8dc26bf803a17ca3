// Writes scripts/start_code.json anew: the functions that sandboxes compile when each is used in the usual ways, from a
// snapshot without bytecode. To be run as root when starts have become slower, on a checkout that is set up:
//
//   node scripts/record_start_code.mjs

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { compiledIn, makeTellingLauncher } from "./function_log.mjs";
import { assembleSandboxRoot } from "./sandbox_root.mjs";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const list = join(checkout, "scripts/start_code.json");
const work = mkdtempSync(join(tmpdir(), "ringfence-record-"));
const root = join(work, "root");
const logs = [];

/** One command with a log of its own; it may fail, as a command does that finds what it looks for to be gone. */
function ringfence(launcher, flags, words) {
  const log = join(work, `log${logs.length}`);
  logs.push(log);
  const stdio = ["ignore", openSync(join(work, "output"), "a"), "inherit"];
  return spawnSync(launcher, ["--root", root, "--log", log, ...flags, ...words], { stdio }).status;
}

function writeContainer(directory, namespaces) {
  const files = join(directory, "rootfs");
  for (const name of ["bin", "proc", "dev", "sys", "tmp"]) mkdirSync(join(files, name), { recursive: true });
  spawnSync("cp", ["/bin/busybox", join(files, "bin/busybox")]);
  for (const name of ["sh", "true", "sleep", "cat", "ls"]) symlinkSync("busybox", join(files, "bin", name));
  const mount = (destination, type) => ({ destination, type, source: type, options: ["nosuid"] });
  const config = {
    ociVersion: "1.0.2",
    process: {
      cwd: "/",
      args: ["sh", "-c", "ls / | cat; sleep 1000"],
      env: ["PATH=/bin"],
      user: { uid: 0, gid: 0 },
    },
    root: { path: "rootfs" },
    hostname: "recorded",
    mounts: [
      mount("/proc", "proc"),
      mount("/dev", "tmpfs"),
      mount("/dev/pts", "devpts"),
      mount("/sys", "sysfs"),
    ],
    linux: { namespaces: namespaces.map((type) => ({ type })), resources: { pids: { limit: 100 } } },
  };
  writeFileSync(join(directory, "config.json"), JSON.stringify(config));
}

function use(launcher) {
  ringfence(launcher, [], ["do", "--", "true"]);
  ringfence(launcher, ["--network=none"], ["do", "--", "sh", "-c", "ls / | cat; true; echo >/tmp/x"]);
  ringfence(launcher, ["--network=host"], ["do", "--", "true"]);
  const directory = join(work, "bundle");
  writeContainer(directory, ["pid", "ipc", "uts", "mount", "network", "cgroup"]);
  for (const flags of [[], ["--network=none"]]) {
    ringfence(launcher, flags, ["create", "--bundle", directory, "recorded"]);
    for (const words of ["start", "state", "ps", "exec", "kill"]) {
      const more = { exec: ["sh", "-c", "true"], kill: ["KILL"] }[words] ?? [];
      ringfence(launcher, flags, [words, "recorded", ...more]);
    }
    ringfence(launcher, flags, ["delete", "--force", "recorded"]);
  }
}

try {
  await bundle(checkout, null);
  assembleSandboxRoot(checkout);
  use(makeTellingLauncher(checkout));
  const names = new Map();
  for (const { source, name } of compiledIn(checkout, logs)) {
    if (!names.has(source)) names.set(source, []);
    names.get(source).push(name);
  }
  const lines = [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, all]) => `${JSON.stringify(source)}: ${JSON.stringify(all.sort())}`);
  writeFileSync(list, `{\n${lines.join(",\n")}\n}\n`);
  await bundle(checkout);
  assembleSandboxRoot(checkout);
} finally {
  rmSync(work, { recursive: true, force: true });
}
