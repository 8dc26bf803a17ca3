// What else a config.json says: scheduling, personality, time namespaces, settings, descriptors of an activation, options of
// mounts, an exec before the start. What Debian's runc knows is compared with it, the rest with the same program on the host.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, text } from "../said.ts";
import { eventually, output, ringfence, run } from "../spawn.ts";
import { type Bundle, type Config, type Mount, shell, withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { children, procLink } from "./processes.ts";

const RUNTIMES = spawnSync("which", ["runc"]).status === 0 ? [ringfence, "runc"] : [ringfence];
if (RUNTIMES.length < 2) console.log("without comparison: runc is not installed");

/** Runs a container whose /bin/probe is config_probe.c; what it printed. */
async function probed(bundle: Bundle, args: string[], change: (config: Config) => void): Promise<string> {
  copyFileSync(buildDriver("config_probe", [], ["-static"]), join(bundle.rootfs, "bin/probe"));
  bundle.configure(["/bin/probe", ...args], change);
  return text(ok(await bundle.runs()));
}

const hostUptime = () => readFileSync("/proc/uptime", "latin1").split(" ")[0]!;

// ---- Time ----

test("a time namespace with offsets is as it is on the host", async () => {
  await withBundle(["unused"], async (bundle) => {
    const probe = buildDriver("config_probe", [], ["-static"]);
    const base = hostUptime();
    const offsets = ["--monotonic", "1000000", "--boottime", "5000000"];
    const native = await output("unshare", ["--time", ...offsets, "--fork", "--", probe, base]);
    assert.match(native, /^monotonic: \+1000$/m);
    const inside = await probed(bundle, [base], ({ linux }) => {
      linux.namespaces.push({ type: "time" });
      linux["timeOffsets"] = { monotonic: { secs: 1_000_000 }, boottime: { secs: 5_000_000, nanosecs: 0 } };
    });
    assert.is(inside, native);
  });
});

test("a time namespace that is there is joined by its path", async () => {
  const keeper = spawn("unshare", ["--time", "--boottime", "3000000", "--fork", "--", "sleep", "60"]);
  try {
    await withBundle(["unused"], async (bundle) => {
      assert.ok(await eventually(() => children(keeper.pid!).length === 1, 5000));
      const path = `/proc/${children(keeper.pid!)[0]}/ns/time`;
      const own = procLink(process.pid, "ns/time");
      assert.ok(await eventually(() => procLink(children(keeper.pid!)[0]!, "ns/time") !== own, 5000));
      const inside = await probed(bundle, [hostUptime()], ({ linux }) => {
        linux.namespaces.push({ type: "time", path });
      });
      assert.match(inside, /^boottime: \+3000$/m);
      assert.match(inside, /^monotonic: \+0$/m);
      assert.match(inside, /timens_offsets: boottime {6}3000000 {9}0$/m);
    });
  } finally {
    for (const pid of children(keeper.pid!)) process.kill(pid, "SIGKILL");
  }
});

// ---- Scheduling and personality ----

test("scheduling and personality are as the host's own commands make them", async () => {
  await withBundle(["unused"], async (bundle) => {
    const probe = buildDriver("config_probe", [], ["-static"]);
    const personality = ["setarch", "linux32", "--"];
    const scenes: [string[], (config: Config) => void][] = [
      [
        [...personality, "chrt", "--fifo", "7", "ionice", "-c", "2", "-n", "3", probe],
        ({ process, linux }) => {
          Object.assign(process, {
            scheduler: { policy: "SCHED_FIFO", priority: 7 },
            ioPriority: { class: "IOPRIO_CLASS_BE", priority: 3 },
            execCPUAffinity: { initial: "0", final: "0" },
          });
          linux["personality"] = { domain: "LINUX32" };
        },
      ],
      [
        ["chrt", "--reset-on-fork", "--batch", "0", "nice", "-n", "5", "ionice", "-c", "3", probe],
        ({ process, linux }) => {
          Object.assign(process, {
            scheduler: { policy: "SCHED_BATCH", nice: 5, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
            ioPriority: { class: "IOPRIO_CLASS_IDLE" },
          });
          linux["personality"] = { domain: "LINUX", flags: [] };
        },
      ],
    ];
    for (const [[program, ...args], change] of scenes) {
      const native = await output(program!, args);
      // ionice leaves a level in a class that has none.
      const comparable = (told: string) => told.replace("priority 24583", "priority 24576");
      assert.is(comparable(await probed(bundle, [], change)), comparable(native));
    }
    // An exec has the affinity, and the personality of the container.
    bundle.configure(shell("exec busybox sleep 100"), (config) => {
      scenes[0]![1](config);
      config.process.oomScoreAdj = 17;
    });
    ok(await bundle.create());
    ok(await bundle.on("start"));
    const inside = text(ok(await bundle.on("exec", [], ["/bin/probe"])));
    assert.match(inside, /first CPU alone: yes/);
    assert.match(inside, /machine i686/);
    assert.is(text(await bundle.on("exec", [], ["/bin/busybox", "cat", "/proc/self/oom_score_adj"])), "17\n");
    const { pid } = JSON.parse(text(await bundle.on("state")));
    assert.is(readFileSync(`/proc/${pid}/oom_score_adj`, "latin1"), "17\n");
  });
});

// ---- Names and settings ----

test("names and settings are those of the config.json, as with runc", async () => {
  const files = [
    ...["kernel/domainname", "kernel/hostname", "kernel/shm_rmid_forced", "kernel/shmmax", "kernel/msgmax"],
    ...["fs/mqueue/msg_max", "net/core/somaxconn", "net/ipv4/ip_local_port_range"],
    ...["net/ipv4/ip_local_reserved_ports", "net/ipv4/ping_group_range", "net/ipv4/tcp_syncookies"],
    ...["net/ipv4/tcp_rfc1337", "net/ipv4/icmp_msgs_burst", "net/ipv6/conf/lo/hop_limit"],
    ...["net/unix/max_dgram_qlen", "net/ipv4/conf/all/rp_filter"],
  ];
  const seen: string[] = [];
  for (const runtime of RUNTIMES)
    await withBundle(
      shell(`cd /proc/sys; busybox cat ${files.join(" ")}`),
      async (bundle) => {
        seen.push(text(ok(await bundle.runs())));
      },
      (config) => {
        config.hostname = "named";
        config.linux["sysctl"] = {
          "kernel.domainname": "example",
          "kernel.shm_rmid_forced": "1",
          "kernel.shmmax": "1234567",
          "kernel/msgmax": "4096",
          "fs.mqueue.msg_max": "20",
          "net.core.somaxconn": "77",
          "net.ipv4.ip_local_port_range": "40000 40100",
          "net.ipv4.ip_local_reserved_ports": "40001,8080-8082,8083",
          "net.ipv4.ping_group_range": "0 2147483647",
          "net.ipv4.tcp_syncookies": "0",
          "net.ipv4.tcp_rfc1337": "1",
          "net.ipv4.icmp_msgs_burst": "60",
          "net/ipv6/conf/lo/hop_limit": "33",
          "net.unix.max_dgram_qlen": "20",
          "net.ipv4.conf.all.rp_filter": "2",
        };
      },
      runtime,
    );
  assert.match(seen[0]!, /^example\nnamed\n1\n1234567\n4096\n20\n77\n40000\t40100\n8080-8083,40001\n/);
  if (seen.length > 1) assert.is(seen[0], seen[1]);
});

test("who asks for no port gets none that is reserved", async () => {
  await withBundle(
    shell(
      "busybox timeout 5 nc -l -p 0 -w 1 & busybox usleep 200000; busybox netstat -ltn | busybox tail -n 1",
    ),
    async (bundle) => {
      assert.match(text(await bundle.runs()), /:50003 /);
    },
    (config) => {
      config.linux["sysctl"] = {
        "net.ipv4.ip_local_port_range": "50000 50003",
        "net.ipv4.ip_local_reserved_ports": "50000-50002",
      };
    },
  );
});

// ---- Mounts ----

test("mounts show the options that they show with runc", async () => {
  const mounts: Mount[] = [
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/a",
      type: "tmpfs",
      source: "tmpfs",
      options: ["size=1m", "mode=0777", "uid=3", "gid=4", "nr_inodes=5"],
    },
    { destination: "/b", type: "tmpfs", source: "x y", options: ["size=5k", "mode=700", "noatime", "sync"] },
    {
      destination: "/c",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nr_blocks=10", "mode=1777", "strictatime", "dirsync", "nosymfollow"],
    },
    { destination: "/s", type: "tmpfs", source: "tmpfs", options: ["rshared", "size=4k"] },
    { destination: "/u", type: "tmpfs", source: "tmpfs", options: ["unbindable", "size=4k"] },
    { destination: "/d", type: "tmpfs", source: "tmpfs", options: ["ro", "nodiratime", "size=0"] },
  ];
  const script = `busybox grep -E ' (proc|/dev.*|/sys|/[a-d]) ' /proc/self/mounts
    busybox sed -n 's/.* - //p' /proc/self/mountinfo | busybox grep -E 'tmpfs|devpts|mqueue'
    busybox sed -n 's/.* \\(\\/[su]\\) [^ ]* \\([a-z].*\\) - .*/\\1 \\2/p' /proc/self/mountinfo | busybox tr -d 0-9
    busybox ls -ld /a /b /c | busybox cut -c1-40; for i in 1 2 3 4 5; do busybox touch /a/$i 2>/dev/null && echo $i; done`;
  const seen: string[] = [];
  for (const runtime of RUNTIMES)
    await withBundle(
      shell(script),
      async (bundle) => {
        const result = await bundle.runs();
        seen.push(text(result));
      },
      (config) => {
        config.mounts
          .find(({ type }) => type === "devpts")!
          .options!.push("newinstance", "ptmxmode=0666", "mode=0620", "gid=5");
        config.mounts.push(...mounts);
        config.linux.maskedPaths = [];
        config.linux.readonlyPaths = [];
      },
      runtime,
    );
  assert.match(seen[0]!, /^tmpfs \/a tmpfs rw,relatime,size=1024k,nr_inodes=5,mode=777,uid=3,gid=4 0 0$/m);
  assert.match(seen[0]!, /^\/s shared:\n\/u unbindable$/m);
  assert.match(seen[0]!, /\n3\n4\n$/);
  if (seen.length > 1) assert.is(seen[0], seen[1]);
});

// ---- Processes ----

test("descriptors of LISTEN_FDS reach the first process, as with runc", async () => {
  const seen: string[] = [];
  for (const runtime of RUNTIMES)
    await withBundle(
      shell("echo $LISTEN_FDS $LISTEN_PID $$; busybox cat <&3; busybox cat <&4"),
      async (bundle) => {
        writeFileSync(join(bundle.directory, "three"), "of three\n");
        writeFileSync(join(bundle.directory, "four"), "of four\n");
        const command = `LISTEN_FDS=$2 LISTEN_PID=$((PPID * 0 + $$)) exec "$1" --root ${bundle.root} run --bundle . ${bundle.id} 3<three 4<four`;
        for (const fds of ["2", "x"]) {
          const result = await run(
            "/bin/sh",
            ["-c", `export LISTEN_FDS LISTEN_PID; ${command}`, "sh", runtime, fds],
            {
              cwd: bundle.directory,
            },
          );
          seen.push(text(result));
        }
      },
      undefined,
      runtime,
    );
  assert.is(seen[0], "2 1 1\nof three\nof four\n");
  assert.is(seen[1]!.split("\n")[0], "1");
  if (seen.length > 2) assert.equal(seen.slice(0, 2), seen.slice(2));
});

test("programs run in a container that is not started yet; its first process is process 1", async () => {
  for (const runtime of RUNTIMES)
    await withBundle(
      shell("echo $$ > /tmp/first; exec busybox sleep 100"),
      async (bundle) => {
        ok(await bundle.create());
        const inside = ok(
          await bundle.on("exec", [], shell("cat /proc/sys/kernel/hostname; test $$ != 1 && echo other")),
        );
        assert.is(text(inside), "inside\nother\n", runtime);
        ok(await bundle.execsDetached([], shell("exec busybox sleep 200")));
        assert.is(await bundle.status(), "created");
        ok(await bundle.on("start"));
        const first = join(bundle.rootfs, "tmp/first");
        assert.ok(await eventually(() => existsSync(first) && readFileSync(first, "latin1") === "1\n", 5000));
        const list = text(await bundle.on("exec", [], ["/bin/busybox", "ps", "-o", "args"]));
        assert.match(list, /sleep 200/, runtime);
      },
      undefined,
      runtime,
    );
  // One that is killed before its start takes those along.
  await withBundle(shell("exit 0"), async (bundle) => {
    ok(await bundle.create());
    ok(
      await bundle.execsDetached(
        ["--pid-file", join(bundle.directory, "pid")],
        shell("exec busybox sleep 200"),
      ),
    );
    const pid = readFileSync(join(bundle.directory, "pid"), "latin1");
    ok(await bundle.on("kill", [], ["KILL"]));
    assert.ok(
      await eventually(() => !existsSync(`/proc/${pid}/exe`) || procLink(Number(pid), "exe") === "", 5000),
    );
    assert.is(await bundle.status(), "stopped");
  });
});

test.run();
