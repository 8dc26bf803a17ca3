// --systemd-cgroup: what systemd is asked for, compared with what runc asks the same bus for; and what follows where no bus,
// or a strange one, answers. Skipped, and said so, where runc is not installed or the host is not ours to change mounts of.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ok, said } from "../said.ts";
import { ringfence } from "../spawn.ts";
import { Bundle, type Config, shell } from "./bundle.ts";
import { type Call, message, SystemdBus } from "./systemd_bus.ts";

const HEADROOM = 64n; // CGROUP_TASKS_HEADROOM
const LIMITS = {
  memory: { limit: 268_435_456, reservation: 134_217_728 },
  cpu: { shares: 512, quota: 25_500, period: 50_000, cpus: "0-1", mems: "0" },
  pids: { limit: 77 },
  devices: [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    { allow: true, type: "b", major: 7, access: "r" },
    { allow: false, type: "c", major: 1, minor: 5, access: "w" },
  ],
};
const ANNOTATIONS = {
  "org.systemd.property.TimeoutStopSec": "uint64 5",
  "org.systemd.property.CollectMode": "'inactive-or-failed'",
  "org.systemd.property.After": "['a.service', \"b.service\"]",
  "org.systemd.property.SendSIGHUP": "true",
  other: "x",
};

const directory = mkdtempSync(join(tmpdir(), "ringfence-bus-"));
const socket = join(directory, "bus");

/** A runtime on a host that has systemd, and with `v2` control groups of one hierarchy alone. */
function onHost(name: string, runtime: string, v2 = false): string {
  const script = join(directory, name);
  const mounts = [
    "mount -t tmpfs none /run && mkdir -p /run/systemd/system",
    ...(v2 ? ["umount -lR /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"] : []),
  ];
  const lines = [
    "#!/bin/sh",
    `export DBUS_SYSTEM_BUS_ADDRESS='unix:path=/nosuch;unix:path=${socket},guid=1'`,
    `export DBUS_SESSION_BUS_ADDRESS='unix:path=${socket.replace("b", "%62")}'`,
    `exec unshare -m sh -c '${mounts.join(" && ")} && exec "$@"' sh ${runtime} "$@"`,
  ];
  writeFileSync(script, `${lines.join("\n")}\n`, { mode: 0o755 });
  return script;
}

const works =
  spawnSync("unshare", ["-m", "true"]).status === 0 && spawnSync("runc", ["--version"]).status === 0;
const test = suite("systemd");
if (!works) console.log("skipped: no runc, or no mounts of our own");

async function withBus(
  runtime: string,
  change: (config: Config) => void,
  body: (bundle: Bundle, bus: SystemdBus) => Promise<void>,
): Promise<void> {
  const bus = new SystemdBus(socket);
  const bundle = new Bundle(shell("sleep 100"), () => {}, runtime);
  bundle.configure(shell("sleep 100"), (config) => {
    config.linux.cgroupsPath = `ringtest-${bundle.id.slice(5)}.slice:ring:${bundle.id}`;
    change(config);
  });
  await bus.listen();
  try {
    await body(bundle, bus);
  } finally {
    await bundle.remove();
    bus.close();
    // runc leaves slices that systemd knows nothing of.
    spawnSync("find", [
      "/sys/fs/cgroup",
      "-depth",
      "-name",
      `ringtest*${bundle.id.slice(5)}*`,
      "-exec",
      "rmdir",
      "{}",
      ";",
    ]);
    spawnSync("find", [
      "/sys/fs/cgroup",
      "-maxdepth",
      "2",
      "-name",
      "ringtest.slice",
      "-exec",
      "rmdir",
      "{}",
      ";",
    ]);
  }
}

const GLOBAL = { globalFlags: ["--systemd-cgroup"] };

/** What was asked, without what differs by its nature: pids, names of the two containers, the sandbox's own tasks. */
function asked(calls: readonly Call[], id: string, headroom: bigint): string[] {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part)).replaceAll(id, "ID");
  return calls
    .filter(({ member }) => !/^(Hello|AddMatch|Get)$/.test(member))
    .map(({ member, body }) => {
      const words = body.map((value) => {
        if (!Array.isArray(value)) return text(value).replaceAll(id.slice(5), "NAME");
        // runc takes annotations in any order.
        const properties = (value as [string, [string, unknown]][]).map(([name, [type, held]]) => {
          if (name === "PIDs") return name;
          return text([name, type, name === "TasksMax" ? (held as bigint) - headroom : held]);
        });
        return properties.sort().join(" ").replaceAll(id.slice(5), "NAME");
      });
      return `${member} ${words.join(" ")}`;
    });
}

const UNIFIED = { "memory.high": "200000000", "pids.max": "100", "cpu.weight": "50", "cpu.max": "max 50000" };
const KINDS: { name: string; v2: boolean; resources: object }[] = [
  { name: "v1", v2: false, resources: LIMITS },
  { name: "v2", v2: true, resources: { ...LIMITS, unified: UNIFIED } },
];

for (const { name, v2, resources } of KINDS)
  test(`systemd is asked for what runc asks it for, ${name}`, async () => {
    const lists: string[][] = [];
    const change = (config: Config) => {
      config.linux.resources = resources;
      config.annotations = ANNOTATIONS;
    };
    for (const [runtime, headroom] of [
      ["runc", 0n],
      [ringfence, HEADROOM],
    ] as const)
      await withBus(onHost(`host-${name}`, runtime, v2), change, async (bundle, bus) => {
        const created = await bundle.creates(GLOBAL);
        if (!v2) {
          ok(created);
          const flags = ["--cpu-quota", "20000", "--cpu-period", "100000", "--memory", "300M"];
          ok(await bundle.command(["--systemd-cgroup", "update", ...flags, bundle.id]));
          ok(await bundle.command(["--systemd-cgroup", "delete", "--force", bundle.id]));
          if (runtime === ringfence) assert.equal(left(bundle), []);
        }
        // The v2 of this host has no controllers: both fail once they have asked.
        const calls = asked(bus.calls, bundle.id, headroom);
        lists.push(v2 ? calls.slice(0, 2) : calls);
      });
    assert.is(lists[0]!.length, v2 ? 2 : 5, lists[0]!.join("\n"));
    assert.equal(lists[1], lists[0]);
  });

/** What is left on the host: state, and groups of the container's in all hierarchies. */
function left(bundle: Bundle): string[] {
  const found = spawnSync("find", ["/sys/fs/cgroup", "-name", `*${bundle.id.slice(5)}*`], {
    encoding: "utf8",
  });
  return [...bundle.left(), ...found.stdout.split("\n").filter((line) => line !== "")];
}

test("without privilege the user's own systemd is asked, whose units lie below it", async () => {
  await withBus(
    onHost("host-user", ringfence, true),
    ({ linux }) => {
      linux.cgroupsPath = ":ring:mine";
    },
    async (bundle, bus) => {
      bus.root = "/ringtest.slice/user@7.service";
      const global = ["--systemd-cgroup", "--rootless=true"];
      ok(await bundle.creates({ globalFlags: global }));
      const { pid } = JSON.parse((await bundle.on("state")).stdout.toString());
      const own = readFileSync(`/proc/${pid}/cgroup`, "latin1");
      assert.match(own, /^0::\/ringtest\.slice\/user@7\.service\/user\.slice\/ring-mine\.scope$/m);
      assert.match(asked(bus.calls, bundle.id, 0n)[0]!, /\["Slice","s","user\.slice"\]/);
    },
  );
});

const UNEXPECTED: { name: string; says: RegExp; prepare: (bus: SystemdBus) => void }[] = [
  { name: "no bus", says: /failed to connect to dbus|dial unix/, prepare: (bus) => bus.close() },
  { name: "a job that fails", says: /got `failed`/, prepare: (bus) => (bus.result = "failed") },
  {
    name: "a refusal",
    says: /No such property/,
    prepare: (bus) =>
      (bus.answers = ({ member }, serial) => {
        const fields: [number, string, string | number][] = [
          [4, "s", "org.freedesktop.DBus.Error.PropertyReadOnly"],
          [5, "u", serial],
        ];
        return member === "StartTransientUnit" ? message(3, 9, fields, "s", ["No such property"]) : undefined;
      }),
  },
];

for (const { name, says, prepare } of UNEXPECTED)
  test(`nothing is left behind: ${name}`, async () => {
    for (const runtime of ["runc", ringfence])
      await withBus(
        onHost("host", runtime),
        () => {},
        async (bundle, bus) => {
          prepare(bus);
          const result = await bundle.creates(GLOBAL);
          assert.is(result.code, 1, said(result));
          assert.match(said(result), says);
          assert.equal(left(bundle), []);
        },
      );
  });

test("what is no message of D-Bus ends create", async () => {
  await withBus(
    onHost("host", ringfence),
    () => {},
    async (bundle, bus) => {
      const length = Buffer.alloc(64);
      length.write("l\x02\x00\x01\xff\xff\xff\xff", "latin1");
      for (const bytes of [length, Buffer.alloc(64, 0xff), Buffer.from("l\x02\x00\x01".padEnd(64, "\x01"))]) {
        bus.answers = ({ member }) => (member === "StartTransientUnit" ? bytes : undefined);
        const result = await bundle.creates(GLOBAL);
        assert.is(result.code, 1);
        assert.match(said(result), /StartTransientUnit: /);
        assert.equal(left(bundle), []);
      }
    },
  );
});

test("names that are no units are refused before anybody is asked", async () => {
  await withBus(
    onHost("host", ringfence),
    () => {},
    async (bundle, bus) => {
      for (const path of [
        "/a",
        "a.slice:b",
        "a.slice:b:c:d",
        "a--b.slice:x:y",
        "../a.slice:x:y",
        "a:x:y",
        ":x:../../y",
      ]) {
        bundle.configure(shell("true"), ({ linux }) => (linux.cgroupsPath = path));
        const result = await bundle.creates(GLOBAL);
        assert.is(result.code, 1, path);
        assert.match(said(result), /cgroupsPath|invalid slice name/, path);
      }
      for (const annotation of [
        "uint64",
        "uint32 -1",
        "[1",
        "'a",
        "{'a': 1}",
        "@as [1]",
        "int16 70000",
        "('a', 1)",
      ]) {
        bundle.configure(shell("true"), (config) => {
          config.linux.cgroupsPath = "";
          config.annotations = { "org.systemd.property.Some": annotation };
        });
        assert.match(said(await bundle.creates(GLOBAL)), /value parse error/, annotation);
      }
      assert.equal(
        asked(bus.calls, bundle.id, 0n).filter((call) => /^Start/.test(call)),
        [],
      );
      assert.equal(left(bundle), []);
    },
  );
});

test.after(() => rmSync(directory, { recursive: true, force: true }));
if (works) test.run();
