// The launcher's reading of config.json (native/launcher/spec.c, cgroup_limit.c): what it takes, and that it
// survives damaged documents. Built with the address and undefined behaviour sanitizers.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ReaderDriver } from "./reader_driver.ts";

const RUNS = process.env["RINGFENCE_TEST_LONG"] ? 20_000 : 1000;
const PARTS = [
  ...["spec", "spec_check", "json", "report", "buffer", "cgroup", "cgroup_limit", "small_file", "hooks"],
  ...["id_map", "unit_properties", "device_rules", "variant_text", "dbus", "pod_spec"],
];

const driver = new ReaderDriver("spec_driver", PARTS, { ASAN_OPTIONS: "detect_leaks=0" });
const { directory } = driver;

test.before(() => {
  driver.build();
  mkdirSync(join(directory, "group"));
});
test.after(() => driver.remove());

/** What the reader makes of each text; the bundle's directory is written as BUNDLE. */
const read = (texts: (Buffer | string)[]): string[] =>
  driver.lines(texts.map((text) => Buffer.from(text))).map((line) => line.replaceAll(directory, "BUNDLE"));

const RANGE = { containerID: 0, hostID: 100_000, size: 4_294_967_295 };

const EXAMPLE = {
  ociVersion: "1.2.0",
  root: { path: "rootfs", readonly: true },
  process: { terminal: true, consoleSize: { width: 80, height: 24 }, oomScoreAdj: -5 },
  mounts: [
    { destination: "/proc", type: "proc" },
    { destination: "/a", type: "bind", source: "/data", options: ["rbind", "ro"] },
    { destination: "/b", source: "relative", options: ["bind", "rro", "rrw"] },
    { destination: "/c", source: "/c", options: ["rbind", "ridmap"] },
    { destination: "/d", source: "/d", options: ["bind"], uidMappings: [RANGE], gidMappings: [RANGE] },
  ],
  annotations: { "org.systemd.property.After": "@at [1, 2]", other: "" },
  hooks: { prestart: [{ path: "/bin/true", args: ["true"], env: [] }] },
  linux: {
    cgroupsPath: "/docker/id",
    namespaces: [{ type: "pid" }, { type: "network", path: "/run/netns/x" }, { type: "user" }],
    uidMappings: [RANGE, { containerID: 1 }],
    gidMappings: [RANGE],
    resources: {
      memory: { limit: 0, swap: 0 },
      cpu: { period: 100_000, quota: 50_000, cpus: "" },
      hugepageLimits: [],
      devices: [{ allow: true, type: "c", major: 1, minor: 3, access: "rwm" }],
    },
  },
};

test("what precedes Node is taken, whatever the order, and from nothing else", () => {
  const expected =
    " root=BUNDLE/rootfs cgroups=/docker/id network=/run/netns/x terminal=1 size=80x24 oom=-5" +
    " bind1=/data,rec,ro bind2=BUNDLE/relative bind3=/c,rec,ids,below bind4=/d,ids[[0,100000,4294967295]]" +
    " user=own,[[0,100000,4294967295],[1,0,0]],[[0,100000,4294967295]] hooks=1";
  const reversed = Object.fromEntries(Object.entries(EXAMPLE).reverse());
  const decoys = { ...EXAMPLE, other: { root: { path: "/other" }, terminal: false } };
  const texts = [EXAMPLE, reversed, decoys].map((value) => JSON.stringify(value, null, 3));
  assert.equal(read(texts), [expected, expected, expected]);
  const [least] = read(['{"root":{"path":"/r"}}']);
  assert.is(least, " root=/r cgroups=- network=- terminal=0 size=0x0 oom=9999 user=none,[],[] hooks=0");
});

test("a member that is there twice has its last value, as in the sandbox", () => {
  const [line] = read(['{"root":{"path":"/first","path":"/last"},"process":{"terminal":true},"process":{}}']);
  assert.match(line!, /root=\/last .* terminal=0/);
});

test("which pod a container is of is read by the names of both engines, if it is said whole", () => {
  const CRI = "io.kubernetes.cri.";
  const CRI_O = "io.kubernetes.cri-o.";
  const namespaces = [
    { type: "ipc", path: "/proc/7/ns/ipc" },
    { type: "pid", path: "/proc/7/ns/pid" },
  ];
  const pods = (annotations: object, linux: object = {}) => {
    const [line] = read([JSON.stringify({ root: { path: "/r" }, annotations, linux })]);
    return line!.split(" hooks=0")[1];
  };
  assert.is(pods({ [`${CRI}container-type`]: "sandbox", [`${CRI}sandbox-id`]: "x" }), " pod");
  assert.is(pods({ [`${CRI_O}ContainerType`]: "sandbox" }), " pod");
  assert.is(pods({ [`${CRI}sandbox-id`]: "x", [`${CRI}container-type`]: "container" }), " pod=x");
  assert.is(pods({ [`${CRI_O}SandboxID`]: "x", [`${CRI_O}ContainerType`]: "container" }), " pod=x");
  for (const id of [undefined, "", 1, "a\u0000b", "x".repeat(256)])
    assert.is(pods({ [`${CRI}container-type`]: "container", [`${CRI}sandbox-id`]: id }), "");
  assert.is(pods({ [`${CRI}container-type`]: "other", [`${CRI}sandbox-id`]: "x" }), "");
  const container = { [`${CRI}container-type`]: "container", [`${CRI}sandbox-id`]: "x" };
  assert.is(pods(container, { namespaces }), " pod=x,shared foreign=ipc:/proc/7/ns/ipc");
  // Where there is no pod that could be meant, they are refused, as ever.
  assert.is(pods({}, { namespaces }), undefined);
});

test("what is not valid is refused", () => {
  const changed = (change: (value: typeof EXAMPLE & { linux: { resources: object } }) => void) => {
    const value = structuredClone(EXAMPLE);
    change(value);
    return JSON.stringify(value);
  };
  const refused = [
    "",
    "[]",
    "{}",
    '{"root":{}}',
    '{"root":{"path":""}}',
    '{"root":{"path":"a\\u0000b"}}',
    changed((value) => (value.mounts[1]!.source = "")),
    changed((value) => (value.mounts = Array(1025).fill(value.mounts[0]))),
    changed((value) => (value.linux.namespaces[0] = { type: "pid", path: "/proc/1/ns/pid" })),
    changed((value) => (value.linux.resources = { unified: { "../../x": "1" } } as never)),
    changed((value) => (value.linux.resources = { memory: { limit: 1 } } as never)),
    changed((value) => (value.linux.resources = { pids: { limit: "1" } } as never)),
    changed((value) => (value.linux.resources = { blockIO: { throttleReadBpsDevice: [{}] } } as never)),
    changed((value) => (value.linux.resources = { devices: [{ allow: true }] } as never)),
    changed((value) => (value.linux.resources = { devices: [{ type: "x", access: "r" }] } as never)),
    changed((value) => (value.linux.resources = { devices: Array(5000).fill({ access: "r" }) } as never)),
    changed((value) => (value.linux.resources = { cpu: { cpus: "0-9999999" } } as never)),
    changed((value) => Object.assign(value, { annotations: { "org.systemd.property.x y": "1" } })),
    changed((value) => (value.root.path = "x".repeat(5000))),
    changed((value) => (value.linux.uidMappings = {} as never)),
    changed((value) => (value.linux.uidMappings = [1] as never)),
    changed((value) => (value.linux.uidMappings = Array(341).fill(RANGE))),
    changed((value) => (value.linux.gidMappings[0] = { ...RANGE, size: 2 ** 32 })),
    changed((value) => (value.linux.gidMappings[0] = { ...RANGE, hostID: -1 })),
    changed((value) => (value.linux.gidMappings[0] = { ...RANGE, containerID: 0.5 })),
    changed((value) => (value.mounts[4] = { ...value.mounts[4], gidMappings: [] } as never)),
    changed((value) => (value.hooks = { prestart: [{ path: "true", args: [], env: [] }] })),
    changed((value) => (value.hooks = { poststop: {} } as never)),
    changed((value) => value.linux.namespaces.push({ type: "pid" })),
    changed((value) => (value.linux = { ...value.linux, timeOffsets: { monotonic: {} } } as never)),
  ];
  const lines = read(refused).filter((line) => !line.startsWith(" root="));
  assert.equal(
    lines,
    refused.map(() => "refused"),
  );
});

test("damaged documents are survived", () => {
  const bytes = Buffer.from(JSON.stringify(EXAMPLE));
  const words = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "9e9",
    "\\u0000",
    '""',
    "\xff",
    "/",
    "..",
  ];
  const change = fc.tuple(
    fc.nat(bytes.length - 1),
    fc.nat(30),
    fc.oneof(fc.constantFrom(...words), fc.string()),
  );
  const damaged = fc
    .sample(fc.array(change, { minLength: 1, maxLength: 4 }), RUNS)
    .map((changes) =>
      changes.reduce(
        (text, [at, length, word]) =>
          Buffer.concat([text.subarray(0, at), Buffer.from(word, "latin1"), text.subarray(at + length)]),
        bytes,
      ),
    );
  // Values of other types in every place.
  const values = [null, true, -1, 2 ** 60, "", "x", [], [[]], {}, { a: 1 }];
  const replaced: string[] = [];
  const replace = (object: Record<string, unknown>): void => {
    for (const key of Object.keys(object)) {
      const kept = object[key];
      for (const value of values) {
        object[key] = value;
        replaced.push(JSON.stringify(root));
      }
      object[key] = kept;
      if (typeof kept === "object" && kept !== null) replace(kept as Record<string, unknown>);
    }
  };
  const root: Record<string, unknown> = structuredClone(EXAMPLE);
  replace(root);
  assert.ok(replaced.length > 300);
  read([...damaged, ...replaced]);
});

test.run();
