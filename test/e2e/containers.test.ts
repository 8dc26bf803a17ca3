// deadline: 300 s
// Containers as an engine handles them: create, start, state, kill, delete, exec; and what a config.json says.

import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, said, text } from "../said.ts";
import { eventually, ringfence, run, type SpawnResult } from "../spawn.ts";
import { type Bundle, type Config, shell, withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { children, exists, proc, procLink, status as procStatus } from "./processes.ts";

const SLEEP = shell("exec busybox sleep 100");

/** Runs a command as an engine's shim does, which waits for the process of the pid file; resolves when it has that. */
async function engine(bundle: Bundle, args: string[]): Promise<{ pid: number; ended: Promise<SpawnResult> }> {
  const pidFile = join(bundle.directory, `pid-${args[0]}`);
  const command = [ringfence, "--root", bundle.root, args[0]!, "--pid-file", pidFile, ...args.slice(1)];
  let heard = "";
  const ended = run(buildDriver("engine_driver"), [pidFile, "-", ...command], {
    started: (child) => child.stderr!.on("data", (bytes: Buffer) => (heard += bytes.toString())),
  });
  const pid = () => /^pid (\d+)$/m.exec(heard)?.[1];
  assert.ok(await eventually(() => pid() !== undefined, 20_000), heard);
  return { pid: Number(pid()), ended };
}

// ---- run ----

test("run passes streams and the exit code, and leaves nothing", async () => {
  await withBundle(shell("cat; echo err >&2; exit 3"), async (bundle) => {
    const result = await bundle.runs({ input: "through" });
    assert.is(result.code, 3, said(result));
    assert.is(text(result), "through");
    assert.is(said(result), "err\n");
    assert.equal(bundle.left(), []);
  });
});

test("run ends as its program does: by a signal that the launcher gets, or its own", async () => {
  await withBundle(SLEEP, async (bundle) => {
    const result = await bundle.runs({
      started: (child) =>
        void eventually(() => isComplete(bundle), 10_000).then(() =>
          setTimeout(() => child.kill("SIGKILL"), 100),
        ),
    });
    assert.is(result.signal, "SIGKILL");
    assert.ok(
      await eventually(() => bundle.cgroups().every((path) => !existsSync(path) || isEmpty(path)), 2000),
    );
    bundle.configure(shell("trap 'echo got; exit 7' TERM; echo up; while :; do busybox sleep 0.05; done"));
    const trapped = await bundle.runs({
      started: (child) => child.stdout!.on("data", (bytes) => `${bytes}` === "up\n" && child.kill("SIGTERM")),
    });
    assert.is(trapped.code, 7, said(trapped));
    assert.is(text(trapped), "up\ngot\n");
    bundle.configure(
      shell("busybox kill -9 $$; echo survived; (busybox kill -SEGV $(busybox sh -c 'echo $PPID')); exit 5"),
    );
    assert.is(text(await bundle.runs()), "survived\n");
  });
});

function isEmpty(cgroup: string): boolean {
  return readFileSync(join(cgroup, "cgroup.procs"), "latin1") === "";
}

// ---- The lifecycle ----

test("create, start, kill and delete, seen by state and by an engine that waits", async () => {
  await withBundle(
    shell("trap 'exit 9' TERM; echo up; while :; do busybox sleep 0.05; done"),
    async (bundle) => {
      const { pid, ended } = await engine(bundle, ["create", "--bundle", bundle.directory, bundle.id]);
      const state = JSON.parse(text(ok(await bundle.on("state"))));
      const { created, ...rest } = state;
      assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const expected = { ociVersion: "1.2.0", id: bundle.id, status: "created", pid, owner: "" };
      assert.equal(rest, { ...expected, bundle: bundle.directory, rootfs: bundle.rootfs });
      assert.match(procStatus(pid, "NSpid")!, /^\d+\t2$/);
      for (const cgroup of bundle.cgroups())
        assert.ok(
          readFileSync(join(cgroup, "cgroup.procs"), "latin1").split("\n").includes(String(pid)),
          cgroup,
        );

      ok(await bundle.on("start"));
      assert.is(await bundle.status(), "running");
      assert.match(said(await bundle.on("start")), /cannot start an already running container/);
      assert.match(
        said(await bundle.on("delete")),
        /cannot delete container \S+ that is not stopped: running/,
      );
      assert.match(said(await bundle.create()), /already exists/);
      assert.is((await bundle.on("kill", [], ["USR3"])).code, 1);
      assert.ok(await eventually(() => exists(pid), 0));
      await new Promise((resolve) => setTimeout(resolve, 100));
      ok(await bundle.on("kill", [], ["TERM"]));
      assert.match(said(await ended), new RegExp(`^status ${9 << 8}$`, "m"));
      assert.is(await bundle.status(), "stopped");
      assert.is(JSON.parse(text(await bundle.on("state"))).pid, 0);
      assert.match(said(await bundle.on("kill", [], ["9"])), /container not running/);
      ok(await bundle.on("delete"));
      assert.equal(bundle.left(), []);
      assert.match(said(await bundle.on("state")), /container does not exist: /);
      ok(await bundle.on("delete", ["--force"]));
    },
  );
});

test("delete does not wait for whoever is to reap the waiter, and takes its time", async () => {
  await withBundle(SLEEP, async (bundle) => {
    const pidFile = join(bundle.directory, "pid");
    const ours = `${ringfence} --root ${bundle.root}`;
    // The driver reaps nobody before the script has ended. Five seconds are what a sandbox that does not end may take.
    const script = `
      ${ours} run --detach --bundle ${bundle.directory} --pid-file ${pidFile} ${bundle.id} < /dev/null
      before=$(date +%s)
      ${ours} delete --force ${bundle.id}
      echo "late: $(($(date +%s) - before > 3))"
      sed -n 's/^State:.//p' /proc/$(cat ${pidFile})/status`;
    const result = await run(buildDriver("engine_driver"), [pidFile, "-", "sh", "-ec", script]);
    assert.is(text(result), "late: 0\nZ (zombie)\n", said(result));
    assert.match(said(result), /^code 0\npid \d+\nstatus \d+$/m);
    assert.equal(bundle.left(), []);
  });
});

test("a created container can be killed or deleted before its start; what it was given is released", async () => {
  await withBundle(SLEEP, async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("kill", [], ["KILL"]));
    assert.is(await bundle.status(), "stopped");
    ok(await bundle.on("delete"));
    ok(await bundle.create());
    ok(await bundle.on("delete"));
    ok(await bundle.create());
    ok(await bundle.on("delete", ["--force"]));
    assert.equal(bundle.left(), []);
  });
});

test("kill --all reaches every process; SIGKILL ends the first with all others", async () => {
  await withBundle(shell("busybox sleep 100 & trap 'wait; exit 4' TERM; echo up; wait"), async (bundle) => {
    const { ended } = await engine(bundle, ["run", "--detach", "--bundle", bundle.directory, bundle.id]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    ok(await bundle.on("kill", ["--all"], ["TERM"]));
    assert.match(said(await ended), new RegExp(`^status ${4 << 8}$`, "m"));
    ok(await bundle.on("delete"));
  });
});

test("signals that process 1 does not handle do not reach it from within, and do from outside", async () => {
  const script =
    "busybox kill -TERM 1; busybox kill -KILL 1; busybox kill -STOP 1; echo alive; exec busybox sleep 100";
  await withBundle(shell(script), async (bundle) => {
    const { ended } = await engine(bundle, ["run", "--detach", "--bundle", bundle.directory, bundle.id]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.is(await bundle.status(), "running");
    ok(await bundle.on("kill", [], ["KILL"]));
    assert.match(said(await ended), /^status 9$/m);
  });
});

/** Its process 1 on the host, and Node, by what the state directory says. */
function sandboxOf(bundle: Bundle): { init: number; node: number } {
  const { init } = JSON.parse(readFileSync(join(bundle.root, bundle.id, "state.json"), "utf8"));
  const node = children(init).find((pid) => proc(pid, "comm")!.startsWith("node"));
  return { init, node: node! };
}

test("KILL and delete --force end a container whose kernel hangs", async () => {
  const ends = (name: string, flags: string[], rest: string[]) =>
    withBundle(SLEEP, async (bundle) => {
      const { ended } = await engine(bundle, ["run", "--detach", "--bundle", bundle.directory, bundle.id]);
      const { init, node } = sandboxOf(bundle);
      process.kill(node, "SIGSTOP");
      const kept = await bundle.on("delete");
      assert.match(said(kept), /does not answer/);
      ok(await bundle.on(name, flags, rest));
      assert.match(said(await ended), /^status \d+$/m);
      assert.ok(await eventually(() => !exists(init), 5000));
      ok(await bundle.on("delete", ["--force"]));
      assert.equal(bundle.left(), []);
    });
  // Each waits for the answers that do not come.
  await Promise.all([ends("kill", [], ["KILL"]), ends("delete", ["--force"], [])]);
});

test("ps lists the host's processes of a container, as numbers or as lines of the host's ps", async () => {
  await withBundle(shell("busybox sleep 100 & exec busybox sleep 100"), async (bundle) => {
    const { pid } = await engine(bundle, ["run", "--detach", "--bundle", bundle.directory, bundle.id]);
    const { init, node } = sandboxOf(bundle);
    const numbers = async () => JSON.parse(text(ok(await bundle.on("ps", ["--format", "json"])))) as number[];
    const sortedNumbers = async () => (await numbers()).sort((a, b) => a - b);
    const column = (table: string, index: number) =>
      table
        .trimEnd()
        .split("\n")
        .slice(1)
        .map((line) => Number(line.trim().split(/ +/)[index]));
    const tables = async () => [
      await sortedNumbers(),
      column(text(ok(await bundle.on("ps"))), 1).sort((a, b) => a - b),
      column(text(ok(await bundle.on("ps", [], ["-e", "-o", "pid,comm"]))), 0).sort((a, b) => a - b),
    ];
    // Until both programs run, host processes come and go: an exec has a new one.
    let seen = await tables();
    await eventually(async () => {
      seen = await tables();
      return seen.every((pids) => pids.length === 3 && String(pids) === String(seen[0]));
    }, 10_000);
    const pids = seen[0]!;
    assert.is(pids.length, 3, String(pids));
    for (const table of seen) assert.equal(table, pids);
    assert.ok(pids.includes(pid) && !pids.includes(init) && !pids.includes(node), String(pids));
    assert.ok(pids.every(exists));
    // Each has the name that its program has given itself: busybox executes its applets by /proc/self/exe.
    const names = pids.map((one) => proc(one, "comm")!.trim());
    assert.equal(names.sort(), ["busybox", "busybox", "ringfence-wait"]);
    assert.match(
      said(await bundle.on("ps", [], ["-e", "-o", "comm"])),
      /couldn't find PID field in ps output/,
    );
    ok(await bundle.on("kill", [], ["KILL"]));
    assert.ok(await eventually(async () => (await numbers()).length === 0, 5000));
  });
});

test("a network namespace that is given by its path is joined, by the waiters too", async () => {
  const holder = spawn("unshare", ["--net", "sleep", "100"]);
  try {
    const path = `/proc/${holder.pid}/ns/net`;
    assert.ok(
      await eventually(() => procLink(holder.pid!, "ns/net") !== procLink(process.pid, "ns/net"), 5000),
    );
    await withBundle(
      SLEEP,
      async (bundle) => {
        const network = procLink(holder.pid!, "ns/net");
        ok(await bundle.create());
        const { pid } = JSON.parse(text(await bundle.on("state")));
        assert.is(procLink(pid, "ns/net"), network);
        assert.is(procLink(sandboxOf(bundle).init, "ns/net"), network);
        ok(await bundle.on("start"));
        const file = join(bundle.directory, "process.json");
        writeFileSync(
          file,
          JSON.stringify({ user: {}, args: ["busybox", "sleep", "50"], env: ["PATH=/bin"], cwd: "/" }),
        );
        const further = await engine(bundle, ["exec", "--detach", "--process", file, bundle.id]);
        assert.is(procLink(further.pid, "ns/net"), network);
        ok(await bundle.on("delete", ["--force"]));
        await further.ended;
        assert.is(said(ok(await bundle.runsDetached())), "");
        assert.is(procLink(JSON.parse(text(await bundle.on("state"))).pid, "ns/net"), network);
      },
      (config) => {
        config.linux.namespaces = config.linux.namespaces.map(({ type }) =>
          type === "network" ? { type, path } : { type },
        );
      },
    );
  } finally {
    holder.kill("SIGKILL");
  }
});

test("parents of control groups that were made for a container go with it; others stay", async () => {
  await withBundle(["unused"], async (bundle) => {
    const top = `/ringfence-top-${bundle.id}`;
    const tops = bundle.cgroups().map((path) => path.replace(/\/ringfence-test-[^/]*$/, top));
    const configure = (name: string) =>
      bundle.configure(SLEEP, ({ linux }) => {
        linux.cgroupsPath = `${top}/middle/${name}`;
      });
    configure("one");
    ok(await bundle.create());
    assert.ok(tops.some((path) => existsSync(join(path, "middle/one"))));
    const other = tops.filter((path) => existsSync(path)).map((path) => join(path, "others"));
    for (const path of other) mkdirSync(path);
    ok(await bundle.on("delete", ["--force"]));
    assert.ok(tops.every((path) => !existsSync(join(path, "middle"))));
    assert.ok(other.every((path) => existsSync(path)));
    for (const path of other) {
      rmdirSync(path);
      rmdirSync(dirname(path));
    }
    configure("two");
    ok(await bundle.create());
    ok(await bundle.on("delete", ["--force"]));
    assert.ok(tops.every((path) => !existsSync(path)));
  });
});

// ---- What config.json says ----

/** What a script prints in a container. */
async function prints(script: string, change: (config: Config, bundle: Bundle) => void): Promise<string> {
  let printed = "";
  await withBundle(["unused"], async (bundle) => {
    bundle.configure(shell(script), (config) => change(config, bundle));
    const result = await bundle.runs();
    assert.is(said(result), "");
    printed = text(result);
    assert.equal(bundle.left(), []);
  });
  return printed;
}

test("the process: user, groups, umask, directory, environment, capabilities, limits", async () => {
  const script = `busybox id; umask; pwd; echo $KEPT $HOME; ulimit -n; ulimit -Hn; hostname() { busybox hostname; }; hostname
    busybox grep -E '^(Cap|NoNewPrivs)' /proc/self/status; busybox cat /proc/self/oom_score_adj; echo $PPID $$`;
  const printed = await prints(script, ({ process }) => {
    process.user = { uid: 1000, gid: 1000, additionalGids: [6, 5], umask: 0o27 };
    process.cwd = "/made/here";
    process.capabilities = {
      bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_OF_TOMORROW"],
      effective: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
      inheritable: ["CAP_KILL"],
      ambient: ["CAP_KILL"],
    };
    process.noNewPrivileges = true;
    process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }];
    process.oomScoreAdj = 300;
  });
  assert.equal(printed.split("\n"), [
    "uid=1000(user) gid=1000(user) groups=5,6",
    "0027",
    "/made/here",
    "yes /home",
    "100",
    "200",
    "inside",
    "CapInh:\t0000000000000020",
    "CapPrm:\t0000000000000020",
    "CapEff:\t0000000000000020",
    "CapBnd:\t0000000000000021",
    "CapAmb:\t0000000000000020",
    "NoNewPrivs:\t1",
    "300",
    "0 1",
    "",
  ]);
});

test("mounts: binds of directories and files, read-only, over one another; tmpfs with its size", async () => {
  const script = `echo new > /data/made; cat /data/kept /one; echo x > /one; echo x > /ro/file; echo $?
    busybox ls /ro /data; busybox df -k /scratch | busybox tail -n 1 | busybox awk '{print $2}'; busybox stat -c %a /scratch
    echo x > /scratch/a && cat /scratch/a; busybox rmdir /scratch; echo $?`;
  const printed = await prints(`(${script}) 2>&1`, ({ mounts }, bundle) => {
    const data = join(bundle.directory, "data");
    mkdirSync(data);
    writeFileSync(join(data, "kept"), "kept\n");
    writeFileSync(join(bundle.directory, "one"), "one\n");
    mounts.push(
      { destination: "/data", type: "bind", source: data, options: ["rbind", "rw"] },
      { destination: "one", type: "bind", source: "one", options: ["bind", "ro"] },
      { destination: "/ro", type: "none", source: data, options: ["rbind", "ro"] },
      { destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["size=1m", "mode=700"] },
    );
  });
  assert.equal(printed.split("\n"), [
    "kept",
    "one",
    "sh: can't create /one: Read-only file system",
    "sh: can't create /ro/file: Read-only file system",
    "1",
    "/data:",
    "kept",
    "made",
    "",
    "/ro:",
    "kept",
    "made",
    "1024",
    "700",
    "x",
    "rmdir: '/scratch': Device or resource busy",
    "1",
    "",
  ]);
});

test("read-only mounts are so when what lies below them is mounted", async () => {
  const script = `for f in /ro /ro/below /ro/below/again; do
      (echo x > $f/x) 2>/dev/null && echo $f is written || echo $f is not
    done`;
  const printed = await prints(script, (config) => {
    const tmpfs = (destination: string, ...options: string[]) => ({
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options,
    });
    config.root.readonly = true;
    config.mounts.push(
      tmpfs("/ro", "ro"),
      tmpfs("/ro/below", "rw"),
      tmpfs("/ro/below/again", "ro", "size=1m"),
    );
  });
  assert.is(printed, "/ro is not\n/ro/below is written\n/ro/below/again is not\n");
});

test("a tmpfs with tmpcopyup shows what it covers, and keeps what is written to itself", async () => {
  await withBundle(["unused"], async (bundle) => {
    const script = "echo x >> /etc/passwd; echo y > /etc/new; rm /etc/group; ls /etc; tail -n 1 /etc/passwd";
    bundle.configure(shell(script), ({ mounts }) => {
      mounts.push({ destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["rw", "tmpcopyup"] });
    });
    assert.is(text(await bundle.runs()), "new\npasswd\nx\n");
    assert.equal(readdirSync(join(bundle.rootfs, "etc")).sort(), ["group", "passwd"]);
    assert.not.match(readFileSync(join(bundle.rootfs, "etc/passwd"), "utf8"), /x\n$/);
  });
});

test("settings of the IPC namespace and of the network", async () => {
  const program = shell(
    "cd /proc/sys; busybox cat kernel/shmmax kernel/sem; cd net/ipv4; busybox cat ip_unprivileged_port_start ip_local_port_range tcp_congestion_control",
  );
  await withBundle(program, async (bundle) => {
    bundle.configure(program, (config) => {
      config.linux["sysctl"] = {
        "kernel.shmmax": "8192",
        "kernel.sem": "10 20 30 40",
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ip_local_port_range": "50000 50009",
        "net.ipv4.tcp_congestion_control": "reno",
      };
    });
    assert.is(text(ok(await bundle.runs())), "8192\n10\t20\t30\t40\n0\n50000\t50009\nreno\n");
    bundle.configure(program, (config) => {
      config.linux["sysctl"] = { "kernel.shmmni": "many" };
    });
    const refused = await bundle.runs();
    assert.is(refused.code, 1);
    assert.match(said(refused), /linux\.sysctl: kernel\.shmmni cannot be set to "many"/);
    bundle.configure(program, (config) => {
      config.linux["sysctl"] = { "net.ipv4.ip_default_ttl": "0" };
    });
    assert.match(said(await bundle.runs()), /net\.ipv4\.ip_default_ttl cannot be set to "0"/);
  });
});

test("the root: written through, or read-only; masked and read-only paths", async () => {
  const script = `(echo x > /etc/new; busybox cat /etc/new; echo x > /proc/sys/kernel/hostname; busybox cat /proc/meminfo
    busybox ls -A /sys/firmware; busybox ls -l /dev/null /dev/fd | busybox cut -c1-10; echo x > /dev/null && echo devices) 2>&1`;
  const expected = (readOnly: boolean) => [
    ...(readOnly
      ? [
          "sh: can't create /etc/new: Read-only file system",
          "cat: can't open '/etc/new': No such file or directory",
        ]
      : ["x"]),
    "sh: can't create /proc/sys/kernel/hostname: Read-only file system",
    "lrwxrwxrwx",
    "crw-rw-rw-",
    "devices",
    "",
  ];
  for (const readOnly of [false, true]) {
    await withBundle(shell(script), async (bundle) => {
      bundle.configure(shell(script), (config) => {
        config.root.readonly = readOnly;
        config.linux.maskedPaths!.push("/proc/meminfo");
      });
      const result = await bundle.runs();
      assert.equal(text(result).split("\n"), expected(readOnly));
      assert.is(existsSync(join(bundle.rootfs, "etc/new")), !readOnly);
    });
  }
});

test("a root file system full of symbolic links cannot lead a mount out of itself", async () => {
  await withBundle(["unused"], async (bundle) => {
    const outside = join(bundle.directory, "outside");
    mkdirSync(outside);
    symlinkSync(outside, join(bundle.rootfs, "data"));
    symlinkSync("../../../..", join(bundle.rootfs, "up"));
    symlinkSync("/etc", join(bundle.rootfs, "link"));
    bundle.configure(
      shell("echo x > /data/a; echo y > /link/deep/b; busybox find / -xdev -name '[ab]' -type f"),
      (config) => {
        config.mounts.push({ destination: "/data", type: "tmpfs", source: "tmpfs" });
        config.mounts.push({ destination: "/up/up/../link/deep", type: "tmpfs", source: "tmpfs" });
      },
    );
    const result = await bundle.runs();
    assert.is(said(result), "");
    assert.equal(readdirSync(outside), []);
    // The places were made below the root, where the links lead inside it.
    assert.ok(statSync(join(bundle.rootfs, "etc/deep")).isDirectory());
    assert.ok(statSync(`${bundle.rootfs}${outside}`).isDirectory());
  });
});

// ---- Refusals ----

const REFUSED: [string, (config: Config) => void, RegExp][] = [
  ["an older version", (c) => (c.ociVersion = "0.9"), /ociVersion 0\.9 is not supported/],
  ["no program", (c) => (c.process.args = []), /process\.args must name a program/],
  [
    "a program that is not there",
    (c) => (c.process.args = ["nosuch"]),
    /exec: "nosuch": executable file not found in \$PATH/,
  ],
  [
    "a program without its interpreter",
    (c) => (c.process.args = ["lost"]),
    /exec: "\/bin\/lost": no such file or directory/,
  ],
  ["a program that is none", (c) => (c.process.args = ["/etc/passwd"]), /"\/etc\/passwd": permission denied/],
  ["a relative directory", (c) => (c.process.cwd = "tmp"), /process\.cwd must be an absolute path/],
  [
    "a user that is no number",
    (c) => (c.process.user.uid = "0" as never),
    /process\.user\.uid must be an integer/,
  ],
  [
    "a limit that is none",
    (c) => (c.process.rlimits = [{ type: "NOFILE", soft: 1, hard: 1 }]),
    /NOFILE is no resource limit/,
  ],
  [
    "a soft limit above",
    (c) => (c.process.rlimits = [{ type: "RLIMIT_NPROC", soft: 2, hard: 1 }]),
    /soft is above hard/,
  ],
  ["a root that is not there", (c) => (c.root.path = "nosuch"), /nosuch: No such file or directory/],
  [
    "a source that is not there",
    (c) => c.mounts.push({ destination: "/x", type: "bind", source: "/nosuch/x" }),
    /\/nosuch\/x: No such file/,
  ],
  [
    "an unknown file system",
    (c) => c.mounts.push({ destination: "/x", type: "ext9" }),
    /mounting \/x: type ext9: No such device/,
  ],
  [
    "a destination in a file",
    (c) => c.mounts.push({ destination: "/bin/busybox/x", type: "tmpfs" }),
    /mounting \/bin\/busybox\/x: Not a directory/,
  ],
  [
    "a process namespace of others",
    (c) => (c.linux.namespaces = [{ type: "ipc", path: "/proc/1/ns/ipc" }]),
    /ipc namespace of another process/,
  ],
  [
    "an id map without root",
    (c) => {
      c.linux.namespaces.push({ type: "user" });
      c.linux.uidMappings = c.linux.gidMappings = [{ containerID: 1, hostID: 1, size: 1 }];
    },
    /no user mapping found/,
  ],
  ["a control group that climbs", (c) => (c.linux.cgroupsPath = "/a/../../b"), /cgroupsPath/],
  ["too little memory", (c) => (c.linux.resources = { memory: { limit: 1 << 20 } }), /memory/],
  [
    "a hook that is not there",
    (c) => (c.hooks = { createRuntime: [{ path: "/nosuch" }] }),
    /createRuntime hook #0: fork\/exec \/nosuch: no such file/,
  ],
  [
    "a hook that fails",
    (c) => (c.hooks = { prestart: [{ path: "/bin/sh", args: ["sh", "-c", "echo why >&2; exit 3"] }] }),
    /prestart hook #0: exit status 3.*why/s,
  ],
  [
    "a hook that hangs",
    (c) => (c.hooks = { createContainer: [{ path: "/bin/sleep", args: ["sleep", "100"], timeout: 1 }] }),
    /hook ran past specified timeout/,
  ],
];

test("what cannot be done is refused in one line, and nothing is left", async () => {
  await withBundle(SLEEP, async (bundle) => {
    const log = join(bundle.directory, "log.json");
    writeFileSync(join(bundle.rootfs, "bin/lost"), "#!/no/interpreter\n", { mode: 0o755 });
    for (const [name, change, message] of REFUSED) {
      bundle.configure(SLEEP, change);
      writeFileSync(log, "");
      const result = await bundle.creates({ globalFlags: ["--log", log, "--log-format", "json"] });
      assert.is(result.code, 1, name);
      assert.match(said(result), message, name);
      assert.match(said(result), /^ringfence: [^\n]*\n/, name);
      const records = readFileSync(log, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      const told = records.filter(({ level }) => level === "error" || level === "fatal");
      assert.ok(told.length > 0 && message.test(told.at(-1).msg), `${name}: ${JSON.stringify(told)}`);
      assert.equal(bundle.left(), [], name);
    }
  });
});

test("a config.json that is none is refused", async () => {
  await withBundle(SLEEP, async (bundle) => {
    for (const [content, message] of [
      ["", /not a JSON object/],
      ["[]", /not a JSON object/],
      ['{"root":{"path":"rootfs"}', /not a JSON object/],
      [`{"ociVersion":${"[".repeat(100)}`, /not a JSON object/],
      ["{}", /root is missing/],
      ['{"root":{}}', /root\.path is missing/],
      ['{"root":{"path":"rootfs"}}', /ociVersion must be a string/],
      [" ".repeat((4 << 20) + 1), /File too large/],
    ] as const) {
      bundle.write(content);
      const result = await bundle.create();
      assert.is(result.code, 1);
      assert.match(said(result), message);
      assert.equal(bundle.left(), []);
    }
    for (const id of ["", ".", "..", "a/b", "a b", "x".repeat(256)])
      assert.is((await bundle.command(["create", "--bundle", bundle.directory, id])).code, 1, id);
  });
});

// ---- Hooks ----

test("hooks get the state on standard input, each at its time; poststop last", async () => {
  await withBundle(["unused"], async (bundle) => {
    const log = join(bundle.directory, "hooks");
    const hook = (name: string) => [
      {
        path: "/bin/sh",
        args: ["sh", "-c", `echo "${name} $(cat) $VALUE $(readlink /proc/self/ns/net)" >> ${log}`],
        env: ["PATH=/bin:/usr/bin", "VALUE=set"],
      },
    ];
    const names = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];
    bundle.configure(shell("exit 0"), (config) => {
      config.annotations = { "org.example": "noted" };
      config.hooks = Object.fromEntries(names.map((name) => [name, hook(name)]));
    });
    ok(await bundle.runs());
    const seen = readFileSync(log, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => /^(\w+) (\{.*\}) set (\S+)$/.exec(line)!);
    assert.equal(
      seen.map((match) => match[1]),
      names,
    );
    const states = seen.map((match) => JSON.parse(match[2]!));
    assert.equal(
      states.map(({ status }) => status),
      ["creating", "creating", "creating", "running", "stopped"],
    );
    for (const { id, bundle: directory, annotations } of states)
      assert.equal([id, directory, annotations], [bundle.id, bundle.directory, { "org.example": "noted" }]);
    const own = procLink(process.pid, "ns/net");
    assert.equal(
      seen.map((match) => match[3] === own),
      [true, true, false, true, true],
    );
  });
});

// ---- exec ----

test("no program runs in a container that has stopped", async () => {
  await withBundle(shell("exit 0"), async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("start"));
    assert.ok(await eventually(async () => (await bundle.status()) === "stopped", 10_000));
    const late = await bundle.on("exec", [], ["/bin/busybox", "true"]);
    assert.match(said(late), /cannot exec in a stopped container/);
  });
});

test("exec runs further programs: with its own flags, by a process file, detached", async () => {
  await withBundle(SLEEP, async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("start"));
    const script = "busybox id -u; busybox id -g; pwd; echo $KEPT $MORE; cat; exit 6";
    const flags = ["--user", "1000:7", "--cwd", "/tmp", "--env", "MORE=more", "--env", "KEPT=changed"];
    const plain = await bundle.on("exec", flags, ["--", ...shell(script)], { input: "in" });
    assert.is(plain.code, 6, said(plain));
    assert.is(text(plain), "1000\n7\n/tmp\nchanged more\nin");
    const missing = await bundle.on("exec", [], ["nosuch"]);
    assert.is(missing.code, 255);
    assert.match(said(missing), /exec: "nosuch": executable file not found in \$PATH/);
    const nowhere = await bundle.on("exec", ["--cwd", "/no/where"], ["/bin/busybox", "true"]);
    assert.match(
      said(nowhere),
      /chdir to cwd \("\/no\/where"\) set in config.json failed: no such file or directory/,
    );
    assert.not(existsSync(join(bundle.rootfs, "no")));

    const file = join(bundle.directory, "process.json");
    const spec = {
      user: { uid: 5, gid: 5 },
      args: shell("busybox id -u; trap 'exit 8' USR1; while :; do busybox sleep 0.05; done"),
      env: ["PATH=/bin"],
      cwd: "/",
    };
    writeFileSync(file, JSON.stringify(spec, null, 2));
    const { pid, ended } = await engine(bundle, ["exec", "--detach", "--process", file, bundle.id]);
    setTimeout(() => process.kill(pid, "SIGUSR1"), 300);
    assert.match(said(await ended), new RegExp(`^status ${8 << 8}$`, "m"));
    assert.is(text(await ended), "5\n");
    assert.not(exists(pid));

    writeFileSync(file, '{"args":["/bin/busybox"],"cwd":"relative","user":{}}');
    assert.match(said(await bundle.on("exec", ["--process", file])), /process\.cwd must be an absolute path/);
    assert.is(await bundle.status(), "running");
  });
});

test("a detached exec's waiter that is killed takes its program along, and no other", async () => {
  await withBundle(SLEEP, async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("start"));
    const count = async () =>
      Number(text(await bundle.on("exec", [], shell("busybox ps | busybox grep -c '[s]leep 77'"))));
    const file = join(bundle.directory, "process.json");
    writeFileSync(
      file,
      JSON.stringify({ user: {}, args: ["busybox", "sleep", "77"], env: ["PATH=/bin"], cwd: "/" }),
    );
    const { pid, ended } = await engine(bundle, ["exec", "--detach", "--process", file, bundle.id]);
    assert.is(await count(), 1);
    process.kill(pid, "SIGKILL");
    await ended;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.is(await count(), 0);
    assert.is(await bundle.status(), "running");
  });
});

// ---- Terminals ----

test("a terminal goes to the console socket, and is the program's controlling terminal", async () => {
  await withBundle(["unused"], async (bundle) => {
    bundle.configure(
      shell(
        "busybox tty; busybox stty size; test -t 0 && test -c /dev/console && echo terminal; read x; echo got $x; exit 5",
      ),
      (config) => {
        config.process.terminal = true;
        Object.assign(config.process, { consoleSize: { width: 100, height: 30 } });
      },
    );
    assert.match(
      said(await bundle.create()),
      /cannot allocate tty if ringfence will detach without setting console socket/,
    );
    const socket = join(bundle.directory, "console");
    const pidFile = join(bundle.directory, "pid");
    const command = [ringfence, "--root", bundle.root, "run", "--detach", "--bundle", bundle.directory];
    const args = [...command, "--console-socket", socket, "--pid-file", pidFile, bundle.id];
    const result = await run(buildDriver("engine_driver"), [pidFile, socket, ...args], {
      keepStdin: true,
      started: (child) => {
        let seen = "";
        child.stdout!.on("data", (bytes: Buffer) => {
          const had = seen.includes("terminal");
          seen += bytes.toString("latin1");
          if (!had && seen.includes("terminal")) child.stdin!.write("hello\n");
        });
      },
    });
    assert.match(said(result), new RegExp(`^status ${5 << 8}$`, "m"));
    const shown = text(result).replaceAll("\r\n", "\n");
    assert.match(shown, /^\/dev\/(console|pts\/\d+)\n30 100\nterminal\nhello\ngot hello\n$/);
    ok(await bundle.on("delete"));
    bundle.configure(SLEEP);
    assert.match(said(await bundle.create("--console-socket", socket)), /cannot use console socket/);
  });
});

// ---- Deaths ----

const VICTIMS = ["waiter", "init", "node", "zygote"] as const;
for (const victim of VICTIMS)
  test(`kill -9 of ${victim} ends the container: its waiter ends, the rest is gone, delete works`, async () => {
    await withBundle(SLEEP, async (bundle) => {
      const { pid, ended } = await engine(bundle, [
        "run",
        "--detach",
        "--bundle",
        bundle.directory,
        bundle.id,
      ]);
      const { init } = JSON.parse(readFileSync(join(bundle.root, bundle.id, "state.json"), "utf8"));
      const below = readFileSync(`/proc/${init}/task/${init}/children`, "latin1")
        .trim()
        .split(" ")
        .map(Number);
      const find = (name: string) => below.find((child) => procLink(child, "exe")?.endsWith(name))!;
      const pids = { waiter: pid, init, node: find("/node"), zygote: find("/stub") };
      process.kill(pids[victim], "SIGKILL");
      const status = victim === "waiter" ? 9 : 137 << 8;
      assert.match(said(await ended), new RegExp(`^status (${status}|9)$`, "m"));
      if (victim !== "waiter") assert.ok(await eventually(() => !exists(init), 1000));
      assert.ok(await eventually(() => proc(pid, "status") === undefined, 1000));
      assert.ok(await bundle.status().then((found) => found === "stopped"));
      ok(await bundle.on("delete"));
      assert.equal(bundle.left(), []);
    });
  });

/** Whether `create` has come to its end: the record names the sandbox's first process. */
function isComplete(bundle: Bundle): boolean {
  const file = join(bundle.root, bundle.id, "state.json");
  return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).init !== 0;
}

test("a create that is killed at any moment leaves no process, and delete --force removes the rest", async () => {
  await withBundle(SLEEP, async (bundle) => {
    for (let delay = 0; delay < 260; delay += 20) {
      await bundle.creates({ killAfterMs: delay });
      const members = () =>
        bundle
          .cgroups()
          .flatMap((path) =>
            existsSync(path)
              ? readFileSync(join(path, "cgroup.procs"), "latin1").trim().split("\n").filter(Boolean)
              : [],
          );
      const isCreated = isComplete(bundle);
      if (!isCreated)
        assert.ok(await eventually(() => members().length === 0, 1000), `after ${delay} ms: ${members()}`);
      ok(await bundle.on("delete", ["--force"]));
      assert.equal(bundle.left(), [], `after ${delay} ms`);
    }
  });
});

// The host's view of its files (native/launcher/shown_root.c) has no place for the sandbox's processes then.
test("a container whose image has no /proc, or a link in its place, is created", async () => {
  const withoutProc = (config: Config) => {
    config.mounts = [];
    config.linux.maskedPaths = config.linux.readonlyPaths = [];
  };
  await withBundle(
    shell("exit 3"),
    async (bundle) => {
      for (const target of [null, "/bin/busybox"]) {
        rmSync(join(bundle.rootfs, "proc"), { recursive: true, force: true });
        if (target !== null) symlinkSync(target, join(bundle.rootfs, "proc"));
        const created = await bundle.create();
        assert.is(created.code, 0, said(created));
        assert.is((await bundle.on("delete", ["--force"])).code, 0);
      }
    },
    withoutProc,
  );
});

test.run();
