// The launcher's JSON reader (native/launcher/json.c) agrees with JSON.parse, and survives whatever it
// is given: built with the address and undefined behaviour sanitizers, fed with random documents and
// with damaged ones.

import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ReaderDriver } from "./reader_driver.ts";

const RUNS = process.env["RINGFENCE_TEST_LONG"] ? 100_000 : 3000;
const driver = new ReaderDriver("json_driver", ["json"]);

test.before(() => driver.build());
test.after(() => driver.remove());

const hex = (bytes: Buffer) => bytes.toString("hex");

/** The driver's canonical form, from a parsed value whose members keep their order. */
function canonical(value: unknown): string {
  if (typeof value === "string") {
    if (value.includes("\0")) return "string";
    if (/^[\u0001-\u00ff]*$/.test(value)) return `b${hex(Buffer.from(value, "latin1"))}`;
    return `t${hex(Buffer.from(value, "utf8"))}`;
  }
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : "number";
  if (Array.isArray(value)) return `[${value.map((item) => `${canonical(item)},`).join("")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${canonical(key)}:${canonical(item)},`)
      .join("")}}`;
  return String(value);
}

// Numbers are integers, keys are no array indices (JSON.parse would move those to the front) and no
// `__proto__`; strings are well-formed.
const text = fc.string({ unit: "binary", maxLength: 30 }).filter((s) => s.isWellFormed());
const document = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    text,
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 6 }),
  object: fc.dictionary(
    text.map((key) => `k${key}`),
    tie("value"),
    { maxKeys: 6 },
  ),
})).value;

function escaped(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

test("documents mean what they mean to JSON.parse, in UTF-8 and escaped", () => {
  const documents = fc.sample(document, RUNS).filter((value) => JSON.stringify(value).length < 4000);
  const small = documents.filter((value) => (JSON.stringify(value).match(/[,:[{]/g) ?? []).length < 200);
  const expected = small.map((value) => canonical(value === 0 ? 0 : value).replace(/\b-0\b/g, "0"));
  assert.equal(driver.lines(small.map((value) => Buffer.from(JSON.stringify(value)))), expected);
  assert.equal(driver.lines(small.map((value) => Buffer.from(escaped(value)))), expected);
  assert.equal(
    driver.lines(small.map((value) => Buffer.from(` ${JSON.stringify(value, null, 2)}\n`))),
    expected,
  );
});

test("a damaged document is refused exactly when JSON.parse refuses it", () => {
  const damaged = fc
    .sample(fc.tuple(document, fc.nat(), fc.nat(255), fc.constantFrom("set", "drop", "cut", "double")), RUNS)
    .map(([value, place, byte, how]) => {
      const bytes = Buffer.from(escaped(value));
      const at = place % bytes.length;
      if (how === "set") bytes[at] = byte;
      if (how === "cut") return bytes.subarray(0, at);
      if (how === "drop") return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      if (how === "double") return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at)]);
      return bytes;
    })
    .filter((bytes) => bytes.length < 2000 && bytes.every((byte) => byte < 0x80));
  driver.lines(damaged).forEach((line, index) => {
    let valid = true;
    try {
      JSON.parse(damaged[index]!.toString("latin1"));
    } catch {
      valid = false;
    }
    assert.is(line !== "invalid", valid, damaged[index]!.toString("latin1"));
  });
});

test("bytes that are no text, and absurd shapes, are survived", () => {
  const noise = fc.sample(fc.uint8Array({ maxLength: 200 }), RUNS).map((bytes) => Buffer.from(bytes));
  driver.lines(noise);
  const refused = [
    "[".repeat(65),
    `${"[".repeat(65)}${"]".repeat(65)}`,
    `[${"1,".repeat(600)}1]`,
    "",
    " ",
    "01",
    "1.",
    "+1",
    '"\\x"',
    '"\u0001"',
    "[1,]",
    "{,}",
    '{"a"}',
    "nul",
    "truefalse",
  ];
  for (const line of driver.lines(refused.map((value) => Buffer.from(value)))) assert.is(line, "invalid");
  const deepest = `${"[".repeat(64)}${"]".repeat(64)}`;
  assert.is.not(driver.lines([Buffer.from(deepest)])[0], "invalid");
  assert.equal(
    driver.lines(
      ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e3", '"\\ud800"'].map((s) =>
        Buffer.from(s),
      ),
    ),
    ["9223372036854775807", "number", "-9223372036854775808", "number", "string"],
  );
});

test.run();
