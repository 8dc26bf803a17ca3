// config.json as the sandbox reads it: what becomes of it, and that only SchemaErrors come of what is wrong.

import { closeSync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Descriptors } from "../../src/main/boot.ts";
import { checkProcess } from "../../src/main/container/exec_process.ts";
import { RequestError } from "../../src/main/control/request_error.ts";
import type { Log } from "../../src/main/log.ts";
import { readContainer } from "../../src/main/oci/container.ts";
import { ociMounts } from "../../src/main/oci/mounts.ts";
import { ociProcess } from "../../src/main/oci/process.ts";
import { SchemaError } from "../../src/main/oci/schema.ts";
import { MS_BIND, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC } from "../../src/shared/abi/mount.ts";
import { DeviceRules, READ, WRITE } from "../../src/shared/device_rules.ts";
import type { SandboxConfig } from "../../src/shared/process_spec.ts";

const PROCESS = { user: { uid: 1, gid: 2 }, args: ["prog"], env: ["A=b"], cwd: "/" };
const LEAST = { ociVersion: "1.0.2", root: { path: "rootfs" }, process: PROCESS };
const logged: string[] = [];
const log = { warn: (text: string) => void logged.push(text) } as unknown as Log;

function read(text: string, descriptors: Descriptors = {}, strict = false) {
  const config = { hostname: "host", options: { strict } } as SandboxConfig;
  const path = join(tmpdir(), `ringfence-oci-${process.pid}`);
  const fd = openSync(path, "w+");
  unlinkSync(path);
  ftruncateSync(fd, 0);
  writeSync(fd, text);
  try {
    return readContainer(fd, "id", config, descriptors, log);
  } finally {
    closeSync(fd);
  }
}

const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    assert.instance(error, SchemaError);
    return (error as Error).message;
  }
  throw new Error("not refused");
};

test("what is not said has the specification's value", () => {
  const spec = read(JSON.stringify({ ...LEAST, unknown: { member: 1 }, linux: null }));
  assert.equal(spec.process, {
    args: ["prog"],
    env: ["A=b"],
    cwd: "/",
    uid: 1,
    gid: 2,
    groups: [],
    umask: 0o022,
    rlimits: [],
    blocked: "0000000000000000",
    ignored: "0000000000000000",
    terminal: false,
    closedStreams: 0,
    container: {
      isFirst: true,
      capabilities: Object.fromEntries(
        ["bounding", "effective", "inheritable", "permitted", "ambient"].map((set) => [set, "0".repeat(16)]),
      ),
      noNewPrivileges: false,
      oomScoreAdj: 0,
      scheduling: null,
      ioPriority: 0,
      affinity: null,
      persona: 0,
    },
  });
  assert.equal([spec.hostname, spec.mounts, spec.devices, spec.rootReadOnly], ["host", [], [], false]);
});

test("strings become bytes; NUL and what is no text are refused", () => {
  const process = { ...PROCESS, args: ["é", "\u{1f600}"] };
  assert.equal(ociProcess(process, "").args, ["\u00c3\u00a9", "\u00f0\u009f\u0098\u0080"]);
  assert.is(
    refusal(() => ociProcess({ ...PROCESS, env: ["A\0"] }, "p")),
    "p.env[0] must not hold a NUL",
  );
  assert.is(
    refusal(() => ociProcess({ ...PROCESS, env: [1] }, "p")),
    "p.env[0] must be a string",
  );
});

test("capabilities become sets; limits keep 64 bits", () => {
  const capabilities = { bounding: ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE", "CAP_LAST_CAP", "CAP_X"] };
  const rlimits = [{ type: "RLIMIT_AS", soft: 2 ** 53 + 2, hard: 2 ** 64 }];
  const spec = ociProcess({ ...PROCESS, capabilities, rlimits }, "");
  assert.is(spec.container!.capabilities.bounding, "0000010000000001");
  assert.equal(spec.rlimits, [{ type: "RLIMIT_AS", soft: "9007199254740994", hard: "18446744073709551615" }]);
  const twice = [rlimits[0], rlimits[0]];
  assert.match(
    refusal(() => ociProcess({ ...PROCESS, rlimits: twice }, "p")),
    /RLIMIT_AS is there twice/,
  );
});

test("mount options become flags, later ones win; binds have the descriptor of their place", () => {
  const mounts = [
    {
      destination: "/t",
      type: "tmpfs",
      source: "tmpfs",
      options: ["rnosuid", "ro", "rrw", "size=1m", "rprivate"],
    },
    { destination: "rel", source: "/src", options: ["rbind", "ro"] },
  ];
  assert.equal(ociMounts({ "mount:1": 9 })(mounts, "mounts"), [
    {
      destination: "/t",
      type: "tmpfs",
      source: "tmpfs",
      flags: MS_NOSUID,
      data: ["size=1m"],
      propagation: [MS_PRIVATE | MS_REC],
    },
    {
      destination: "/rel",
      type: "bind",
      source: "/src",
      flags: MS_BIND | MS_REC | MS_RDONLY,
      data: [],
      propagation: [],
      descriptor: 9,
      isHostReadOnly: true,
    },
  ]);
  assert.match(
    refusal(() => ociMounts({})(mounts, "mounts")),
    /mounts\[1\] was not opened by the launcher/,
  );
  const idmap = [{ destination: "/t", type: "tmpfs", uidMappings: [{}] }];
  assert.match(
    refusal(() => ociMounts({})(idmap, "mounts")),
    /mounts\[0\]: ids are mapped of bind mounts alone/,
  );
});

test("what is accepted without effect is told in the log", () => {
  logged.length = 0;
  const namespaces = ["pid", "ipc", "network", "uts"].map((type) => ({ type }));
  const nothing = { seccomp: {}, sysctl: {}, mountLabel: "", rootfsPropagation: "private", namespaces };
  read(JSON.stringify({ ...LEAST, linux: nothing }), {}, true);
  assert.equal(logged, []);
  const maps = { ...nothing, uidMappings: [{ containerID: 0, hostID: 0, size: 1 }] };
  const mapped = { ...maps, namespaces: [...namespaces, { type: "user" }] };
  read(JSON.stringify({ ...LEAST, linux: mapped }), {}, true);
  assert.equal(logged, []);
  read(JSON.stringify({ ...LEAST, linux: maps }), {}, false);
  assert.match(logged.join(), /without effect: linux\.uidMappings$/);
  logged.length = 0;
  const mounts = [
    { destination: "/a", type: "tmpfs", options: ["rprivate"] },
    { destination: "/b", type: "tmpfs", options: ["rshared"] },
    { destination: "/c", type: "bind", source: "/c", options: ["rbind", "rslave"] },
  ];
  const linux = {
    sysctl: { "net.a": "1", "net/ipv4/tcp_rfc1337": "1", "kernel.domainname": "d" },
    rootfsPropagation: "rslave",
    namespaces: [{ type: "network" }, { type: "uts" }],
  };
  const text = JSON.stringify({ ...LEAST, mounts, linux });
  read(text, { "mount:2": 9 });
  const list =
    "linux.sysctl net.a, " +
    "the host's pid namespace (the container sees its own processes alone), " +
    "the host's ipc namespace (the container has IPC objects of its own), " +
    "linux.rootfsPropagation from and to the host, propagation of mounts[2] from and to the host";
  assert.equal(logged, [`config.json: accepted without effect: ${list}`]);
  assert.is(
    refusal(() => read(text, { "mount:2": 9 }, true)),
    `config.json: without effect, and refused by --strict: ${list}`,
  );
});

test("what would be missed is refused", () => {
  const refused = (linux: object) => refusal(() => read(JSON.stringify({ ...LEAST, linux })));
  assert.is(refused({ intelRdt: { closID: "x" } }), "linux.intelRdt is not supported");
  assert.is(refused({ netDevices: { eth0: {} } }), "linux.netDevices is not supported");
  assert.is(read(JSON.stringify({ ...LEAST, linux: { intelRdt: {}, netDevices: {} } })).id, "id");
});

test("what is wrong is told with its place", () => {
  // biome-ignore lint/suspicious/noExplicitAny: what no schema allows
  type Change = (config: any) => void;
  const rows: [RegExp, Change][] = [
    [/^root\.readonly must be true or false/, (c) => (c.root.readonly = 1)],
    [/^ociVersion must be a string/, (c) => (c.ociVersion = 1)],
    [/^ociVersion 3\.0\.0 is not supported/, (c) => (c.ociVersion = "3.0.0")],
    [/^hostname must have at most 64 bytes/, (c) => (c.hostname = "x".repeat(65))],
    [/^process\.user\.uid must be an integer/, (c) => (c.process.user.uid = "root")],
    [/^process\.user\.additionalGids\[1\] must be/, (c) => (c.process.user.additionalGids = [1, null])],
    [/^process\.args must be a list/, (c) => (c.process.args = "sh")],
    [/^process\.env\[0\] must be a string/, (c) => (c.process.env = [{}])],
    [/^process\.cwd must be an absolute path/, (c) => (c.process.cwd = "tmp")],
    [/^process\.rlimits: X is no/, (c) => (c.process.rlimits = [{ type: "X", soft: 1, hard: 1 }])],
    [/^process\.scheduler\.policy must be one of/, (c) => (c.process.scheduler = { policy: "SCHED_X" })],
    [
      /^process\.scheduler\.policy SCHED_DEADLINE/,
      (c) => (c.process.scheduler = { policy: "SCHED_DEADLINE" }),
    ],
    [/^process\.scheduler\.nice must be/, (c) => (c.process.scheduler = { policy: "SCHED_OTHER", nice: 20 })],
    [
      /^process\.scheduler\.priority must/,
      (c) => (c.process.scheduler = { policy: "SCHED_OTHER", priority: 1 }),
    ],
    [
      /^process\.scheduler\.flags: X is/,
      (c) => (c.process.scheduler = { policy: "SCHED_OTHER", flags: ["X"] }),
    ],
    [
      /^process\.scheduler: runtime, dead/,
      (c) => (c.process.scheduler = { policy: "SCHED_OTHER", period: 1 }),
    ],
    [/^process\.ioPriority\.class must be one of/, (c) => (c.process.ioPriority = { class: "X" })],
    [
      /^process\.ioPriority\.priority must/,
      (c) => (c.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 8 }),
    ],
    [
      /^process\.execCPUAffinity\.final must be a list of CPUs/,
      (c) => (c.process.execCPUAffinity = { final: "a" }),
    ],
    [/^mounts\[0\]\.destination must be a string/, (c) => (c.mounts = [{}])],
    [/^hooks\.startContainer\[0\]\.path must be/, (c) => (c.hooks = { startContainer: [{ path: "x" }] })],
    [/^annotations\.a must be a string/, (c) => (c.annotations = { a: 1 })],
    [/^linux\.personality\.domain must be one of/, (c) => (c.linux.personality = { domain: "X" })],
    [/^linux\.rootfsPropagation must be one of shared, /, (c) => (c.linux.rootfsPropagation = "x")],
    [/^linux\.maskedPaths\[0\] must be an absolute path/, (c) => (c.linux.maskedPaths = ["x"])],
    [
      /^linux\.devices\[0\]\.type must be c, b, u or p/,
      (c) => (c.linux.devices = [{ path: "/x", type: "x" }]),
    ],
    [/^linux\.seccomp/, (c) => (c.linux.seccomp = { defaultAction: "X" })],
  ];
  for (const [place, change] of rows) {
    const config = structuredClone({ ...LEAST, linux: {} });
    change(config);
    assert.match(
      refusal(() => read(JSON.stringify(config))),
      place,
    );
  }
});

test("settings are those that a namespace of the container has, in runc's words", () => {
  const all = ["pid", "ipc", "network", "uts"];
  const rows: [string, string[], RegExp | null][] = [
    ["kernel.shmmax", all, null],
    ["kernel.shmmax", ["pid"], /sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace/],
    ["fs.mqueue.msg_max", all, null],
    ["fs/mqueue/msg_max", [], /sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc namespace/],
    ["net.ipv4.ip_forward", all, null],
    ["net/ipv4/conf/eth0.1/rp_filter", all, null],
    ["net.ipv4.ip_forward", ["ipc"], /sysctl "net.ipv4.ip_forward" not allowed in host network namespace/],
    ["kernel.domainname", all, null],
    ["kernel.domainname", [], /sysctl "kernel.domainname" is not in a separate kernel namespace/],
    ["kernel.hostname", all, /conflicts with the OCI "hostname" field/],
    ["vm.swappiness", all, /sysctl "vm.swappiness" is not in a separate kernel namespace/],
    ["user.max_net_namespaces", all, /setting ucounts without a user namespace not allowed/],
  ];
  for (const [name, types, wrong] of rows) {
    const linux = { sysctl: { [name]: "1" }, namespaces: types.map((type) => ({ type })) };
    const text = JSON.stringify({ ...LEAST, linux });
    if (wrong === null) assert.is(Object.values(read(text).settings)[0], "1", name);
    else
      assert.match(
        refusal(() => read(text)),
        wrong,
        name,
      );
  }
});

test("an exec's changes are those of the request; its answer to nonsense is a RequestError", () => {
  const base = ociProcess(PROCESS, "");
  const changed = checkProcess(base, {
    args: ["x"],
    env: ["A=c", "D=e"],
    cwd: "/tmp",
    uid: 7,
    terminal: true,
  });
  assert.equal(
    [changed.args, changed.env, changed.cwd, changed.uid, changed.gid, changed.terminal],
    [["x"], ["A=c", "D=e"], "/tmp", 7, 0, true],
  );
  assert.equal(checkProcess(base, { args: ["x"] }).uid, 1);
  for (const params of [{}, { args: [] }, { args: "x" }, { process: [] }, { process: { args: ["x"] } }])
    assert.throws(
      () => checkProcess(base, params),
      (error: unknown) => error instanceof RequestError && error.code === "ERR_PARAMS",
    );
});

test("nothing but a SchemaError comes of any document", () => {
  const member = fc.constantFrom(
    ...[
      "ociVersion",
      "root",
      "mounts",
      "process",
      "linux",
      "annotations",
      "args",
      "user",
      "uid",
      "cwd",
      "env",
    ],
    ...[
      "capabilities",
      "bounding",
      "rlimits",
      "type",
      "options",
      "devices",
      "path",
      "maskedPaths",
      "resources",
    ],
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 0, -1, 2 ** 53, 1.5, "", "/", "CAP_KILL", "__proto__", "\0"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(member, tie("value"), { maxKeys: 4 }),
    ),
  }));
  const places = ["process", "mounts", "linux", "root", "annotations", "hostname"] as const;
  fc.assert(
    fc.property(fc.constantFrom(...places), value, (place, found) => {
      try {
        read(JSON.stringify({ ...LEAST, [place]: found }));
      } catch (error) {
        assert.instance(error, SchemaError);
      }
    }),
    { numRuns: process.env["RINGFENCE_TEST_LONG"] ? 50_000 : 2000 },
  );
  for (const text of ["", "null", "[]", "1", '"x"', "{", '{"__proto__":{"ociVersion":"1.0.0"}}'])
    refusal(() => read(text));
});

test("limits are those of the files that programs read, and 0 says nothing", () => {
  const limits = (resources: object) => read(JSON.stringify({ ...LEAST, linux: { resources } })).cgroup;
  assert.equal(limits({ memory: { limit: 5, swap: 0 }, cpu: { quota: -1, cpus: "" }, pids: {} }), {
    memory: 5,
    quota: -1,
  });
  assert.equal(
    limits({ unified: { "memory.max": "max", "cpu.max": "100 200", "pids.max": "7", other: 1 } }),
    {
      memory: -1,
      quota: 100,
      period: 200,
      tasks: 7,
    },
  );
  assert.equal(limits({ unified: { "memory.max": "x", "cpu.max": "", "cpuset.cpus": 5 } }), {});
});

test("rules of devices say together what a device control group makes of them", () => {
  const rule = (allow: boolean, access: string, type = "a", major = -1, minor = -1) => ({
    allow,
    access,
    type,
    major,
    minor,
  });
  const rulesOf = (devices: object[]) =>
    DeviceRules.of(read(JSON.stringify({ ...LEAST, linux: { resources: { devices } } })).deviceRules);
  const made = (devices: object[]) => rulesOf(devices) as DeviceRules;
  assert.not.ok(made([]).permits("c", 10, 229, READ));
  assert.ok(made([]).permits("c", 1, 3, READ | WRITE));
  assert.ok(made([rule(true, "rwm")]).permits("b", 8, 0, WRITE));
  const some = made([rule(true, "r", "c", 10, 229), rule(true, "w", "c", 10), rule(true, "w", "b", -1, 5)]);
  assert.ok(some.permits("c", 10, 229, READ));
  assert.not.ok(some.permits("c", 10, 229, READ | WRITE)); // not by one rule
  assert.ok(some.permits("c", 10, 1, WRITE));
  assert.ok(some.permits("b", 3, 5, WRITE));
  assert.not.ok(some.permits("b", 3, 6, WRITE));
  assert.match(rulesOf([rule(true, "r", "c", 10), rule(false, "r", "c", 10, 1)]) as string, /exception/);
  const denied = [
    [rule(true, "")],
    [rule(true, "r", "x")],
    [rule(true, "r", "c", 2 ** 40)],
    Array(5000).fill(rule(true, "r")),
  ];
  for (const devices of denied)
    assert.match(
      refusal(() => rulesOf(devices)),
      /devices/,
    );
});

test.run();
