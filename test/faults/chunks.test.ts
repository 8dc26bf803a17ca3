// A process whose next thread needs a chunk that the host does not give (src/workers/process/clone.ts) gets an errno, and
// goes on: with the host's help it makes more threads later.

import { spawn } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, parse } from "../guest/program.ts";
import { Sandbox } from "../guest/sandbox.ts";
import { request, settled } from "../hostile/control.ts";
import { eventually, ringfence } from "../spawn.ts";

const program = compile(parse(new URL("chunks.c", import.meta.url).pathname));

for (const entry of ["mapChunk", "notifyAddfd"])
  test(`threads without chunks: ${entry} fails`, async () => {
    const sandbox = await Sandbox.start([], ["--host-faults"]);
    try {
      const before = await settled(sandbox.socket);
      const fail = (only: string[]) =>
        request(sandbox.socket, "fail_host_calls", { seed: 1, oneIn: only.length === 0 ? 0 : 1, only });
      const child = spawn(ringfence, sandbox.execArguments(program, []), {
        stdio: ["pipe", "pipe", "inherit"],
      });
      let out = "";
      child.stdout.on("data", (bytes: Buffer) => {
        out += bytes.toString("latin1");
      });
      const says = (text: string) => eventually(() => out.endsWith(text), 10_000);
      const ended = new Promise((resolve) => child.on("exit", resolve));

      await says("ready\n");
      await fail([entry]);
      child.stdin.write("\n");
      assert.ok(await says("ready\n7 made, no more\nready\n"), out);
      await fail([]);
      child.stdin.write("\n");
      assert.is(await ended, 0, out);
      assert.is(out, "ready\n7 made, no more\nready\n20 made, all\n");
      assert.equal(await settled(sandbox.socket, before), before);
    } finally {
      await sandbox.endWell();
    }
  });

test.run();
