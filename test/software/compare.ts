// Other people's software in the sandbox, compared with the same on the host: test suites by the outcome of each
// of their tests, servers by what a script prints that uses them. `npm test -- --software` runs all that is
// listed, else a small part runs. What is not installed is skipped, and said so.
//
// On the host they run in namespaces of their own and as a user without privilege: nothing of theirs is to change it.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { ringfence, run } from "../spawn.ts";

/** Who runs them, unless a program needs somebody that the system knows. */
const USER = "1000";
const APART = ["--net", "--ipc", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"];
/** Of unshare: as in a sandbox, there is loopback. */
const WITH_LOOPBACK = [...APART, "sh", "-c", 'ip link set lo up; exec "$@"', "sh"];
const DIFFERENCES_SHOWN = 20;
const GOOD = /^(ok|PASS)$/;

export const isFull: boolean = process.env["RINGFENCE_TEST_SOFTWARE"] === "full";

/** Whether a program or file is there; says so where it is not. */
export function isInstalled(probe: string, packageName: string): boolean {
  const found = probe.startsWith("/") ? existsSync(probe) : spawnSync("which", [probe]).status === 0;
  if (!found) console.log(`skipped: ${packageName} is not installed`);
  return found;
}

export interface Said {
  text: string;
  code: number | null;
  timedOut: boolean;
}

async function runs(
  program: string,
  args: readonly string[],
  script: string,
  deadlineMs: number,
  user: string,
) {
  const as = ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const command = [...args, ...as, "bash", "-c", `exec 2>&1; cd /tmp; export HOME=/tmp; ${script}`];
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C.UTF-8" };
  const { stdout, code, timedOut } = await run(program, command, { deadlineMs, env });
  return { text: stdout.toString("latin1"), code, timedOut };
}

/** Runs a script of bash on the host, as an ordinary user. */
export function natively(script: string, deadlineMs: number, user = USER): Promise<Said> {
  return runs("unshare", WITH_LOOPBACK, script, deadlineMs, user);
}

/** RINGFENCE_FLAGS: further global flags for the sandbox, as --patch=eager. */
const FLAGS = process.env["RINGFENCE_FLAGS"]?.split(" ") ?? [];

export function sandboxed(script: string, deadlineMs: number, user = USER): Promise<Said> {
  return runs(ringfence, [...FLAGS, "do", "--"], script, deadlineMs, user);
}

/** Outcomes by the name of the test: a suite's own words. */
export type Outcomes = ReadonlyMap<string, string>;

/** Tests that a sandbox cannot pass yet, and why. */
export interface Expected {
  readonly name: RegExp;
  readonly why: string;
}

export interface Suite {
  /** Runs the suite; its output tells the outcomes. */
  readonly script: string;
  readonly outcomes: (text: string) => Outcomes;
  readonly expected: readonly Expected[];
  readonly deadlineMs: number;
}

function differences(native: Outcomes, box: Outcomes, expected: readonly Expected[]): string[] {
  return [...native].flatMap(([name, wanted]) => {
    const got = box.get(name) ?? "did not run";
    // What passes here and not on the host is the host's matter.
    if (got === wanted || wanted === "did not run" || GOOD.test(got)) return [];
    return expected.some((one) => one.name.test(name))
      ? []
      : [`${name}: ${wanted} on the host, here: ${got}`];
  });
}

/**
 * Throws where tests that ran on the host end otherwise in the sandbox. What differs runs once more: suites have
 * tests that look at the clock.
 */
export async function compareSuites({ script, outcomes, expected, deadlineMs }: Suite): Promise<void> {
  let last = "";
  let left: string[] = [];
  for (let attempt = 0; attempt < 2; attempt++) {
    const native = outcomes((await natively(script, deadlineMs)).text);
    const said = await sandboxed(script, deadlineMs);
    if (native.size === 0) throw new Error("the suite tells no outcome on the host");
    const now = differences(native, outcomes(said.text), expected);
    left = attempt === 0 ? now : now.filter((line) => left.includes(line));
    if (left.length === 0) return;
    last = said.text.slice(-2000);
  }
  throw new Error(`${left.length} differ:\n${left.slice(0, DIFFERENCES_SHOWN).join("\n")}\n${last}`);
}

/** Throws where a script does not print, and end, in the sandbox as on the host. */
export async function compareScripts(script: string, deadlineMs: number, user = USER): Promise<void> {
  const native = await natively(script, deadlineMs, user);
  const box = await sandboxed(script, deadlineMs, user);
  if (native.code !== 0) throw new Error(`it fails on the host: ${native.code}\n${native.text}`);
  if (box.text !== native.text || box.code !== native.code)
    throw new Error(
      `on the host: ${native.code}\n${native.text}\nhere: ${box.code}${box.timedOut ? ", late" : ""}\n${box.text}`,
    );
}
