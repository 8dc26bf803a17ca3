// docs/traces.md says of points, fields and the wire what the tables in code say.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { traceTables } from "../../scripts/traces_doc.ts";
import { readSession } from "../../src/main/trace/read_session.ts";
import { syscallByName } from "../../src/shared/abi/syscalls.ts";
import { CONTEXT_FIELDS, HELLO, LOST, POINTS } from "../../src/shared/trace/points.ts";
import { HEADER_SIZE, WIRE_VERSION } from "../../src/shared/trace/wire.ts";
import { LIST_BYTES_MAX, LIST_MAX, TEXT_MAX } from "../../src/workers/trace/text.ts";
import { checkout } from "../spawn.ts";

const document = readFileSync(join(checkout, "docs/traces.md"), "utf8");

test("every point stands in docs/traces.md as its table has it", () => {
  const [, tables] = /<!-- points -->\n([\s\S]*)<!-- \/points -->/.exec(document) ?? [];
  assert.ok(tables === traceTables(), "run scripts/traces_doc.ts, whose output stands between the marks");
});

test("names and numbers of points are each one point's, and its calls are calls", () => {
  assert.is(new Set(POINTS.map(({ name }) => name)).size, POINTS.length);
  assert.is(new Set(POINTS.map(({ number }) => number)).size, POINTS.length);
  const calls = POINTS.flatMap((point) => point.calls);
  assert.is(new Set(calls).size, calls.length);
  assert.equal(
    calls.filter((call) => syscallByName(call) === undefined),
    [],
  );
  for (const { name, number, fields, optional = [] } of POINTS) {
    assert.ok(number > 0 && number < HELLO, name);
    for (const field of optional) assert.ok(Object.hasOwn(fields, field), `${name}.${field}`);
    for (const field of Object.keys(fields))
      assert.not(Object.hasOwn(CONTEXT_FIELDS, field), `${name}.${field}`);
  }
});

test("the header and its numbers are as the document has them", () => {
  assert.match(document, new RegExp(`bytes of the header, ${HEADER_SIZE};`));
  assert.match(document, new RegExp(`0x${HELLO.toString(16)}: greeting, 0x${LOST.toString(16)}: loss`));
  assert.match(document, new RegExp(`\`version\` \\(${WIRE_VERSION}\\)`));
  assert.match(
    document,
    new RegExp(`cut at ${TEXT_MAX} bytes, lists at ${LIST_MAX} entries and ${LIST_BYTES_MAX} bytes`),
  );
});

test("the example is a session", () => {
  const [, example] = /```json\n(\{\n[\s\S]*?\n\})\n```/.exec(document) ?? [];
  const { name, points, sinks } = readSession(JSON.parse(example!));
  assert.equal([name, points.length, sinks.length], ["watch", 4, 2]);
});

test.run();
