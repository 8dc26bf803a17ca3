// What programs in a container see of its control group, of CPUs and of devices: compared with what runc shows them where the
// host has control groups of v1, and with what was set where it has v2's. Skipped, and said so, where runc is not installed.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ok, said, text } from "../said.ts";
import { ringfence, run } from "../spawn.ts";
import { type Bundle, type Config, shell, withBundle } from "./bundle.ts";
import { withUnifiedRuntime } from "./unified_runtime.ts";

const works = spawnSync("runc", ["--version"]).status === 0;
const test = suite("cgroup inside");
if (!works) console.log("skipped: no runc");
const hasLegacy = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes");
if (!hasLegacy) console.log("skipped in part: no control groups of v1");

const MIB = 1 << 20;

/** With a control group's mount as engines ask for it. */
function withCgroup(resources: object, ...options: string[]): (config: Config) => void {
  return ({ mounts, linux }) => {
    const all = ["nosuid", "noexec", "nodev", "relatime", ...options];
    mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: all });
    linux.namespaces.push({ type: "cgroup" });
    linux.resources = resources;
  };
}

const LIMITS = {
  memory: { limit: 256 * MIB, swap: 512 * MIB, reservation: 128 * MIB },
  cpu: { quota: 150_000, period: 50_000, shares: 512, cpus: "0" },
  pids: { limit: 50 },
};

const SHOWN = `cd /sys/fs/cgroup
cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes
cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares
grep hierarchical memory/memory.stat
cat pids/pids.max cpuset/cpuset.cpus cpuset/cpuset.effective_cpus freezer/freezer.state
nproc; grep Cpus_allowed_list /proc/self/status; cat /sys/devices/system/cpu/online; grep -c ^processor /proc/cpuinfo`;

const LAYOUT = `sort /proc/self/cgroup
grep -e '- cgroup' /proc/self/mountinfo | cut -d' ' -f4- | sed 's/ - cgroup [a-z]* r[wo]/ -/' | sort
ls /sys/fs/cgroup
grep -E '^#|cpu|memory|pids|devices|freezer|blkio' /proc/cgroups | cut -f1,2,4
mkdir /sys/fs/cgroup/memory/below; echo 1 >/sys/fs/cgroup/pids/pids.max; ls -d /sys/fs/cgroup/cpu/tasks
read first </sys/fs/cgroup/pids/cgroup.procs; echo $first`;

if (hasLegacy)
  test("files of v1, their mounts and places are as with runc, and follow an update", async () => {
    const seen: string[] = [];
    for (const runtime of ["runc", ringfence])
      await withBundle(
        shell("sleep 100"),
        async (bundle) => {
          ok(await bundle.create());
          ok(await bundle.on("start"));
          const looks = async (script: string) =>
            text(await bundle.on("exec", [], shell(`(${script}) 2>&1 | sed 's/^sh: .*: /sh: /'`)));
          const before = await looks(`${SHOWN}\n${LAYOUT}`);
          const flags = [
            "--memory",
            "300M",
            "--cpu-quota",
            "20000",
            "--cpu-period",
            "100000",
            "--pids-limit",
            "40",
          ];
          ok(await bundle.on("update", [...flags, "--cpuset-cpus", "1"]));
          seen.push(`${before}---\n${await looks(SHOWN)}`);
        },
        withCgroup(LIMITS, "ro"),
        runtime,
      );
    assert.match(seen[0]!, /^268435456$/m);
    assert.match(seen[0]!, /^314572800$/m);
    assert.is(seen[1], seen[0]);
  });

test("files of v2, where the host has those alone", async () => {
  const script = `cat /proc/self/cgroup; grep -w cgroup2 /proc/self/mountinfo | cut -d' ' -f4-; cd /sys/fs/cgroup
    cat cgroup.controllers memory.max memory.swap.max memory.low cpu.max cpu.weight cpuset.cpus.effective pids.max pids.current
    [ $(cat memory.current) -gt 100000 ] && [ $(cat memory.current) -lt 200000000 ] && echo used
    grep -c . memory.stat cpu.stat memory.events >/dev/null && head -1 cgroup.procs
    mkdir below; echo $$ >cgroup.procs && echo moved; echo 999999 >cgroup.procs; echo 7 >pids.max; cat pids.max`;
  await withUnifiedRuntime(async (runtime) => {
    await withBundle(
      shell("unused"),
      async (bundle) => {
        const change = withCgroup({}, "rw");
        const prints = async (resources: object) => {
          bundle.configure(shell(`(${script}) 2>&1`), (config) => {
            change(config);
            config.linux.resources = resources;
          });
          const result = await bundle.runs();
          return text(result) + said(result);
        };
        // This host's v2 has no controllers, so limits reach no group; their names are read all the same.
        assert.match(await prints({}), /^0::\/\n\/ \/sys\/fs\/cgroup rw.* - cgroup2 cgroup rw\n/);
        const lines = (await prints({})).split("\n").slice(2);
        assert.equal(lines.slice(0, 6), ["cpuset cpu io memory pids", "max", "max", "0", "max 100000", "39"]);
        assert.equal(lines.slice(7, 11), ["max", "2", "used", "1"]);
        assert.match(
          lines.slice(11).join("\n"),
          /mkdir.*not permitted\nmoved\n.*No such process\n.*not permitted\nmax\n/,
        );
      },
      () => {},
      runtime,
    );
  });
});

test("a caller's own affinity is the program's", async () => {
  const script =
    "nproc; grep Cpus_allowed /proc/self/status; cat /sys/devices/system/cpu/online; taskset -p 1 $$";
  const args = ["-c", "1", "sh", "-c", script.replace("$$", "self 2>&1 | tail -c 1")];
  const [native, inside] = [
    await run("taskset", args),
    await run("taskset", ["-c", "1", ringfence, "do", "--", ...args.slice(2)]),
  ];
  assert.is(text(inside), text(native));
});

// ---- Devices ----

const rule = (allow: boolean, access: string, type?: string, major?: number, minor?: number) => ({
  allow,
  access,
  ...(type !== undefined && { type }),
  ...(major !== undefined && { major }),
  ...(minor !== undefined && { minor }),
});

const RULES: object[][] = [
  [],
  [rule(false, "rwm")],
  [rule(true, "rwm")],
  [rule(false, "rwm"), rule(true, "r", "c", 10, 229), rule(true, "w", "c", 4, 64), rule(true, "rwm", "b", 7)],
  [rule(true, "rwm"), rule(false, "w", "c", 1, 5), rule(false, "m", "c", 1), rule(false, "r", "b", 7, 3)],
];

/** Opens and makes devices; a device that is not there is as one that may be opened. */
const DEVICES = `cd /tmp
for one in "c 1 3" "c 1 5" "c 1 7" "c 10 229" "c 4 64" "c 200 1" "b 7 0" "b 7 3"; do
  set -- $one
  mknod n $one 2>&1 && { for way in "<n" ">n" "<>n"; do eval "true $way" 2>&1; done; }
  [ -r n ] && echo readable; [ -w n ] && echo writable; [ -x n ] && echo executable; rm -f n
  echo
done | sed 's/.*: //' | grep -v 'No such device\\|I/O error'`;

test("rules of devices are kept to as with runc", async () => {
  for (const rules of RULES) {
    const seen: string[] = [];
    for (const runtime of ["runc", ringfence])
      await withBundle(
        shell(DEVICES),
        async (bundle: Bundle) => {
          seen.push(text(await bundle.runs()));
        },
        ({ process, mounts, linux }) => {
          const sets = ["bounding", "effective", "permitted"];
          const names = ["CAP_MKNOD", "CAP_DAC_OVERRIDE"];
          process.capabilities = Object.fromEntries(sets.map((set) => [set, names]));
          mounts.push({ destination: "/tmp", type: "tmpfs", source: "tmpfs" });
          linux.resources = { devices: rules };
        },
        runtime,
      );
    assert.is(seen[1], seen[0], JSON.stringify(rules));
  }
});

test("devices that are not there are told, those that are work under any name", async () => {
  const node = (path: string, type: string, major: number, minor: number) => ({ path, type, major, minor });
  await withBundle(
    shell("head -c 3 /dev/of/zeros | od -An -tx1; cat </dev/fuse"),
    async (bundle) => {
      const log = join(bundle.directory, "log");
      const result = await bundle.command(["--log", log, "run", "--bundle", bundle.directory, bundle.id]);
      assert.is(text(result).trim(), "00 00 00");
      assert.match(said(result), /No such device or address/);
      const { stdout } = spawnSync("grep", [
        "-c",
        "devices that no program can open.*/dev/fuse /dev/loop0",
        log,
      ]);
      assert.is(stdout.toString().trim(), "1");
    },
    ({ linux }) => {
      linux.devices = [
        node("/dev/of/zeros", "c", 1, 5),
        node("/dev/fuse", "c", 10, 229),
        node("/dev/loop0", "b", 7, 0),
      ];
      linux.resources = { devices: [rule(true, "rwm", "c", 10, 229)] };
    },
  );
});

if (works) test.run();
