// The launcher reads the same command lines as yargs does from the same tables; what it does not serve
// is answered by Node.

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, ringfence, run } from "../spawn.ts";
import { withHeld } from "./hold.ts";
import { exists } from "./processes.ts";

const ECHO = ["busybox", "echo"];
const ACCEPTED: [string[], string][] = [
  [["do", ...ECHO, "a"], "a\n"],
  [["do", "--", ...ECHO, "a"], "a\n"],
  [["do", ...ECHO, "--", "--debug", "-e"], "-- --debug -e\n"],
  [["--debug", "do", ...ECHO, "a"], "a\n"],
  [["do", "--debug", ...ECHO, "a"], "a\n"],
  [["--debug=true", "--no-strace", "--strace=false", "do", ...ECHO, "a"], "a\n"],
  [["--workers=data=1,net", "do", ...ECHO, "a"], "a\n"],
  [["--platform", "systrap", "--platform=systrap", "do", ...ECHO, "a"], "a\n"],
];
for (const [args, expected] of ACCEPTED)
  test(`accepted: ${args.join(" ")}`, async () => {
    const result = await run(ringfence, args);
    assert.is(result.stderr.toString(), "");
    assert.is(result.stdout.toString(), expected);
    assert.is(result.code, 0);
  });

test("of a flag that is given twice the last holds", async () => {
  const twice = (...args: string[]) => run(ringfence, ["--platform=systrap", "--platform=ptrace", ...args]);
  assert.is((await twice("do", "true")).code, 0);
  assert.match(
    (await twice("help", "syscalls", "--support=full", "--support=partial", "pipe2")).stdout.toString(),
    /partial/,
  );
  const { code, stderr } = await twice("bench", "--platform=systrap", "--runs=1", "--runs=none");
  assert.is(code, 125);
  assert.match(stderr.toString(), /--runs is a number of runs.*: none/);
});

/** With the exit code where it is another than 125: commands of runc have its codes. */
const EXPLAINED: [string[], RegExp, number?][] = [
  [["frobnicate"], /^ringfence: unknown command: frobnicate;/],
  [["--log-format", "json", "thaw", "id"], /^ringfence: unknown command: thaw;/],
  [["do"], /do: CMD is missing/],
  [["--workers=8", "do", "true"], /--workers: a sandbox has at most 7 kernel threads/],
  [["--workers=net,net", "do", "true"], /--workers: "net" is named twice/],
  [["--workers=many", "do", "true"], /--workers: "many" is neither/],
  [["start"], /start: ID is missing/, 1],
  [["do", "--debug=maybe", "true"], /--debug is true or false: maybe/],
  [["--workers=8", "do", "echo", "--debug=maybe"], /--workers: a sandbox has at most/],
  [["events", "--stats=maybe", "id"], /--stats is true or false: maybe/, 1],
  [["--debug=", "profile", "--no-cpu", "--", "true"], /--debug is true or false:/],
  [["ps"], /ps: ID is missing/, 1],
  [["exec"], /exec: ID is missing/, 255],
  [["exec", "only-an-id"], /only-an-id/, 255],
  [["create", "--no-pivot", "--no-new-keyring"], /create: ID is missing/, 1],
  [
    ["checkpoint", "--leave-running", "--tcp-established", "id"],
    /checkpoint: containers cannot be saved yet/,
    1,
  ],
  [["restore", "--no-pivot", "--no-subreaper", "-d", "id"], /restore: containers cannot be saved yet/, 1],
  [["events", "--interval=soon", "id"], /--interval is a duration/, 1],
  [["list", "--format=yaml"], /format/, 1],
  [["help", "cooking"], /neither a command nor syscalls: cooking/],
  [["help", "syscalls", "nosuch"], /no system call is like that: nosuch/],
  [["--platform"], /platform/],
  [["--platform=none", "do", "true"], /systrap/],
  [["do", "--cwd=/", "true"], /cwd/],
  [[], /command/],
];
for (const [args, why, code] of EXPLAINED)
  test(`explained: ringfence ${args.join(" ")}`, async () => {
    const result = await run(ringfence, args);
    assert.is(result.code, code ?? 125);
    assert.is(result.stdout.length, 0);
    assert.match(result.stderr.toString(), /^ringfence: [^\n]+\n$/);
    assert.match(result.stderr.toString(), why);
  });

test("help and version", async () => {
  const help = await run(ringfence, ["--help"]);
  assert.is(help.code, 0);
  for (const word of ["do", "exec", "hold", "--root", "--strace"]) assert.match(help.stdout.toString(), word);
  const version = await run(ringfence, ["--version"]);
  assert.match(version.stdout.toString(), /^\d+\.\d+\.\d+\n$/);
});

test("help syscalls prints the table of system calls", async () => {
  const all = await run(ringfence, ["help", "syscalls"]);
  assert.is(all.stderr.toString(), "");
  assert.is(all.code, 0);
  const lines = all.stdout.toString().split("\n");
  assert.match(lines[0]!, /^NUMBER +NAME +SUPPORT +SUBSYSTEM +NOTE$/);
  assert.ok(lines.includes("1       write                    full     vfs"), lines[2]);
  assert.ok(lines.length > 350);
  const some = await run(ringfence, ["help", "syscalls", "pipe", "--support=partial"]);
  assert.match(some.stdout.toString(), /^293 +pipe2 +partial +vfs/m);
  assert.not.match(some.stdout.toString(), /^22 /m);
  const usage = await run(ringfence, ["help"]);
  assert.match(usage.stdout.toString(), /\bringfence do\b/);
});

test("help COMMAND is what COMMAND --help says", async () => {
  for (const command of ["do", "run", "ps", "features"]) {
    const help = await run(ringfence, ["help", command]);
    assert.is(help.code, 0);
    assert.match(help.stdout.toString(), new RegExp(`^ringfence ${command} \\[FLAGS\\]`));
    assert.is(help.stdout.toString(), (await run(ringfence, [command, "--help"])).stdout.toString());
  }
});

test("a command line that is wrong leaves its record in the log, where engines look for it", async () => {
  const log = `/tmp/ringfence-log-${process.pid}`;
  const last = () => JSON.parse(readFileSync(log, "utf8").trimEnd().split("\n").at(-1)!);
  try {
    await run(ringfence, ["--log", log, "--log-format=json", "thaw", "id"]);
    assert.is(last().level, "error");
    assert.is(last().msg, "unknown command: thaw");
    await run(ringfence, [`--log=${log}`, "--log-format", "json", "kill"]);
    assert.match(last().msg, /kill: ID is missing/);
  } finally {
    rmSync(log, { force: true });
  }
});

test("the sandbox's log in its two forms; a stack names lines of the sources", async () => {
  const directory = mkdtempSync("/tmp/ringfence-log-");
  const log = join(directory, "log");
  const config = {
    ociVersion: "1.0.2",
    root: { path: "." },
    process: { cwd: "/", args: ["x"], user: { uid: "?" } },
  };
  writeFileSync(join(directory, "config.json"), JSON.stringify(config));
  const message = "process.user.uid must be an integer from 0 to 4294967294";
  const first = async (form: string) => {
    const flags = ["--root", join(directory, "state"), "--log", log, "--log-format", form];
    rmSync(log, { force: true });
    await run(ringfence, [...flags, "run", "--bundle", directory, "wrong"]);
    return readFileSync(log, "utf8").split("\n")[0]!;
  };
  try {
    const { level, msg, name, time, err } = JSON.parse(await first("json"));
    assert.equal([level, msg, name], ["fatal", "the sandbox could not start", "sandbox"]);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
    assert.equal([err.type, err.message], ["SchemaError", message]);
    assert.match(err.stack, /^ {4}at readContainer \(src\/main\/oci\/container\.ts:\d+\)$/m);
    const text = await first("text");
    assert.match(
      text,
      /^time="[-\d]{10}T[:.\d]{12}Z" level=fatal msg="the sandbox could not start" name=sandbox err="/,
    );
    assert.match(text, `\\"message\\":\\"${message}\\"`);
    assert.match(text, "at readContainer (src/main/oci/container.ts:");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("--strace prints calls, signals and ends to standard error; a death by a signal is in the debug log", async () => {
  const log = `/tmp/ringfence-log-${process.pid}`;
  const script = "trap : USR1; kill -USR1 $$; (kill -SEGV $(sh -c 'echo $PPID')); exit 3";
  try {
    const flags = ["--strace", "--debug", "--log", log];
    const { code, stderr, stdout } = await run(ringfence, [...flags, "do", "sh", "-c", script]);
    assert.is(code, 3);
    assert.is(stdout.length, 0);
    const text = stderr.toString();
    assert.match(text, /^\[1\] execve\(|^\[1\] brk\(/m);
    assert.match(
      text,
      /^\[1\] --- SIGUSR1 \{si_signo=SIGUSR1, si_code=SI_USER, si_pid=1, si_uid=\d+\} ---$/m,
    );
    assert.match(
      text,
      /^\[\d+\] --- SIGSEGV \{si_signo=SIGSEGV, si_code=SI_USER, si_pid=\d+, si_uid=\d+\} ---$/m,
    );
    assert.match(text, /^\[\d+\] \+\+\+ killed by SIGSEGV( \(core dumped\))? \+\+\+$/m);
    assert.match(text, /^\[1\] \+\+\+ exited with 3 \+\+\+$/m);
    const deaths = readFileSync(log, "utf8").match(/msg="a process was ended by a signal".*/g);
    assert.is(deaths?.length, 1);
    assert.match(deaths![0]!, /program=sh signal=SIGSEGV code=0 sender=\d+/);
  } finally {
    rmSync(log, { force: true });
  }
});

test("--strace sees the calls that a thread answers by itself else", async () => {
  const script = "import os, ctypes\nfor _ in range(500): os.getuid(); ctypes.CDLL(None).sched_yield()";
  const { code, stderr } = await run(ringfence, ["--strace", "do", "/usr/bin/python3", "-c", script]);
  assert.is(code, 0);
  const lines = stderr.toString().split("\n");
  const count = (call: RegExp) => lines.filter((line) => call.test(line)).length;
  assert.ok(count(/^\[1\] getuid\(\) = \d+/) >= 500);
  assert.ok(count(/^\[1\] sched_yield\(\) = 0/) >= 500);
});

test("exec's flags reach the command", async () => {
  await withHeld(async ({ exec }) => {
    const uid = await exec(["--user", "5:6", "busybox", "id"]);
    assert.match(uid.stdout.toString(), /^uid=5\S* gid=6/);
    const env = await exec(["-e", "ONE=1", "--env", "TWO=2", "busybox", "env"], {
      env: { ONE: "0", PATH: "/bin:/usr/bin" },
    });
    const lines = env.stdout.toString().trim().split("\n");
    assert.ok(
      lines.includes("ONE=1") && lines.includes("TWO=2") && !lines.includes("ONE=0"),
      lines.join(" "),
    );
    for (const wrong of [
      ["--user", "root"],
      ["--env", "novalue"],
      // A program there ends with the command that has started it.
      ["--detach"],
    ])
      assert.is((await exec([...wrong, "busybox", "true"])).code, 255);
  });
});

test("--parent: the command ends with that process, and does not begin when it has ended", async () => {
  let parent: ChildProcess | undefined;
  const script = `${ringfence} --parent=$$ do -- busybox sh -c 'echo up; exec sleep 1000' & echo $!; wait`;
  const ended = run("sh", ["-c", script], {
    started: (child) => {
      parent = child;
    },
  });
  let printed = "";
  parent!.stdout!.on("data", (bytes: Buffer) => {
    printed += bytes.toString();
  });
  assert.ok(await eventually(() => printed.includes("up"), 20_000));
  const launcher = Number(/\d+/.exec(printed)![0]);
  assert.ok(exists(launcher));
  parent!.kill("SIGKILL");
  assert.ok(await eventually(() => !exists(launcher), 5000));
  // All that have its output are gone as well.
  assert.is((await ended).timedOut, false);
  const late = await run(ringfence, [`--parent=${parent!.pid}`, "do", ...ECHO, "a"]);
  assert.is(late.code, 125);
  assert.match(late.stderr.toString(), /the caller, \d+, has ended/);
});

test.run();
