// Several kernels in one process (`hold --kernels`): sandboxes that know nothing of each other. Each runs programs as if it were
// alone; one ends and begins again while the other works, and leaves nothing; and whatever a guest does to its kernel, the
// other one's goes on.
//
// deadline: 400 s

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compile, type GuestProgram, programsIn } from "../guest/program.ts";
import { Sandbox, told } from "../guest/sandbox.ts";
import { runPiped } from "../guest/streams.ts";
import { request } from "../hostile/control.ts";
import { checkout, launcher } from "../spawn.ts";

const CONFIGURATIONS = [
  { name: "solo: both on the main thread", flags: ["--workers=solo"] },
  { name: "a thread for each", flags: ["--workers=1"] },
  { name: "a thread for each, and NET for both", flags: ["--workers=2"] },
  { name: "data threads for both as well, patched", flags: ["--workers=net,data=1", "--patch=eager"] },
  { name: "solo, ptrace", flags: ["--workers=solo", "--platform=ptrace"] },
] as const;

/** Run in both kernels at once. */
const PROGRAMS = [
  "fork_many",
  "fork_memory",
  "futex_basics",
  "futex_storms",
  "epoll_waiting",
  "mmap_shared",
  "pipe_large",
  "pipe_processes",
  "signal_interrupts",
  "tcp_bulk",
  "tcp_connect",
  "inet_udp",
];
const ROUNDS = 10;
/** Of programs that attack: one each, for the ways to do so. */
const ATTACKS = [
  "request_storm",
  "slot_garbage",
  "forged_requests",
  "notifications",
  "exhaustion",
  "heap_exhaustion",
  "ignored_kicks",
  "flags",
];
const PLACE = 1;
const SETTLE_MS = 20_000;

const guests = programsIn(join(checkout, "test/guest/"));
const attackers = programsIn(join(checkout, "test/hostile/"));

function named(programs: readonly GuestProgram[], name: string): GuestProgram {
  const found = programs.find((program) => program.name === name);
  assert.ok(found !== undefined, `there is no program ${name}`);
  return found!;
}

type How = Pick<GuestProgram, "env" | "stdin" | "deadlineMs">;

function optionsOf({ env, stdin, deadlineMs }: How) {
  return { env: { PATH: "/usr/bin:/bin", PWD: "/", ...env }, stdin, deadlineMs, statusByShell: true };
}

/** A kernel that is ending, or has ended, begins again. */
async function restarted(sandbox: Sandbox, place: number): Promise<void> {
  const first = join(sandbox.root, idOf(0), "s");
  const start = () =>
    request(first, "kernel_start", { place }).then(
      () => true,
      () => false,
    );
  for (const until = Date.now() + SETTLE_MS; !(await start()); )
    assert.ok(Date.now() < until, "it does not begin again");
}

/** Both are there, whatever became of a test before. */
async function begun(sandbox: Sandbox): Promise<void> {
  const first = join(sandbox.root, idOf(0), "s");
  for (const place of [0, PLACE]) await request(first, "kernel_start", { place }).catch(() => {});
}

function idOf(place: number): string {
  return place === 0 ? "test" : `test.${place}`;
}

const PLAIN = { env: {}, stdin: "", deadlineMs: 30_000 };

function runIn(sandbox: Sandbox, place: number, command: readonly string[], how: How = PLAIN) {
  const args = [`--root=${sandbox.root}`, "exec", idOf(place), ...command];
  return runPiped(launcher, args, optionsOf(how));
}

function commandOf(program: GuestProgram): string[] {
  return [compile(program), ...(program.runs[0] ?? [])];
}

function ask(sandbox: Sandbox, method: string, params: object = {}): Promise<unknown> {
  return request(sandbox.socket, method, params);
}

/** "": it has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function childrenOf(pid: number): number[] {
  const text = textOf(`/proc/${pid}/task/${pid}/children`).trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

function processesOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(processesOf)];
}

function nameOf(pid: number): string {
  return textOf(`/proc/${pid}/comm`).trim();
}

/** "": it was closed meanwhile. */
function namedBy(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}

/** What the sandbox's process holds, and which processes there are. */
function heldBy(sandbox: Sandbox): Record<string, number> {
  const processes = processesOf(sandbox.pid);
  const node = processes.find((pid) => textOf(`/proc/${pid}/cmdline`).startsWith("/node"))!;
  const kinds: Record<string, number> = { processes: processes.length };
  kinds["threads"] = readdirSync(`/proc/${node}/task`).length;
  for (const fd of readdirSync(`/proc/${node}/fd`)) {
    const of = namedBy(`/proc/${node}/fd/${fd}`).replace(/[[(:].*/, "");
    // Of the host's files as many are kept open as were used last: the same each time.
    const kind = of.startsWith("/") && !of.startsWith("/memfd") ? "files" : of;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** Kernels whose memory is mapped. */
function kernelPagesOf(sandbox: Sandbox): number {
  const node = processesOf(sandbox.pid).find((pid) => textOf(`/proc/${pid}/cmdline`).startsWith("/node"))!;
  let chunks = 0;
  for (const line of readFileSync(`/proc/${node}/maps`, "latin1").split("\n"))
    if (line.includes("ringfence-kernel-page")) chunks++;
  return chunks;
}

/** Looks until it is as it should be, or time is up. */
async function settled<T>(look: () => T, isRight: (seen: T) => boolean): Promise<T> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const seen = look();
    if (isRight(seen) || Date.now() > until) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A program in a kernel that works on and on, and tells when it has come further. */
class Witness {
  readonly #child;
  readonly times: number[] = [];
  #ended = false;

  constructor(sandbox: Sandbox, place: number) {
    const script =
      "i=0; while :; do i=$((i+1)); (echo $i | cat) > /tmp/w; read j < /tmp/w; echo $j; sleep 0.02; done";
    const args = [`--root=${sandbox.root}`, "exec", idOf(place), "/bin/sh", "-c", script];
    this.#child = spawn(launcher, args, { stdio: ["ignore", "pipe", "ignore"] });
    this.#child.stdout.on("data", (bytes: Buffer) => {
      for (const byte of bytes) if (byte === 10) this.times.push(performance.now());
    });
    this.#child.on("exit", () => {
      this.#ended = true;
    });
  }

  get count(): number {
    return this.times.length;
  }

  get runs(): boolean {
    return !this.#ended;
  }

  /** Resolves when it has come further, so many steps; rejects where it does not. */
  async steps(count: number): Promise<void> {
    const wanted = this.count + count;
    await settled(
      () => this.count,
      (seen) => seen >= wanted || this.#ended,
    );
    assert.ok(this.count >= wanted && this.runs, `${this.count} steps of ${wanted}`);
  }

  /** The longest time between two steps, in milliseconds. */
  get longestGap(): number {
    let longest = 0;
    for (let i = 1; i < this.times.length; i++)
      longest = Math.max(longest, this.times[i]! - this.times[i - 1]!);
    return longest;
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}

for (const { name, flags } of CONFIGURATIONS) {
  const isTraced = flags.includes("--platform=ptrace" as never);
  const test = suite(name);
  let sandbox: Sandbox;

  test.before(() =>
    told(
      (async () => {
        sandbox = await Sandbox.start(flags, ["--kernels=2", "--host-faults"]);
      })(),
    ),
  );
  test.after(() => told(sandbox.endWell()));

  test("programs of both run at once as natively", async () => {
    for (const program of PROGRAMS) {
      const guest = named(guests, program);
      const command = commandOf(guest);
      const native = await runPiped(command[0]!, command.slice(1), optionsOf(guest));
      const inBoth = await Promise.all([0, 1].map((place) => runIn(sandbox, place, command, guest)));
      for (const { stdout, status } of inBoth)
        assert.equal([program, stdout, status], [program, native.stdout, native.status]);
    }
  });

  test("they have nothing in common", async () => {
    const sh = (place: number, text: string) => runIn(sandbox, place, ["/bin/sh", "-c", text]);
    assert.is((await sh(0, "echo of 0 > /tmp/own; echo $(cat /tmp/own)")).stdout, "of 0\n");
    assert.is((await sh(1, "cat /tmp/own 2>/dev/null || echo none")).stdout, "none\n");
    const own = async (place: number) => (await sh(place, "cat /proc/sys/kernel/random/boot_id")).stdout;
    assert.is.not(await own(0), await own(1));
  });

  test("one ends and begins again while the other works, and nothing is left", async () => {
    const witness = new Witness(sandbox, 0);
    try {
      await witness.steps(3);
      // Once, so that what is made with a first kernel is there.
      await ask(sandbox, "kernel_end", { place: PLACE });
      const before = await settled(
        () => heldBy(sandbox),
        (seen) => seen["processes"]! <= 7,
      );
      for (let round = 0; round < ROUNDS; round++) {
        await ask(sandbox, "kernel_start", { place: PLACE });
        const during = runIn(sandbox, PLACE, commandOf(named(guests, "pipe_processes")));
        const other = new Witness(sandbox, PLACE);
        await Promise.all([during, other.steps(2)]);
        // Half of the time something runs still.
        if (round % 2 === 0) other.end();
        await ask(sandbox, "kernel_end", { place: PLACE });
        other.end();
        await witness.steps(1);
      }
      // The witness makes processes all the time.
      const isSame = (seen: Record<string, number>) =>
        Object.keys({ ...seen, ...before }).every(
          (kind) => Math.abs((seen[kind] ?? 0) - (before[kind] ?? 0)) <= (kind === "threads" ? 0 : 3),
        );
      const after = await settled(() => heldBy(sandbox), isSame);
      assert.ok(isSame(after), `${JSON.stringify(before)} ${JSON.stringify(after)}`);
      assert.ok(witness.runs);
    } finally {
      witness.end();
    }
    assert.is(kernelPagesOf(sandbox), 1);
    await ask(sandbox, "kernel_start", { place: PLACE });
    assert.is(kernelPagesOf(sandbox), 2);
  });

  test("the first one ends, too", async () => {
    await begun(sandbox);
    const witness = new Witness(sandbox, PLACE);
    try {
      await witness.steps(3);
      await request(join(sandbox.root, idOf(PLACE), "s"), "kernel_end", { place: 0 });
      await witness.steps(3);
      const refused = await ask(sandbox, "counters").then(
        () => "answered",
        (error: Error) => error.message,
      );
      assert.match(refused, /ERR_STATE/);
      await ask(sandbox, "kernel_start", { place: 0 });
      await witness.steps(3);
      assert.is((await runIn(sandbox, 0, ["/bin/true"])).status, "0");
    } finally {
      witness.end();
    }
  });

  test("what attacks one is nothing to the other", async () => {
    await begun(sandbox);
    const witness = new Witness(sandbox, 0);
    try {
      await witness.steps(3);
      for (const attack of ATTACKS) {
        const program = named(attackers, attack);
        await runIn(sandbox, PLACE, commandOf(program), program);
        await witness.steps(1);
      }
      assert.ok(witness.longestGap < 5000, `${witness.longestGap} ms without a step`);
    } finally {
      witness.end();
    }
    await ask(sandbox, "kernel_end", { place: PLACE });
    await ask(sandbox, "kernel_start", { place: PLACE });
    assert.is((await runIn(sandbox, PLACE, ["/bin/true"])).status, "0");
  });

  // The kernel itself is stopped meanwhile: what ends has not waited for it. Not where it traces them, since the host tells
  // the parent of a process's end when its tracer has waited for that.
  test("what a zygote that dies has made dies with it, and its kernel ends", async () => {
    await begun(sandbox);
    const other = new Witness(sandbox, PLACE);
    const node = processesOf(sandbox.pid).find((pid) => textOf(`/proc/${pid}/cmdline`).startsWith("/node"))!;
    try {
      await other.steps(1);
      const nursery = processesOf(sandbox.pid).find((pid) => nameOf(pid) === "nursery")!;
      const runs = (pid: number) => processesOf(pid).some((child) => nameOf(child) === "sh");
      const zygote = childrenOf(nursery).find(runs)!;
      const made = processesOf(zygote).slice(1);
      if (!isTraced) process.kill(node, "SIGSTOP");
      process.kill(zygote, "SIGKILL");
      const left = () => made.filter((pid) => textOf(`/proc/${pid}/cmdline`) !== "");
      assert.equal(await settled(left, ({ length }) => length === 0), []);
    } finally {
      if (!isTraced) process.kill(node, "SIGCONT");
      other.end();
    }
    await restarted(sandbox, PLACE);
    assert.is((await runIn(sandbox, PLACE, ["/bin/true"])).status, "0");
  });

  test("a thread that throws in a turn of one kernel ends that kernel alone", async () => {
    await begun(sandbox);
    const witness = new Witness(sandbox, 0);
    const second = join(sandbox.root, idOf(PLACE), "s");
    try {
      await witness.steps(3);
      const threads = ((await request(second, "threads")) as object[]).length;
      for (let thread = 0; thread < threads; thread++) {
        const other = new Witness(sandbox, PLACE);
        await other.steps(1);
        await request(second, "break_thread", { thread, how: "throw in a turn" });
        const ended = () => !other.runs;
        assert.ok(await settled(ended, Boolean), `thread ${thread} threw, its kernel goes on`);
        await witness.steps(3);
        await restarted(sandbox, PLACE);
        assert.is((await runIn(sandbox, PLACE, ["/bin/true"])).status, "0");
      }
    } finally {
      witness.end();
    }
  });

  test.run();
}
