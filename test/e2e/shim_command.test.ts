// deadline: 180 s
// The shim's program by itself: what it says of itself, what it refuses, and that one whose containerd has died before it
// asked for anything does not stay.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { basename, join } from "node:path";
import { create as createMessage, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BootstrapParamsSchema } from "../../src/main/shim/gen/bootstrap_pb.ts";
import { OptionsSchema } from "../../src/main/shim/gen/runtime_options_pb.ts";
import { Task } from "../../src/main/shim/gen/task_v2_pb.ts";
import { connect as connectShim } from "../../src/main/shim/ttrpc/client.ts";
import { said, text, told } from "../said.ts";
import { checkout, eventually, output, run } from "../spawn.ts";
import { atOnce, type Case } from "./at_once.ts";
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

test("SIGUSR1 opens no debugger's port", async () => {
  const shim = await Shim.start(["/bin/busybox", "true"]);
  try {
    process.kill(shim.pid, "SIGUSR1");
    const inspected = await new Promise((resolve) => {
      const socket = connect(9229, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
    });
    assert.is(inspected, false);
    assert.is((await shim.call("connect", {})).shimPid, shim.pid);
    assert.match(proc(shim.pid, "cmdline")!, /--disable-sigusr1/);
  } finally {
    await shim.end();
  }
});

/** Options as `start` reads them: an Any, or containerd 2.3's parameters around it. */
function startInputs(toml: string): Uint8Array[] {
  const value = toBinary(OptionsSchema, createMessage(OptionsSchema, { configBody: Buffer.from(toml) }));
  const any = createMessage(AnySchema, { typeUrl: "runtimeoptions.v1.Options", value });
  const other = createMessage(AnySchema, { typeUrl: "a.B", value });
  const params = { instanceId: "c", namespace: "n", logLevel: -4, socketDir: "/run/s" };
  const extensions = [{ value: other }, {}, { value: any }];
  const bootstrap = createMessage(BootstrapParamsSchema, { ...params, extensions });
  return [toBinary(AnySchema, any), toBinary(BootstrapParamsSchema, bootstrap)];
}

test("whose shim it is: by the group's own address, unless options of either form say otherwise", async () => {
  const shim = await Shim.start(["/bin/busybox", "true"]);
  const group = shim.bundle.directory;
  const second = new Bundle(["/bin/busybox", "true"], (config) => {
    config.annotations = { "io.kubernetes.cri.sandbox-id": basename(group) };
  });
  const addressOf = async (input?: Uint8Array) => {
    const { stdout } = await Shim.command(second, "start", input);
    const { address } = JSON.parse(stdout.toString()) as { address: string };
    return address;
  };
  /** One that is not the group's, and ends. */
  const isOther = async (input?: Uint8Array) => {
    const address = await addressOf(input);
    if (address === shim.address) return false;
    const client = await connectShim(address);
    await client.call(Task.method.shutdown, { id: second.id }, IDLE_MS);
    client.close();
    return true;
  };
  try {
    assert.is(await addressOf(), shim.address);
    for (const input of startInputs("grouping = false\n")) assert.ok(await isOther(input));
    for (const input of startInputs("grouping = true\n")) assert.is(await addressOf(input), shim.address);
    const any = createMessage(AnySchema, { typeUrl: "a.B", value: startInputs("grouping = false\n")[0]! });
    assert.is(await addressOf(toBinary(AnySchema, any)), shim.address);
    // That of another runtime's shim is none of ours.
    rmSync(join(group, "ringfence.address"));
    assert.ok(await isOther());
  } finally {
    await second.remove();
    await shim.end();
  }
});

const bundleLost: Case = {
  name: "a shim whose container has lost its bundle ends by itself, and the container with it",
  run: async () => {
    const shim = await Shim.start(["/bin/busybox", "sleep", "1000"]);
    const { id, directory } = shim.bundle;
    try {
      const { pid } = await shim.call("create", { id, bundle: directory });
      await shim.call("start", { id });
      rmSync(directory, { recursive: true });
      shim.client.close();
      assert.ok(await eventually(() => !exists(shim.pid), IDLE_MS), "it is still there");
      assert.not.ok(exists(pid));
      assert.not.ok(existsSync(`/run/containerd/ringfence/ringfence-test/${id}`));
    } finally {
      await shim.end();
    }
  },
};

const unasked: Case = {
  name: "a shim that nobody asks for anything ends by itself, and its socket goes",
  run: async () => {
    const shim = await Shim.start(["/bin/busybox", "true"]);
    const socket = shim.address.slice("unix://".length);
    try {
      assert.match(proc(shim.pid, "cmdline")!, /shim\.(blob|cjs)/);
      shim.client.close();
      assert.ok(await eventually(() => !exists(shim.pid), IDLE_MS), "it is still there");
      assert.not.ok(existsSync(socket));
    } finally {
      await shim.end();
    }
  },
};

const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("a container without a bundle: skipped, a shim with containers is root's");
// Both wait for the time after which a shim looks whether anybody wants it.
atOnce(2, isRoot ? [bundleLost, unasked] : [unasked]);

test.run();
