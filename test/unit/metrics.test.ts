// Metrics as tables: their names and help, both text formats, what is told of a sandbox that lies, and who wants which format.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatFor } from "../../src/main/metrics/accept.ts";
import { type Answer, readAnswer } from "../../src/main/metrics/answer.ts";
import { CONTAINER_METRICS, type ContainerFigures } from "../../src/main/metrics/container_metrics.ts";
import { exposition, type Family, type Format } from "../../src/main/metrics/exposition.ts";
import { hostFigures } from "../../src/main/metrics/host_figures.ts";
import { InterfaceNames } from "../../src/main/metrics/interface_names.ts";
import { labelsOf } from "../../src/main/metrics/labels.ts";
import { readAddress } from "../../src/main/metrics/listening.ts";
import { addSamples, type Metric, type Sample } from "../../src/main/metrics/metric.ts";
import { SANDBOX_METRICS, type SandboxFigures } from "../../src/main/metrics/sandbox_metrics.ts";
import { scrapeMs } from "../../src/main/metrics/server.ts";
import { SERVER_METRICS } from "../../src/main/metrics/server_metrics.ts";
import { DEFAULT_PREFIX, GROUPS, isPrefix } from "../../src/main/metrics/table.ts";
import { CgroupFiles } from "../../src/main/usage/cgroup_files.ts";
import { Counters } from "../../src/workers/counters.ts";
import { FormatError, faultsOf, readExposition } from "../exposition.ts";

const FORMATS: readonly Format[] = ["prometheus", "openmetrics"];
const THREAD = {
  ...{ thread: 0, role: "supervisor", tid: 5, cpu: 0, workNs: 2.5e9, spinNs: 1, sleepNs: 3, requests: 7 },
  ...{ passedOut: 1, passedIn: 2, forwards: 1, queued: 0, queuedMax: 3, unsent: 0, sleeps: 4 },
  ...{ doorbells: 5, longTurns: 0, longestTurnMs: 12 },
  // Of two classes: so many calls in each bucket, and nanoseconds.
  latencies: [...[3, 0, 0, 0, 1, 0, 0, 0, 2, 5e9], ...Array(20).fill(0), ...[0, 0, 1, 0, 0, 0, 0, 0, 0, 9e3]],
};
const NET_DEV = "  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n";
/** Of table_sizes.ts and kernel_api.ts; that they are there, metrics.test.ts of e2e/ sees. */
const SIZES = [
  "watchedDescriptors",
  "unixSockets",
  "ptys",
  "heapUsed",
  "heapCharged",
  "heapLimit",
  "memoryLimit",
];
const counted = Object.fromEntries(
  [...Object.keys(new Counters().toRecord()), ...SIZES].map((n, i) => [n, i]),
);

const answerWith = (change: object = {}): Answer =>
  readAnswer(
    {
      ...{ counters: counted, threads: [THREAD, { ...THREAD, thread: 1, role: "net" }], netDev: NET_DEV },
      containers: [{ id: "a", status: "running", tasks: 3, tasksLimit: 10 }],
      ...change,
    },
    "metrics",
  );

const figures = (answer: Answer | null): SandboxFigures => ({
  answer,
  interfaces: answer === null ? [] : new InterfaceNames().told(answer.netDev),
});

const HOST = hostFigures(
  new CgroupFiles(["/c"], (path) => {
    const texts: Record<string, string> = {
      "/c/cpu.stat":
        "usage_usec 5000000\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nnr_throttled 1\nthrottled_usec 500000\n",
      "/c/memory.stat": "anon 1\nfile 7\nfile_mapped 2\ninactive_file 100\n",
      "/c/memory.current": "1000\n",
      "/c/memory.max": "max\n",
      "/c/memory.peak": "2000\n",
      "/c/memory.swap.current": "50\n",
      "/c/memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\n",
      "/c/io.stat": "8:16 rbytes=4096 wbytes=1 rios=1 wios=3\n8:0 rbytes=4 wbytes=0 rios=1 wios=0\n",
    };
    if (texts[path] === undefined) throw new Error("ENOENT");
    return texts[path];
  }),
);

const CONTAINER: ContainerFigures = {
  info: { root: "/run/ringfence" },
  created: 1.5,
  status: "running",
  told: answerWith().containers[0]!,
  restarts: 0,
  host: { ...HOST, memoryLimit: 1 << 20 },
};
const SERVER = {
  ...{ version: "0", sandboxes: 1, silent: 0, containers: 1, unreadable: 0 },
  ...{ scrapeSeconds: 0.25, startSeconds: 1e9, cpuSeconds: 1e-7, residentBytes: 2 ** 40 },
};

function families<Source>(
  metrics: readonly Metric<Source>[],
  source: Source,
  labels: Sample["sharedLabels"],
): Family[] {
  return metrics.map((metric) => {
    const samples: Sample[] = [];
    addSamples(samples, metric.value(source), labels);
    return { metric, samples };
  });
}

const everything = (labels: Sample["sharedLabels"]): Family[] => [
  ...families(SANDBOX_METRICS, figures(answerWith()), labels),
  ...families(CONTAINER_METRICS, CONTAINER, labels),
  ...families(SERVER_METRICS, SERVER, {}),
];

async function read(families: readonly Family[], format: Format) {
  const { text } = await exposition(families, DEFAULT_PREFIX, format);
  return readExposition(text, format);
}

const all = GROUPS.flatMap(({ metrics }) => metrics);

test("rows: names, units and help are of one form", () => {
  assert.is(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { name, kind, unit, help, from, isBare } of all) {
    assert.match(name, /^[a-z]+(_[a-z]+)*$/);
    assert.is(name.endsWith("_total"), kind === "counter", name);
    if (unit !== "") assert.match(name, new RegExp(`_${unit}(_total)?$`), name);
    assert.is(isBare === true, name.startsWith("process_"), name);
    // OpenMetrics quotes more of help than its writer does.
    assert.match(help, /^[A-Z][^"\\\n]*\.$/, name);
    assert.ok(from.length > 0, name);
  }
});

for (const format of FORMATS) {
  test(`every metric can be told, and is told well: ${format}`, async () => {
    const told = await read(everything({ sandbox: "a" }), format);
    assert.equal(faultsOf(told, format), []);
    const suffix = format === "openmetrics" ? /_total$/ : /$/;
    assert.equal(
      told.map(({ name }) => name),
      all.map(({ name, isBare }) => (isBare ? name : DEFAULT_PREFIX + name).replace(suffix, "")),
    );
    for (const [i, { type }] of told.entries()) assert.is(type, all[i]!.kind);
    const durations = told.find(({ type }) => type === "histogram")!;
    assert.equal(
      durations.samples.map(({ name, labels, value }) => [
        name.replace(/.*_/, ""),
        labels["class"],
        ...(labels["le"] === undefined ? [] : [labels["le"]]),
        value,
      ]),
      [
        ...["5e-07", "1e-06", "2.5e-06", "1e-05"].map((le) => ["bucket", "file", le, 6]),
        ...["0.0001", "0.001", "0.01", "0.1"].map((le) => ["bucket", "file", le, 8]),
        ...[
          ["bucket", "file", "+Inf", 12],
          ["sum", "file", 10],
          ["count", "file", 12],
        ],
        ...["5e-07", "1e-06"].map((le) => ["bucket", "process", le, 0]),
        ...["2.5e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "+Inf"].map((le) => [
          ...["bucket", "process", le, 2],
        ]),
        ...[
          ["sum", "process", 1.8e-5],
          ["count", "process", 2],
        ],
      ],
    );
    // Labels are those that the row says, and those of what it is about.
    for (const [i, { samples }] of told.entries())
      for (const { labels } of samples) {
        const own = Object.keys(labels).filter((label) => !["sandbox", "le"].includes(label));
        if (all[i]!.name === "container_info") continue;
        assert.equal(own, [...(all[i]!.labels ?? [])], all[i]!.name);
      }
  });

  test(`labels with anything in them come back as they are: ${format}`, async () => {
    const odd = ['"', "\\", "\n", "\\n", '\\"', 'a,b="c"}', "é€😀", "\r\t\u0000", "{}", "\u2028", " ", "#"];
    for (const pod of [...odd, odd.join("")]) {
      const told = await read(everything({ sandbox: "a", pod }), format);
      for (const { name, samples } of told.filter(({ name }) => name.includes("_sandbox_")))
        for (const { labels } of samples) assert.is(labels["pod"], pod, name);
    }
  });

  test(`the reader of the tests refuses what is wrong: ${format}`, () => {
    const name = format === "openmetrics" ? "a" : "a_total";
    const head = `# HELP ${name} Some.\n# TYPE ${name} counter\n`;
    const open = format === "openmetrics" ? "# EOF\n" : "";
    const histogram = "# HELP a Some.\n# TYPE a histogram\n";
    // Each of the wrong ones is one of these but for what is wrong with it.
    for (const right of [
      `${head}a_total 1\n`,
      `${head}a_total{x="1",y="\\n"} 1\n`,
      `${histogram}a_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n`,
    ])
      assert.is(readExposition(right + open, format)[0]!.samples[0]!.value, 1, right);
    for (const bad of [
      "a_total 1\n",
      `${head}b_total 1\n`,
      `${head}a_total{x="1" 1\n`,
      `${head}a_total{x="\\x"} 1\n`,
      `${head}a_total{x="a"b"} 1\n`,
      `${head}a_total{x="1",x="2"} 1\n`,
      `${head}a_total -1\n`,
      `${head}a_total 1x\n`,
      `${head}${head}`,
      `${head}a_total{x="\n"} 1\n`,
      ...[
        "a_bucket 1\na_sum 1\na_count 1\n",
        'a_bucket{le="1"} 1\na_sum 1\na_count 1\n',
        'a_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
        'a_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
        'a_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n',
        'a_bucket{le="+Inf"} 1\na_count 1\n',
        'a_bucket{le="+Inf"} 1\na_sum 1\na_count 1\na_total 1\n',
      ].map((samples) => histogram + samples),
    ])
      assert.throws(
        () => readExposition(bad + open, format),
        (error: unknown) => error instanceof FormatError,
        bad,
      );
  });
}

test("a sandbox that is silent has up 0, and nothing else", async () => {
  const told = await read(families(SANDBOX_METRICS, figures(null), { sandbox: "a" }), "prometheus");
  assert.equal(
    told.map(({ name, samples }) => [name, samples[0]!.value]),
    [["ringfence_sandbox_up", 0]],
  );
});

test("answers that make no sense are none", () => {
  for (const change of [
    { counters: null },
    { threads: [THREAD, THREAD] },
    { threads: [{ ...THREAD, role: "evil" }] },
    { threads: [{ ...THREAD, requests: -1 }] },
    { threads: [{ ...THREAD, workNs: Number.NaN }] },
    { threads: [{ ...THREAD, latencies: [-1] }] },
    { threads: [{ ...THREAD, latencies: Array(51).fill(0) }] },
    { threads: [{ ...THREAD, latencies: "1" }] },
    { threads: Array.from({ length: 65 }, (_none, thread) => ({ ...THREAD, thread })) },
    { netDev: "x".repeat(1 << 17) },
    { netDev: 7 },
    { containers: [{ id: "a", status: "lost", tasks: 1, tasksLimit: 0 }] },
    { containers: Array(300).fill({ id: "a", status: "running", tasks: 1, tasksLimit: 0 }) },
  ])
    assert.throws(() => answerWith(change), /metrics/, JSON.stringify(change).slice(0, 80));
});

test("counters that make no sense are left out, and unknown ones unseen", async () => {
  const counters = {
    requests: -1,
    sleeps: "7",
    throws: 1,
    longTurns: 1e300,
    tasks: null,
    evil: 1,
    ...JSON.parse('{"__proto__":2}'),
  };
  const told = await read(
    families(SANDBOX_METRICS, figures(answerWith({ counters, threads: [], netDev: "" })), { sandbox: "a" }),
    "prometheus",
  );
  assert.equal(
    told.map(({ name }) => name),
    ["ringfence_sandbox_up"],
  );
});

test("a sandbox of an older version has no histograms, and all else", async () => {
  const { latencies: _none, ...older } = THREAD;
  const told = await read(
    families(SANDBOX_METRICS, figures(answerWith({ threads: [older] })), { sandbox: "a" }),
    "openmetrics",
  );
  assert.not.ok(told.some(({ type }) => type === "histogram"));
  assert.ok(told.some(({ name }) => name === "ringfence_sandbox_kernel_thread_requests"));
});

test("of counters that a sandbox makes up none but numbers are kept, and not many", () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_none, i) => [`n${i}`, i]));
  const counters = { deep: [[], [[]]], text: "x".repeat(1000), requests: 7, ...many };
  const kept = answerWith({ counters }).counters;
  assert.equal([kept["requests"], Object.keys(kept).length], [7, 1024]);
  assert.not.ok(Object.values(kept).some((value) => typeof value !== "number"));
});

test("what adds up for months is told all the same", async () => {
  const months = 1e16;
  const latencies = [...Array(49).fill(0), months];
  latencies[40] = 1;
  const told = await read(
    families(SANDBOX_METRICS, figures(answerWith({ threads: [{ ...THREAD, sleepNs: months, latencies }] })), {
      sandbox: "a",
    }),
    "openmetrics",
  );
  const duration = told.find(({ type }) => type === "histogram")!;
  assert.ok(duration.samples.some(({ value }) => value === months / 1e9));
  for (const sleepNs of [-1, 1e25, Number.POSITIVE_INFINITY, Number.NaN])
    assert.throws(() => answerWith({ threads: [{ ...THREAD, sleepNs }] }), /no duration/);
});

test("a guest that names new devices for ever gets no new series for them", () => {
  const names = new InterfaceNames();
  const told = new Set<string>();
  for (let i = 0; i < 1000; i++)
    for (const { name } of names.told(`eth0: 1 2 3 4 0 0 0 0 5 6 7 8\nnew${i}: 1 2 3 4 0 0 0 0 5 6 7 8\n`))
      told.add(name);
  assert.is(told.size, 8);
  assert.ok(told.has("eth0"));
  const line = (name: string, first = "1") => `${name}: ${first} 2 3 4 0 0 0 0 5 6 7 8\n`;
  const odd = new InterfaceNames().told(line('a"b') + line("x") + line("x") + line("y", "-1") + line("\xff"));
  assert.equal(
    odd.map(({ name }) => name),
    ["x"],
  );
});

test("labels by the annotations of containerd, CRI-O, or nobody", () => {
  const named = { id: "c1", sandbox: "p1", root: "/run/x", hasRoots: false };
  const of = (annotations: unknown, more = {}) => labelsOf({ annotations }, { ...named, ...more });
  const cri = {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "web",
    "io.kubernetes.cri.sandbox-name": "pod",
    "io.kubernetes.cri.sandbox-namespace": "ns",
    "io.kubernetes.cri.sandbox-uid": "u",
    "io.kubernetes.cri.image-name": "image:1",
  };
  const pod = { pod: "pod", namespace: "ns" };
  assert.equal(of(cri).container, { id: "c1", sandbox: "p1", container: "web", image: "image:1", ...pod });
  assert.equal(of(cri).sandbox, { sandbox: "p1", ...pod });
  assert.equal(of(cri).info, { root: "/run/x", type: "container", uid: "u" });
  const held = { ...cri, "io.kubernetes.cri.container-type": "sandbox" };
  assert.is(of(held).container["container"], "POD");
  const crio = {
    "io.kubernetes.cri-o.ContainerType": "container",
    "io.kubernetes.container.name": "web",
    "io.kubernetes.pod.name": "pod",
    "io.kubernetes.pod.namespace": "ns",
    "io.kubernetes.cri-o.ImageName": "image:1",
    "io.kubernetes.container.restartCount": "4",
  };
  assert.equal(of(crio).container, of(cri).container);
  assert.equal([of(crio).restarts, of(cri).restarts], [4, undefined]);
  assert.is(of(crio).lasting, of(cri, { id: "c2", root: "/run/y" }).lasting);
  assert.equal(of({}, { hasRoots: true }).container, { id: "c1", sandbox: "p1", root: "/run/x" });
  for (const odd of [
    null,
    [],
    "x",
    { "io.kubernetes.cri.sandbox-name": 7 },
    { "io.kubernetes.pod.name": "" },
  ])
    assert.equal(of(odd).sandbox, { sandbox: "p1" });
  assert.equal(labelsOf(null, named).sandbox, { sandbox: "p1" });
  const long = of({ "io.kubernetes.pod.name": "\ud800".repeat(1000) }).sandbox["pod"]!;
  assert.equal([long.length, long.isWellFormed()], [256, true]);
});

test("what the host counts, in base units", () => {
  assert.equal(HOST, {
    ...{ cpuSeconds: 5, cpuUserSeconds: 3e-6, cpuSystemSeconds: 2e-6 },
    ...{ periods: 9, throttledPeriods: 1, throttledSeconds: 0.5 },
    ...{ memoryUsage: 1000, memoryWorkingSet: 900, memoryRss: 1, memoryCache: 7, memoryMapped: 2 },
    ...{ memorySwap: 50, memoryMax: 2000, memoryLimit: undefined, memoryFailures: 4, oomKills: 1 },
    ...{ readBytes: 4100, writtenBytes: 1, reads: 2, writes: 3 },
  });
  assert.equal(hostFigures(new CgroupFiles([])), {});
});

test("of control groups each file is read once, where it is", () => {
  const v1 = {
    "/a/cpuacct.usage": "5000000000\n",
    "/a/cpuacct.stat": "user 300\nsystem 200\n",
    "/b/cpu.stat": "nr_periods 9\nnr_throttled 1\nthrottled_time 500000000\n",
    "/c/memory.stat":
      "hierarchical_memory_limit 4096\ntotal_rss 1\ntotal_cache 7\ntotal_mapped_file 2\ntotal_swap 50\ntotal_inactive_file 100\n",
    "/c/memory.usage_in_bytes": "1000\n",
    "/c/memory.max_usage_in_bytes": "2000\n",
    "/c/memory.failcnt": "4\n",
    "/c/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "/d/blkio.throttle.io_service_bytes": "8:16 Read 4096\n8:16 Write 1\n8:0 Read 4\nTotal 4101\n",
    "/d/blkio.throttle.io_serviced": "8:16 Read 1\n8:0 Read 1\n8:16 Write 3\nTotal 5\n",
  };
  const v2 = {
    "/u/cpu.stat":
      "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 9\nnr_throttled 1\nthrottled_usec 500000\n",
    "/u/memory.stat": "anon 1\nfile 7\nfile_mapped 2\ninactive_file 100\n",
    "/u/memory.current": "1000\n",
    "/u/memory.max": "4096\n",
    "/u/memory.peak": "2000\n",
    "/u/memory.swap.current": "50\n",
    "/u/memory.events": "max 4\noom_kill 1\n",
    "/u/io.stat": "8:16 rbytes=4096 wbytes=1 rios=1 wios=3\n8:0 rbytes=4 wbytes=0 rios=1 wios=0\n",
  };
  for (const [version, texts] of [
    [1, v1],
    [2, v2],
  ] as const) {
    const read: string[] = [];
    const of: Readonly<Record<string, string>> = texts;
    const directories = [...new Set(Object.keys(of).map((path) => path.slice(0, 2)))];
    const files = new CgroupFiles(directories, (path) => {
      if (of[path] === undefined) throw new Error("ENOENT");
      read.push(path);
      return of[path];
    });
    assert.equal(
      hostFigures(files, version),
      {
        ...{ cpuSeconds: 5, cpuUserSeconds: 3, cpuSystemSeconds: 2 },
        ...{ periods: 9, throttledPeriods: 1, throttledSeconds: 0.5 },
        ...{ memoryUsage: 1000, memoryWorkingSet: 900, memoryRss: 1, memoryCache: 7, memoryMapped: 2 },
        ...{ memorySwap: 50, memoryMax: 2000, memoryLimit: 4096, memoryFailures: 4, oomKills: 1 },
        ...{ readBytes: 4100, writtenBytes: 1, reads: 2, writes: 3 },
      },
      `v${version}`,
    );
    assert.equal(read.toSorted(), Object.keys(of).toSorted());
  }
});

test("who wants which format", () => {
  const prometheus =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
  const cases: readonly (readonly [string | undefined, Format])[] = [
    [prometheus, "openmetrics"],
    [undefined, "prometheus"],
    ["*/*", "prometheus"],
    ["text/plain", "prometheus"],
    ["application/openmetrics-text", "openmetrics"],
    ["application/openmetrics-text; version=2.0.0", "prometheus"],
    ['Application/OpenMetrics-Text; version="1.0.0"', "openmetrics"],
    ["application/openmetrics-text;q=0", "prometheus"],
    ["application/openmetrics-text;q=0.2, text/plain;q=0.9", "prometheus"],
    ["application/openmetrics-text;q=x", "prometheus"],
    ["application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", "prometheus"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "prometheus"],
    ["", "prometheus"],
    [`application/openmetrics-text,${"x".repeat(5000)}`, "prometheus"],
  ];
  for (const [accept, format] of cases) assert.is(formatFor(accept), format, accept);
});

test("how long a scrape may take, by what its client says", () => {
  for (const [header, ms] of [
    [undefined, 5000],
    ["10", 5000],
    ["2.5", 2000],
    ["0.001", 800],
    ["0", 5000],
    ["-1", 5000],
    ["x", 5000],
    [["1", "2"], 5000],
  ] as const)
    assert.is(scrapeMs(header as string | string[] | undefined), ms, String(header));
});

test("addresses", () => {
  for (const [text, address] of [
    ["127.0.0.1:80", { host: "127.0.0.1", port: 80 }],
    ["[::1]:9", { host: "::1", port: 9 }],
    [":9000", { port: 9000 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["unix:/run/m", { path: "/run/m" }],
  ] as const)
    assert.equal(readAddress(text), address);
  for (const text of [
    "",
    "80",
    "x:",
    "x:70000",
    "::1:80",
    "unix:",
    "unix:x",
    `unix:/${"x".repeat(107)}`,
    "a b]:1",
  ])
    assert.type(readAddress(text), "string", text);
});

test("prefixes", () => {
  for (const prefix of ["", "ringfence_", "runsc_", "_", "A9"]) assert.ok(isPrefix(prefix), prefix);
  for (const prefix of ["9a", "a-", "a:", "é", "a\n", "x".repeat(65)]) assert.not(isPrefix(prefix), prefix);
});

test.run();
