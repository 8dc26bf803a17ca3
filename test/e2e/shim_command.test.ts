// The shim's program by itself: what it says of itself, what it refuses, and that one whose containerd has died before it
// asked for anything does not stay.

import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { said, text, told } from "../said.ts";
import { checkout, eventually, output, run } from "../spawn.ts";
import { Bundle } from "./bundle.ts";
import { absent } from "./engine_room.ts";
import { exists, proc } from "./processes.ts";
import { SHIM, Shim } from "./shim.ts";

const PROTOS = `${checkout}src/main/shim/proto`;
/** Its own half minute, and some more. */
const IDLE_MS = 45_000;

const { version } = JSON.parse(readFileSync(`${checkout}package.json`, "utf8")) as { version: string };

test("-v: name and version", async () => {
  for (const flag of ["-v", "--version"])
    assert.is((await output(SHIM, [flag])).trim(), `containerd-shim-ringfence-v1 ${version}`);
});

const lacks = absent({ protoc: "protobuf-compiler" });
if (lacks !== null) console.log(`-info: skipped, ${lacks}`);
else
  test("-info: what containerd reads, as another decoder reads it", async () => {
    const { stdout, code } = await run(SHIM, ["-info"]);
    assert.is(code, 0);
    const words = [`-I${PROTOS}`, "--decode=containerd.types.RuntimeInfo", "introspection.proto"];
    const decoded = await output("protoc", words, { input: stdout });
    assert.match(decoded, /^name: "io\.containerd\.ringfence\.v1"$/m);
    assert.match(decoded, new RegExp(`version: "${version}"`));
    assert.match(decoded, /runtime-spec\/1\/features\/Features/);
    const value = /value: "(.*)"/.exec(decoded)![1]!.replaceAll('\\"', '"');
    const features = JSON.parse(value) as { ociVersionMax: string; linux: { namespaces: string[] } };
    assert.match(features.ociVersionMax, /^1\./);
    assert.ok(features.linux.namespaces.includes("network"));
  });

test("command lines that are wrong", async () => {
  const bundle = new Bundle(["/bin/busybox", "true"]);
  try {
    const common = ["-namespace", "n", "-id", "i", "-address", "/a"];
    const refused: [string[], RegExp][] = [
      [[], /action is missing/],
      [["start"], /-namespace is missing/],
      [["-namespace", "../n", "-id", "i", "start"], /-namespace is missing, or is no name/],
      [["-namespace", "n", "-id", "a/b", "start"], /-id is missing, or is no name/],
      [["-namespace", "n", "-id", "i", "start"], /-address is missing/],
      [[...common, "-nosuch", "start"], /-nosuch/],
      [[...common, "-bundle", "/nosuch", "start"], /going to \/nosuch/],
      [[...common, "stop"], /unknown action: stop/],
    ];
    for (const [words, expected] of refused) {
      const result = await run(SHIM, words, { cwd: bundle.directory });
      assert.is(result.code, 1, words.join(" "));
      assert.match(said(result), expected);
      assert.is(text(result), "");
    }
    // What there is nothing of is deleted all the same.
    const deleted = await run(SHIM, [...common, "delete"], { cwd: bundle.directory });
    assert.is(deleted.code, 0, told(deleted));
  } finally {
    await bundle.remove();
  }
});

test("a shim that nobody asks for anything ends by itself, and its socket goes", async () => {
  const shim = await Shim.start(["/bin/busybox", "true"]);
  const socket = shim.address.slice("unix://".length);
  try {
    assert.match(proc(shim.pid, "cmdline")!, /shim\.cjs/);
    shim.client.close();
    assert.ok(await eventually(() => !exists(shim.pid), IDLE_MS), "it is still there");
    assert.not.ok(existsSync(socket));
  } finally {
    await shim.end();
  }
});

test.run();
