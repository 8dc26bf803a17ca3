// Who holds what: descriptors, namespaces, roots, capabilities and limits of a sandbox's own processes.

import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, ringfence, run } from "../spawn.ts";
import {
  inNamespace,
  proc,
  procLink,
  type SandboxProcesses,
  status,
  withSleepingSandbox,
} from "./processes.ts";

/** CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID SYS_PTRACE SETFCAP */
const NODE_CAPABILITIES = (
  (1n << 0n) |
  (1n << 1n) |
  (1n << 2n) |
  (1n << 3n) |
  (1n << 4n) |
  (1n << 19n) |
  (1n << 31n)
)
  .toString(16)
  .padStart(16, "0");
const NO_CAPABILITIES = "0".repeat(16);

/** Runs `body` while a sandbox sleeps; a descriptor of the caller's own stands open at number 5 meanwhile. */
async function withSandbox(body: (processes: SandboxProcesses) => void | Promise<void>): Promise<void> {
  const foreign = `/tmp/ringfence-foreign-${process.pid}`;
  writeFileSync(foreign, "a descriptor that must not leak");
  const fd = openSync(foreign, "r");
  try {
    await withSleepingSandbox(["pipe", "pipe", "pipe", "ignore", "ignore", fd], body);
  } finally {
    closeSync(fd);
    rmSync(foreign);
  }
}

function descriptors(pid: number): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    const target = procLink(pid, `fd/${name}`);
    if (target !== undefined) found.set(Number(name), target); // else it was closed just now
  }
  return found;
}

// What a process may hold besides pipes and sockets; a detached mount shows as "/": the host's tree,
// read-only; files of the host's proc are there for the guest's, and for the placement, which looks at V8's threads
// where somebody waits for a CPU.
const ANYONE = /^(pipe:\[\d+\]|socket:\[\d+\])$/;
const INIT = /^anon_inode:\[signalfd\]$/;
const NODE =
  /^(anon_inode:.+|\/source_positions|\/alike|\/memfd:\S+( \(deleted\))?|\/|\/dev\/null|(\/proc)?\/(cpuinfo|stat|loadavg)|\/proc\/\d+\/task\/\d+\/schedstat)$/;
const STUB = /^(anon_inode:\[eventfd\]|\/memfd:\S+( \(deleted\))?|\/dev\/null)$/;

/** A handle of the VFS on a name below its root: nothing can be read or written through it. */
function isPathHandle(pid: number, fd: number): boolean {
  const flags = /^flags:\s*(\d+)$/m.exec(proc(pid, `fdinfo/${fd}`) ?? "")?.[1];
  return flags === undefined || (Number.parseInt(flags, 8) & 0o10000000) !== 0; // O_PATH
}

test("the host bounds the sandbox's processes, where it can", async () => {
  const [major, minor] = release().split(".").map(Number) as [number, number];
  if (major < 6 || (major === 6 && minor < 14)) return; // pid_max is the whole host's
  await withSandbox(({ init }) => {
    const inside = ["-t", String(init), "-p", "cat", "/proc/sys/kernel/pid_max"];
    assert.is(execFileSync("nsenter", inside, { encoding: "utf8" }), "8192\n");
  });
});

// Has COUNT descriptors of this user on their way, which nobody receives, while it runs a command.
const IN_FLIGHT = `
import array, os, socket, subprocess, sys
left, pairs, null = int(sys.argv[1]), [], os.open("/dev/null", os.O_RDONLY)
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
while left > 0:
    rights = array.array("i", [null] * min(left, 250))
    try:
        a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_DONTWAIT)
        left -= len(rights)
    except BlockingIOError:
        pairs.append((a, b))
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
`;

test("descriptors that others of the same user have on their way do not disturb a sandbox", async () => {
  // More than a process of the sandbox may have open: unix(7), ETOOMANYREFS.
  const command = [ringfence, "do", "sh", "-c", "echo hi; (echo child)"];
  const result = await run("python3", ["-c", IN_FLIGHT, "3000", ...command]);
  assert.is(result.stdout.toString(), "hi\nchild\n", result.stderr.toString());
});

test("no process of the sandbox holds a descriptor that it has no use for", async () => {
  await withSandbox(async ({ init, node, pidNamespace }) => {
    const foreign = () =>
      inNamespace(pidNamespace).flatMap((pid) => {
        const own = pid === init ? INIT : pid === node ? NODE : STUB;
        return [...descriptors(pid)]
          .filter(([, target]) => !ANYONE.test(target) && !own.test(target))
          .filter(([fd]) => pid !== node || !isPathHandle(pid, fd))
          .map(([fd, target]) => `${proc(pid, "comm")!.trim()} ${fd} ${target}`);
      });
    // While it loads the program, the kernel has its file open.
    await eventually(() => foreign().length === 0, 2000);
    assert.equal(foreign(), []);
    assert.is(descriptors(init).size, 3);
    assert.is(descriptors(node).get(0), "/dev/null");
  });
});

test("the launcher holds neither end of the guest's standard input and output", async () => {
  await withSandbox(({ launcher, init, node }) => {
    assert.is(descriptors(launcher).get(0), "/dev/null");
    assert.is(descriptors(launcher).get(1), "/dev/null");
    const guest = new Set([...descriptors(node).values()].filter((target) => target.startsWith("socket:")));
    const own = [...descriptors(init).values()].filter((target) => target.startsWith("socket:"));
    assert.is(own.length, 1);
    assert.ok(guest.has(own[0]!), "init's one socket is the launcher's, to report deaths");
  });
});

test("the sandbox has namespaces of its own, shared by its processes", async () => {
  await withSandbox(({ init, node, zygote }) => {
    for (const name of ["user", "pid", "mnt", "ipc", "uts", "net", "cgroup"]) {
      const own = procLink(init, `ns/${name}`);
      assert.ok(own);
      assert.is.not(own, procLink(process.pid, `ns/${name}`), name);
      assert.is(procLink(node, `ns/${name}`), own, name);
      assert.is(procLink(zygote, `ns/${name}`), own, name);
    }
    assert.match(status(init, "NSpid")!, /\t1$/);
    assert.is(proc(node, "uid_map"), proc(process.pid, "uid_map"));
  });
});

test("Node, init and zygote see an empty directory; Node has loaded nothing but the sandbox's own files", async () => {
  await withSandbox(({ init, node, zygote }) => {
    for (const pid of [init, node, zygote]) {
      assert.equal(readdirSync(`/proc/${pid}/root/`), []);
      assert.match(procLink(pid, "root")!, /\/empty$/);
      assert.is(proc(pid, "mountinfo"), "", "the one mount is out of reach of the root");
    }
    for (const module of proc(node, "maps")!.matchAll(/\s(\/\S+)$/gm))
      assert.match(
        module[1]!,
        /^\/(node|koffi\.node|host\.node|lib\/|lib64\/|memfd:)|build\/sandbox|node_modules/,
      );
  });
});

// Through /proc/sys, user 0 of the host can write settings of the host from any namespace.
test("the proc file system that Node holds shows processes and nothing of the host", async () => {
  await withSandbox(({ node }) => {
    const trees = [...descriptors(node)].filter(([, target]) => target === "/" || target === "/proc");
    const listings = trees.map(([fd]) => readdirSync(`/proc/${node}/fd/${fd}/`));
    const proc = listings.filter((names) => names.includes("thread-self"));
    assert.is(proc.length, 1);
    assert.equal(
      proc[0]!.filter((name) => !/^(\d+|self|thread-self)$/.test(name)),
      [],
    );
  });
});

test("capabilities, no_new_privs, and seccomp are as specified, in every thread", async () => {
  await withSandbox(({ init, node, zygote, pidNamespace }) => {
    for (const pid of inNamespace(pidNamespace)) {
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        const expected = pid === node ? NODE_CAPABILITIES : NO_CAPABILITIES;
        const thread = Number(task);
        for (const set of ["CapPrm", "CapEff", "CapBnd"])
          assert.is(status(thread, set), expected, `${set} of ${pid}`);
        assert.is(status(thread, "NoNewPrivs"), "1");
        assert.is(status(thread, "Seccomp"), "2");
      }
    }
    // The first one, and one of its own: Node's and the watcher's.
    assert.is(status(node, "Seccomp_filters"), "2");
    assert.is(status(init, "Seccomp_filters"), "2");
    assert.ok(Number(status(zygote, "Seccomp_filters")) > 1);
  });
});

test("memory pressure takes stubs first; they dump no core and have few descriptors", async () => {
  await withSandbox(({ init, zygote, pidNamespace, node }) => {
    const own = Number(proc(init, "oom_score_adj"));
    for (const pid of inNamespace(pidNamespace)) {
      if (pid === init || pid === node) continue;
      assert.is(Number(proc(pid, "oom_score_adj")), Math.min(1000, own + 500));
      assert.match(proc(pid, "limits")!, /^Max open files\s+1024\s+1024/m);
      assert.match(proc(pid, "limits")!, /^Max core file size\s+[01]\s+[01]\s/m);
    }
    const session = (pid: number) =>
      proc(pid, "stat")!
        .replace(/^.*\) /, "")
        .split(" ")[3];
    assert.is.not(session(zygote), session(node));
    assert.is.not(session(init), session(process.pid));
  });
});

test.run();
