// What each of several kernels in one process may have (workers/host_share.ts): its part and no more, as Linux's errnos say at
// the end of it; and when one has taken all of its own, the others find theirs.
//
// deadline: 180 s

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { totalmem } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Sandbox, told } from "../guest/sandbox.ts";
import { request } from "../hostile/control.ts";
import { launcher, run, type SpawnResult } from "../spawn.ts";
import { buildDriver } from "./driver.ts";

/** Tasks are one thread's to count, memory is common to all. */
const CONFIGURATIONS = [
  { name: "solo: all on the main thread", flags: ["--workers=solo"] },
  { name: "a thread for each, and NET and data threads for all", flags: ["--workers=net,data=1"] },
] as const;
const KERNELS = 4;
/** Who takes all, who takes all beside him, and who wants little. */
const [GREEDY, SECOND, MODEST] = [1, 2, 3];

/** Of a sandbox by itself: tasks; bytes of V8's heap at most; which part of the host's memory no process owns. */
const TASKS = 4096;
const HEAP = 768 << 20;
const COMMON = 1 / 2;
const MIB = 1 << 20;
const MEMORY_MIB = (totalmem() * COMMON) / KERNELS / MIB;
/** What is taken in pieces of a MiB misses so much at most; what kernel threads hold ahead is within. */
const MISSED_MIB = 4;
/** What kernel_share.c can take at least, whatever its last rings are. */
const RINGS_MIB = 55 * 256;

/** Of which a kernel may have as many open as perl opens at once, or fewer. */
const DESCRIPTORS = 2048;
/** Of a kernel's descriptors those of files of the host's. */
const FILES = 3 / 8;

function idOf(place: number): string {
  return place === 0 ? "test" : `test.${place}`;
}

function execArguments(sandbox: Sandbox, place: number, command: readonly string[]): string[] {
  return [`--root=${sandbox.root}`, "exec", idOf(place), ...command];
}

function shell(sandbox: Sandbox, place: number, text: string): Promise<SpawnResult> {
  return run(launcher, execArguments(sandbox, place, ["/bin/sh", "-c", text]));
}

/** A program in a kernel that takes all it finds of something, and holds it. */
class Taker {
  readonly #child: ChildProcess;
  /** Exit code, and signal. */
  readonly #ended: Promise<unknown[]>;
  /** How much it has, and what it was told then. */
  readonly count: number;
  readonly refusals: string;

  private constructor(child: ChildProcess, ended: Promise<unknown[]>, line: string) {
    this.#child = child;
    this.#ended = ended;
    const [count, ...refusals] = line.trim().split(" ");
    this.count = Number(count);
    this.refusals = refusals.join(" ");
  }

  static async of(what: "threads" | "memory", sandbox: Sandbox, place: number): Promise<Taker> {
    const program = buildDriver("kernel_share", [], ["-static"]);
    const child = spawn(launcher, execArguments(sandbox, place, [program, what]), {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    const [line] = await Promise.race([once(child.stdout, "data"), ended]);
    return new Taker(child, ended, String(line));
  }

  /** Resolves when it has ended, and with it all that it has. */
  async end(): Promise<void> {
    this.#child.stdin!.end();
    assert.equal(await this.#ended, [0, null]);
  }
}

for (const { name, flags } of CONFIGURATIONS) {
  const test = suite(name);
  let sandbox: Sandbox;

  test.before(() =>
    told(
      (async () => {
        sandbox = await Sandbox.start(flags, [`--kernels=${KERNELS}`]);
      })(),
    ),
  );
  test.after(() => told(sandbox.endWell()));

  /** What two kernels can take at once of something, and what others do then. */
  async function taken(
    what: "threads" | "memory",
    meanwhile: () => Promise<void>,
  ): Promise<readonly [greedy: Taker, second: Taker]> {
    const greedy = await Taker.of(what, sandbox, GREEDY);
    const second = await Taker.of(what, sandbox, SECOND);
    try {
      await meanwhile();
    } finally {
      await Promise.all([greedy.end(), second.end()]);
    }
    return [greedy, second];
  }

  test("tasks: at the end of its part a kernel has no thread more, and others have all of theirs", async () => {
    const fork = 'echo "$(echo forked)"';
    const takers = await taken("threads", async () => {
      assert.match((await shell(sandbox, GREEDY, fork)).stderr.toString(), /fork/);
      assert.is((await shell(sandbox, MODEST, fork)).stdout.toString(), "forked\n");
    });
    // The first of its threads is one of them.
    for (const { count, refusals } of takers)
      assert.equal([count + 1, refusals], [TASKS / KERNELS, "EAGAIN"]);
    assert.is((await shell(sandbox, GREEDY, fork)).stdout.toString(), "forked\n");
  });

  test("memory: at the end of its part sockets and files of a kernel find none, those of others do", async () => {
    if (MEMORY_MIB > RINGS_MIB) {
      console.log("  skipped: a part of this machine's memory is more than rings can have");
      return;
    }
    const write = "head -c 1000000 /dev/zero > /tmp/written && wc -c < /tmp/written; rm -f /tmp/written";
    const takers = await taken("memory", async () => {
      assert.match((await shell(sandbox, GREEDY, write)).stderr.toString(), /No space left on device/);
      assert.is((await shell(sandbox, MODEST, write)).stdout.toString().trim(), "1000000");
    });
    for (const { count, refusals } of takers) {
      assert.is(refusals, "ENOMEM ENOSPC");
      assert.ok(count <= MEMORY_MIB, `${count} of ${MEMORY_MIB} MiB`);
      assert.ok(count > MEMORY_MIB - MISSED_MIB, `${count} of ${MEMORY_MIB} MiB`);
    }
  });

  test("heap: what kernels may have of it together is what one has by itself", async () => {
    let all = 0;
    for (let place = 0; place < KERNELS; place++) {
      const socket = `${sandbox.root}/${idOf(place)}/s`;
      all += (await request<Record<string, number>>(socket, "counters"))["heapLimit"]!;
    }
    assert.ok(all > 0 && all <= HEAP, `${all} bytes`);
  });

  test.run();
}

const test = suite("descriptors");

test("are divided: a guest that opens all it can takes none of another kernel's", async () => {
  const sandbox = await Sandbox.start([], ["--kernels=2"], ["prlimit", `--nofile=${DESCRIPTORS}`]);
  const openAll =
    '$| = 1; for (;;) { open($f[$n++], "<", "/etc/passwd") or last } print $n - 1, " $!\\n"; sleep 100';
  const openOne = "head -c 4 /etc/passwd > /dev/null && echo opened";
  const greedy = spawn(launcher, execArguments(sandbox, GREEDY, ["perl", "-e", openAll]));
  try {
    const [text] = (await once(greedy.stdout, "data")) as [Buffer];
    const [, count, error] = /^(\d+) (.*)\n$/.exec(text.toString())!;
    assert.is(error, "Too many open files in system");
    // Its own program and libraries are some of them.
    const part = (DESCRIPTORS / 2) * FILES;
    assert.ok(Number(count) <= part && Number(count) > part / 2, `${count} of ${part}`);
    assert.is((await shell(sandbox, 0, openOne)).stdout.toString(), "opened\n");
    assert.match((await shell(sandbox, GREEDY, openOne)).stderr.toString(), /Too many open files/);
  } finally {
    greedy.kill("SIGKILL");
    await sandbox.endWell();
  }
});

test.run();
