// A kernel thread that ends takes its sandbox along, whatever it was for and whatever has ended it: an error of the
// kernel's, its heap, or a signal. There is one line that says which one it was, and nothing is left.
//
// deadline: 240 s

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ThreadReport } from "../../src/shared/thread_report.ts";
import { eventually, ringfence, run } from "../spawn.ts";
import { exists, inNamespace, sandboxOf } from "./processes.ts";

const GONE_MS = 5000;

/** One request, and its answer, if there is one. */
function ask(socket: string, method: string, params: object): Promise<string> {
  return new Promise((resolve) => {
    const client = connect(socket, () => client.write(`${JSON.stringify({ id: 1, method, params })}\n`));
    let received = "";
    const end = () => {
      client.destroy();
      resolve(received);
    };
    client.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (received.endsWith("\n")) end();
    });
    client.on("error", end);
    client.on("close", end);
  });
}

/** A thread of a process as the host knows it. */
function hostTid(pid: number, inside: number): number {
  const tids = readdirSync(`/proc/${pid}/task`);
  const isIt = (tid: string) =>
    new RegExp(`^NSpid:.*\\s${inside}$`, "m").test(readFileSync(`/proc/${pid}/task/${tid}/status`, "latin1"));
  return Number(tids.find(isIt));
}

type Break = (socket: string, thread: number, node: number) => Promise<unknown>;

interface End {
  readonly act: Break;
  readonly says: (thread: number, role: string) => RegExp;
}

const ENDS: Readonly<Record<string, End>> = {
  "throws an error": {
    act: (socket, thread) => ask(socket, "break_thread", { thread, how: "throw" }),
    says: (thread, role) => new RegExp(`^ringfence: .*thread ${thread} \\(${role}\\): broken by a test\\n$`),
  },
  "has no heap left": {
    act: (socket, thread) => ask(socket, "break_thread", { thread, how: "leak" }),
    says: (thread, role) =>
      new RegExp(`^ringfence: .*thread ${thread} \\(${role}\\): .*memory limit[^\\n]*\\n$`),
  },
  "is killed": {
    async act(socket, thread, node) {
      const { result } = JSON.parse(await ask(socket, "threads", {})) as { result: ThreadReport[] };
      process.kill(hostTid(node, result[thread]!.tid), "SIGKILL");
    },
    says: () => /^ringfence: the sandbox died[^\n]*\n$/,
  },
};

/** The heap of others is filled in seconds, and takes as much of the machine. */
const SMALL_HEAP = "data";

async function breaks(thread: number, role: string, { act, says }: End): Promise<void> {
  const root = mkdtempSync("/tmp/ringfence-test-");
  try {
    let launcher = 0;
    let isReady = false;
    const ended = run(ringfence, ["--root", root, "--workers=net,data=1", "hold", "--host-faults", "held"], {
      keepStdin: true,
      deadlineMs: 60_000,
      started(child) {
        launcher = child.pid!;
        child.stdout!.on("data", () => (isReady = true));
      },
    });
    const processes = await sandboxOf(launcher, false);
    assert.ok(await eventually(() => isReady, 20_000));
    await act(join(root, "held/s"), thread, processes.node);
    const { code, stderr } = await ended;
    assert.match(stderr.toString(), says(thread, role));
    assert.is(code, 137);
    const { pidNamespace } = processes;
    const gone = () => inNamespace(pidNamespace).length === 0 && !exists(launcher);
    assert.ok(await eventually(gone, GONE_MS), `left: ${inNamespace(pidNamespace)}`);
    assert.equal(readdirSync(root), []);
  } finally {
    rmSync(root, { recursive: true });
  }
}

for (const [thread, role] of ["supervisor", "net", "data"].entries())
  for (const [what, end] of Object.entries(ENDS)) {
    if (what === "has no heap left" && role !== SMALL_HEAP) continue;
    test(`a thread (${role}) ${what}`, () => breaks(thread, role, end));
  }

test("of other sandboxes no thread is broken", async () => {
  const root = mkdtempSync("/tmp/ringfence-test-");
  let isReady = false;
  const ended = run(ringfence, ["--root", root, "--workers=data=1", "hold", "held"], {
    deadlineMs: 60_000,
    keepStdin: true,
    started(child) {
      child.stdout!.on("data", async () => {
        if (isReady) return;
        isReady = true;
        for (const thread of [0, 1])
          assert.match(
            await ask(join(root, "held/s"), "break_thread", { thread, how: "throw" }),
            /ERR_STATE/,
          );
        child.stdin!.end();
      });
    },
  });
  assert.is((await ended).code, 0);
  assert.ok(isReady);
  rmSync(root, { recursive: true });
});

test.run();
