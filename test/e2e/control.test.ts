// `hold` and `exec`, and the control socket between them: what is asked wrongly costs the asker its
// connection or an error, never the sandbox.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, ringfence, run } from "../spawn.ts";
import { withHeld } from "./hold.ts";

test("commands run in a held sandbox, one after another and at once", async () => {
  const result = await withHeld(async ({ exec, root }) => {
    const one = await exec(["busybox", "cat"], { input: "through" });
    assert.is(one.stdout.toString(), "through");
    assert.is((await exec(["busybox", "false"])).code, 1);
    assert.is((await exec(["no-such-command"])).code, 127);
    const many = await Promise.all([1, 2, 3, 4, 5].map((n) => exec(["busybox", "echo", String(n)])));
    assert.equal(
      many.map(({ stdout }) => stdout.toString()),
      ["1\n", "2\n", "3\n", "4\n", "5\n"],
    );
    const state = JSON.parse(readFileSync(`${root}/held/state.json`, "utf8"));
    assert.is(state.id, "held");
    assert.is(statSync(`${root}/held`).mode & 0o777, 0o700);
  });
  assert.is(result.code, 0, result.stderr.toString());
});

test("exec forwards signals, and its death is the program's", async () => {
  await withHeld(async ({ exec, talk }) => {
    const signalled = exec(["busybox", "sleep", "100"], {
      started: (child) => setTimeout(() => child.kill("SIGTERM"), 300),
    });
    assert.is((await signalled).code, 143);
    const killed = exec(["busybox", "sleep", "100"], {
      started: (child) => setTimeout(() => child.kill("SIGKILL"), 300),
    });
    assert.is((await killed).signal, "SIGKILL");
    let processes = -1;
    for (let i = 0; i < 50 && processes !== 0; i++) {
      const line = '{"id":1,"method":"counters"}\n';
      const { received } = await talk(line, (text) => text.includes("\n"));
      processes = JSON.parse(received).result.processes;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.is(processes, 0);
  });
});

const REFUSED: [string, string][] = [
  ["no JSON", "garbage\n"],
  ["no request", '"text"\n'],
  ["null", "null\n"],
  ["a line without end", "x".repeat((1 << 20) + 70_000)],
  ["bytes that are no UTF-8 text", "\u0000\u00ff\u00fe\n"],
];

const ANSWERED: [string, string, string][] = [
  ["an unknown method", '{"id":7,"method":"nosuch"}', "ERR_METHOD"],
  ["a method of every object", '{"id":7,"method":"toString"}', "ERR_METHOD"],
  ["exec without descriptors", '{"id":7,"method":"exec","params":{}}', "ERR_PARAMS"],
  ["a signal for nobody", '{"id":7,"method":"signal","params":{"signo":9}}', "ERR_NO_PROGRAM"],
  ["a signal that does not exist", '{"id":7,"method":"signal","params":{"signo":65}}', "ERR_PARAMS"],
];

test("malformed input closes the connection; wrong requests get an error; the sandbox goes on", async () => {
  await withHeld(async ({ exec, talk }) => {
    for (const [what, text] of REFUSED) {
      const { closed, received } = await talk(Buffer.from(text, "latin1"));
      assert.ok(closed, what);
      assert.is(received, "", what);
    }
    for (const [what, text, code] of ANSWERED) {
      const { received } = await talk(`${text}\n`, (all) => all.includes("\n"));
      assert.is(JSON.parse(received).error?.code, code, what);
      assert.is(JSON.parse(received).id, 7);
    }
    assert.is((await exec(["busybox", "echo", "alive"])).stdout.toString(), "alive\n");
  });
});

test("SIGTERM ends a held sandbox, and its state directory is gone", async () => {
  await withHeld(async ({ launcher, root }) => {
    process.kill(launcher, "SIGTERM");
    assert.ok(await eventually(() => readdirSync(root).length === 0, 5000));
  });
});

test("an id is taken once, and must be an id", async () => {
  await withHeld(async ({ root }) => {
    const second = await run(ringfence, ["--root", root, "hold", "held"]);
    assert.is(second.code, 125);
    assert.is(second.stderr.toString(), "ringfence: container with given ID already exists: held\n");
    for (const id of ["..", ".", "a/b", "a b", "x".repeat(300)])
      assert.is((await run(ringfence, ["--root", root, "hold", id])).code, 125, id);
    const missing = await run(ringfence, ["--root", root, "exec", "other", "true"]);
    assert.is(missing.stderr.toString(), "ringfence: container does not exist: other\n");
  });
});

test.run();
