// A terminal of the caller is a terminal to the guest, and has its modes back whatever ends the sandbox.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, ringfence } from "../spawn.ts";
import { children, type SandboxProcesses, sandboxOf, status } from "./processes.ts";
import { Pty } from "./pty.ts";

async function onTerminal(args: string[], body: (pty: Pty) => Promise<void>): Promise<void> {
  const pty = new Pty(ringfence, ["do", ...args]);
  try {
    await body(pty);
  } finally {
    pty.close();
  }
}

/** The sandbox whose launcher is the driver's job. */
async function sandboxOn(pty: Pty): Promise<SandboxProcesses> {
  await eventually(() => children(pty.pid).length > 0, 5000);
  return sandboxOf(children(pty.pid)[0]!, true);
}

test("the guest sees a terminal", async () => {
  await onTerminal(["busybox", "test", "-t", "0"], async (pty) =>
    assert.is(await pty.event("exit"), "exit 0"),
  );
});

test("what is typed is echoed by the host's line discipline and read by the guest", async () => {
  await onTerminal(["busybox", "cat"], async (pty) => {
    await sandboxOn(pty);
    pty.type("typed\n");
    await pty.shows("typed\r\ntyped\r\n");
    pty.type("\x04");
    assert.is(await pty.event("exit"), "exit 0");
  });
});

test("Ctrl-C interrupts the guest", async () => {
  await onTerminal(["busybox", "sleep", "100"], async (pty) => {
    await sandboxOn(pty);
    pty.type("\x03");
    assert.is(await pty.event("exit"), "exit 130");
  });
});

test("Ctrl-C before the guest runs is not lost", async () => {
  await onTerminal(["busybox", "sleep", "100"], async (pty) => {
    const isInit = (pid: number) => status(pid, "Name") === "ringfence-init";
    await eventually(() => children(pty.pid).flatMap(children).some(isInit), 5000);
    pty.type("\x03");
    assert.is(await pty.event("exit"), "exit 130");
  });
});

for (const victim of ["launcher", "init", "node", "zygote"] as const)
  test(`kill -9 of ${victim} restores the modes of the terminal`, async () => {
    await onTerminal(["busybox", "sleep", "100"], async (pty) => {
      const processes = await sandboxOn(pty);
      pty.send("raw"); // as a guest that edits lines has it
      pty.send("modes");
      assert.is(await pty.event("modes"), "modes changed");
      process.kill(processes[victim], "SIGKILL");
      assert.is(
        await pty.event(victim === "launcher" ? "signal" : "exit"),
        victim === "launcher" ? "signal 9" : "exit 137",
      );
      assert.ok(await pty.restored());
    });
  });

test("a guest that ends in raw mode leaves the terminal as it was", async () => {
  await onTerminal(["busybox", "sleep", "1"], async (pty) => {
    await sandboxOn(pty);
    pty.send("raw");
    assert.is(await pty.event("exit"), "exit 0");
    assert.ok(await pty.restored());
  });
});

test.run();
