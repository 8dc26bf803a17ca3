// Sets a checkout up: dependencies, native code, bundles, the directory that becomes a sandbox's
// root. Runs under any Node >= 18, on plain JavaScript. It may be started any number of times at
// once: the first one works, the others wait for its lock (held by the kernel, so that a killed one
// leaves none behind) and find everything done. Progress goes to standard error.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(checkout, "build");
const stamp = join(build, "stamp");
/** Whatever set-up depends on; bin/ringfence looks at the same. */
const sources = ["bin", "native", "scripts", "src", "package.json", "package-lock.json"];

class SetupError extends Error {}

/** What a file system refuses is the caller's to mend: no place in our code helps. */
const REFUSALS = {
  EACCES: "is another user's: set it up once as its owner",
  EPERM: "is another user's: set it up once as its owner",
  EROFS: "is read-only: set it up once where it can be written",
  ENOSPC: "is on a file system that is full",
};

function explain(error) {
  const why = REFUSALS[error.code];
  if (why === undefined || error.path === undefined) throw error;
  return `${checkout} ${why} (${error.code}: ${error.path})`;
}

function say(text) {
  process.stderr.write(`ringfence set-up: ${text}\n`);
}

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: checkout, stdio: ["ignore", 2, 2], ...options });
  if (result.error) throw new SetupError(`cannot run ${program}: ${result.error.message}`);
  if (result.status !== 0) throw new SetupError(`${program} ${args[0] ?? ""} failed`);
}

function newest(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return 0;
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function upToDate() {
  const done = statSync(stamp, { throwIfNoEntry: false });
  return done !== undefined && sources.every((name) => newest(join(checkout, name)) <= done.mtimeMs);
}

function installDependencies() {
  const installed = statSync(join(checkout, "node_modules/.package-lock.json"), { throwIfNoEntry: false });
  if (installed && installed.mtimeMs >= statSync(join(checkout, "package-lock.json")).mtimeMs) return;
  say("installing dependencies (npm ci)");
  run("npm", ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"]);
  const now = new Date();
  utimesSync(join(checkout, "node_modules/.package-lock.json"), now, now);
}

async function setUp() {
  if (upToDate()) return;
  // What changes while we work must count as newer than this set-up.
  const began = new Date();
  installDependencies();
  say("building native code (make)");
  run("make", ["-C", "native", "--no-print-directory", "-s"]);
  say("bundling");
  const { bundle } = await import("./bundle.mjs");
  await bundle(checkout);
  const { assembleSandboxRoot } = await import("./sandbox_root.mjs");
  assembleSandboxRoot(checkout);
  writeFileSync(`${stamp}.new`, "");
  utimesSync(`${stamp}.new`, began, began);
  renameSync(`${stamp}.new`, stamp);
  say("done");
}

// Runs this script once more below flock(1), which holds the lock for as long as the script lives.
function withLock() {
  // Not recursive: that tells a read-only file system as ENOENT.
  try {
    mkdirSync(build);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const result = spawnSync("flock", [join(build, "lock"), process.execPath, process.argv[1], "--locked"], {
    stdio: ["ignore", 2, 2],
  });
  if (result.error) throw new SetupError(`cannot run flock (package util-linux): ${result.error.message}`);
  process.exitCode = result.status ?? 1;
}

try {
  if (Number(process.versions.node.split(".")[0]) < 18) throw new SetupError("Node 18 or newer is needed");
  if (process.argv[2] !== "--locked") withLock();
  else if (!existsSync(join(checkout, "package-lock.json"))) throw new SetupError("this is not a checkout");
  else await setUp();
} catch (error) {
  say(error instanceof SetupError ? error.message : explain(error));
  process.exitCode = 1;
}
