// Programs of a Debian system: each prints in the sandbox what it prints natively, and ends in the same way.
// Those that are not installed are left out, and said.
//
// deadline: 300 s

import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence, run } from "../spawn.ts";

const IN_A_DIRECTORY = "cd $(mktemp -d) || exit; trap 'rm -r $PWD' EXIT;";

const COMMANDS: readonly (readonly string[])[] = [
  ["uname", "-s", "-n", "-m", "-o"],
  ["bash", "-c", "for i in $(seq 20); do echo $i | sed s/1/x/; done | sort | uniq -c"],
  [
    "python3",
    "-c",
    'import os,hashlib,json; print(hashlib.sha256(open("/bin/bash","rb").read()).hexdigest())',
  ],
  ["python3", "-c", "import subprocess as s; print(s.run(['sh', '-c', 'echo out; exit 7'], stdout=-1))"],
  ["python3", "-c", "from multiprocessing import Pool; print(sum(Pool(3).map(abs, range(-100, 0))))"],
  ["find", "/usr", "-type", "f", "-name", "*.py"],
  ["sh", "-c", `${IN_A_DIRECTORY} echo "int main(){return 42;}" > a.c && gcc a.c && ./a.out; echo $?`],
  ["perl", "-e", 'print join(",", map { $_ ** 2 } 1..9), "\\n"; print `echo from a child`; exit 3'],
  ["tar", "-C", "/etc", "-cf", "-", "passwd", "group", "hosts"],
  ["sh", "-c", "tar -C /usr/include -cf - . | tar -tf - | wc -l"],
  ["git", "--version"],
  [
    "sh",
    "-c",
    `${IN_A_DIRECTORY} git init -q . && echo a > a && git add a && git -c user.name=n -c user.email=e commit -qm m &&
     git log --format=%s && git fsck`,
  ],
  ["sqlite3", ":memory:", "create table t(x); insert into t values(1),(2),(3); select sum(x), avg(x) from t"],
  [
    "sh",
    "-c",
    `${IN_A_DIRECTORY} sqlite3 f 'create table t(x); insert into t values(5)'; sqlite3 f 'select * from t'`,
  ],
  ["containerd", "--version"],
  ["node", "-e", "setTimeout(() => console.log([3, 1, 2].sort().join()), 10)"],
  ["sh", "-c", "head -c 1073741824 /dev/zero | wc -c"],
  ["sh", "-c", "kill -SEGV $$"],
  // Not a session's leader: a terminal that it makes does not become its own.
  [
    "python3",
    "-c",
    "import os; m, s = os.openpty(); f = os.open(os.ttyname(s), os.O_RDWR); [os.close(x) for x in (f, s, m)]; print('here')",
  ],
  ["false"],
];

/** Lines whose order nobody has promised. */
const sorted = (text: string) => text.split("\n").sort().join("\n");

function isInstalled(command: readonly string[]): boolean {
  const needed = ["gcc", "git", "sqlite3"].filter((name) => command.at(-1)!.includes(`${name} `));
  return [command[0]!, ...needed].every((name) => spawnSync("which", [name]).status === 0);
}

for (const command of COMMANDS) {
  const name = command.join(" ");
  if (!isInstalled(command)) {
    console.log(`not installed: ${name}`);
    continue;
  }
  test(name, async () => {
    const [program, ...args] = command as [string, ...string[]];
    // The exit code as a shell tells it.
    const native = await run("sh", ["-c", '"$@"; exit $?', "sh", program, ...args], { deadlineMs: 60_000 });
    const sandboxed = await run(ringfence, ["do", "--", program, ...args], { deadlineMs: 60_000 });
    const shown = (bytes: Buffer) =>
      program === "find" ? sorted(bytes.toString("latin1")) : bytes.toString("latin1");
    const stderr = sandboxed.stderr.toString("latin1");
    assert.is(sandboxed.code, native.code, stderr);
    assert.is(shown(sandboxed.stdout), shown(native.stdout));
  });
}

test.run();
