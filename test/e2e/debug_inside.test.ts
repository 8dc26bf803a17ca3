// `debug` tells what guest threads do and what their calls wait for, heaps and counters; it changes what is logged and printed while
// a sandbox runs; and it finds every sandbox that has a name, or a process.

import { type ChildProcess, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { InspectReport, TaskReport } from "../../src/shared/inspect_report.ts";
import { ok, said, text } from "../said.ts";
import { eventually, launcher, run } from "../spawn.ts";
import { type Held, withHeld } from "./hold.ts";
import { children } from "./processes.ts";

const WAIT_MS = 20_000;

const directory = mkdtempSync("/tmp/ringfence-debug-");
const guest = join(directory, "guest");
execFileSync("gcc", [
  ...["-static", "-no-pie", "-O0", "-fno-omit-frame-pointer"],
  ...["-D_GNU_SOURCE", "-w", "-o", guest, join(import.meta.dirname, "debug_guest.c"), "-lpthread"],
]);
const unwound = join(directory, "unwound");
execFileSync("gcc", [
  ...["-static", "-no-pie", "-O2", "-fomit-frame-pointer", "-D_GNU_SOURCE"],
  ...["-o", unwound, join(import.meta.dirname, "unwind_guest.c"), "-lpthread"],
]);
test.after(() => rmSync(directory, { recursive: true, force: true }));

type Told = InspectReport & { counters: Record<string, number>; threads: object[] };

async function debug(root: string, id: string, ...flags: string[]): Promise<Told> {
  return JSON.parse(text(ok(await run(launcher, ["--root", root, "debug", "--json", ...flags, id]))));
}

/** Runs `body` while the guest waits. */
async function withGuest({ exec }: Held, body: () => Promise<void>, words = [guest]): Promise<void> {
  let child: ChildProcess | undefined;
  let announced = "";
  const ended = exec(words, {
    keepStdin: true,
    started: (process) => {
      child = process;
      process.stdout!.on("data", (bytes: Buffer) => {
        announced += bytes.toString("latin1");
      });
    },
  });
  assert.ok(await eventually(() => announced === "ready\n", WAIT_MS));
  try {
    await body();
  } finally {
    child!.stdin!.end();
    await ended;
  }
}

/** The functions that a stack leads through, the innermost first. */
function functionsOf({ stack = [] }: TaskReport, program = guest): string[] {
  const addresses = stack.map(({ address }) => address);
  const lines = execFileSync("addr2line", ["-f", "-e", program, ...addresses], { encoding: "utf8" });
  return lines.split("\n").filter((_line, i) => i % 2 === 0);
}

for (const [platform, workers] of [
  ["systrap", "solo"],
  ["ptrace", "solo"],
  ["systrap", "net,data=2"],
])
  test(`threads, and what they wait for (--platform=${platform} --workers=${workers})`, async () => {
    await withHeld(
      async (held) => {
        await withGuest(held, async () => {
          let tasks: TaskReport[] = [];
          const named = (name: string) => tasks.find(({ comm }) => comm === name);
          // They have all come to where they wait.
          const settled = async () => {
            tasks = (await debug(held.root, "held", "--stacks")).tasks!;
            return ["reads", "shares", "accepts", "receives", "polls", "pauses"].every((name) => {
              const isElsewhere = name === "receives" && workers !== "solo";
              return named(name)?.state === (isElsewhere ? "elsewhere" : "waiting");
            });
          };
          assert.ok(await eventually(settled, WAIT_MS), JSON.stringify(tasks));
          const calls = {
            ...{ reads: "read", shares: "futex", accepts: "accept", receives: "recvfrom" },
            ...{ polls: "poll", pauses: "pause" },
          };
          for (const [name, call] of Object.entries(calls)) {
            const task = named(name)!;
            assert.is(task.call, call);
            assert.equal(functionsOf(task).slice(0, 2), ["inner", "outer"], JSON.stringify(task));
            assert.is(task.stack![0]!.module, guest);
          }
          assert.match(named("reads")!.waitsFor!, /^something to read/);
          assert.match(named("reads")!.file!, /^PipeFile:\[\d+\]$/);
          assert.match(named("accepts")!.waitsFor!, /^a connection/);
          assert.equal(named("receives")!.args!.slice(2), ["0x1", "0x0", "0x0", "0x0"]);
          assert.match(named("shares")!.waitsFor!, /^a futex/);
          assert.match(named("pauses")!.waitsFor!, /^a signal/);
          assert.is(named("spins")!.state, "running");
          assert.is(named("guest")!.call, "read");
          assert.is(new Set(tasks.map(({ tid }) => tid)).size, tasks.length);
          const lines = text(ok(await run(launcher, ["--root", held.root, "debug", "--stacks", "held"])));
          assert.match(
            lines,
            /^\d+\/\d+ reads: waiting in read\(0x\w+, 0x\w+, 0x1\) on PipeFile:\[\d+\], waits for something/m,
          );
          assert.ok(lines.includes(`    #0 0x`) && lines.includes(`${guest}+0x`));
        });
      },
      [`--platform=${platform}`, `--workers=${workers}`],
    );
  });

test("stacks without frame pointers, across a signal's handler", async () => {
  await withHeld(async (held) => {
    const body = async () => {
      let tasks: TaskReport[] = [];
      const named = (name: string) => tasks.find(({ comm }) => comm === name);
      const settled = async () => {
        tasks = (await debug(held.root, "held", "--stacks")).tasks!;
        return ["thread", "signalled"].every((name) => named(name)?.call === "read");
      };
      assert.ok(await eventually(settled, WAIT_MS), JSON.stringify(tasks));
      const functions = (name: string) => functionsOf(named(name)!, unwound).join(" ");
      // Of read the C library makes one or more functions.
      const inner = "^(\\w+ )+inner_function outer_function ";
      for (const [name, expected] of [
        ["thread", `${inner}thread_function start_thread `],
        ["signalled", `${inner}handler_function \\S+ spinning_function signalled_function start_thread `],
        // It waits by itself.
        ["unwound", "^(\\w+ )+main (\\w+ )*_start ?$"],
      ] as const)
        assert.ok(new RegExp(expected).test(functions(name)), `${name}: ${functions(name)}`);
    };
    await withGuest(held, body, [unwound, "wait"]);
  });
});

/** Of each thread of the guest, the functions of the kernel that its call waits in, as far as they are of that call alone. */
const WAITS_IN: Readonly<Record<string, readonly string[]>> = {
  reads: ["readRounds (src/workers/vfs/read_write.ts"],
  shares: ["wait (src/workers/futex/futex.ts", "waitCall (src/workers/futex/futex.ts"],
  accepts: ["waitForSocket (src/workers/net/waiting.ts", "accept (src/workers/net/new_socket_calls.ts"],
  polls: ["Sleeper.sleep (src/workers/vfs/poll.ts", "poll (src/workers/vfs/poll_calls.ts"],
  pauses: ["pause (src/workers/signals/signal_calls.ts"],
  parent: ["wait4 (src/workers/process/wait.ts"],
};

for (const [platform, workers] of [
  ["systrap", "solo"],
  ["ptrace", "solo"],
  ["systrap", "net,data=2"],
])
  test(`where in the kernel calls wait (--platform=${platform} --workers=${workers})`, async () => {
    await withHeld(
      async (held) => {
        const isWaiting = (tasks: readonly TaskReport[]) =>
          Object.keys(WAITS_IN).every((name) =>
            tasks.some(({ comm, state }) => comm === name && (state === "waiting" || state === "elsewhere")),
          );
        let told: Told | undefined;
        const look = async () => {
          told = await debug(held.root, "held", "--stacks");
          return isWaiting(told.tasks!);
        };
        // What has begun to wait before is not known.
        await withGuest(held, async () => {
          assert.ok(await eventually(() => look(), WAIT_MS), JSON.stringify(told));
          assert.is(told!.kernelStacks, false);
          ok(await run(launcher, ["--root", held.root, "debug", "--kernel-stacks=on", "held"]));
          await look();
          assert.is(told!.kernelStacks, true);
          assert.equal(
            told!.tasks!.filter(({ comm, kernelStack }) => comm !== "guest" && kernelStack !== undefined),
            [],
          );
        });
        await withGuest(held, async () => {
          assert.ok(await eventually(() => look(), WAIT_MS), JSON.stringify(told));
          for (const [name, functions] of Object.entries(WAITS_IN)) {
            const task = told!.tasks!.find(({ comm }) => comm === name)!;
            const stack = task.kernelStack ?? [];
            // In that order, each with its line; a bundle has numbered some that have the same name.
            const places = functions.map((start) =>
              stack.findIndex((frame) =>
                [frame, frame.replace(/\d+ /, " ")].some((name) => name.startsWith(`${start}:`)),
              ),
            );
            const isInOrder = places.every((place, i) => place > (places[i - 1] ?? -1));
            assert.ok(isInOrder, JSON.stringify([places, task]));
            assert.match(stack.at(-1)!, /:\d+\)$/);
          }
          const printed = text(ok(await run(launcher, ["--root", held.root, "debug", "--stacks", "held"])));
          assert.match(printed, /^ {4}kernel readRounds \(src\/workers\/vfs\/read_write\.ts:\d+\)$/m);
          ok(await run(launcher, ["--root", held.root, "debug", "--kernel-stacks=off", "held"]));
          await look();
          assert.ok(told!.tasks!.every(({ kernelStack }) => kernelStack === undefined));
        });
      },
      [`--platform=${platform}`, `--workers=${workers}`],
    );
  });

test("heaps and counters, of all kernel threads", async () => {
  await withHeld(
    async ({ root, exec }) => {
      ok(await exec(["true"]));
      const { heap, counters, threads } = await debug(root, "held", "--all");
      assert.equal(
        heap!.map(({ role }) => role),
        ["supervisor", "net", "data"],
      );
      for (const { used, total, limit, spaces } of heap!)
        assert.ok(used > 1e6 && used <= total && total < limit && spaces.old_space! > 1e5);
      assert.is(threads.length, 3);
      assert.ok(counters.programsStarted === 1 && counters.mounts! > 0 && counters.processes === 0);
      const table = text(ok(await run(launcher, ["--root", root, "debug", "--heap", "held"])));
      assert.match(table, /^THREAD +ROLE +USED-KIB/);
      assert.match(table, /^programsStarted +1$/m);
    },
    ["--workers=net,data=1"],
  );
});

const CALLS = `
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
f = open("/tmp/read", "wb+", 0)
f.write(b"x" * 5000)
def work(mark):
    for i in range(300):
        os.getppid()
        s.sendto(mark, s.getsockname())
        os.pread(f.fileno(), 4, 64)
    print(mark.decode(), flush=True)
for line in sys.stdin:
    work(line.strip().encode())
`;

for (const workers of ["solo", "net,data=2"])
  test(`--strace goes on and off (--workers=${workers})`, async () => {
    const printed = join(directory, `strace-${workers.length}`);
    await withHeld(
      async ({ root, exec }) => {
        let child: ChildProcess | undefined;
        let out = "";
        const ended = exec(["python3", "-c", CALLS], {
          keepStdin: true,
          started: (process) => {
            child = process;
            process.stdout!.on("data", (bytes: Buffer) => {
              out += bytes.toString("latin1");
            });
          },
        });
        const round = async (mark: string) => {
          child!.stdin!.write(`${mark}\n`);
          assert.ok(await eventually(() => out.includes(mark), WAIT_MS));
        };
        const strace = (value: string) =>
          run(launcher, ["--root", root, "debug", `--strace=${value}`, "held"]);
        const linesWith = (mark: string) => readFileSync(printed, "utf8").split(`"${mark}"`).length - 1;
        await round("before");
        assert.is(linesWith("before"), 0);
        ok(await strace("on"));
        assert.is((await debug(root, "held", "--heap")).strace, true);
        await round("during");
        // Of each of the calls on sockets and files, whoever serves them otherwise.
        const isAll = () =>
          linesWith("during") >= 300 &&
          readFileSync(printed, "utf8").split('pread64(4, "xxxx", 4, 64)').length > 300;
        assert.ok(await eventually(isAll, WAIT_MS), `${linesWith("during")}`);
        ok(await strace("off"));
        await round("behind");
        assert.is(linesWith("behind"), 0);
        await round("again");
        assert.is(linesWith("again"), 0);
        child!.stdin!.end();
        ok(await ended);
      },
      [`--workers=${workers}`, "--debug-log", printed],
    );
  });

test("the log's level changes", async () => {
  const log = join(directory, "level.log");
  await withHeld(
    async ({ root, exec }) => {
      const level = async (name: string) => {
        const changed = await run(launcher, ["--root", root, "debug", `--log-level=${name}`, "held"]);
        assert.is(text(ok(changed)), "");
      };
      const killed = async () => {
        assert.is((await exec(["sh", "-c", "kill -9 $$"])).code, 137);
        return readFileSync(log, "utf8").split("a process was ended by a signal").length - 1;
      };
      assert.is(await killed(), 0);
      await level("debug");
      assert.is(await killed(), 1);
      await level("error");
      assert.is(await killed(), 1);
    },
    ["--log", log],
  );
});

test("a sandbox of `do` is found by any of its processes, and served beside its launcher", async () => {
  let child: ChildProcess | undefined;
  const ended = run(launcher, ["do", "--", "sh", "-c", "echo ready; sleep 0.1; exec sleep 1000"], {
    keepStdin: true,
    started: (process) => {
      child = process;
    },
  });
  const pid = child!.pid!;
  let tasks: TaskReport[] = [];
  const look = async (of: number) => {
    const told = await run(launcher, ["debug", "--json", "--stacks", `--pid=${of}`]);
    if (told.code !== 0) return false;
    ({ tasks } = JSON.parse(text(told)));
    // Its stub sleeps by itself, or, of some calls that trap, has asked for it.
    return tasks.some(
      ({ comm, state, waitsFor }) => comm === "sleep" && (state === "asleep" || waitsFor === "a time"),
    );
  };
  assert.ok(await eventually(() => look(pid), WAIT_MS), JSON.stringify(tasks));
  const [init] = children(pid);
  // A look may come while its stub is on the way from one sleep to another.
  for (const inside of [init!, ...children(init!)])
    assert.ok(await eventually(() => look(inside), WAIT_MS), `process ${inside}: ${JSON.stringify(tasks)}`);
  // Its launcher hears nothing of it.
  child!.kill("SIGTERM");
  const { code, stdout, stderr } = await ended;
  assert.equal([code, stdout.toString(), stderr.toString()], [143, "ready\n", ""]);
});

test("sandboxes without a container, and those of a group", async () => {
  const root = mkdtempSync("/tmp/ringfence-group-");
  let holder: ChildProcess | undefined;
  const ended = run(launcher, ["--root", root, "--workers=solo", "hold", "--kernels=2", "held"], {
    keepStdin: true,
    started: (child) => {
      holder = child;
    },
  });
  try {
    assert.ok(await eventually(() => existsSync(join(root, "held.1/state.json")), WAIT_MS));
    let first: ChildProcess | undefined;
    const waits = run(launcher, ["--root", root, "exec", "held.1", "cat"], {
      keepStdin: true,
      started: (child) => {
        first = child;
      },
    });
    const cats = async (id: string) =>
      (await debug(root, id, "--stacks")).tasks!.filter(({ call }) => call === "read").length;
    assert.ok(await eventually(async () => (await cats("held.1")) === 1, WAIT_MS));
    assert.is(await cats("held"), 0);
    const { init } = JSON.parse(readFileSync(join(root, "held/state.json"), "utf8"));
    const threads = await run(launcher, ["--root", root, "debug", `--pid=${init}`]);
    assert.match(text(ok(threads)), /^THREAD/);
    first!.stdin!.end();
    await waits;
    assert.match(said(await run(launcher, ["--root", root, "debug", "nobody"])), /does not exist/);
  } finally {
    holder!.stdin!.end();
    await ended;
    rmSync(root, { recursive: true, force: true });
  }
});

test.run();
