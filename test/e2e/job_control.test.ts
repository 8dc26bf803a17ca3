// Job control on the caller's terminal: sessions and process groups of the sandbox take turns on it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence } from "../spawn.ts";
import { Pty } from "./pty.ts";

async function inShell(body: (pty: Pty) => Promise<void>): Promise<void> {
  const shell = ["bash", "--norc", "--noediting", "-i"];
  const pty = new Pty(ringfence, ["do", "env", "PS1=ready> ", ...shell]);
  try {
    await pty.shows("ready> ");
    await body(pty);
    pty.type("exit 7\n");
    assert.is(await pty.event("exit"), "exit 7");
  } finally {
    pty.close();
  }
}

test("Ctrl-C ends the job in the foreground, not the shell", async () => {
  await inShell(async (pty) => {
    pty.type("bash -c 'echo runs; sleep 100'\n");
    await pty.shows("\r\nruns\r\n");
    pty.type("\x03");
    pty.type("echo status $?\n");
    await pty.shows("status 130\r\n");
  });
});

test("Ctrl-Z stops the job; fg lets it read on", async () => {
  await inShell(async (pty) => {
    pty.type("cat\n");
    pty.type("first\n");
    await pty.shows("first\r\nfirst\r\n");
    pty.type("\x1a");
    await pty.shows("Stopped                 cat\r\nready> ");
    pty.type("fg\n");
    await pty.shows("fg\r\ncat\r\n");
    pty.type("typed\n");
    await pty.shows("typed\r\ntyped\r\n");
    pty.type("\x04");
  });
});

test("a job in the background that reads is stopped", async () => {
  await inShell(async (pty) => {
    pty.type("cat & wait %1; jobs\n");
    await pty.shows("Stopped");
    pty.type("kill -9 %1\n");
  });
});

test("a program in raw mode gets every key", async () => {
  await inShell(async (pty) => {
    pty.type("stty raw -echo; echo now; od -An -tx1 -N3; stty sane\n");
    await pty.shows("now\n");
    pty.type("\x03\x1aq");
    await pty.shows(" 03 1a 71");
  });
});

test("a new size reaches the job in the foreground", async () => {
  await inShell(async (pty) => {
    pty.type("bash -c 'trap \"echo resized\" WINCH; stty rows 33 cols 77; stty size'\n");
    await pty.shows("33 77\r\n");
    await pty.shows("resized\r\n");
  });
});

test.run();
