// The file of an engine's configuration as `ringfence install` leaves it: whose it was, and as it was where nothing is done.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CommandError } from "../../src/main/cli/command_error.ts";
import { change } from "../../src/main/cli/install.ts";

const file = suite("an engine's file");
let directory: string;
file.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "ringfence-install-"));
});
file.after.each(() => rmSync(directory, { recursive: true }));

const append = (text: string | null): string => `${text ?? ""}more\n`;

file("a mode that keeps others out stays", () => {
  const path = join(directory, "daemon.json");
  writeFileSync(path, "text\n");
  chmodSync(path, 0o600);
  assert.ok(change(path, append));
  assert.is(readFileSync(path, "utf8"), "text\nmore\n");
  assert.is(statSync(path).mode & 0o7777, 0o600);
  assert.equal(readdirSync(directory), ["daemon.json"]);
});

file("what is no UTF-8 is left alone", () => {
  const path = join(directory, "config.toml");
  const bytes = Buffer.from("# caf\xe9\n", "latin1");
  writeFileSync(path, bytes);
  assert.throws(
    () => change(path, append),
    (error: unknown) => error instanceof CommandError,
  );
  assert.equal(readFileSync(path), bytes);
});

file("a FIFO and a directory are none", () => {
  const path = join(directory, "fifo");
  assert.is(spawnSync("mkfifo", [path]).status, 0);
  assert.throws(() => change(path, append), /no regular file/);
  assert.throws(() => change(directory, append), /no regular file/);
});

file.run();
