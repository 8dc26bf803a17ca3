// `ringfence help syscalls` names every call of the table.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { countLevels, selectCalls, supportText } from "../../src/shared/abi/support.ts";
import { SYSCALLS } from "../../src/shared/abi/syscalls.ts";

test("every call has its line", () => {
  const lines = supportText().split("\n");
  for (const call of SYSCALLS) {
    const line = lines.find((candidate) => candidate.startsWith(`${call.nr.x86_64} `))!;
    assert.ok(line.includes(` ${call.name} `), call.name);
    assert.ok(line.includes(` ${call.level} `), call.name);
    assert.ok(line.includes(call.note), call.name);
  }
  assert.ok(lines.every((line) => line === line.trimEnd()));
});

test("filters", () => {
  assert.equal(
    selectCalls({ match: "257" }).map((call) => call.name),
    ["openat"],
  );
  assert.ok(selectCalls({ match: "openat" }).length >= 2);
  assert.ok(selectCalls({ level: "none" }).every((call) => call.level === "none"));
  const { full, partial, none } = countLevels(SYSCALLS);
  assert.is(full + partial + none, SYSCALLS.length);
});

test.run();
