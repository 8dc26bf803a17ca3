// Engines' configurations: what they mean with the runtime in them, and that the rest is as it was, byte for byte.

import fc from "fast-check";
import { parse as parseToml, stringify } from "smol-toml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeCommands } from "../../src/main/cli/options.ts";
import { crioDropIn, podmanDropIn } from "../../src/main/install/drop_in.ts";
import type { Editor } from "../../src/main/install/edit.ts";
import { engines } from "../../src/main/install/engines.ts";
import { daemonJson } from "../../src/main/install/json.ts";
import { containerdToml } from "../../src/main/install/toml.ts";
import { optionsOfToml, type ShimOptions } from "../../src/main/shim/options.ts";

const RUNTIME = { name: "ringfence", path: "/opt/ringfence/launcher", flags: [] };
const OTHER = { name: "ringfence", path: "/opt/other/launcher", flags: [] };

/** There and back; returns what stood there between. */
function roundTrip(editor: Editor, text: string): string {
  const added = editor.add(text, RUNTIME, false);
  assert.is(editor.add(added, RUNTIME, false), added, "a second time");
  assert.is(editor.remove(added, "ringfence"), text, "removed again");
  assert.throws(() => editor.add(added, OTHER, false), /another runtime ringfence/);
  const replaced = editor.add(added, OTHER, true);
  assert.match(replaced, /\/opt\/other/);
  assert.is(editor.remove(replaced, "ringfence"), text, "another one removed");
  assert.is(editor.remove(text, "ringfence"), text, "nothing to remove");
  return added;
}

const words = suite("words");

words("the engines that can be named are those that there are", () => {
  const named = nodeCommands.flatMap(({ flags }) => flags.filter(({ name }) => name === "engine"));
  assert.equal(
    named.map(({ choices }) => choices),
    [Object.keys(engines), Object.keys(engines)],
  );
});

words.run();

const docker = suite("daemon.json");

docker("as people write it", () => {
  const texts = [
    '{\n  "debug": true\n}\n',
    '{\n\t"debug": true,\n\t"hosts": ["a", "b"]\n}',
    '{\r\n    "debug": true\r\n}\r\n',
    '{\n  "runtimes": {\n    "runsc": { "path": "/usr/bin/runsc", "runtimeArgs": ["--a"] }\n  },\n  "debug": false\n}\n',
  ];
  for (const text of texts) {
    const added = JSON.parse(roundTrip(daemonJson, text));
    const { runtimes, ...rest } = JSON.parse(text);
    assert.equal(added, { ...rest, runtimes: { ...runtimes, ringfence: { path: RUNTIME.path } } });
  }
});

docker("without a file, with an empty one, with flags", () => {
  for (const text of [null, "", " \n"]) {
    const added = daemonJson.add(text, { ...RUNTIME, flags: ["--platform=ptrace"] }, false);
    const ringfence = { path: RUNTIME.path, runtimeArgs: ["--platform=ptrace"] };
    assert.equal(JSON.parse(added), { runtimes: { ringfence } });
    assert.is(daemonJson.remove(added, "ringfence"), "{}\n");
  }
});

docker("what is no JSON, or no object, is left alone", () => {
  for (const text of ["{", "[]", "null", '{"a": 1,}', "// none\n{}"]) {
    assert.throws(() => daemonJson.add(text, RUNTIME, false));
    assert.throws(() => daemonJson.remove(text, "ringfence"));
  }
  assert.throws(() => daemonJson.add('{"runtimes": 7}', RUNTIME, false));
});

docker("any object, written in any way: it means the same", () => {
  const trees = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
  fc.assert(
    fc.property(trees, fc.constantFrom(undefined, 1, 2, 8, "\t"), (tree, indent) => {
      const { runtimes: _none, __proto__: _neither, ...rest } = tree;
      const text = JSON.stringify(rest, null, indent);
      const added = daemonJson.add(text, RUNTIME, false);
      const runtimes = { ringfence: { path: RUNTIME.path } };
      assert.equal(JSON.parse(added), JSON.parse(JSON.stringify({ ...rest, runtimes })));
      assert.equal(JSON.parse(daemonJson.remove(added, "ringfence")!), JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});

docker.run();

const containerd = suite("config.toml");
const plain = (tree: unknown) => JSON.parse(JSON.stringify(tree));
const CRI = '[plugins."io.containerd.grpc.v1.cri"';

containerd("as people write it", () => {
  const texts = [
    "version = 2\n",
    `# ours\nversion = 2\n\n[plugins]\n  ${CRI}]\n    sandbox_image = "x" # pause\n`,
    `version = 2\n${CRI}.containerd.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"\n\n# the end\n[debug]\nlevel = "info"\n`,
    'version = 2\nimports = ["/etc/containerd/conf.d/*.toml"]\n[metrics]\naddress = """\n[not.a.table]\n"""\n',
  ];
  for (const text of texts) {
    const added = plain(parseToml(roundTrip(containerdToml, text)));
    const { runtimes } = added.plugins["io.containerd.grpc.v1.cri"].containerd;
    assert.equal(runtimes.ringfence, {
      runtime_type: "io.containerd.ringfence.v1",
      runtime_path: "/opt/ringfence/containerd-shim-ringfence-v1",
    });
  }
});

containerd("its table is taken out wherever it stands, without what follows", () => {
  const text = containerdToml.add("version = 3\n", RUNTIME, false);
  assert.match(text, /io\.containerd\.cri\.v1\.runtime/);
  const more = `${text}\n# about debug\n[debug]\nlevel = "info"\n`;
  assert.is(
    containerdToml.remove(more, "ringfence"),
    'version = 3\n\n# about debug\n[debug]\nlevel = "info"\n',
  );
});

containerd("flags are for the shim, which reads them", () => {
  const flags = ["--systemd-cgroup", "--platform=ptrace", "--debug-log=/a", "--debug-log=/b=c"];
  const before = "version = 3\n# the end\n";
  const text = containerdToml.add(before, { ...RUNTIME, flags }, false);
  const { options } = plain(parseToml(text)).plugins["io.containerd.cri.v1.runtime"].containerd.runtimes
    .ringfence;
  const read = optionsOfToml(stringify(options));
  assert.equal((read as ShimOptions).flags, [
    "--systemd-cgroup=true",
    "--platform=ptrace",
    "--debug-log=/a",
    "--debug-log=/b=c",
  ]);
  assert.is(containerdToml.add(text, { ...RUNTIME, flags }, false), text);
  assert.throws(() => containerdToml.add(text, RUNTIME, false), /another runtime ringfence/);
  assert.is(containerdToml.remove(containerdToml.add(text, RUNTIME, true), "ringfence"), before);
  assert.is(containerdToml.remove(text, "ringfence"), before);
});

containerd("what it does not understand it leaves alone", () => {
  for (const text of ["version = 1\n", "[plugins]\n", "version = \n", "version = 4\n"])
    assert.throws(() => containerdToml.add(text, RUNTIME, false));
  const closed = 'version = 2\nplugins = {"io.containerd.grpc.v1.cri" = {containerd = {runtimes = {}}}}\n';
  assert.throws(() => containerdToml.add(closed, RUNTIME, false), /by hand/);
  const dotted = `version = 2\n${CRI}.containerd.runtimes]\nringfence.runtime_type = "x"\n`;
  assert.throws(() => containerdToml.remove(dotted, "ringfence"), /by hand/);
});

containerd("any tables: they mean the same", () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean());
  const table = fc.dictionary(fc.stringMatching(/^[a-z."\][ #]{1,6}$/), leaf, { minKeys: 1, maxKeys: 4 });
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z."\][ #]{1,6}$/), table, { maxKeys: 4 }), (tree) => {
      const { plugins: _none, version: _neither, ...rest } = tree;
      const text = `version = 2\n${stringify(rest)}`;
      const added = containerdToml.add(text, RUNTIME, false);
      assert.equal(plain(parseToml(containerdToml.remove(added, "ringfence")!)), plain(parseToml(text)));
    }),
    { numRuns: 300 },
  );
});

containerd.run();

const dropIns = suite("files of their own");

for (const [name, editor] of Object.entries({ podman: podmanDropIn, "CRI-O": crioDropIn }))
  dropIns(name, () => {
    const text = editor.add(null, RUNTIME, false);
    assert.match(text, /\/opt\/ringfence/);
    assert.not.throws(() => parseToml(text));
    assert.is(editor.add(text, RUNTIME, false), text);
    assert.match(editor.add(text, OTHER, false), /\/opt\/other/);
    assert.is(editor.remove(text, "ringfence"), null);
    assert.throws(() => editor.add("[engine]\n", RUNTIME, false), /not Ringfence's/);
    assert.is(editor.add("[engine]\n", RUNTIME, true), text);
    assert.throws(() => editor.remove("[engine]\n", "ringfence"), /not Ringfence's/);
    assert.throws(() => editor.add(null, { ...RUNTIME, flags: ["--debug"] }, false), /flags/);
  });

dropIns.run();
