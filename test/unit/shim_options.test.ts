// Options of a shim: TOML by key, runc's message, files, and what is refused.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { pack } from "../../src/main/shim/any.ts";
import { OptionsSchema as RuncOptionsSchema } from "../../src/main/shim/gen/runc_options_pb.ts";
import { OptionsSchema as RuntimeOptionsSchema } from "../../src/main/shim/gen/runtime_options_pb.ts";
import {
  DEFAULTS,
  logPathOf,
  optionsOfToml,
  readOptions,
  type ShimOptions,
} from "../../src/main/shim/options.ts";

const TOML = `
log_level = "warning"
log_path = "/var/log/%ID%/shim-%ID%.log"
binary_name = "/opt/ringfence"
root = "/run/other"
grouping = false
shim_sharing = "node"
shim_cgroup = "/shims"
io_uid = 1000
io_gid = 4294967294
[ringfence_config]
debug = true
strict = false
workers = 2
platform = "ptrace"
patch-exclude = ["/a", "/b"]
`;

const READ: ShimOptions = {
  ...DEFAULTS,
  logLevel: "warn",
  logPath: "/var/log/%ID%/shim-%ID%.log",
  binaryName: "/opt/ringfence",
  root: "/run/other",
  grouping: false,
  sharing: "node",
  shimCgroup: "/shims",
  ioUid: 1000,
  ioGid: 4294967294,
  flags: [
    ...["--debug=true", "--strict=false", "--workers=2", "--platform=ptrace"],
    ...["--patch-exclude=/a", "--patch-exclude=/b"],
  ],
};

const body = (text: string | Uint8Array) =>
  pack(RuntimeOptionsSchema, { configBody: Buffer.from(text as string) });

test("every key, in a table of containerd's or in a file", () => {
  assert.equal(optionsOfToml(TOML), READ);
  // containerd hands on its whole table.
  assert.equal(readOptions(body(`TypeUrl = "io.containerd.ringfence.v1.options"\n${TOML}`)), READ);
  const directory = mkdtempSync(join(tmpdir(), "ringfence-options-"));
  try {
    writeFileSync(join(directory, "ringfence.toml"), TOML);
    const configPath = join(directory, "ringfence.toml");
    assert.equal(readOptions(pack(RuntimeOptionsSchema, { typeUrl: "x", configPath })), READ);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("the container's id stands in the path of its log, whatever it is", () => {
  assert.is(logPathOf(READ, "$&"), "/var/log/$&/shim-$&.log");
});

test("nothing is the defaults", () => {
  for (const any of [undefined, create(AnySchema), body(""), body("# no more\n")])
    assert.equal(readOptions(any), DEFAULTS);
});

test("options of runc's shim", () => {
  const given = {
    ...{ binaryName: "/opt/ringfence", root: "/run/r", shimCgroup: "/s", ioUid: 1, ioGid: 2 },
    ...{ systemdCgroup: true, noPivotRoot: true, noNewKeyring: true },
  };
  assert.equal(readOptions(pack(RuncOptionsSchema, given)), { ...DEFAULTS, ...given });
  const any = pack(RuncOptionsSchema, { root: "run" });
  assert.is(readOptions(any), "Root must be an absolute path");
  const host = { ...pack(RuncOptionsSchema, {}), typeUrl: "type.googleapis.com/containerd.runc.v1.Options" };
  assert.equal(readOptions(host), DEFAULTS);
});

const LONG = "x".repeat(4097);

for (const [toml, told] of [
  ['log_levle = "debug"', /^"log_levle" is not known: there are binary_name, root, ringfence_config, /],
  ["__proto__ = 1", /^"__proto__" is not known/],
  ["[constructor]", /^"constructor" is not known/],
  ['log_level = "loud"', "log_level must be one of trace, debug, info, warn, error"],
  ["log_level = 3", /^log_level must be one of/],
  ['shim_sharing = "world"', "shim_sharing must be one of pod, node"],
  ['log_path = "logs"', "log_path must be an absolute path"],
  ['root = "a\\u0000b"', /^root must be a string of at most 4096 characters without NUL/],
  [`binary_name = "${LONG}"`, /^binary_name must be a string of at most/],
  ["grouping = 1", "grouping must be true or false"],
  ["io_uid = -1", /^io_uid must be an integer from 0/],
  ["io_uid = 4294967295", /^io_uid must be an integer from 0/],
  ["io_uid = 1.5", /^io_uid must be an integer/],
  ["io_uid = 99999999999999999999", /^line 1: /],
  ["ringfence_config = 3", "ringfence_config must be a table"],
  ["ringfence_config = 2020-01-01", "ringfence_config must be a table"],
  ['[ringfence_config]\n"--debug" = true', 'ringfence_config has "--debug", which is no flag\'s name'],
  ['[ringfence_config]\n"a=b" = ""', /no flag's name/],
  ["[ringfence_config]\ndebug = {}", "ringfence_config.debug must be a string"],
  ["[ringfence_config]\ndebug = 1.5", "ringfence_config.debug must be a string"],
  [`[ringfence_config]\na = [${"1,".repeat(100)}]`, "ringfence_config must have at most 64 flags"],
  ["a = ", /^line 1: /],
  ["\ngrouping = true\ngrouping = true", /^line 3: /],
  [`a = ${"[".repeat(5000)}`, /^line 1: /],
  [`# ${"x".repeat(65_536)}`, "the configuration has more than 65536 characters"],
] as const)
  test(`refused: ${toml.slice(0, 40).replaceAll("\n", " ")}`, () => {
    const options = optionsOfToml(toml);
    assert.type(options, "string");
    if (typeof told === "string") assert.is(options, told);
    else assert.match(options as string, told);
  });

test("what cannot be read is told with its place", () => {
  const path = (configPath: string, read?: (path: string, limit: number) => string) =>
    readOptions(pack(RuntimeOptionsSchema, { configPath }), read);
  assert.match(path("/nonexistent/x.toml") as string, /^cannot read \/nonexistent\/x\.toml: ENOENT/);
  assert.match(path("/proc/self") as string, /^cannot read \/proc\/self: EISDIR/);
  assert.match(path("/dev/zero") as string, /^cannot read \/dev\/zero: .*too long/);
  assert.is(path("x.toml"), '"x.toml": the path of a configuration must be absolute');
  assert.is(
    path("/x", () => "grouping = 1"),
    "/x: grouping must be true or false",
  );
  assert.is(readOptions(body(Uint8Array.of(0xff))), "the configuration is not UTF-8");
  assert.is(readOptions(body("#".repeat(65_537))), "the configuration has more than 65536 bytes");
  const any = (typeUrl: string, value: number[]) =>
    create(AnySchema, { typeUrl, value: Uint8Array.from(value) });
  assert.is(readOptions(any("a.B", [])), 'options of type "a.B" are not known');
  assert.match(readOptions(any("runtimeoptions.v1.Options", [255])) as string, /cannot be read: /);
});

test.run();
