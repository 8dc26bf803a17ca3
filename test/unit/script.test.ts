// `#!` lines as Linux reads them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ENOEXEC } from "../../src/shared/abi/errno.ts";
import { parseScript, scriptArguments } from "../../src/workers/process/script.ts";

const parse = (text: string) => parseScript(Buffer.from(text, "latin1"));

test("usual lines", () => {
  assert.equal(parse("#!/bin/sh\necho\n"), { interpreter: "/bin/sh", argument: null });
  assert.equal(parse("#! /bin/sh\n"), { interpreter: "/bin/sh", argument: null });
  assert.equal(parse("#!/usr/bin/env python3\n"), { interpreter: "/usr/bin/env", argument: "python3" });
  assert.equal(parse("#!/bin/sed -n -f \t\n"), { interpreter: "/bin/sed", argument: "-n -f" });
  assert.equal(parse("#!\t/bin/sh\t-e\n"), { interpreter: "/bin/sh", argument: "-e" });
  assert.equal(parse("#!/bin/sh -\xe9\n"), { interpreter: "/bin/sh", argument: "-\xe9" });
});

test("a file that ends without a newline", () => {
  assert.equal(parse("#!/bin/sh"), { interpreter: "/bin/sh", argument: null });
  assert.equal(parse("#!/bin/sh -e"), { interpreter: "/bin/sh", argument: "-e" });
});

test("nothing to execute", () => {
  assert.is(parse("#"), -ENOEXEC);
  assert.is(parse("echo"), -ENOEXEC);
  assert.is(parse("#!\n"), -ENOEXEC);
  assert.is(parse("#!  \t \n/bin/sh"), -ENOEXEC);
  assert.equal(parse("#!"), { interpreter: "", argument: null });
});

test("lines longer than the prefix", () => {
  assert.is(parse(`#!/${"a".repeat(300)}\n`), -ENOEXEC);
  assert.is(parse(`#!${" ".repeat(300)}\n`), -ENOEXEC);
  const cut = parse(`#!/bin/sh ${"a".repeat(300)}\n`);
  assert.equal(cut, { interpreter: "/bin/sh", argument: "a".repeat(245) });
  assert.equal(parse(`#!/${"a".repeat(252)}\n`), { interpreter: `/${"a".repeat(252)}`, argument: null });
});

test("NUL ends a string", () => {
  assert.equal(parse("#!/bin/sh\0 -e\n"), { interpreter: "/bin/sh", argument: null });
  assert.equal(parse("#!/bin/sh -e\0 x\n"), { interpreter: "/bin/sh", argument: "-e" });
});

test("the interpreter's arguments", () => {
  const script = { interpreter: "/bin/sh", argument: "-e" };
  assert.equal(scriptArguments(script, "./s", ["name", "a", "b"]), ["/bin/sh", "-e", "./s", "a", "b"]);
  assert.equal(scriptArguments({ ...script, argument: null }, "./s", []), ["/bin/sh", "./s"]);
});

test.run();
