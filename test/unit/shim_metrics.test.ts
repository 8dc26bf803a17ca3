// Statistics for containerd: files of control groups in, bytes out, which protoc reads. What CRI makes of them
// (internal/cri/server/container_stats_list.go) are the same sums.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Any } from "@bufbuild/protobuf/wkt";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { taskMetrics } from "../../src/main/shim/metrics.ts";
import { CgroupFiles } from "../../src/main/usage/cgroup_files.ts";

const PROTOS = join(import.meta.dirname, "../../src/main/shim/proto");

function files(texts: Record<string, string>): CgroupFiles {
  const directories = [...new Set(Object.keys(texts).map((path) => path.replace(/\/[^/]*$/, "")))];
  return new CgroupFiles(directories, (path) => {
    if (texts[path] === undefined) throw new Error("ENOENT");
    return texts[path];
  });
}

/** protoc's text of a message, with each message's lines in one. */
function decoded({ typeUrl, value }: Any): string[] {
  const file = `metrics_v${/v(\d)\.Metrics$/.exec(typeUrl)![1]}.proto`;
  const text = execFileSync("protoc", [`--proto_path=${PROTOS}`, `--decode=${typeUrl}`, file], {
    input: value,
    encoding: "utf8",
  });
  return text
    .trimEnd()
    .split(/\n(?! |\})/)
    .map((part) => part.replace(/\s+/g, " "));
}

const USAGE = {
  tasks: 5,
  tasksLimit: 64,
  netDev: "    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 1234 5 1 2 0 0 0 0 6789 8 3 4 0 0 0 0\n",
};
const NETWORK =
  'network { name: "eth0" rx_bytes: 1234 rx_packets: 5 rx_errors: 1 rx_dropped: 2 tx_bytes: 6789 tx_packets: 8 tx_errors: 3 tx_dropped: 4 }';

const PARTITIONS = `major minor  #blocks  name

   8        0  488386584 sda
   8        1     524288 sda1
   8        0  488386584 again
`;

const V1 = {
  "/cpu/cpu.stat": "nr_periods 4\nnr_throttled 1\nthrottled_time 77\n",
  "/cpuacct/cpuacct.usage": "123456\n",
  "/cpuacct/cpuacct.usage_percpu": "100000 23456 \n",
  "/cpuacct/cpuacct.stat": "user 3\nsystem 4\n",
  "/memory/memory.stat": `cache 1
rss 2
rss_huge 3
shmem 99
mapped_file 4
dirty 5
writeback 6
pgpgin 7
pgpgout 8
pgfault 9
pgmajfault 10
inactive_anon 11
active_anon 12
inactive_file 13
active_file 14
unevictable 15
hierarchical_memory_limit 9223372036854771712
hierarchical_memsw_limit 17
total_cache 18
total_rss 19
total_rss_huge 20
total_mapped_file 21
total_dirty 22
total_writeback 23
total_pgpgin 24
total_pgpgout 25
total_pgfault 26
total_pgmajfault 27
total_inactive_anon 28
total_active_anon 29
total_inactive_file 30
total_active_file 31
total_unevictable 32
`,
  "/memory/memory.usage_in_bytes": "1000\n",
  "/memory/memory.limit_in_bytes": "9223372036854771712\n",
  "/memory/memory.max_usage_in_bytes": "2000\n",
  "/memory/memory.failcnt": "3\n",
  "/memory/memory.memsw.usage_in_bytes": "1100\n",
  "/memory/memory.memsw.limit_in_bytes": "5000\n",
  "/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 1\noom_kill 2\n",
  "/pids/pids.current": "30\n",
  "/pids/pids.max": "max\n",
  "/hugetlb/hugetlb.2MB.usage_in_bytes": "4194304\n",
  "/hugetlb/hugetlb.2MB.max_usage_in_bytes": "6291456\n",
  "/hugetlb/hugetlb.2MB.failcnt": "1\n",
  "/blkio/blkio.throttle.io_service_bytes": "8:0 Read 4096\n8:0 Total 4096\n9:1 Write 7\nTotal 4103\n",
  "/blkio/blkio.throttle.io_serviced": "8:0 Read 1\n",
};

const MEMORY_V1 = [
  ..."cache rss rss_huge mapped_file dirty writeback pg_pg_in pg_pg_out pg_fault pg_maj_fault".split(" "),
  ..."inactive_anon active_anon inactive_file active_file unevictable".split(" "),
  ..."hierarchical_memory_limit hierarchical_swap_limit total_cache total_rss total_rss_huge".split(" "),
  ..."total_mapped_file total_dirty total_writeback total_pg_pg_in total_pg_pg_out".split(" "),
  ..."total_pg_fault total_pg_maj_fault total_inactive_anon total_active_anon".split(" "),
  ..."total_inactive_file total_active_file total_unevictable".split(" "),
]
  .map((name, index) => `${name}: ${index === 15 ? "9223372036854771712" : index + 1}`)
  .join(" ");

test("v1, field by field", async () => {
  const any = await taskMetrics({ files: files(V1), init: 1, usage: USAGE, partitions: PARTITIONS });
  assert.is(any.typeUrl, "io.containerd.cgroups.v1.Metrics");
  assert.equal(decoded(any), [
    'hugetlb { usage: 4194304 max: 6291456 failcnt: 1 pagesize: "2MB" }',
    "pids { current: 5 limit: 64 }",
    "cpu { usage { total: 123456 kernel: 40000000 user: 30000000 per_cpu: 100000 per_cpu: 23456 } throttling { periods: 4 throttled_periods: 1 throttled_time: 77 } }",
    `memory { ${MEMORY_V1} usage { limit: 9223372036854771712 usage: 1000 max: 2000 failcnt: 3 } swap { limit: 5000 usage: 1100 } kernel { } kernel_tcp { } }`,
    'blkio { io_service_bytes_recursive { op: "Read" device: "/dev/sda" major: 8 value: 4096 } io_service_bytes_recursive { op: "Total" device: "/dev/sda" major: 8 value: 4096 } io_service_bytes_recursive { op: "Write" major: 9 minor: 1 value: 7 } io_serviced_recursive { op: "Read" device: "/dev/sda" major: 8 value: 1 } }',
    NETWORK,
    "memory_oom_control { under_oom: 1 oom_kill: 2 }",
  ]);
});

test("v1: what the scheduler counts goes before what the throttle counts; tasks of a sandbox that is silent", async () => {
  const scheduled = files({
    ...V1,
    "/blkio/blkio.io_serviced_recursive": "8:1 Write 2\nTotal 2\n",
    "/blkio/blkio.time_recursive": "8:1 33\n",
  });
  const told = decoded(await taskMetrics({ files: scheduled, init: 1, partitions: PARTITIONS }));
  assert.is(
    told.find((part) => part.startsWith("blkio")),
    'blkio { io_serviced_recursive { op: "Write" device: "/dev/sda1" major: 8 minor: 1 value: 2 } io_time_recursive { device: "/dev/sda1" major: 8 minor: 1 value: 33 } }',
  );
  // No limit is 0 in v1's metrics.
  assert.is(
    told.find((part) => part.startsWith("pids")),
    "pids { current: 30 }",
  );
});

const V2 = {
  "/c/cpu.stat":
    "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 6\nthrottled_usec 8\nnr_bursts 1\nburst_usec 9\ncore_sched.force_idle_usec 0\n",
  "/c/cpu.pressure":
    "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
  "/c/memory.stat":
    "anon 1\nfile 2\nkernel 99\nkernel_stack 3\ninactive_file 400\nworkingset_refault_anon 5\nslab 6\n",
  "/c/memory.current": "1000\n",
  "/c/memory.max": "max\n",
  "/c/memory.peak": "2000\n",
  "/c/memory.swap.current": "50\n",
  "/c/memory.swap.max": "100\n",
  "/c/memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\noom_group_kill 0\n",
  "/c/io.stat": "8:16 rbytes=4096 wbytes=0 rios=1 wios=2 dbytes=3 dios=4\n253:0 \n",
  "/c/pids.current": "30\n",
  "/c/pids.max": "max\n",
  "/c/hugetlb.2MB.current": "4194304\n",
  "/c/hugetlb.2MB.max": "max\n",
  "/c/hugetlb.2MB.events": "max 3\n",
};

test("v2, field by field", async () => {
  const any = await taskMetrics({ files: files(V2), init: 1, usage: USAGE });
  assert.is(any.typeUrl, "io.containerd.cgroups.v2.Metrics");
  const most = "18446744073709551615";
  assert.equal(decoded(any), [
    "pids { current: 5 limit: 64 }",
    "cpu { usage_usec: 5 user_usec: 3 system_usec: 2 nr_periods: 7 nr_throttled: 6 throttled_usec: 8 psi { some { avg10: 1.5 avg60: 0.25 total: 77 } full { } } nr_bursts: 1 burst_usec: 9 }",
    `memory { anon: 1 file: 2 kernel_stack: 3 slab: 6 inactive_file: 400 usage: 1000 usage_limit: ${most} swap_usage: 50 swap_limit: 100 max_usage: 2000 workingset_refault_anon: 5 }`,
    "io { usage { major: 8 minor: 16 rbytes: 4096 rios: 1 wios: 2 } usage { major: 253 } }",
    `hugetlb { current: 4194304 max: ${most} pagesize: "2MB" failcnt: 3 }`,
    "memory_events { max: 4 oom: 1 oom_kill: 1 }",
    NETWORK,
  ]);
});

test("v2: no limit of tasks is the largest number", async () => {
  for (const usage of [undefined, { ...USAGE, tasks: 30, tasksLimit: 0 }])
    assert.is(
      decoded(await taskMetrics({ files: files(V2), init: 1, usage }))[0],
      "pids { current: 30 limit: 18446744073709551615 }",
    );
});

test("without control groups what the host counts of the processes", async () => {
  const any = await taskMetrics({ files: files({}), init: process.pid, usage: { ...USAGE, netDev: "" } });
  assert.is(any.typeUrl, "io.containerd.cgroups.v2.Metrics");
  const [pids, cpu, memory] = decoded(any);
  assert.is(pids, "pids { current: 5 limit: 64 }");
  assert.match(cpu!, /^cpu \{ usage_usec: [1-9]/);
  assert.match(memory!, /^memory \{ usage: [1-9]\d+ usage_limit: 18446744073709551615 \}$/);
});

test("files with something else in them, and numbers of more than 64 bits", async () => {
  const odd = {
    "/x/cpuacct.usage": "-1\n",
    "/x/cpuacct.usage_percpu": "many 3\n",
    "/x/memory.usage_in_bytes": `1${"0".repeat(400)}\n`,
    "/x/memory.stat": "\0__proto__ 3\nrss 99999999999999999999999\nconstructor 1\n",
    "/x/blkio.throttle.io_serviced": "8:0 Read many\n-1:0 Read 3\n",
    "/x/pids.current": "\n",
  };
  const told = decoded(await taskMetrics({ files: files(odd), init: 1, partitions: "" }));
  assert.equal(told, [
    "cpu { usage { per_cpu: 3 } throttling { } }",
    "memory { rss: 18446744073709551615 usage { usage: 18446744073709551615 } swap { } kernel { } kernel_tcp { } }",
    "blkio { }",
  ]);
});

test.run();
