// docs/kubernetes.md: its files are read by who reads such files, agree with each other and with what `install` writes,
// and its script installs on a node that is a directory.

import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { globalFlags } from "../../src/main/cli/options.ts";
import { optionsOfToml, type ShimOptions } from "../../src/main/shim/options.ts";
import { makeRootfs } from "../e2e/rootfs.ts";
import { told } from "../said.ts";
import { checkout, output, ringfence, run } from "../spawn.ts";
import { blocks, KINDS, unknown } from "./documented.ts";

/** Where each version of containerd's configuration has runtimes. */
const PLUGINS: Readonly<Record<number, string>> = {
  2: "io.containerd.grpc.v1.cri",
  3: "io.containerd.cri.v1.runtime",
};
const MAKE_MS = 100_000;

// biome-ignore lint/suspicious/noExplicitAny: what is read is looked at field by field
type Any = any;

let directory: string;
test.before.each(() => {
  directory = mkdtempSync("/tmp/ringfence-kubernetes-");
});
test.after.each(() => rmSync(directory, { recursive: true, force: true }));

const plain = (tree: unknown): Any => JSON.parse(JSON.stringify(tree));
const tomls = blocks("toml").map((text) => ({ text, tree: plain(parseToml(text)) }));
const containerd = tomls.filter(({ tree }) => tree.version !== undefined);
const runtimesOf = (tree: Any): Any => tree.plugins[PLUGINS[tree.version]!].containerd.runtimes;
const crio = tomls.find(({ tree }) => tree.crio !== undefined)!.tree.crio.runtime.runtimes.ringfence;

const objects = blocks("yaml").flatMap((text) =>
  parseAllDocuments(text).map((document) => {
    assert.equal(document.errors, []);
    return document.toJS() as Any;
  }),
);
const kind = (name: string): Any[] => objects.filter((object) => object.kind === name);
const installer = kind("DaemonSet")[0].spec.template.spec;

/** What `install` writes for an engine, read. */
async function installed(engine: string, before: string | null, ...flags: string[]): Promise<Any> {
  const file = join(directory, engine);
  if (before !== null) writeFileSync(file, before);
  const words = ["install", `--engine=${engine}`, "--config-file", file, ...flags];
  assert.is((await run(ringfence, words)).code, 0);
  return plain(parseToml(readFileSync(file, "utf8")));
}

/** Without where it is installed. */
const placeless = (runtime: Any): Any => ({
  ...runtime,
  runtime_path: runtime.runtime_path.split("/").at(-1),
});

test("every object has fields that Kubernetes knows", () => {
  assert.equal(objects.map((object) => object.kind).sort(), ["DaemonSet", "Pod", "Pod", "RuntimeClass"]);
  for (const object of objects) assert.equal(unknown(object, KINDS[object.kind]!), [], object.kind);
});

test("names lead to each other: handlers, classes, labels of nodes, volumes", () => {
  const [runtimeClass] = kind("RuntimeClass");
  for (const { tree } of containerd.slice(0, 2)) assert.ok(runtimesOf(tree)[runtimeClass.handler]);
  const { nodeSelector } = runtimeClass.scheduling;
  const [byClass, byAnnotation] = kind("Pod");
  assert.is(byClass.spec.runtimeClassName, runtimeClass.metadata.name);
  assert.equal(byAnnotation.metadata.annotations, { "io.kubernetes.cri.untrusted-workload": "true" });
  assert.equal(byAnnotation.spec.nodeSelector, nodeSelector);
  for (const [name, value] of Object.entries(nodeSelector)) assert.is(installer.nodeSelector[name], value);
  const [{ spec }] = kind("DaemonSet");
  assert.equal(spec.template.metadata.labels, spec.selector.matchLabels);
  const volumes = installer.volumes.map(({ name }: { name: string }) => name);
  const mounts = installer.initContainers.flatMap((each: Any) => each.volumeMounts);
  assert.equal(
    mounts.map(({ name }: { name: string }) => name),
    volumes,
  );
});

test("containerd's configurations are what install writes, for both versions and for pods that are not trusted", async () => {
  assert.equal(
    containerd.map(({ tree }) => [tree.version, ...Object.keys(runtimesOf(tree))]),
    [
      [2, "ringfence"],
      [3, "ringfence"],
      [2, "untrusted"],
    ],
  );
  for (const { tree } of containerd) {
    const [[name, runtime]] = Object.entries(runtimesOf(tree)) as [[string, Any]];
    const flags = runtime.options === undefined ? [] : ["--", "--systemd-cgroup"];
    const wrote = await installed("containerd", `version = ${tree.version}\n`, `--runtime=${name}`, ...flags);
    assert.equal(placeless(runtimesOf(wrote)[name]), placeless(runtime));
  }
});

test("the shim reads its options, and each is a flag that there is", () => {
  const own = tomls.filter(({ tree }) => tree.version === undefined && tree.crio === undefined);
  const ours = containerd.flatMap(({ tree }) => runtimesOf(tree).ringfence?.options ?? []);
  for (const text of own.map((each) => each.text)) {
    const options = optionsOfToml(text);
    assert.not.type(options, "string", options as string);
    ours.push(parseToml(text));
    assert.ok((options as ShimOptions).flags.length > 0);
  }
  for (const { ringfence_config } of ours)
    for (const name of Object.keys(ringfence_config))
      assert.ok(
        globalFlags.some((flag) => flag.name === name),
        name,
      );
});

test("CRI-O's configuration is what install writes", async () => {
  const wrote = await installed("cri-o", null);
  assert.equal(placeless(wrote.crio.runtime.runtimes.ringfence), placeless(crio));
});

if (spawnSync("which", ["containerd"]).status === 0)
  test("containerd takes its configuration, with what a table says by hand", async () => {
    for (const { tree, text } of containerd.filter(({ tree: { version } }) => version === 2)) {
      const [name] = Object.keys(runtimesOf(tree));
      const file = join(directory, "config.toml");
      const more = 'pod_annotations = ["dev.ringfence.*"]\nprivileged_without_host_devices = true\n';
      writeFileSync(
        file,
        text.replace(/^runtime_type.*\n/m, (line) => line + more),
      );
      const dump = plain(parseToml(await output("containerd", ["-c", file, "config", "dump"])));
      const runtime = dump.plugins[PLUGINS[2]!].containerd.runtimes[name!];
      assert.is(runtime.runtime_path, "/opt/ringfence/native/containerd-shim-ringfence-v1");
      assert.equal(runtime.pod_annotations, ["dev.ringfence.*"]);
      assert.is(runtime.privileged_without_host_devices, true);
      assert.equal(runtime.options ?? {}, runtimesOf(tree)[name!].options ?? {});
    }
  });

if (process.getuid!() === 0)
  test("the DaemonSet's script installs on a node, once, and anew where there is another version", async () => {
    // A container's root, with the installation of its image, and a node's below /node.
    const root = join(directory, "root");
    const node = join(root, "node");
    for (const each of [root, node]) makeRootfs(each);
    mkdirSync(join(node, "etc/containerd"));
    mkdirSync(join(root, "dev"));
    writeFileSync(join(root, "dev/null"), "");
    const nsenter = join(root, "bin/nsenter");
    unlinkSync(nsenter);
    writeFileSync(nsenter, '#!/bin/sh\necho "$@" >> /asked\n', { mode: 0o755 });
    const script = join(checkout, "scripts/installation.mjs");
    execFileSync(process.execPath, [script, join(root, "usr/lib/ringfence")], { timeout: MAKE_MS });
    const [{ command, env }] = installer.initContainers;
    const flags = Object.fromEntries(
      env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    mkdirSync(join(node, "proc"));
    const entered = 'mount --rbind /proc $0/node/proc && exec chroot "$0" "$@"';
    const words = ["--mount", "sh", "-c", entered, root, ...command];
    const once = () => run("unshare", words, { env: { PATH: "/usr/sbin:/usr/bin:/bin", ...flags } });
    const asked = () => (existsSync(join(root, "asked")) ? readFileSync(join(root, "asked"), "utf8") : "");
    const restart = "--target 1 --mount -- systemctl restart containerd\n";

    const first = await once();
    assert.is(first.code, 0, told(first));
    assert.match(told(first), /\/etc\/containerd\/config\.toml: the runtime ringfence: \/opt\/ringfence/);
    assert.is(asked(), restart);
    const wrote = plain(parseToml(readFileSync(join(node, "etc/containerd/config.toml"), "utf8")));
    assert.equal(runtimesOf(wrote), runtimesOf(containerd[0]!.tree));
    assert.ok(existsSync(join(node, "opt/ringfence/native/containerd-shim-ringfence-v1")));

    const again = await once();
    assert.match(told(again), /nothing to do/);
    assert.is(asked(), restart, "it is told once");

    writeFileSync(join(node, "opt/ringfence/js/cli.cjs"), "another version");
    cpSync(join(node, "etc/containerd/config.toml"), join(directory, "before"));
    assert.is((await once()).code, 0);
    const cli = (top: string) => readFileSync(join(top, "js/cli.cjs"));
    assert.ok(cli(join(node, "opt/ringfence")).equals(cli(join(root, "usr/lib/ringfence"))));
    assert.not.ok(existsSync(join(node, "opt/ringfence.old")));
    assert.is(asked(), restart);
  });

test.run();
