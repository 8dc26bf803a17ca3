// deadline: 400 s
// What users of Docker do, with a real daemon. Skipped, and said so, where Docker is not installed.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SYSCALLS } from "../../src/shared/abi/syscalls.ts";
import { said, text } from "../said.ts";
import { ringfence, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { LOOP } from "./columns.ts";
import { Docker, hasDocker } from "./docker.ts";
import { buildDriver } from "./driver.ts";
import { Pty } from "./pty.ts";

const RUNTIME = ["--runtime=ringfence"];

let docker: Docker;

const ok = (...args: string[]): Promise<string> => docker.ok(...args);

function runs(flags: string[], command: string[], options?: SpawnOptions): Promise<SpawnResult> {
  return docker.run(["run", "--rm", ...RUNTIME, ...flags, "bb", ...command], options);
}

/** A container in the background, removed when `body` is done. */
async function inBackground(flags: string[], command: string[], body: (id: string) => Promise<void>) {
  const id = await ok("run", "-d", ...RUNTIME, ...flags, "bb", ...command);
  try {
    await body(id);
  } finally {
    await docker.run(["rm", "-f", id]);
  }
}

if (!hasDocker()) {
  console.log("skipped: dockerd, docker, containerd or iptables is not installed");
} else {
  test.before(async () => {
    docker = new Docker();
    await docker.start();
  });
  test.after(() => docker.stop());

  test("run: output, exit code, standard input", async () => {
    const result = await runs(["--network", "none"], ["sh", "-c", "echo hi; echo err >&2; exit 3"]);
    assert.is(result.code, 3, said(result));
    assert.is(text(result), "hi\n");
    assert.is(said(result), "err\n");
    assert.is(text(await runs(["-i", "--network", "none"], ["cat"], { input: "through" })), "through");
  });

  test("run: a command that is not there, or that is none", async () => {
    const missing = await runs([], ["nosuch"]);
    assert.is(missing.code, 127);
    assert.match(said(missing), /exec: "nosuch": executable file not found in \$PATH/);
    const none = await runs([], ["/etc/passwd"]);
    assert.is(none.code, 126);
    assert.match(said(none), /permission denied/);
  });

  test("run: user, environment, directory, limits, hostname, read-only root, tmpfs", async () => {
    const flags = ["-u", "user", "-e", "A=1", "-w", "/work/dir", "--ulimit", "nofile=64:128", "-h", "named"];
    const more = ["--read-only", "--tmpfs", "/scratch:size=2m", "--cap-drop", "ALL", "--cap-add", "KILL"];
    const script = `id -u; echo $A $HOME; pwd; ulimit -n; hostname; (echo x > /x) 2>&1; df -k /scratch | tail -1 | awk '{print $2}'
      grep CapBnd /proc/self/status; cat /proc/self/cgroup | head -1 | cut -d: -f1; grep -c named /etc/hosts`;
    const printed = text(await runs([...flags, ...more], ["sh", "-c", script]))
      .trimEnd()
      .split("\n");
    assert.equal(printed.slice(0, 8), [
      "1000",
      "1 /home",
      "/work/dir",
      "64",
      "named",
      "sh: can't create /x: Read-only file system",
      "2048",
      "CapBnd:\t0000000000000020",
    ]);
    assert.is(printed.at(-1), "1");
  });

  test("run: bind mounts and volumes; what is written is on the host, with its owner", async () => {
    const data = join(docker.directory, "bound");
    mkdirSync(data);
    writeFileSync(join(data, "there"), "there\n");
    const script =
      "cat /data/there; echo new > /data/made; chown 1000:1000 /data/made; (echo x > /ro/x) 2>&1; echo v > /volume/v";
    const mounts = ["-v", `${data}:/data`, "-v", `${data}:/ro:ro`, "-v", "kept:/volume"];
    assert.is(
      text(await runs(mounts, ["sh", "-c", script])),
      "there\nsh: can't create /ro/x: Read-only file system\n",
    );
    assert.is(readFileSync(join(data, "made"), "utf8"), "new\n");
    assert.is(text(await runs(["-v", "kept:/volume"], ["cat", "/volume/v"])), "v\n");
    await ok("volume", "rm", "kept");
  });

  test("background: logs, exec, cp, diff, inspect, stop, start, kill, wait", async () => {
    await inBackground(["--network", "none"], ["sh", "-c", LOOP], async (id) => {
      await docker.until(id, "up");
      assert.is(
        await ok("exec", id, "sh", "-c", "echo $$-$(id -u)").then((line) => line.replace(/^\d+/, "N")),
        "N-0",
      );
      assert.is(
        text(
          await docker.run(
            [
              "exec",
              "-i",
              "-u",
              "1000",
              "-w",
              "/tmp",
              "-e",
              "X=y",
              id,
              "sh",
              "-c",
              "cat; id -u; pwd; echo $X",
            ],
            { input: "in\n" },
          ),
        ),
        "in\n1000\n/tmp\ny\n",
      );
      assert.is((await docker.run(["exec", id, "sh", "-c", "exit 7"])).code, 7);
      assert.is((await docker.run(["exec", id, "nosuch"])).code, 126); // with runc too
      const file = join(docker.directory, "copied");
      writeFileSync(file, "copied\n");
      await ok("cp", file, `${id}:/etc/copied`);
      assert.is(await ok("exec", id, "cat", "/etc/copied"), "copied");
      await ok("exec", id, "sh", "-c", "echo back > /etc/back");
      await ok("cp", `${id}:/etc/back`, `${file}.back`);
      assert.is(readFileSync(`${file}.back`, "utf8"), "back\n");
      assert.match(await ok("diff", id), /^A \/etc\/back$/m);
      assert.is(await ok("inspect", "-f", "{{.State.Status}}", id), "running");
      await ok("stop", id);
      assert.is(await ok("inspect", "-f", "{{.State.ExitCode}}", id), "9");
      await ok("start", id);
      assert.is(await ok("exec", id, "cat", "/etc/back"), "back");
      const waited = docker.run(["wait", id]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await ok("kill", id);
      assert.is(text(await waited), "137\n");
      assert.is(await ok("inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", id), "137 false");
    });
  });

  test("a detached exec runs on by itself", async () => {
    await inBackground([], ["sh", "-c", LOOP], async (id) => {
      await docker.until(id, "up");
      await ok("exec", "-d", id, "sh", "-c", "echo detached > /etc/detached");
      let seen = "";
      for (let i = 0; i < 50 && seen === ""; i++)
        seen = text(await docker.run(["exec", id, "cat", "/etc/detached"]));
      assert.is(seen, "detached\n");
    });
  });

  test("run -it and exec -it: a terminal, its size, Ctrl-C, exit codes", async () => {
    const pty = new Pty(
      "docker",
      docker.commandLine(["run", "--rm", "-it", ...RUNTIME, "--network", "none", "bb", "sh"]),
    );
    try {
      pty.send("size 33 99");
      await pty.shows("/ #");
      pty.type("stty size; tty\r");
      await pty.shows("33 99");
      pty.type("sleep 100\r");
      await new Promise((resolve) => setTimeout(resolve, 500));
      pty.type("\u0003");
      pty.type("echo after=$?\r");
      await pty.shows("after=130");
      pty.type("exit 5\r");
      assert.is(await pty.event("exit"), "exit 5");
      assert.ok(await pty.restored());
    } finally {
      pty.close();
    }
    await inBackground([], ["sh", "-c", LOOP], async (id) => {
      await docker.until(id, "up");
      const inside = new Pty(
        "docker",
        docker.commandLine(["exec", "-it", id, "sh", "-c", "read x; echo got $x; exit 6"]),
      );
      try {
        await new Promise((resolve) => setTimeout(resolve, 500));
        inside.type("hello\r");
        await inside.shows("got hello");
        assert.is(await inside.event("exit"), "exit 6");
      } finally {
        inside.close();
      }
    });
  });

  test("the default network: the sandbox is in the namespace that Docker prepared", async () => {
    const result = await runs([], ["sh", "-c", "cat /etc/resolv.conf > /dev/null && echo up"]);
    assert.is(result.code, 0, said(result));
    assert.is(text(result), "up\n");
  });

  test("stats and events tell what a container uses: memory, CPU time, tasks, network", async () => {
    const script =
      "ping -c 1 -s 1000 $(ip route | awk '/default/ { print $3 }') >/dev/null; echo up; while :; do :; done";
    await inBackground(["-m", "256m"], ["sh", "-c", script], async (id) => {
      await docker.until(id, "up");
      const format = "{{.MemUsage}} {{.CPUPerc}} {{.PIDs}} {{.NetIO}}";
      const stats = await ok("stats", "--no-stream", "--format", format, id);
      const [, memory, cpu, tasks, received, sent] =
        /^([\d.]+)MiB \/ 256MiB ([\d.]+)% (\d+) ([\d.]+)k?B \/ ([\d.]+)k?B$/.exec(stats)?.map(Number) ?? [];
      assert.ok(memory! > 1 && cpu! > 1 && tasks! > 1, stats);
      assert.ok(received! > 0 && sent! > 0, stats);
      const root = join(docker.directory, "exec/runtime-runc/moby");
      const told = await run(ringfence, ["--root", root, "events", "--stats", id]);
      assert.is(told.code, 0, said(told));
      const { data } = JSON.parse(text(told));
      assert.is(data.pids.current, 1);
      assert.is(data.memory.usage.limit, 256 << 20);
      const [device, ...others] = data.network_interfaces;
      assert.equal([device.Name, others], ["eth0", []]);
      assert.ok(
        device.RxBytes > 1000 && device.TxBytes > 1000 && device.TxPackets > 0,
        JSON.stringify(device),
      );
    });
  });

  test("memory and pids limits are the control group's", async () => {
    await inBackground(["-m", "256m", "--pids-limit", "200"], ["sh", "-c", LOOP], async (id) => {
      await docker.until(id, "up");
      const stats = await ok("stats", "--no-stream", "--format", "{{.MemUsage}}", id);
      assert.match(stats, /^\d+(\.\d+)?MiB \/ 256MiB$/);
    });
    const small = await runs(["-m", "16m"], ["true"]);
    assert.is(small.code, 125);
    assert.match(said(small), /memory/);
  });

  test("pause and unpause; update", async () => {
    const limits = ["-m", "256m", "--memory-swap", "512m", "--pids-limit", "200"];
    // A shell that loops would end as well where nothing can be forked.
    await inBackground(limits, ["sh", "-c", "echo up; exec sleep 1000"], async (id) => {
      await docker.until(id, "up");
      await ok("pause", id);
      assert.is(await ok("inspect", "-f", "{{.State.Status}}", id), "paused");
      assert.match(said(await docker.run(["exec", id, "true"])), /paused/);
      await ok("unpause", id);
      assert.is(await ok("exec", id, "echo", "on"), "on");
      await ok("update", "-m", "300m", "--memory-swap", "600m", "--pids-limit", "20", "--cpus", "1", id);
      assert.match(await ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", id), / 300MiB /);
      const forks = "i=0; while [ $i -lt 30 ]; do sleep 5 > /dev/null 2>&1 & i=$((i+1)); done";
      assert.match(said(await docker.run(["exec", id, "sh", "-c", forks])), /can't fork/);
      await ok("pause", id);
      await ok("kill", id);
      assert.is(await ok("wait", id), "137");
    });
  });

  test("the default seccomp profile refuses what it refuses under runc", async () => {
    const probe = buildDriver("seccomp_probe", [], ["-static"]);
    const unserved = new Set(SYSCALLS.filter(({ level }) => level === "none").map(({ nr }) => nr.x86_64));
    for (const flags of [
      [],
      ["--cap-add", "SYS_ADMIN"],
      ["--cap-add", "SYS_TIME", "--cap-drop", "SYS_CHROOT"],
    ]) {
      const said = async (runtime: string) => {
        const mounted = ["-v", `${probe}:/probe:ro`, "--network", "none", `--runtime=${runtime}`];
        return (await ok("run", "--rm", ...flags, ...mounted, "bb", "/probe")).split("\n");
      };
      const [expected, seen] = [await said("runc"), await said("ringfence")];
      // What is allowed, and not served here, is ENOSYS.
      const own = new Set(
        seen.filter((line) => line.endsWith("ENOSYS") && unserved.has(Number.parseInt(line, 10))),
      );
      const ownNumbers = new Set([...own].map((line) => Number.parseInt(line, 10)));
      const others = (lines: string[]) => lines.filter((line) => !ownNumbers.has(Number.parseInt(line, 10)));
      assert.ok(expected.filter((line) => line.endsWith("EPERM")).length > 20, expected.join("\n"));
      assert.equal(others(seen), others(expected), flags.join(" "));
      // Among them is none that the profile refuses.
      for (const line of own) assert.not(seen.includes(line.replace("ENOSYS", "EPERM")));
    }
  });

  test("a seccomp profile of one's own: by arguments, and what kills", async () => {
    const path = join(docker.directory, "profile.json");
    const rule = (names: string[], action: string, more: object = {}) => ({ names, action, ...more });
    const args = [{ index: 1, value: 0o1777, valueTwo: 0o1000, op: "SCMP_CMP_MASKED_EQ" }];
    const syscalls = [
      rule(["chmod", "fchmodat"], "SCMP_ACT_ERRNO", { errnoRet: 40, args }),
      rule(["fchmodat"], "SCMP_ACT_ERRNO", { errnoRet: 40, args: [{ ...args[0], index: 2 }] }),
      rule(["sync"], "SCMP_ACT_KILL_PROCESS"),
      rule(["no_such_call"], "SCMP_ACT_ERRNO"),
    ];
    writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }));
    const script =
      "touch /f; chmod 1000 /f; chmod 755 /f && echo ok; sync; echo $?; grep ^Seccomp: /proc/self/status";
    const run = (runtime: string) =>
      docker.run([
        "run",
        "--rm",
        `--runtime=${runtime}`,
        "--network=none",
        `--security-opt=seccomp=${path}`,
        "bb",
        "sh",
        "-c",
        script,
      ]);
    const [expected, seen] = [await run("runc"), await run("ringfence")];
    assert.is(text(seen), text(expected));
    assert.match(said(seen), /chmod: \/f: Symbolic link loop|chmod: \/f: Too many levels/);
    assert.match(text(seen), /ok\n159\nSeccomp:\t2/);
  });

  test("nothing is left of all these containers", async () => {
    assert.is(await ok("ps", "-aq"), "");
    assert.equal(readdirSync(join(docker.directory, "exec/runtime-runc/moby")), []);
  });
}

test.run();
