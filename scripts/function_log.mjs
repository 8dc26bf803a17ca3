// What V8 compiles in sandboxes: a launcher whose sandboxes' Node tells it in their logs, and what those say.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { keysIn } = createRequire(import.meta.url)("./start_code.cjs");

/** As init gives them to Node (native/launcher/init.c); the log is Node's standard error. */
const ARGUMENTS = '"--log-function-events","--logfile=/proc/self/fd/2","--no-logfile-per-isolate"';

/** Makes that launcher beside the usual one, whose objects it has otherwise; its path. */
export function makeTellingLauncher(checkout) {
  const native = join(checkout, "native");
  const build = join(checkout, "build/native");
  const init = join(build, "init-telling.o");
  const launcher = join(build, "ringfence-launcher-telling");
  const include = [`-I${native}`, `-I${join(native, "include")}`, `-I${join(build, "generated")}`];
  const flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O2", `-DNODE_ARGUMENTS=${ARGUMENTS}`, ...include];
  execFileSync("gcc", [...flags, "-c", "-o", init, join(native, "launcher/init.c")]);
  const objects = ["launcher", "keeper"].flatMap((part) =>
    readdirSync(join(build, part))
      .filter((name) => name.endsWith(".o") && `${part}/${name}` !== "launcher/init.o")
      .map((name) => join(build, part, name)),
  );
  execFileSync("gcc", ["-static", "-o", launcher, init, ...objects]);
  return launcher;
}

/** Functions of the bundle that logs say to have been compiled, once each: {source, name}. */
export function compiledIn(checkout, logs) {
  const bundle = join(checkout, "build/js/sandbox.main.cjs");
  const keysOf = keysIn(checkout, bundle);
  const found = new Map();
  for (const log of logs)
    for (const { source, name } of keysOf(functionsIn(readFileSync(log, "latin1"), bundle)))
      found.set(`${source} ${name}`, { source, name });
  return [...found.values()];
}

/** Functions of a script that were compiled, once each. */
function functionsIn(text, url) {
  const functions = new Map();
  let number;
  for (const line of text.split("\n")) {
    const [kind, what, script, start, end, , , name = ""] = line.split(",");
    // script-details,SCRIPT,URL,...
    if (kind === "script-details" && script === url) number = what;
    // function,parse-function,SCRIPT,START,END,MS,TIME,NAME
    if (kind === "function" && what === "parse-function" && script === number)
      functions.set(start, { name, start: Number(start), end: Number(end) });
  }
  return [...functions.values()];
}
