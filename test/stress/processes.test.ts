// Ten thousand times fork, execve and exit in one sandbox, of processes that read files and use sockets: afterwards the
// kernel holds what it held before, all of its threads together, and so does its host process.
//
// deadline: 600 s

import { readdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { proc, procLink, sandboxOf } from "../e2e/processes.ts";
import { compile, parse } from "../guest/program.ts";
import { Sandbox } from "../guest/sandbox.ts";
import { runPiped } from "../guest/streams.ts";
import { settled } from "../hostile/control.ts";
import { ringfence } from "../spawn.ts";

const COUNT = 10_000;
const program = compile(parse(new URL("fork_exec.c", import.meta.url).pathname));

async function forkExec(sandbox: Sandbox, count: number): Promise<void> {
  const result = await runPiped(ringfence, sandbox.execArguments(program, [String(count)]), {
    env: {},
    stdin: "",
    deadlineMs: 250_000,
  });
  assert.is(result.stderr, "");
  assert.is(result.stdout, "failures: 0\n");
}

type Records = Record<"descriptors" | "memoryFileMappings" | "threads", number>;

/**
 * What the host says of the kernel's process: its descriptors, but for those of host files, which are a cache
 * (gofer/handles.ts), and its mappings of memory files.
 */
function hostRecords(node: number): Records {
  const links = readdirSync(`/proc/${node}/fd`).map((fd) => procLink(node, `fd/${fd}`) ?? "/");
  const maps = (proc(node, "maps") ?? "").split("\n");
  return {
    descriptors: links.filter((link) => !link.startsWith("/") || link.startsWith("/memfd:")).length,
    memoryFileMappings: maps.filter((line) => line.includes("memfd:")).length,
    threads: readdirSync(`/proc/${node}/task`).length,
  };
}

/** The same, when the last stubs have ended: once it has been equal for longer than their chunks stay mapped (chunks.ts). */
async function settledRecords(node: number): Promise<Records> {
  let last = hostRecords(node);
  for (let equal = 0; equal < 30; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const next = hostRecords(node);
    equal = JSON.stringify(next) === JSON.stringify(last) ? equal + 1 : 0;
    last = next;
  }
  return last;
}

for (const workers of ["solo", "net,data=2"])
  test(`${COUNT} processes leave nothing behind (--workers=${workers})`, async () => {
    const sandbox = await Sandbox.start([
      "--platform=systrap",
      `--workers=${workers}`,
      // What could be lent is lent, and who could serve it is rung.
      ...(workers === "solo" ? [] : ["--patch=eager"]),
    ]);
    try {
      await forkExec(sandbox, 20); // what is made once is made now
      const { node } = await sandboxOf(sandbox.pid, false);
      const before = await settled(sandbox.socket);
      const records = await settledRecords(node);
      await forkExec(sandbox, COUNT);
      assert.equal(await settled(sandbox.socket, before), before);
      assert.equal(await settledRecords(node), records);
    } finally {
      await sandbox.endWell();
    }
  });

test.run();
