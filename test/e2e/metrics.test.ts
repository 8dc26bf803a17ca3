// deadline: 300 s
// `metrics` and `metric-server`: what is told of containers while they come and go, by whoever they are, and whatever they
// are called.

import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONTAINER_METRICS } from "../../src/main/metrics/container_metrics.ts";
import { SANDBOX_METRICS } from "../../src/main/metrics/sandbox_metrics.ts";
import { SERVER_METRICS } from "../../src/main/metrics/server_metrics.ts";
import type { Thread } from "../../src/main/usage/thread_reports.ts";
import {
  CALL_CLASSES,
  type CallClass,
  LATENCY_SUM_AT,
  LATENCY_WIDTH,
} from "../../src/shared/call_latencies.ts";
import type { Format } from "../exposition.ts";
import { ok, said, text } from "../said.ts";
import { eventually, ringfence, run, workers } from "../spawn.ts";
import { Bundle, type Config, shell, withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { MetricServer, Told } from "./metric_server.ts";
import { children } from "./processes.ts";

const FORMATS: readonly Format[] = ["prometheus", "openmetrics"];
const LOCAL = "127.0.0.1:0";
const CRI = "io.kubernetes.cri";
const GONE_MS = 5000;
const MANY = 20;
/** One that is silent is waited for a second. */
const SCRAPE_MS = 4000;

const SLEEP = shell("sleep 1000");
/** Has a bit of everything. */
const BUSY = shell(
  "mkdir -p /dev/x; head -c 300000 /dev/zero > /dev/x/y; while busybox sleep 0.05; do :; done",
);

async function told(bundle: Bundle, format: Format = "prometheus", flags: string[] = []): Promise<Told> {
  const { stdout } = ok(await bundle.on("metrics", [`--format=${format}`, ...flags]));
  return new Told(stdout.toString("utf8"), format);
}

/** Several containers in one state directory. */
async function withMany(
  count: number,
  body: (bundles: readonly Bundle[], root: string) => Promise<void>,
  args = SLEEP,
): Promise<void> {
  const bundles = Array.from({ length: count }, () => new Bundle(args));
  const { root } = bundles[0]!;
  for (const bundle of bundles) bundle.root = root;
  try {
    await Promise.all(bundles.map(async (bundle) => ok(await bundle.runsDetached())));
    await body(bundles, root);
  } finally {
    await Promise.all(bundles.slice(1).map((bundle) => bundle.remove()));
    await bundles[0]!.remove();
  }
}

const stateOf = ({ root, id }: Bundle) => JSON.parse(readFileSync(join(root, id, "state.json"), "utf8"));

/** Node of its sandbox: the only child of init with threads. */
function kernelOf(bundle: Bundle): number {
  return children(stateOf(bundle).init).find((pid) => readdirSync(`/proc/${pid}/task`).length > 2)!;
}

/** Of these rows, those that need a network, several threads or limits. */
const OF_SOME =
  /^sandbox_network_(re|tr)|thread_(passed|forwards|doorbells|queued|unsent)|limit(_bytes)?$|restarts/;

for (const format of FORMATS)
  test(`all that there is of a container, once: ${format}`, async () => {
    await withBundle(BUSY, async (bundle) => {
      ok(await bundle.runsDetached());
      const { families } = await told(bundle, format);
      const names = new Set(families.map(({ name }) => name.replace(/_total$/, "")));
      for (const { name, isBare } of [...SANDBOX_METRICS, ...CONTAINER_METRICS, ...SERVER_METRICS])
        if (!OF_SOME.test(name) && !(bundle.cgroups().length === 0 && name.startsWith("container_")))
          assert.ok(names.has((isBare ? name : `ringfence_${name}`).replace(/_total$/, "")), name);
    });
  });

test("figures are those of the host's files, of events --stats, and of the kernel", async () => {
  const limit = 200 << 20;
  await withBundle(
    BUSY,
    async (bundle) => {
      ok(await bundle.runsDetached());
      const file = (name: string): string | undefined => {
        const path = bundle
          .cgroups()
          .map((group) => join(group, name))
          .find((each) => existsSync(each));
        return path && readFileSync(path, "utf8");
      };
      const cpu = () => {
        const v1 = file("cpuacct.usage");
        if (v1 !== undefined) return Number(v1) / 1e9;
        return Number(/^usage_usec (\d+)/m.exec(file("cpu.stat")!)![1]) / 1e6;
      };
      const [before, first] = [cpu(), await told(bundle)];
      const { data } = JSON.parse(text(ok(await bundle.on("events", ["--stats"]))));
      const [second, after] = [await told(bundle), cpu()];
      const cpus = [before, first.value("container_cpu_usage_seconds")!, data.cpu.usage.total / 1e9];
      cpus.push(second.value("container_cpu_usage_seconds")!, after);
      assert.equal(
        cpus,
        cpus.toSorted((a, b) => a - b),
      );
      assert.is(first.value("container_spec_memory_limit_bytes"), limit);
      assert.is(data.memory.usage.limit, limit);
      const used = Number(file("memory.usage_in_bytes") ?? file("memory.current"));
      for (const usage of [first.value("container_memory_usage_bytes")!, data.memory.usage.usage])
        assert.ok(Math.abs(usage - used) < 16 << 20, `${usage} of ${used}`);
      assert.ok(first.value("container_memory_working_set_bytes")! <= limit);
      assert.is(first.value("container_tasks_limit"), 77);
      assert.is(first.value("container_status", { status: "running" }), 1);
      const now = Date.now() / 1000;
      const created = first.value("container_created_timestamp_seconds")!;
      assert.ok(created > now - 60 && created <= now, String(created));
      assert.ok(first.value("sandbox_memory_bytes", { kind: "files" })! >= 300_000);
      assert.ok(second.value("sandbox_requests")! > first.value("sandbox_requests")!);
      assert.ok(second.value("sandbox_programs_started")! > 0);
      assert.is(first.value("sandbox_throws"), 0);
      ok(await bundle.on("pause"));
      const paused = await told(bundle);
      assert.is(paused.value("container_status", { status: "paused" }), 1);
      const { pids } = JSON.parse(text(ok(await bundle.on("events", ["--stats"])))).data;
      assert.equal([pids.current, pids.limit], [paused.value("container_tasks"), 77]);
    },
    (config) => {
      config.linux.resources = { memory: { limit }, pids: { limit: 77 } };
    },
  );
});

test("each kernel thread is told of", async () => {
  await withBundle(BUSY, async (bundle) => {
    ok(await bundle.creates({ globalFlags: ["--workers=net,data=1"] }));
    ok(await bundle.on("start"));
    const seen = await told(bundle);
    for (const [thread, role] of ["supervisor", "net", "data"].entries()) {
      const labels = { thread: String(thread), role };
      assert.ok(seen.value("sandbox_kernel_thread_seconds", { ...labels, state: "sleep" })! >= 0);
      for (const name of ["requests", "passed_out", "passed_in", "forwards", "doorbells"])
        assert.ok(seen.value(`sandbox_kernel_thread_${name}`, labels)! >= 0, name);
    }
    assert.is(seen.samples("sandbox_kernel_thread_seconds").length, 9);
  });
});

/** Starts programs, then reads a file byte by byte, again and again, with so many calls each time. */
const READS = 20_000;
const READER = shell(
  `head -c ${READS} /dev/zero > /file
   for i in $(seq 200); do /bin/busybox dd if=/file of=/dev/null bs=1 count=1 2> /dev/null; done
   while :; do dd if=/file of=/dev/null bs=1 2> /dev/null; done`,
);

for (const workers of ["solo", "net,data=1"])
  for (const format of FORMATS)
    test(`how long calls take: ${workers}, ${format}`, async () => {
      await withBundle(READER, async (bundle) => {
        // Sites that are patched ring data threads.
        ok(await bundle.creates({ globalFlags: [`--workers=${workers}`, "--patch=eager"] }));
        ok(await bundle.on("start"));
        const durations = (seen: Told, name: string) => {
          const of = seen
            .samples("sandbox_call_duration_seconds")
            .filter(({ labels }) => labels["class"] === name);
          const value = (part: string) => of.find((sample) => sample.name.endsWith(part))?.value ?? 0;
          return { count: value("_count"), sum: value("_sum"), first: of[0]?.labels["le"] };
        };
        const requests = (seen: Told) => seen.value("sandbox_requests")!;
        let seen = await told(bundle, format);
        const isEach = async () => {
          seen = await told(bundle, format);
          return ["file", "memory", "process", "wait"].every((name) => durations(seen, name).count > 0);
        };
        assert.ok(await eventually(isEach, 60_000));
        const before = { requests: requests(seen), ...durations(seen, "file") };
        // Of the reads a half and more come to whichever thread has the file.
        const more = async () => {
          seen = await told(bundle, format);
          return requests(seen) - before.requests > 10 * READS;
        };
        assert.ok(await eventually(more, 30_000));
        const { count, sum, first } = durations(seen, "file");
        const drawn = (count - before.count) / ((requests(seen) - before.requests) / 128);
        // Requests are more than calls: what stubs tell of operations, faults.
        assert.ok(drawn > 0.5 && drawn < 1.1, String(drawn));
        assert.ok(sum > before.sum && sum / count < 0.01, `${sum} of ${count}`);
        assert.is(first, "5e-07");
        if (workers === "solo") return;
        // Those of threads beside the first are in it.
        const isTimed = async () => {
          const threads: Thread[] = JSON.parse(text(ok(await bundle.on("debug", ["--json"]))));
          return threads.find(({ role }) => role === "data")!.latencies.some((number) => number > 0);
        };
        assert.ok(await eventually(isTimed, 30_000));
      });
    });

/** How many calls of a class a thread has told of. */
function timed({ latencies }: Thread, name: CallClass): number {
  const first = CALL_CLASSES.indexOf(name) * LATENCY_WIDTH;
  return latencies.slice(first, first + LATENCY_SUM_AT).reduce((all, count) => all + count, 0);
}

test("how long calls take: those of the network's thread, also such as wait there", async () => {
  await withBundle(shell("ip link set lo up; exec /bin/datagrams"), async (bundle) => {
    copyFileSync(buildDriver("datagrams", [], ["-static"]), join(bundle.rootfs, "bin/datagrams"));
    // Sites that are patched ring that thread, and what is passed to it is little.
    ok(await bundle.creates({ globalFlags: ["--workers=net", "--patch=eager"] }));
    ok(await bundle.on("start"));
    let threads: Thread[] = [];
    const ofNet = () => threads.find(({ role }) => role === "net")!;
    const has = (requests: number) => async () => {
      threads = JSON.parse(text(ok(await bundle.on("debug", ["--json"]))));
      return ofNet().requests > requests;
    };
    assert.ok(await eventually(has(5000), 60_000), JSON.stringify(threads));
    const begun = ofNet();
    assert.ok(await eventually(has(begun.requests + 50_000), 60_000), JSON.stringify(threads));
    // Half of them wait: if those were lost, so would be half of the sample.
    const drawn =
      (timed(ofNet(), "network") - timed(begun, "network")) / ((ofNet().requests - begun.requests) / 128);
    assert.ok(drawn > 0.8 && drawn < 1.2, String(drawn));
    // The histogram is that of all threads together.
    const all = () => threads.reduce((sum, thread) => sum + timed(thread, "network"), 0);
    const before = all();
    const seen = (await told(bundle)).samples("sandbox_call_duration_seconds");
    const { value } = seen.find(
      ({ name, labels }) => name.endsWith("_count") && labels["class"] === "network",
    )!;
    await has(0)();
    assert.ok(before <= value && value <= all(), `${before} ${value} ${all()}`);
    assert.ok(timed(ofNet(), "network") > all() / 2, JSON.stringify(threads));
  });
});

test("containers that are named, and what is wrong with names", async () => {
  await withMany(2, async ([one, two], root) => {
    const ids = (seen: Told) => seen.samples("container_info").map(({ labels }) => labels["id"]);
    assert.equal(ids(await told(one!)), [one!.id]);
    const both = ok(await two!.command(["metrics", one!.id, two!.id]));
    assert.equal(ids(new Told(text(both), "prometheus")), [one!.id, two!.id]);
    assert.is(ids(new Told(text(ok(await one!.command(["metrics"]))), "prometheus")).length, 2);
    for (const [words, message] of [
      [["metrics", "007"], /does not exist: 007/],
      [["metrics", one!.id, "none"], /does not exist: none/],
      [["metrics", `../state/${one!.id}`], /invalid container ID/],
      [["metrics", "--exporter-prefix=a-b"], /--exporter-prefix/],
      [["metrics", "--format=xml"], /format/],
      [["metric-server"], /--address/],
      [["metric-server", "--address=here"], /HOST:PORT/],
      [["metric-server", "--address=192.0.2.1:1"], /metric-server: .*EADDRNOTAVAIL/],
      [["metric-server", `--address=${LOCAL}`, "--extra-root=x"], /--extra-root is an absolute path/],
    ] as const) {
      const { code, stderr, stdout } = await one!.command([...words]);
      assert.equal([code, stdout.toString()], [125, ""], String(words));
      assert.match(stderr.toString(), message);
    }
    const renamed = ok(await one!.command(["metrics", "--exporter-prefix=runsc_"]));
    assert.match(text(renamed), /^runsc_sandbox_up{sandbox=/m);
    assert.not.match(text(renamed), /^ringfence_/m);
    // What others may have written is not believed, and keeps nobody else from being told.
    rmSync(join(root, "bad"), { recursive: true, force: true });
    ok(
      await run("sh", [
        "-c",
        `mkdir -m 777 ${root}/bad; echo '{}' > ${root}/bad/state.json; chmod 777 ${root}/bad`,
      ]),
    );
    const seen = await one!.command(["metrics"]);
    assert.is(new Told(text(ok(seen)), "prometheus").value("states_unreadable"), 1);
    assert.match(said(seen), /can be changed by other users/);
    rmSync(join(root, "bad"), { recursive: true });
  });
});

test("run in the foreground is told of; do has no state, and is not", async () => {
  await withBundle(shell("echo here; sleep 1000"), async (bundle) => {
    const running = bundle.runs({ deadlineMs: 60_000 });
    const isUp = async () =>
      new Told(text(await bundle.command(["metrics"])), "prometheus").value("sandbox_up") === 1;
    assert.ok(await eventually(isUp, 20_000));
    const root = mkdtempSync("/tmp/ringfence-metrics-");
    const done = run(ringfence, ["--root", root, "do", "--", "sleep", "2"]);
    const seen = ok(await run(ringfence, ["--root", root, "metrics"]));
    assert.is(new Told(text(seen), "prometheus").value("sandboxes"), 0);
    ok(await done);
    rmSync(root, { recursive: true, force: true });
    // Its launcher may have removed all of it before that can say that it is done.
    await bundle.on("kill", [], ["KILL"]);
    assert.is((await running).code, 137);
  });
});

test(`${MANY} containers come and go while they are told of`, async () => {
  const root = mkdtempSync("/tmp/ringfence-metrics-");
  await MetricServer.with(LOCAL, ["--root", join(root, "state")], async (server) => {
    // There is no such directory yet.
    assert.is((await server.scrape()).value("containers"), 0);
    const bundles = Array.from({ length: MANY }, () => new Bundle(SLEEP));
    for (const bundle of bundles) bundle.root = join(root, "state");
    let isMade = false;
    const made = Promise.all(bundles.map(async (bundle) => ok(await bundle.runsDetached()))).finally(() => {
      isMade = true;
    });
    while (!isMade) await server.scrape("openmetrics");
    await made;
    for (const format of FORMATS) {
      const scrapes = await Promise.all(Array.from({ length: 8 }, () => server.scrape(format)));
      for (const seen of scrapes) {
        assert.is(seen.value("sandboxes"), MANY);
        assert.is(seen.value("sandboxes_silent"), 0);
        for (const { id } of bundles) assert.is(seen.value("sandbox_up", { sandbox: id }), 1);
      }
    }
    const removed = Promise.all(bundles.map((bundle) => bundle.remove()));
    let left = MANY;
    removed.finally(() => {
      left = 0;
    });
    while (left > 0) await server.scrape();
    await removed;
    const seen = await server.scrape();
    assert.equal([seen.value("containers"), seen.samples("sandbox_up").length], [0, 0]);
    // Nothing is held of what has gone.
    const held = readdirSync(`/proc/${server.child.pid}/fd`).length;
    assert.ok(held < 40, String(held));
  });
  rmSync(root, { recursive: true, force: true });
});

// Of several kernel threads none can promise for the others.
const promises = workers === "solo" ? test : test.skip;
promises("one that does nothing is not woken to say so, and what it does then is told", async () => {
  await withBundle(SLEEP, async (bundle) => {
    await MetricServer.with(LOCAL, ["--root", bundle.root], async (server) => {
      ok(await bundle.runsDetached());
      const kernel = kernelOf(bundle);
      /** How often the host has let its main thread run. */
      const runs = () => readFileSync(`/proc/${kernel}/task/${kernel}/schedstat`, "latin1").split(" ")[2]!;
      // Until it has given back what it has no use for.
      const isStill = async () => {
        await server.scrape();
        await new Promise((resolve) => setTimeout(resolve, 100));
        const before = runs();
        const first = await server.scrape();
        const second = await server.scrape();
        if (runs() !== before) return false;
        for (const name of ["sandbox_requests", "sandbox_programs_started", "container_tasks"])
          assert.is(second.value(name), first.value(name), name);
        const sleep = { state: "sleep" };
        const [a, b] = [first, second].map((seen) => seen.value("sandbox_kernel_thread_seconds", sleep)!);
        assert.ok(a! <= b!);
        return true;
      };
      assert.ok(await eventually(isStill, 30_000));
      for (let i = 0; i < 3; i++) {
        const before = await server.scrape();
        ok(await bundle.on("exec", [], ["true"]));
        const started = async () =>
          (await server.scrape()).value("sandbox_programs_started") ===
          before.value("sandbox_programs_started")! + 1;
        assert.ok(await eventually(started, GONE_MS));
      }
      ok(await bundle.on("pause"));
      const paused = await server.scrape();
      assert.is(paused.value("container_status", { status: "paused" }), 1);
      ok(await bundle.on("resume"));
      ok(await bundle.on("update", ["--pids-limit=77"]));
      const updated = await server.scrape();
      assert.is(updated.value("container_status", { status: "running" }), 1);
      assert.is(updated.value("container_tasks_limit"), 77);
    });
  });
});

test("one that is stopped is told as silent, and holds up nobody", async () => {
  await withMany(4, async (bundles, root) => {
    await MetricServer.with(LOCAL, ["--root", root], async (server) => {
      const [stopped, ...others] = bundles;
      await server.scrape();
      const kernel = kernelOf(stopped!);
      // One that has nothing to do is asked once in a minute: it has something to tell.
      ok(await stopped!.on("exec", [], ["true"]));
      process.kill(kernel, "SIGSTOP");
      try {
        for (let i = 0; i < 3; i++) {
          const began = performance.now();
          const seen = await server.scrape();
          assert.ok(performance.now() - began < SCRAPE_MS, `${performance.now() - began} ms`);
          assert.is(seen.value("sandbox_up", { sandbox: stopped!.id }), 0);
          assert.is(seen.value("sandboxes_silent"), 1);
          assert.is(seen.value("sandbox_requests", { sandbox: stopped!.id }), undefined);
          // What the host counts of it is told all the same.
          assert.ok(seen.value("container_memory_usage_bytes", { id: stopped!.id })! > 0);
          assert.equal(
            seen.samples("container_status").filter(({ labels }) => labels["id"] === stopped!.id),
            [],
          );
          for (const { id } of others) assert.is(seen.value("sandbox_up", { sandbox: id }), 1);
        }
        const began = performance.now();
        await server.curl("/metrics", "-H", "X-Prometheus-Scrape-Timeout-Seconds: 0.5");
        assert.ok(performance.now() - began < 900, `${performance.now() - began} ms`);
      } finally {
        process.kill(kernel, "SIGCONT");
      }
      const isBack = async () => (await server.scrape()).value("sandboxes_silent") === 0;
      assert.ok(await eventually(isBack, GONE_MS));
      // One that was killed has no kernel any more, and its state stays until it is deleted.
      process.kill(stateOf(stopped!).init, "SIGKILL");
      const isStopped = async () =>
        (await server.scrape()).value("container_status", { id: stopped!.id, status: "stopped" }) === 1;
      assert.ok(await eventually(isStopped, GONE_MS));
      assert.is((await server.scrape()).value("sandbox_up", { sandbox: stopped!.id }), 0);
      ok(await stopped!.on("delete"));
      assert.is((await server.scrape()).value("sandbox_up", { sandbox: stopped!.id }), undefined);
    });
  });
});

test("a container that is made anew is a restart", async () => {
  await withBundle(SLEEP, async (bundle) => {
    await MetricServer.with(LOCAL, ["--root", bundle.root], async (server) => {
      const restarts = async () => (await server.scrape()).value("container_restarts");
      for (const expected of [0, 1, 2]) {
        ok(await bundle.runsDetached());
        assert.equal([await restarts(), await restarts()], [expected, expected]);
        ok(await bundle.on("delete", ["--force"]));
      }
    });
  });
});

/** A pod's sandbox, as containerd's CRI plugin makes it, and containers in it. */
async function withPod(
  names: readonly string[],
  body: (sandbox: Bundle, containers: readonly Bundle[]) => Promise<void>,
): Promise<void> {
  const annotate = (config: Config, type: string, sandbox: string, more = {}) => {
    config.annotations = {
      [`${CRI}.container-type`]: type,
      [`${CRI}.sandbox-id`]: sandbox,
      [`${CRI}.sandbox-name`]: "web-0",
      [`${CRI}.sandbox-namespace`]: "shop",
      [`${CRI}.sandbox-uid`]: "1-2-3",
      ...more,
    };
  };
  const sandbox = new Bundle(SLEEP);
  sandbox.configure(SLEEP, (config) => annotate(config, "sandbox", sandbox.id));
  const containers: Bundle[] = [];
  try {
    ok(await sandbox.create());
    ok(await sandbox.on("start"));
    const { pid } = JSON.parse(text(ok(await sandbox.on("state"))));
    for (const name of names) {
      const container = new Bundle(SLEEP, (config) => {
        const more = { [`${CRI}.container-name`]: name, [`${CRI}.image-name`]: `example/${name}:1` };
        annotate(config, "container", sandbox.id, more);
        delete config.hostname;
        for (const namespace of config.linux.namespaces)
          if (["ipc", "uts", "network"].includes(namespace.type))
            namespace.path = `/proc/${pid}/ns/${namespace.type === "network" ? "net" : namespace.type}`;
      });
      container.root = sandbox.root;
      containers.push(container);
      ok(await container.create());
      ok(await container.on("start"));
    }
    await body(sandbox, containers);
  } finally {
    for (const container of containers) await container.remove();
    await sandbox.remove();
  }
}

test("a pod is one sandbox, asked once, with its containers by their names", () =>
  withPod(["app", "side"], async (sandbox, [app, side]) => {
    const pod = { sandbox: sandbox.id, pod: "web-0", namespace: "shop" };
    await MetricServer.with(LOCAL, ["--root", sandbox.root], async (server) => {
      let seen = await server.scrape();
      assert.equal([seen.value("sandboxes"), seen.value("containers")], [1, 3]);
      assert.equal({ ...seen.samples("sandbox_up")[0]!.labels }, pod);
      const labels = (bundle: Bundle) => {
        const found = seen
          .samples("container_memory_usage_bytes")
          .find((one) => one.labels["id"] === bundle.id);
        return { ...found?.labels };
      };
      assert.equal(labels(app!), { ...pod, id: app!.id, container: "app", image: "example/app:1" });
      assert.equal(labels(side!), { ...pod, id: side!.id, container: "side", image: "example/side:1" });
      assert.equal(labels(sandbox), { ...pod, id: sandbox.id, container: "POD" });
      assert.is(seen.value("container_info", { id: app!.id, uid: "1-2-3", type: "container" }), 1);
      // The kernel itself is the first one's.
      assert.ok(
        seen.value("container_memory_usage_bytes", { id: sandbox.id })! >
          seen.value("container_memory_usage_bytes", { id: app!.id })!,
      );
      assert.equal(
        [app!, side!, sandbox].map(({ id }) => seen.value("container_tasks", { id })),
        [1, 1, 0],
      );
      ok(await app!.on("kill", [], ["KILL"]));
      const isStopped = async () => {
        seen = await server.scrape();
        return seen.value("container_status", { id: app!.id, status: "stopped" }) === 1;
      };
      assert.ok(await eventually(isStopped, GONE_MS));
      assert.is(seen.value("container_status", { id: side!.id, status: "running" }), 1);
      ok(await app!.on("delete"));
      seen = await server.scrape();
      assert.equal(labels(app!), {});
      assert.equal([seen.value("sandboxes"), seen.value("containers")], [1, 2]);
      // Another of its name in that pod.
      assert.is(seen.value("container_restarts", { id: side!.id }), 0);
      ok(await app!.create());
      assert.is((await server.scrape()).value("container_restarts", { id: app!.id }), 1);
    });
    // One of them alone is asked by the pod's socket.
    const one = await told(side!);
    assert.equal(
      one.samples("container_info").map(({ labels }) => labels["id"]),
      [side!.id],
    );
    assert.is(one.value("container_tasks"), 1);
  }));

test("annotations with anything in them", async () => {
  const ODD = 'q"uo\\te\nnew\\n{}=,# é€😀\u2028\u0001';
  await withBundle(SLEEP, async (bundle) => {
    bundle.configure(SLEEP, (config) => {
      config.annotations = {
        [`${CRI}.container-name`]: ODD,
        [`${CRI}.sandbox-name`]: `${ODD}${"x".repeat(5000)}`,
        [`${CRI}.sandbox-namespace`]: "\ud800lone",
        [`${CRI}.image-name`]: "<bytes>",
      };
    });
    const path = join(bundle.directory, "config.json");
    ok(await bundle.runsDetached());
    for (const format of FORMATS) {
      const { labels } = (await told(bundle, format)).samples("container_info")[0]!;
      assert.is(labels["container"], ODD);
      assert.is(labels["pod"]!.length, 256);
      assert.is(labels["namespace"], "\ufffdlone");
    }
    // What is no UTF-8, in the copy that is looked at: the launcher lets it in, or not.
    const bytes = Buffer.from(readFileSync(path, "latin1").replace("<bytes>", "a\xff\xc3b"), "latin1");
    writeFileSync(join(bundle.root, bundle.id, "config.json"), bytes);
    for (const format of FORMATS) {
      const { labels } = (await told(bundle, format)).samples("container_info")[0]!;
      assert.is(labels["image"], "a\ufffd\ufffdb");
    }
    writeFileSync(join(bundle.root, bundle.id, "config.json"), "{");
    assert.is((await told(bundle)).value("container_info", { id: bundle.id }), 1);
  });
});

test("a sandbox that lies is silent, whatever it says", async () => {
  const LIES: readonly string[] = [
    "x",
    '{"id":1,"result":null}\n',
    '{"id":1,"error":{"message":"no"}}\n',
    '{"id":1,"result":{"counters":{},"threads":[],"netDev":"","containers":[{"id":7}]}}\n',
    `{"id":1,"result":{"counters":${"[".repeat(100_000)}`,
    "x".repeat(3 << 20),
    "{}\n".repeat(300_000),
  ];
  await withMany(2, async ([liar, honest], root) => {
    const path = join(root, liar!.id, "s");
    renameSync(path, `${liar!.directory}/s`);
    await MetricServer.with(LOCAL, ["--root", root], async (server) => {
      for (const lie of LIES) {
        const listener = createServer((socket) => {
          socket.on("error", () => {});
          socket.once("data", () => socket.write(lie));
        });
        await new Promise<void>((resolve) => listener.listen(path, resolve));
        const seen = await server.scrape();
        const what = lie.slice(0, 60);
        assert.is(seen.value("sandbox_up", { sandbox: liar!.id }), 0, what);
        assert.is(seen.value("sandbox_up", { sandbox: honest!.id }), 1, what);
        listener.close();
        rmSync(path, { force: true });
      }
      const { length } = server.said;
      assert.ok(length < 200, server.said);
    });
    renameSync(`${liar!.directory}/s`, path);
  });
});

test("several directories of states: the same id in two is two", async () => {
  const above = mkdtempSync("/tmp/ringfence-metrics-");
  const [one, two] = [new Bundle(SLEEP), new Bundle(SLEEP)];
  try {
    one.root = join(above, "k8s.io");
    two.root = join(above, "moby");
    ok(await one.runsDetached());
    ok(await two.command(["run", "--detach", "--bundle", two.directory, one.id], { deadlineMs: 20_000 }));
    const roots = ["--root", join(above, "none"), "metrics", `--extra-root=${above}/*`];
    const seen = new Told(text(ok(await run(ringfence, roots))), "prometheus");
    for (const root of [one.root, two.root])
      assert.is(seen.value("container_status", { id: one.id, root, status: "running" }), 1);
    assert.is(seen.value("sandboxes"), 2);
  } finally {
    await two.command(["delete", "--force", one.id]);
    await two.remove();
    await one.remove();
    rmSync(above, { recursive: true, force: true });
  }
});

test("what the server answers, and by which socket", async () => {
  const directory = mkdtempSync("/tmp/ringfence-metrics-");
  const flags = ["--root", join(directory, "state")];
  const path = join(directory, "s");
  for (const address of [LOCAL, `unix:${path}`])
    await MetricServer.with(address, flags, async (server) => {
      const head = (at: string, ...more: string[]) => server.curl(at, "-D", "-", "-o", "/dev/null", ...more);
      assert.is(await server.curl("/healthz"), "ok\n");
      // It has no privilege, and gets none.
      const status = readFileSync(`/proc/${server.child.pid}/status`, "utf8");
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        assert.match(status, new RegExp(`^${set}:\\s+0+$`, "m"), status);
      assert.match(status, /^NoNewPrivs:\s+1$/m);
      assert.match(
        await head("/metrics"),
        /^HTTP\/1\.1 200 [\s\S]*content-type: text\/plain; version=0\.0\.4; charset=utf-8/i,
      );
      const accept =
        "Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
      assert.match(
        await head("/metrics", "-H", accept),
        /content-type: application\/openmetrics-text; version=1\.0\.0/i,
      );
      assert.match(await server.curl("/metrics", "-H", accept), /# EOF\n$/);
      assert.match(await head("/"), /^HTTP\/1\.1 200 /);
      assert.match(await head("/metrics?x=y"), /^HTTP\/1\.1 200 /);
      assert.match(await head("/metrics/../etc/passwd", "--path-as-is"), /^HTTP\/1\.1 404 /);
      assert.match(await head("/metrics", "-d", "x=y"), /^HTTP\/1\.1 405 [\s\S]*allow: GET, HEAD/i);
      assert.match(await server.curl("/metrics", "-I"), /^HTTP\/1\.1 200 /);
      assert.match(await head("/", "-H", `X: ${"x".repeat(30_000)}`), /^HTTP\/1\.1 431 /);
      // Who holds many connections has no more of them.
      await Promise.all(Array.from({ length: 100 }, () => server.curl("/healthz").catch(() => {})));
      assert.is(await server.curl("/healthz"), "ok\n");
      assert.is(await server.end(), 0);
      assert.not(existsSync(path));
    });
  // One that was killed leaves its socket, which the next one takes over; not from one that lives.
  const killed = await MetricServer.start(`unix:${path}`, flags);
  const refused = await run(ringfence, [...flags, "metric-server", `--address=unix:${path}`]);
  assert.is(refused.code, 125);
  assert.match(said(refused), /EADDRINUSE/);
  killed.child.kill("SIGKILL");
  await new Promise((resolve) => killed.child.once("exit", resolve));
  assert.ok(existsSync(path));
  await MetricServer.with(`unix:${path}`, flags, async (server) => {
    assert.is(await server.curl("/healthz"), "ok\n");
  });
  // A file that is no socket is nobody's to take.
  writeFileSync(path, "kept");
  assert.is((await run(ringfence, [...flags, "metric-server", `--address=unix:${path}`])).code, 125);
  assert.is(readFileSync(path, "utf8"), "kept");
  rmSync(directory, { recursive: true, force: true });
});

test.run();
