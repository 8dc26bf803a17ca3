// deadline: 300 s
// Pods: several containers in one sandbox, each with a life of its own (native/launcher/pod.c, src/main/container/pod.ts).

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { counters } from "../hostile/control.ts";
import { eventually } from "../spawn.ts";
import { Bundle, type Config, shell } from "./bundle.ts";
import { children, exists, procLink } from "./processes.ts";

const CRI = "io.kubernetes.cri";
const PORT = 8080;
const GONE_MS = 5000;

interface State {
  pid: number;
  status: string;
}

async function state(bundle: Bundle): Promise<State> {
  return JSON.parse((await bundle.on("state")).stdout.toString());
}

async function succeeds(command: ReturnType<Bundle["create"]>): Promise<string> {
  const { code, stdout, stderr } = await command;
  assert.is(code, 0, stderr.toString());
  return stdout.toString();
}

const inside = (bundle: Bundle, text: string) => succeeds(bundle.on("exec", [], shell(text)));

/** A pod's sandbox, and containers in it. */
class Pod {
  readonly sandbox: Bundle;
  readonly containers: Bundle[] = [];

  private constructor() {
    this.sandbox = new Bundle(["/bin/busybox", "sleep", "1000000"], (config) => {
      config.annotations = { [`${CRI}.container-type`]: "sandbox" };
    });
    this.sandbox.configure(["/bin/busybox", "sleep", "1000000"], (config) => {
      config.hostname = "pod";
      config.linux.resources = { cpu: { shares: 2 } };
      config.annotations = {
        [`${CRI}.sandbox-cpu-shares`]: "2048",
        [`${CRI}.container-type`]: "sandbox",
        [`${CRI}.sandbox-id`]: this.sandbox.id,
      };
    });
  }

  static async with(body: (pod: Pod) => Promise<void>, globalFlags: string[] = []): Promise<void> {
    const pod = new Pod();
    try {
      await succeeds(pod.sandbox.creates({ globalFlags }));
      await body(pod);
    } finally {
      for (const container of pod.containers) await container.remove();
      await pod.sandbox.remove();
    }
  }

  /** One that is not created yet; `shared`: namespaces that it names by their paths. */
  async member(
    args: string[],
    shared: readonly string[] = ["ipc", "uts", "net"],
    change: (config: Config) => void = () => {},
  ): Promise<Bundle> {
    const { pid } = await state(this.sandbox);
    const container = new Bundle(args, (config) => {
      config.annotations = {
        [`${CRI}.container-type`]: "container",
        [`${CRI}.sandbox-id`]: this.sandbox.id,
      };
      delete config.hostname;
      for (const namespace of config.linux.namespaces) {
        const file = namespace.type === "network" ? "net" : namespace.type;
        if (shared.includes(file)) namespace.path = `/proc/${pid}/ns/${file}`;
      }
      change(config);
    });
    container.root = this.sandbox.root;
    this.containers.push(container);
    return container;
  }

  async runs(args: string[], ...rest: [shared?: readonly string[]]): Promise<Bundle> {
    const container = await this.member(args, ...rest);
    await succeeds(container.create());
    await succeeds(container.on("start"));
    return container;
  }

  init(): number {
    return JSON.parse(readFileSync(`${this.sandbox.root}/${this.sandbox.id}/state.json`, "utf8")).init;
  }
}

const SLEEP = shell("sleep 1000");

const WRITES = `mkdir /new; head -c 30000000 /dev/zero > /new/large; i=0
  while [ $i -lt 200 ]; do echo $i > /new/$i; i=$((i + 1)); done
  echo more >> /etc/passwd; ln -s /etc/passwd /etc/link; mv /etc /moved; rm -r /tmp; echo written; exec sleep 1000`;

test("containers of a pod have one sandbox, its network and its name, and files and processes of their own", () =>
  Pod.with(async (pod) => {
    await succeeds(pod.sandbox.on("start"));
    const server = await pod.runs(shell(`echo mine > /own; nc -l -p ${PORT} -e cat & exec sleep 1000`));
    const client = await pod.runs(SLEEP);
    const all = await pod.runs(SLEEP, ["ipc", "uts", "net", "pid"]);
    for (const container of pod.containers) {
      assert.is((await state(container)).status, "running");
      assert.is((await inside(container, "hostname")).trim(), "pod");
    }
    assert.match(await inside(client, `sleep 0.5; echo hello | nc -w 2 127.0.0.1 ${PORT}`), /^hello$/m);
    assert.is((await inside(server, "cat /own")).trim(), "mine");
    assert.is((await inside(client, "ls /own 2>/dev/null || echo none")).trim(), "none");
    assert.match(await inside(client, "cat /proc/1/cmdline"), /sleep/);
    // Who shares its processes sees those of all others.
    const sleeps = async (container: Bundle) =>
      Number((await inside(container, "cat /proc/[0-9]*/comm | grep -c '^sleep$'")).trim());
    assert.equal([await sleeps(client), await sleeps(all)], [1, 3]);
  }));

test("the kernel of a pod has the CPU that its containers have together", () =>
  Pod.with(async ({ sandbox }) => {
    const told = sandbox
      .cgroups()
      .map((group) => `${group}/cpu.shares`)
      .filter((file) => existsSync(file));
    for (const file of told) assert.is(readFileSync(file, "utf8"), "2048\n");
  }));

test("ps tells a container's processes from those of others, and so do its control groups", () =>
  Pod.with(async (pod) => {
    const [one, two] = [await pod.runs(SLEEP), await pod.runs(SLEEP)];
    const pids = async (bundle: Bundle): Promise<number[]> =>
      JSON.parse((await bundle.on("ps", ["--format", "json"])).stdout.toString());
    const [first, second, sandbox] = [await pids(one), await pids(two), await pids(pod.sandbox)];
    assert.ok(first.includes((await state(one)).pid));
    assert.ok(first.length >= 2, `waiter and stubs: ${first}`);
    assert.equal(
      first.filter((pid) => second.includes(pid) || sandbox.includes(pid)),
      [],
    );
  }));

test("one is killed, paused and removed without the others", () =>
  Pod.with(async (pod) => {
    const [one, two] = [await pod.runs(SLEEP), await pod.runs(SLEEP)];
    await succeeds(one.on("pause"));
    assert.equal([await one.status(), await two.status()], ["paused", "running"]);
    assert.is((await inside(two, "echo here")).trim(), "here");
    await succeeds(one.on("resume"));
    await succeeds(one.on("kill", [], ["KILL"]));
    assert.ok(await eventually(async () => (await one.status()) === "stopped", GONE_MS));
    await succeeds(one.on("delete"));
    assert.equal(one.left(), []);
    assert.is((await one.on("state")).code, 1);
    assert.is((await inside(two, "echo here")).trim(), "here");
    assert.is((await two.on("delete")).code, 1, "it runs");
    await succeeds(two.on("delete", ["--force"]));
    assert.equal(two.left(), []);
    assert.is(await pod.sandbox.status(), "created");
    // Its id is free again.
    await succeeds(two.create());
    assert.is(await two.status(), "created");
  }));

for (const [name, flags, rest] of [
  ["kill", [], ["KILL"]],
  ["delete", ["--force"], []],
] as const)
  test(`${name} of a container whose kernel says that it is done, and goes on: the pod's sandbox is ended`, () =>
    Pod.with(async (pod) => {
      const [one, two] = [await pod.runs(SLEEP), await pod.runs(SLEEP)];
      const init = pod.init();
      const path = join(one.root, one.id, "s");
      renameSync(path, `${path}-own`);
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => socket.write('{"id":1,"result":null}\n'));
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      try {
        const { code, stderr } = await one.on(name, [...flags], [...rest]);
        assert.is(code, 0, stderr.toString());
        assert.match(stderr.toString(), /does not end: the sandbox of its pod, .*, is ended/);
        assert.ok(await eventually(() => !exists(init), GONE_MS));
        assert.ok(await eventually(async () => (await two.status()) === "stopped", GONE_MS));
      } finally {
        server.close();
        rmSync(`${path}-own`, { force: true });
      }
    }));

test("the sandbox is removed first: its containers are stopped, and can be removed", () =>
  Pod.with(async (pod) => {
    const [one, two] = [await pod.runs(SLEEP), await pod.runs(SLEEP)];
    const init = pod.init();
    await succeeds(pod.sandbox.on("delete", ["--force"]));
    assert.ok(await eventually(() => !exists(init), GONE_MS));
    assert.equal(pod.sandbox.left(), []);
    for (const container of [one, two]) {
      assert.is(await container.status(), "stopped");
      await succeeds(container.on("delete"));
      assert.equal(container.left(), []);
    }
  }));

test("kill -9 of a waiter ends its container alone, of init all of them", () =>
  Pod.with(async (pod) => {
    const [one, two] = [await pod.runs(SLEEP), await pod.runs(SLEEP)];
    process.kill((await state(one)).pid, "SIGKILL");
    assert.ok(await eventually(async () => (await one.status()) === "stopped", GONE_MS));
    assert.is((await inside(two, "echo here")).trim(), "here");
    const waiter = (await state(two)).pid;
    process.kill(pod.init(), "SIGKILL");
    assert.ok(await eventually(() => !exists(waiter), GONE_MS));
    for (const container of [one, two, pod.sandbox]) {
      assert.is(await container.status(), "stopped");
      await succeeds(container.on("delete"));
      assert.equal(container.left(), []);
    }
  }));

test("run in the foreground is a container of the pod, too, which ends with it", () =>
  Pod.with(async (pod) => {
    const container = await pod.member(shell("hostname; exit 7"));
    const { code, stdout, stderr } = await container.runs();
    assert.equal([code, stdout.toString(), stderr.toString()], [7, "pod\n", ""]);
    assert.equal(container.left(), []);
    assert.is(await pod.sandbox.status(), "created");
  }));

test("what fails leaves nothing, and the pod goes on", () =>
  Pod.with(async (pod) => {
    const refused = async (container: Bundle, words: RegExp) => {
      const { code, stderr } = await container.create();
      assert.is(code, 1);
      assert.match(stderr.toString(), words);
      assert.equal(container.left(), []);
    };
    await refused(await pod.member(["/no/such/program"]), /no\/such\/program/);
    const foreign = await pod.member(SLEEP, [], (config) => {
      config.linux.namespaces.find(({ type }) => type === "ipc")!.path = "/proc/self/ns/ipc";
    });
    await refused(foreign, /ipc namespace .* is not one of the container's pod/);
    const hooked = await pod.member(SLEEP, [], (config) => {
      config.hooks = { createContainer: [{ path: "/bin/false" }] };
    });
    await refused(hooked, /hook/);
    const many = await pod.member(SLEEP, [], (config) => {
      for (let i = 0; i < 250; i++)
        config.mounts.push({ destination: `/mnt/${i}`, source: "/tmp", type: "bind", options: ["rbind"] });
    });
    await refused(many, /has at most 253 bind mounts/);
    const alone = await pod.member(SLEEP, [], (config) => {
      config.annotations![`${CRI}.sandbox-id`] = "nobody";
      config.linux.namespaces.find(({ type }) => type === "ipc")!.path = "/proc/self/ns/ipc";
    });
    await refused(alone, /ipc namespace of another process cannot be joined/);
    const good = await pod.runs(SLEEP);
    assert.is((await inside(good, "echo here")).trim(), "here");
  }));

/** A container that names namespaces of another's, without any word of a pod. */
async function joining(other: Bundle, files: readonly string[], args: string[]): Promise<Bundle> {
  const { pid } = await state(other);
  const container = new Bundle(args, (config) => {
    delete config.hostname;
    for (const namespace of config.linux.namespaces) {
      const file = namespace.type === "network" ? "net" : namespace.type;
      if (files.includes(file)) namespace.path = `/proc/${pid}/ns/${file}`;
    }
  });
  container.root = other.root;
  return container;
}

test("a container that is shared goes on with its program, and has in its sandbox who names its namespaces", async () => {
  const shared = new Bundle(shell(`nc -l -p ${PORT} -e cat & echo >/own; exec sleep 1000`), (config) => {
    config.hostname = "shared";
    config.annotations = { "dev.ringfence.shared": "true" };
  });
  const containers: Bundle[] = [];
  const joins = async (other: Bundle, files: readonly string[], args: string[] = SLEEP) => {
    const container = await joining(other, files, args);
    containers.push(container);
    return container;
  };
  const runs = async (container: Bundle) => {
    await succeeds(container.create());
    await succeeds(container.on("start"));
  };
  try {
    await succeeds(shared.create());
    const early = await joins(shared, ["pid", "net", "ipc", "uts"]);
    const { code, stderr } = await early.create();
    assert.is(code, 1);
    assert.match(stderr.toString(), /whose processes are to be shared is not running/);
    assert.equal(early.left(), []);
    await succeeds(shared.on("start"));
    const apart = await joins(shared, ["ipc", "pid"]);
    const refused = await apart.create();
    assert.is(refused.code, 1);
    assert.match(refused.stderr.toString(), /has the network namespace of its pod, and no new one/);
    assert.equal(apart.left(), []);
    const first = await joins(shared, ["net"]);
    await runs(first);
    // Of one that has joined it is as of the shared one itself.
    const second = await joins(first, ["net", "ipc", "uts"]);
    await runs(second);
    const asks = `hostname; ls /own 2>&1; ps | grep -c 'exec [s]leep\\|[n]c -l'; echo said | nc 127.0.0.1 ${PORT}`;
    assert.is(await inside(second, asks), "shared\nls: /own: No such file or directory\n0\nsaid\n");
    const all = await joins(shared, ["pid", "net", "ipc", "uts"]);
    await runs(all);
    assert.match(await inside(all, "ps -o args"), /sleep 1000[\s\S]*sleep 1000/);
    for (const container of [first, all]) await container.remove();
    assert.is((await state(second)).status, "running");
    assert.is((await inside(shared, "ls /own")).trim(), "/own");
    await succeeds(shared.on("delete", ["--force"]));
    assert.is((await state(second)).status, "stopped");
  } finally {
    for (const container of containers) await container.remove();
    await shared.remove();
  }
});

test("a create that is killed leaves nothing that delete does not remove", () =>
  Pod.with(async (pod) => {
    for (const killAfterMs of [5, 10, 20, 40, 80, 160]) {
      const container = await pod.member(SLEEP);
      await container.creates({ killAfterMs });
      await succeeds(container.on("delete", ["--force"]));
      assert.equal(container.left(), [], `killed after ${killAfterMs} ms`);
    }
    const good = await pod.runs(SLEEP);
    assert.is((await inside(good, "echo here")).trim(), "here");
  }));

test("commands in it are detached, and of its control groups", () =>
  Pod.with(async (pod) => {
    const container = await pod.runs(SLEEP);
    const file = `${container.directory}/pid`;
    await succeeds(container.execsDetached(["--pid-file", file], shell("echo > /ran; sleep 1000")));
    const pid = readFileSync(file, "utf8").trim();
    const groups = container.cgroups().filter((path) => existsSync(path));
    assert.ok(groups.length > 0);
    for (const group of groups)
      assert.ok(readFileSync(`${group}/cgroup.procs`, "utf8").split("\n").includes(pid));
    assert.is((await inside(container, "ls /ran")).trim(), "/ran");
    process.kill(Number(pid), "SIGKILL");
    const sleeps = async () =>
      Number((await inside(container, "cat /proc/[0-9]*/comm | grep -c '^sleep$'")).trim());
    assert.ok(await eventually(async () => (await sleeps()) === 1, GONE_MS));
  }));

test("hooks of a container see the host's files, and what createContainer mounts the container has", () =>
  Pod.with(async (pod) => {
    const container = await pod.member(SLEEP, [], (config) => {
      const mount = "mkdir mnt; mount -t tmpfs hook mnt && echo hooked > mnt/file";
      config.hooks = {
        createContainer: [{ path: "/bin/sh", args: ["sh", "-c", mount], env: ["PATH=/bin:/usr/bin"] }],
      };
    });
    await succeeds(container.create());
    await succeeds(container.on("start"));
    assert.is((await inside(container, "cat /mnt/file")).trim(), "hooked");
    assert.not.match(readFileSync("/proc/self/mountinfo", "latin1"), / hook /);
  }));

test("what was a container's is given back: whether it ran, or could not be made", () =>
  Pod.with(async (pod) => {
    const node = children(pod.init()).find((pid) => procLink(pid, "exe")?.endsWith("/node"))!;
    // But accounts of helper threads (helper_threads.c), which begin when they are needed.
    const open = () =>
      readdirSync(`/proc/${node}/fd`)
        .map((fd) => procLink(node, `fd/${fd}`) ?? "")
        .filter((link) => !link.endsWith("/schedstat"));
    const round = async () => {
      const container = await pod.runs(SLEEP);
      await inside(container, "ls -R /bin > /found; cat /found | wc -l");
      await succeeds(container.on("delete", ["--force"]));
      const wrong = await pod.member(["/no/such/program"]);
      assert.is((await wrong.create()).code, 1);
      const set = await pod.member(SLEEP, [], (config) => {
        config.linux["sysctl"] = { "kernel.shmmax": "nothing" };
      });
      assert.is((await set.create()).code, 1);
    };
    await round();
    const before = open();
    for (let i = 0; i < 3; i++) await round();
    const isAsBefore = () => open().length <= before.length;
    assert.ok(await eventually(isAsBefore, GONE_MS), `${before.join("\n")}\nnow\n${open().join("\n")}`);
  }));

test("an image leads no mount to another container's files", () =>
  Pod.with(async (pod) => {
    await succeeds(pod.sandbox.on("start"));
    const target = await pod.runs(SLEEP);
    const { pid } = await state(target);
    const evil = await pod.member(SLEEP, ["ipc"], (config) => {
      config.linux.namespaces.find(({ type }) => type === "pid")!.path = `/proc/${pid}/ns/pid`;
      config.mounts.push({
        destination: "/data/put",
        source: "/tmp",
        type: "bind",
        options: ["rbind"],
      });
    });
    symlinkSync("/proc/1/root/bin", `${evil.directory}/rootfs/data`);
    const { code } = await evil.create();
    assert.is(code, 1);
    assert.is(
      (await inside(target, "test -e /bin/put; echo $?; grep -c put /proc/mounts; true")).trim(),
      "1\n0",
    );
  }));

test("terminals of a container are its own", () =>
  Pod.with(async (pod) => {
    const has = await pod.runs(SLEEP);
    const other = await pod.runs(SLEEP);
    const open = "exec 3<>/dev/ptmx; ls /dev/pts";
    assert.is((await inside(has, open)).trim(), "0\nptmx");
    await succeeds(has.execsDetached([], shell("exec 3<>/dev/ptmx; sleep 1000")));
    assert.ok(await eventually(async () => /^0$/m.test(await inside(has, "ls /dev/pts")), GONE_MS));
    assert.is((await inside(other, "ls /dev/pts")).trim(), "ptmx");
  }));

test("what a container has written into a layer in memory is given back when it is deleted", () =>
  Pod.with(
    async (pod) => {
      await succeeds(pod.sandbox.on("start"));
      const held = async () => {
        const { memoryFileBytes, memoryFiles, strings } = await counters(
          join(pod.sandbox.root, pod.sandbox.id, "s"),
        );
        return { memoryFileBytes, memoryFiles, strings };
      };
      const before = await held();
      const container = await pod.runs(shell(WRITES));
      const said = () => readFileSync(join(container.directory, "said"), "latin1");
      assert.ok(await eventually(() => said().includes("written"), 10_000), said());
      assert.ok((await held()).memoryFileBytes! > before.memoryFileBytes! + 30_000_000);
      await succeeds(container.on("delete", ["--force"]));
      const isGone = async () => JSON.stringify(await held()) === JSON.stringify(before);
      assert.ok(await eventually(isGone, 5000), JSON.stringify([before, await held()]));
    },
    ["--overlay2=root:memory"],
  ));

test.run();
