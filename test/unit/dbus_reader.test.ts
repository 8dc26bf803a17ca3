// The launcher's reading of D-Bus (native/launcher/dbus.c) and of properties as text (variant_text.c): what they take, and
// that they survive whatever a bus or an annotation says. Built with the address and undefined behaviour sanitizers.

import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { message } from "../e2e/systemd_bus.ts";
import { ReaderDriver } from "./reader_driver.ts";

const RUNS = process.env["RINGFENCE_TEST_LONG"] ? 100_000 : 3000;
const driver = new ReaderDriver("dbus_driver", ["dbus", "variant_text", "buffer"]);

test.before(() => driver.build());
test.after(() => driver.remove());

const read = (letter: "m" | "v", records: readonly Uint8Array[]): string[] =>
  driver.lines(records.map((record) => Buffer.concat([Buffer.from(letter), record])));

const SIGNAL = message(
  4,
  7,
  [
    [1, "o", "/a/b"],
    [2, "s", "x.Y"],
    [3, "s", "Done"],
    [7, "s", ":1.5"],
  ],
  "uoss",
  [3, "/job/3", "unit", "done"],
);
const REFUSAL = message(
  3,
  8,
  [
    [4, "s", "x.Error"],
    [5, "u", 41],
  ],
  "s",
  ["no"],
);

test("messages are read", () => {
  assert.equal(read("m", [SIGNAL, REFUSAL]), [
    "4 7 0 /a/b x.Y Done  uoss: 3 /job/3 unit done",
    "3 8 41    x.Error s: no",
  ]);
});

test("what is not well formed is refused or read within its bounds", () => {
  const change = fc.tuple(fc.nat(SIGNAL.length - 1), fc.uint8Array({ minLength: 1, maxLength: 4 }));
  const damaged = fc.sample(fc.array(change, { minLength: 1, maxLength: 4 }), RUNS).map((changes) => {
    const bytes = Buffer.from(SIGNAL);
    for (const [at, values] of changes) bytes.set(values.subarray(0, bytes.length - at), at);
    return bytes;
  });
  const cut = [...SIGNAL.keys()].map((length) => SIGNAL.subarray(0, length));
  read("m", [...damaged, ...fc.sample(fc.uint8Array({ maxLength: 100 }), RUNS)]);
  assert.ok(read("m", cut).every((line) => line === "invalid"));
});

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString("hex");
};

test("variants are read as GVariant writes them", () => {
  const text = (value: string) => `${u32(value.length)}${Buffer.from(`${value}\0`).toString("hex")}`;
  const cases: [string, string][] = [
    ["true", `01620000${u32(1)}`],
    ["'a'", `01730000${text("a")}`],
    ['"a\\"b"', `01730000${text('a"b')}`],
    ["5", `01690000${u32(5)}`],
    ["-5", `01690000${u32(0xfffffffb)}`],
    ["uint32 5", `01750000${u32(5)}`],
    ["byte 0x10", "01790010"],
    ["uint64 18446744073709551615", `0174000000000000${"ff".repeat(8)}`],
    ["1.5", "0164000000000000000000000000f83f"],
    ["@q 7", "017100000700"],
    ["@as []", `02617300${u32(0)}`],
    [" [ 'a' , 'b' ] ", `02617300${u32(14)}${text("a")}0000${text("b")}`],
  ];
  const got = read(
    "v",
    cases.map(([value]) => Buffer.from(value)),
  );
  for (const [index, [value, expected]] of cases.entries()) assert.is(got[index], expected, value);
  const wrong = [
    "",
    "uint64",
    "[",
    "[1,",
    "[1 2]",
    "[]",
    "'a",
    "1 2",
    "@as 1",
    "@zz 1",
    "byte 256",
    "uint32 -1",
  ];
  wrong.push("int16 true", "<1>", "{}", "('a',)", "99999999999", "@s 5", "nonsense", "string 'a' x");
  assert.equal(
    read(
      "v",
      wrong.map((value) => Buffer.from(value)),
    ).filter((line) => line !== "invalid"),
    [],
  );
  const words = [
    "[",
    "]",
    ",",
    "'",
    '"',
    "\\",
    "@a",
    "@as ",
    "uint64 ",
    "1",
    "-",
    ".",
    "true",
    " ",
    "e9",
    "0x",
  ];
  const strange = fc.sample(fc.array(fc.constantFrom(...words), { maxLength: 12 }), RUNS);
  read(
    "v",
    strange.map((parts) => Buffer.from(parts.join(""))),
  );
});

test.run();
