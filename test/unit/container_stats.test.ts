// `ringfence events`: control groups of v1 and v2 as runc tells them, network devices, durations.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { durationMs } from "../../src/main/cli/events.ts";
import { defaultSpec } from "../../src/main/cli/spec.ts";
import { CgroupFiles, cgroupVersion, oomKills } from "../../src/main/usage/cgroup_files.ts";
import { cgroupStats, exactJson } from "../../src/main/usage/cgroup_stats.ts";
import { networkInterfaces } from "../../src/main/usage/network_interfaces.ts";

function files(texts: Record<string, string>): CgroupFiles {
  const directories = [...new Set(Object.keys(texts).map((path) => path.replace(/\/[^/]*$/, "")))];
  return new CgroupFiles(directories, (path) => {
    if (texts[path] === undefined) throw new Error("ENOENT");
    return texts[path];
  });
}

const V1 = files({
  "/cpu/cpu.stat": "nr_periods 4\nnr_throttled 1\nthrottled_time 77\n",
  "/cpuacct/cpuacct.usage": "123456\n",
  "/cpuacct/cpuacct.usage_percpu": "100000 23456 \n",
  "/cpuacct/cpuacct.usage_all": "cpu user system\n0 10 20\n1 30 40\n",
  "/cpuacct/cpuacct.stat": "user 3\nsystem 4\n",
  "/cpuset/cpuset.effective_cpus": "0-2,5\n",
  "/cpuset/cpuset.effective_mems": "0\n",
  "/cpuset/cpuset.sched_load_balance": "1\n",
  "/cpuset/cpuset.sched_relax_domain_level": "-1\n",
  "/memory/memory.stat": "cache 7\nrss 8\nhierarchical_memory_limit 9223372036854771712\n",
  "/memory/memory.usage_in_bytes": "1000\n",
  "/memory/memory.limit_in_bytes": "9223372036854771712\n",
  "/memory/memory.max_usage_in_bytes": "2000\n",
  "/memory/memory.failcnt": "3\n",
  "/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
  "/blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n",
});

const V2 = files({
  "/c/cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
  "/c/memory.stat": "anon 1\nfile 7\n",
  "/c/memory.current": "1000\n",
  "/c/memory.max": "max\n",
  "/c/memory.peak": "2000\n",
  "/c/memory.swap.current": "50\n",
  "/c/memory.swap.max": "100\n",
  "/c/memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\n",
  "/c/io.stat": "8:16 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
});

test("v1: one file in each hierarchy", () => {
  const { cpu, cpuset, memory, blkio, hugetlb } = cgroupStats(V1);
  const usage = { total: 123456, percpu: [100000, 23456], percpu_kernel: [20, 40], percpu_user: [10, 30] };
  assert.equal(cpu, {
    usage: { ...usage, kernel: 40_000_000, user: 30_000_000 },
    throttling: { periods: 4, throttledPeriods: 1, throttledTime: 77 },
  });
  const { cpus, mems, sched_load_balance, sched_relax_domain_level, memory_pressure } = cpuset as Record<
    string,
    unknown
  >;
  assert.equal([cpus, mems], [[0, 1, 2, 5], [0]]);
  assert.equal([sched_load_balance, sched_relax_domain_level, memory_pressure], [1, -1, 0]);
  assert.equal(JSON.parse(exactJson(memory!)).usage.failcnt, 3);
  assert.match(
    exactJson(memory!),
    /^\{"cache":7,"usage":\{"limit":9223372036854771712,"usage":1000,"max":2000,/,
  );
  const entries = ["Read", "Total"].map((op) => ({ major: 8, minor: 0, op, value: 4096 }));
  assert.equal(blkio, { ioServiceBytesRecursive: entries });
  assert.equal(hugetlb, {});
  assert.is(oomKills(V1), 2);
});

test("v2: swap with memory, no limit as the largest number of 64 bits", () => {
  const { cpu, memory, blkio } = cgroupStats(V2);
  assert.equal(cpu, { usage: { total: 5000, kernel: 2000, user: 3000 }, throttling: {} });
  const told = '"usage":{"limit":18446744073709551615,"usage":1000,"max":2000,"failcnt":4}';
  assert.match(exactJson(memory!), `{"cache":7,${told},"swap":{"limit":18446744073709551615,"usage":1050,`);
  const entry = (op: string, value: number) => ({ major: 8, minor: 16, op, value });
  assert.equal(blkio, {
    ioServiceBytesRecursive: [entry("Read", 4096), entry("Write", 0)],
    ioServicedRecursive: [entry("Read", 1), entry("Write", 0)],
  });
  assert.is(oomKills(V2), 1);
});

test("groups that are not there, and files with something else in them", () => {
  const none = files({});
  assert.equal([none, V1, V2].map(cgroupVersion), [undefined, 1, 2]);
  assert.equal(cgroupStats(none)["cpu"], { usage: { total: 0, kernel: 0, user: 0 }, throttling: {} });
  assert.is(oomKills(none), 0);
  const odd = files({
    "/x/cpuacct.usage": "-1\n",
    "/x/memory.usage_in_bytes": "many\n",
    "/x/memory.stat": "\0__proto__ 3\n",
    "/x/cpuset.effective_cpus": "4294967290-9999999999\n",
  });
  assert.equal(cgroupStats(odd)["memory"], { raw: Object.create(null) });
  assert.ok((cgroupStats(odd)["cpuset"] as { cpus: number[] }).cpus.length <= 8192);
});

test("devices of /proc/net/dev but loopback's, column by column", () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:    1234       5    1    2    0     0          0         0     6789       8    3    4    0     0       0          0
`;
  assert.equal(networkInterfaces(text), [
    {
      name: "eth0",
      counts: {
        ...{ rx_bytes: 1234, rx_packets: 5, rx_errors: 1, rx_dropped: 2 },
        ...{ tx_bytes: 6789, tx_packets: 8, tx_errors: 3, tx_dropped: 4 },
      },
    },
  ]);
  assert.equal(networkInterfaces("eth0: 1 2 x\nnothing\n"), []);
});

test("durations as Go writes them, and seconds", () => {
  for (const [word, ms] of [
    ["5s", 5000],
    ["1m30s", 90_000],
    ["250ms", 250],
    ["1.5h", 5_400_000],
    ["7", 7000],
    ["99999999999h", 2 ** 31 - 1],
  ] as const)
    assert.is(durationMs(word), ms, word);
  for (const word of ["", "soon", "-1s", "5 s", "1s2"])
    assert.throws(() => durationMs(word), /duration/, word);
  for (const word of ["0", "0s"]) assert.throws(() => durationMs(word), /must be greater than 0/);
});

test("a specification without privilege maps the caller alone, and makes no network", () => {
  const { linux } = defaultSpec(true) as { linux: { namespaces: { type: string }[]; uidMappings: object[] } };
  assert.not(linux.namespaces.some(({ type }) => type === "network"));
  assert.equal(linux.uidMappings, [{ containerID: 0, hostID: process.geteuid!(), size: 1 }]);
});

test.run();
