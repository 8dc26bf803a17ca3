// deadline: 180 s
// Whose shim is whose, and what the options of a shim do: one for each container, for each pod, or for the node; and a
// configuration of its own, by the path that containerd hands on. Skipped, and said so, where containerd is not installed.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually, type SpawnResult } from "../spawn.ts";
import { BB, Containerd, containerdLacks, RINGFENCE } from "./containerd.ts";
import { exists, status } from "./processes.ts";

const WAIT_MS = 15_000;
const POD = "io.kubernetes.cri.sandbox-id";
const LOOP = ["sh", "-c", "while :; do sleep 0.05; done"];

let containerd: Containerd;

function config(text: string): string[] {
  const path = join(containerd.directory, `options-${Math.random()}.toml`);
  writeFileSync(path, text);
  return ["--runtime-config-path", path];
}

function start(id: string, flags: readonly string[], command = LOOP): Promise<SpawnResult> {
  const words = ["run", "-d", "--null-io", "--runtime", RINGFENCE, ...flags, BB, id];
  return containerd.ctr(...words, ...command);
}

async function started(id: string, flags: readonly string[]): Promise<void> {
  const result = await start(id, flags);
  assert.is(result.code, 0, told(result));
}

const addressOf = (id: string): string => readFileSync(join(containerd.bundle(id), "address"), "utf8");

/** The shim is the parent of the process that containerd has as the task. */
async function shimOf(id: string): Promise<number> {
  let parent: string | undefined;
  // On a busy machine containerd may give up asking for a task's state, and lists it without a pid.
  const isKnown = async () => {
    parent = status(await containerd.taskPid(id), "PPid");
    return parent !== undefined;
  };
  assert.ok(await eventually(isKnown, WAIT_MS), `${id}: ${await containerd.ok("task", "ls")}`);
  return Number(parent);
}

const hasNoBundles = (): boolean => readdirSync(containerd.bundles).every((name) => name.startsWith("."));

async function end(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await containerd.ctr("task", "delete", "-f", id);
    assert.is((await containerd.ctr("container", "rm", id)).code, 0);
  }
}

const why = containerdLacks();
if (why !== null) console.log(`skipped: ${why}`);
else {
  test.before(async () => {
    containerd = new Containerd();
    await containerd.start();
    await containerd.importImage();
  });
  test.after(() => containerd.remove());

  test("a container has a shim, a pod has one; grouping = false: each of its containers", async () => {
    const inPod = ["--annotation", `${POD}=pod`];
    await started("alone", []);
    await started("pod", inPod);
    await started("second", inPod);
    await started("apart", [...inPod, ...config("grouping = false\n")]);
    const shims = await Promise.all(["alone", "pod", "second", "apart"].map(shimOf));
    assert.is(shims[1], shims[2]);
    assert.is(new Set(shims).size, 3, shims.join());
    assert.is(addressOf("second"), addressOf("pod"));
    // The others go on without one of them, whichever it is.
    await end("pod");
    assert.is(told(await containerd.ctr("task", "exec", "--exec-id", "x", "second", "echo", "on")), "on\n");
    await end("alone", "second", "apart");
    for (const shim of shims) assert.ok(await eventually(() => !exists(shim), WAIT_MS));
  });

  test("a shim of a pod that is killed: all of its containers are over, and removed", async () => {
    const inPod = ["--annotation", `${POD}=pod`];
    await started("pod", inPod);
    await started("second", inPod);
    process.kill(await shimOf("second"), "SIGKILL");
    for (const id of ["pod", "second"])
      assert.ok(await eventually(async () => (await containerd.status(id)) !== "RUNNING", WAIT_MS), id);
    await end("pod", "second");
    assert.ok(await eventually(hasNoBundles, WAIT_MS));
  });

  test("shim_sharing = node: one process for all, and for the next ones too; killed, all are over", async () => {
    const node = config('shim_sharing = "node"\n');
    // Of several that come at once one makes it.
    await Promise.all(["a", "b", "c"].map((id) => started(id, node)));
    const [shim, ...others] = await Promise.all(["a", "b", "c"].map(shimOf));
    assert.equal(others, [shim, shim]);
    await started("alone", []);
    assert.is.not(await shimOf("alone"), shim);
    await end("a", "b", "c");
    await started("a", node);
    assert.is(await shimOf("a"), shim, "it has stayed for a while");
    await started("b", ["--annotation", `${POD}=pod`, ...node]);
    const socket = addressOf("a").slice("unix://".length);
    process.kill(shim!, "SIGKILL");
    for (const id of ["a", "b"])
      assert.ok(await eventually(async () => (await containerd.status(id)) !== "RUNNING", WAIT_MS), id);
    assert.is(await containerd.status("alone"), "RUNNING");
    await end("a", "b", "alone");
    assert.ok(await eventually(() => !existsSync(socket), WAIT_MS));
    // And there is another one then.
    await started("a", node);
    const next = await shimOf("a");
    assert.is.not(next, shim);
    process.kill(next, "SIGKILL");
    await end("a");
  });

  test("options that are wrong are refused by name, before there is a container", async () => {
    const refused: [string, RegExp][] = [
      ["shim_sharng = true\n", /"shim_sharng" is not known: there are .*shim_sharing/],
      ['shim_sharing = "all"\n', /shim_sharing must be one of pod, node/],
      ['log_level = "loud"\n', /log_level must be one of/],
      ["[ringfence_config]\nnosuchflag = true\n", /nosuchflag/],
      ["not toml\n", /line 1/],
    ];
    for (const [text, expected] of refused) {
      const result = await start("wrong", config(text));
      assert.is(result.code, 1, text);
      assert.match(told(result), expected);
      await containerd.ctr("container", "rm", "wrong");
    }
    const missing = await start("wrong", [
      "--runtime-config-path",
      join(containerd.directory, "nosuch.toml"),
    ]);
    assert.match(told(missing), /nosuch\.toml/);
    await containerd.ctr("container", "rm", "wrong");
    assert.ok(await eventually(hasNoBundles, WAIT_MS));
  });

  test("root, log_path, log_level and flags of the runtime have their effects", async () => {
    const root = join(containerd.directory, "elsewhere");
    const logs = join(containerd.directory, "%ID%.log");
    const debug = join(containerd.directory, "strace.log");
    const lines = [`root = "${root}"`, `log_path = "${logs}"`, 'log_level = "debug"'];
    lines.push("[ringfence_config]", "strace = true", `debug-log = "${debug}"`);
    await started("set", config(`${lines.join("\n")}\n`));
    assert.ok(existsSync(join(root, "set")), "its state is there");
    assert.ok(existsSync(join(containerd.directory, "set.log")));
    assert.ok(await eventually(() => /nanosleep/.test(readFileSync(debug, "utf8")), WAIT_MS));
    const log = () => readFileSync(join(containerd.bundle("set"), "log.json"), "utf8");
    assert.ok(await eventually(() => log().includes('"level":"debug"'), WAIT_MS), log());
    // Without the shim its `delete` finds the state by what the bundle says.
    process.kill(await shimOf("set"), "SIGKILL");
    assert.ok(await eventually(async () => (await containerd.status("set")) !== "RUNNING", WAIT_MS));
    await end("set");
    assert.ok(await eventually(() => readdirSync(root).length === 0, WAIT_MS));
  });
}

test.run();
