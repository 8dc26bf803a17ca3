// Options of a shim that anybody may have written: any bytes are options or an error in words, never an exception.
// RINGFENCE_FUZZ_SEED and RINGFENCE_FUZZ_RUNS repeat and lengthen a run.

import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { pack } from "../../src/main/shim/any.ts";
import { OptionsSchema } from "../../src/main/shim/gen/runtime_options_pb.ts";
import { DEFAULTS, LOG_LEVELS, readOptions } from "../../src/main/shim/options.ts";

const seed = Number(process.env["RINGFENCE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env["RINGFENCE_FUZZ_RUNS"] ?? 5000);

function check(options: ReturnType<typeof readOptions>): void {
  if (typeof options === "string") {
    assert.ok(options.length > 0 && options.length < 1000, options);
    return;
  }
  assert.equal(Object.keys(options), Object.keys(DEFAULTS));
  assert.ok(LOG_LEVELS.includes(options.logLevel));
  assert.ok(options.flags.every((flag) => /^--[a-z][a-z0-9-]*=[^\0]*$/.test(flag)));
  for (const [name, value] of Object.entries(options))
    assert.is(typeof value, typeof DEFAULTS[name as keyof typeof DEFAULTS]);
}

const key = fc.constantFrom(
  ..."log_level log_path binary_name root grouping shim_sharing shim_cgroup io_uid io_gid".split(" "),
  ...[
    "ringfence_config",
    "ringfence_config.debug",
    "TypeUrl",
    "__proto__",
    '"a b"',
    "[ringfence_config]",
    "[[root]]",
  ],
);
const value = fc.oneof(
  fc.constantFrom(
    '"debug"',
    '"pod"',
    '"/a"',
    "true",
    "1",
    "-1",
    "1.5",
    "nan",
    "inf",
    "2020-01-01",
    "{}",
    "[]",
  ),
  fc.constantFrom("{debug = true}", "[1, [2]]", '"""', "'''x'''", "0x1f", "1979-05-27T07:32:00Z"),
  fc.string().map((text) => JSON.stringify(text)),
);
const line = fc.tuple(key, fc.constantFrom(" = ", "=", "\n", ""), value).map((parts) => parts.join(""));
const toml = fc.oneof(
  fc.array(line, { maxLength: 8 }).map((lines) => Buffer.from(lines.join("\n"))),
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 300 }).map((text) => Buffer.from(text)),
);

test("TOML of any bytes", () => {
  fc.assert(
    fc.property(toml, (configBody) => {
      check(readOptions(pack(OptionsSchema, { configBody })));
      check(readOptions(pack(OptionsSchema, { configPath: "/x" }), () => Buffer.from(configBody).toString()));
    }),
    { seed, numRuns },
  );
});

test("messages of any bytes", () => {
  const types = fc.constantFrom("runtimeoptions.v1.Options", "containerd.runc.v1.Options", "x/y", "");
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 100 }), (typeUrl, bytes) => {
      check(readOptions(create(AnySchema, { typeUrl, value: bytes }), () => ""));
    }),
    { seed, numRuns },
  );
});

test.run();
