// Other people's applications, each a script of bash in a folder that says of what kind it is. A script begins with lines
// that say what it is about, does a short piece of real work, and prints what must be the same wherever it runs:
//
//   #@ Packages: zsh            Debian's packages that it needs; the version told is that of the first
//   #@ Needs: zsh /etc/zsh      programs or files that show that they are there; absent: what the file is called
//   #@ Does: globs, coprocesses what the work is, for the table
//   #@ Lines: outcomes          each line is NAME OUTCOME of one test: what fails natively may pass in a sandbox
//   #@ Differs: ^random .*      lines that may differ, each such line with its reason after " -- "
//   #@ Fails: needs a GPU        why it does not work in a sandbox: then it must not
//   #@ User: root               by whom it is run; absent: somebody without privilege, whom the system does not know
//   #@ Deadline: 300            seconds in one place; absent: 120

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { BenchError } from "../error.ts";

/** Lines that may differ, and why. */
export interface Difference {
  readonly lines: RegExp;
  readonly why: string;
}

export interface Application {
  readonly name: string;
  /** The folder that it is in. */
  readonly kind: string;
  readonly packages: readonly string[];
  readonly needs: readonly string[];
  readonly does: string;
  readonly isSuite: boolean;
  /** Why it cannot do the same in a sandbox; "": it can. */
  readonly fails: string;
  readonly differs: readonly Difference[];
  /** A name or number. */
  readonly user: string;
  readonly deadlineMs: number;
  readonly script: string;
}

const DIRECTIVE = /^#@ (\w+): (.+)$/;
const NOBODY = "1000";
const DEADLINE_S = 120;
const KNOWN: ReadonlySet<string> = new Set([
  "Packages",
  "Needs",
  "Does",
  "Lines",
  "Differs",
  "Fails",
  "User",
  "Deadline",
]);

function difference(text: string, file: string): Difference {
  const [lines, why] = text.split(" -- ");
  if (why === undefined) throw new BenchError(`${file}: Differs has no reason`);
  return { lines: new RegExp(lines!), why };
}

/** The application of that file; a BenchError where its first lines are not as they should be. */
function read(kind: string, file: string): Application {
  const script = readFileSync(file, "utf8");
  const name = basename(file, ".sh");
  const said = new Map<string, string[]>();
  for (const line of script.split("\n")) {
    const [, key, value] = DIRECTIVE.exec(line) ?? [];
    if (key === undefined) break;
    if (!KNOWN.has(key)) throw new BenchError(`${file}: unknown directive ${key}`);
    said.set(key, [...(said.get(key) ?? []), value!]);
  }
  const words = (key: string) => said.get(key)?.flatMap((value) => value.split(" "));
  const packages = words("Packages");
  const does = said.get("Does")?.[0];
  if (packages === undefined || does === undefined)
    throw new BenchError(`${file}: says no Packages, or not what it Does`);
  return {
    name,
    kind,
    packages,
    needs: words("Needs") ?? [name],
    does,
    isSuite: said.get("Lines")?.[0] === "outcomes",
    differs: (said.get("Differs") ?? []).map((text) => difference(text, file)),
    fails: said.get("Fails")?.[0] ?? "",
    user: said.get("User")?.[0] ?? NOBODY,
    deadlineMs: Number(said.get("Deadline")?.[0] ?? DEADLINE_S) * 1000,
    script,
  };
}

/** All applications, by kind and name. */
export function applications(): Application[] {
  const here = import.meta.dirname;
  const kinds = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return kinds
    .map(({ name }) => name)
    .sort()
    .flatMap((kind) =>
      readdirSync(join(here, kind))
        .sort()
        .map((file) => read(kind, join(here, kind, file))),
    );
}
