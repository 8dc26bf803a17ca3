// Each rule of advice speaks where its figure is there, with that figure, and is silent where it is not.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Advised, advise, RULES } from "../../src/main/profile/advice.ts";
import { buildProfile } from "../../src/main/profile/build.ts";
import { nr } from "../../src/shared/abi/syscalls.ts";
import type { ProfiledSandbox } from "../../src/shared/profile.ts";
import type { ThreadRecord } from "../../src/shared/profile_record.ts";
import { call, packed, record } from "./profile_sample.ts";

const SANDBOX: ProfiledSandbox = { platform: "systrap", workers: "solo", patch: "on" };

function profiled(change: Partial<ThreadRecord>, sandbox: Partial<ProfiledSandbox> = {}): Advised {
  return {
    ...buildProfile([record(change)], (source, line) => ({ source, line })),
    sandbox: { ...SANDBOX, ...sandbox },
  };
}

const of = (name: string, count: number, change = {}) => call(nr(name), count, change);
const report = (change: object) => ({ ...record().report, ...change });
const heavy = (name: string, count: number, bytes = 0, sumNs = 1) => ({
  name,
  count,
  error: 0,
  sumNs,
  bytes,
});
const READING = [of("getppid", 500), of("pread64", 500, { bytes: 1e8 })];
/** Nothing to say about. */
const QUIET = [of("getppid", 500), of("read", 100, { bytes: 1e7, small: 0 }), of("openat", 50)];

/** A profile that has a rule speak, what it says, and its figure. */
const SPEAKING: Readonly<Record<string, [Advised, RegExp, number]>> = {
  "guest-bound": [
    profiled({ calls: QUIET, report: report({ workNs: 2e7 }) }),
    /more than 2 % of the time/,
    0.02,
  ],
  ptrace: [
    profiled({ calls: [...QUIET, of("getpgrp", 300, { trapped: 300 })] }, { platform: "ptrace" }),
    /^300 of 950 calls/,
    300,
  ],
  traps: [profiled({ calls: [of("getppid", 4000, { trapped: 3000 })] }), /^75 % of calls trapped/, 0.75],
  "small-reads": [
    profiled({
      calls: [
        of("getppid", 490),
        of("read", 510, { small: 400, bytes: 1e8, chosen: 310, chosenBytes: 3100 }),
      ],
      smallReads: [heavy("/x", 300, 3000)],
    }),
    /^31 % of calls are reads of less than 4 KiB, 10 bytes each on average \(most: \/x\)/,
    0.31,
  ],
  "small-writes": [
    profiled({ calls: [of("getppid", 500), of("write", 500, { chosen: 400, chosenBytes: 5000 })] }),
    /^40 % of calls are writes/,
    0.4,
  ],
  "failed-lookups": [
    profiled({ calls: [of("getppid", 800), of("openat", 200, { errors: 200, errnos: { 2: 200 } })] }),
    /^20 % of calls look for files that are not there/,
    0.2,
  ],
  lookups: [
    profiled({ calls: [of("getppid", 500), of("statx", 500)] }),
    /^50 % of the kernel's work is to look up/,
    0.5,
  ],
  memory: [
    profiled({ calls: [of("getppid", 600), of("mmap", 400)] }),
    /^40 % of the kernel's work is mapping memory/,
    0.4,
  ],
  processes: [
    profiled({ calls: [of("getppid", 500), of("execve", 250, { errors: 50 }), of("vfork", 250)] }),
    /^50 % of the kernel's work is starting and ending processes, 200 programs in 1\.00s/,
    0.5,
  ],
  polls: [profiled({ calls: [of("getppid", 500), of("epoll_wait", 500)] }), /^50 % .* polling/, 0.5],
  "net-thread": [profiled({ calls: [of("getppid", 500), of("sendto", 500)] }), /^50 % .* --workers=net/, 0.5],
  "data-threads": [
    profiled({ calls: READING, paths: [heavy("/db", 500, 1e8, 1e6)], callers: 4 }),
    /^50 % .* --workers=data=N/,
    0.5,
  ],
  queue: [
    profiled({ calls: [of("getppid", 300, { queue: packed(...new Array(300).fill(65_536)) })] }),
    /^A call waits 6\d\.\dus in the median/,
    65_536,
  ],
  futexes: [profiled({ calls: [of("getppid", 500), of("futex", 500)] }), /^50 % of calls are futexes/, 0.5],
  "host-waits": [
    profiled({
      calls: [of("openat", 1, { waitHost: packed(5e8) })],
      hostWaits: [{ name: "/nfs", count: 1, error: 0, sumNs: 5e8, bytes: 0 }],
    }),
    /waited 500ms in all for hosts of files to answer, in 1\.00s \(most: \/nfs\)/,
    0.5,
  ],
  collections: [
    profiled({ calls: QUIET, collections: [{ kind: "major", count: 3, sumNs: 3e8, maxNs: 1e8 }] }),
    /^Kernel thread 0 \(supervisor\) collected garbage for 50 %/,
    0.5,
  ],
  "long-turns": [profiled({ calls: QUIET, report: report({ longTurns: 2 }) }), /^2 turns/, 2],
};

for (const { rule } of RULES)
  test(`the rule ${rule}`, () => {
    const [profile, text, figure] = SPEAKING[rule]!;
    const said = advise(profile).find((one) => one.rule === rule);
    assert.ok(said, JSON.stringify(advise(profile)));
    assert.match(said.text, text);
    assert.ok(said.text.endsWith("."));
    assert.ok(Math.abs(said.figure - figure) <= figure * 0.07, String(said.figure));
  });

test("nothing is said where nothing is to gain", () => {
  assert.equal(advise(profiled({ calls: QUIET })), []);
  assert.equal(advise(profiled({ calls: [] })), []);
});

test("a file is named for what was done with it", () => {
  const paths = [heavy("anon_inode:[eventpoll]", 900), heavy("/usr", 800), heavy("/out", 700, 1e8)];
  const calls = [
    of("write", 300, { chosen: 300, chosenBytes: 800 }),
    of("openat", 300, { errors: 300, errnos: { 2: 300 } }),
  ];
  const said = advise(
    profiled({ paths, calls, smallWrites: [heavy("/log", 200)], missing: [heavy("/missing", 250)] }),
  );
  const textOf = (rule: string) => said.find((one) => one.rule === rule)?.text ?? "";
  assert.match(textOf("small-writes"), /\(most: \/log\)/);
  assert.match(textOf("failed-lookups"), /\(most: \/missing\)/);
  assert.not.match(textOf("lookups"), /most/);
});

const rulesOf = (change: Partial<ThreadRecord>, sandbox: Partial<ProfiledSandbox> = {}) =>
  advise(profiled(change, sandbox)).map(({ rule }) => rule);

test("of a few calls nothing is said, whatever share of them is what", () => {
  const names = ["read", "write", "openat", "mmap", "execve", "epoll_wait", "sendto", "futex"];
  for (const name of names) {
    const change = { trapped: 3, chosen: 3, chosenBytes: 3, errors: 3, errnos: { 2: 3 } };
    assert.equal(rulesOf({ calls: [of(name, 3, change)] }), [], name);
  }
  const collections = [{ kind: "minor", count: 3, sumNs: 3e8, maxNs: 1e8 }];
  assert.equal(rulesOf({ calls: [of("getppid", 3)], collections }), []);
});

test("where the kernel hardly works, that alone is said", () => {
  const calls = [of("openat", 1000, { errors: 1000, errnos: { 2: 1000 } })];
  assert.equal(rulesOf({ calls, report: report({ workNs: 5e6 }) }), ["guest-bound"]);
});

test("a guest whose calls are long on their way is not said to be busy by itself", () => {
  const slow = packed(...new Array(300).fill(1e6));
  for (const part of ["queue", "reply"] as const)
    assert.not.ok(
      rulesOf({ calls: [of("getppid", 300, { [part]: slow })], report: report({ workNs: 2e7 }) }).includes(
        "guest-bound",
      ),
    );
});

test("what came in small pieces, or was all that there was, is nobody's choice", () => {
  const answers = [
    of("recvfrom", 500, { small: 500, bytes: 5000 }),
    of("write", 500, { small: 500, bytes: 5000 }),
  ];
  assert.not.ok(rulesOf({ calls: answers }).some((rule) => rule.startsWith("small-")));
});

test("a site is blamed for traps where it has made them", () => {
  const site = (traps: number, state: string) => ({
    ...{ pid: 1, traps, address: "0x10", file: "/lib/c", offset: 16, symbol: "", symbolOffset: 0 },
    ...{ state, calls: {} },
  });
  const calls = [of("getppid", 4000, { trapped: 3000 })];
  const textOf = (change: Partial<ThreadRecord>, sandbox: Partial<ProfiledSandbox> = {}) =>
    advise(profiled({ calls, ...change }, sandbox)).find(({ rule }) => rule === "traps")!.text;
  assert.match(
    textOf({ sites: [site(2900, "too short")] }),
    /at \/lib\/c\+0x10, with 2900 of 3000, cannot be patched \(too short\)/,
  );
  assert.match(textOf({ sites: [site(2900, "patched"), site(5, "too short")] }), /many sites/);
  assert.match(textOf({}, { platform: "ptrace" }), /several microseconds/);
});

test("data threads are for several who use files", () => {
  const files = [heavy("/db", 500, 1e8, 1e6)];
  const has = (change: Partial<ThreadRecord>) =>
    rulesOf({ calls: READING, ...change }).includes("data-threads");
  assert.ok(has({ paths: files, callers: 2 }));
  assert.not.ok(has({ paths: files, callers: 1 }));
  assert.not.ok(has({ paths: [heavy("pipe:[3]", 500, 1e8, 1e6)], callers: 2 }));
  assert.not.ok(has({ paths: [heavy("/dev/zero", 500, 1e8, 1e6)], callers: 2 }));
});

test("what a thread collects that hardly works is nothing to tell of", () => {
  const collections = [{ kind: "minor", count: 3, sumNs: 5e7, maxNs: 2e7 }];
  const idle = profiled({ calls: QUIET, collections, report: report({ workNs: 2e6 }) });
  assert.not.ok(advise(idle).some(({ rule }) => rule === "collections"));
});

test("remedies that are there already are not advised", () => {
  const calls = [of("getppid", 500), of("sendto", 500)];
  const net = record({ report: report({ thread: 1, role: "net" }), calls: [] });
  const both = buildProfile([record({ calls }), net], (source, line) => ({ source, line }));
  assert.not.ok(advise({ ...both, sandbox: SANDBOX }).some(({ rule }) => rule === "net-thread"));
});

test("the weightiest stands first", () => {
  const calls = [of("futex", 300), of("read", 700, { chosen: 700, chosenBytes: 700 })];
  const rules = advise(profiled({ calls })).map(({ rule }) => rule);
  assert.ok(rules.indexOf("small-reads") < rules.indexOf("futexes"), String(rules));
});

test.run();
