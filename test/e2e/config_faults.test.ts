// A config.json that is wrong, in places that are chosen and in those that are drawn: it is refused by the place of the fault,
// and leaves nothing.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { said } from "../said.ts";
import { eventually } from "../spawn.ts";
import { type Config, shell, withBundle } from "./bundle.ts";

type Wrong = [place: RegExp, change: (config: Config) => void];
// biome-ignore lint/suspicious/noExplicitAny: what no schema allows
const any = (value: unknown): any => value;

const WRONG: Wrong[] = [
  // The launcher's reader.
  [/^root must be an object/, (c) => (c.root = any("rootfs"))],
  [/^root is missing/, (c) => delete any(c).root],
  [/^root\.path must be a string/, (c) => (c.root.path = any(7))],
  [/^process must be an object/, (c) => (c.process = any([]))],
  [/^process\.terminal must be true or false/, (c) => (c.process.terminal = any("yes"))],
  [/^process\.consoleSize\.width must be an integer/, (c) => (any(c.process).consoleSize = { width: -1 })],
  [/^process\.oomScoreAdj must be an integer from -1000 to 1000/, (c) => (c.process.oomScoreAdj = 1001)],
  [/^mounts must be a list/, (c) => (c.mounts = any({}))],
  [/^mounts\[0\] must be an object/, (c) => (c.mounts = [any("x")])],
  [/^mounts\[1\]\.options\[0\] must be a string/, (c) => (c.mounts[1]!.options = [any(1)])],
  [/^mounts\[4\]\.source is missing/, (c) => c.mounts.push({ destination: "/x", type: "bind" })],
  [/^hooks must be an object/, (c) => (c.hooks = any([]))],
  [/^hooks\.prestart must be a list/, (c) => (c.hooks = any({ prestart: {} }))],
  [
    /^hooks\.poststop\[1\]\.path must be an absolute path/,
    (c) => (c.hooks = { poststop: [{ path: "/x" }, { path: "x" }] }),
  ],
  [
    /^hooks\.createRuntime\[0\]\.timeout must be/,
    (c) => (c.hooks = { createRuntime: [{ path: "/x", timeout: 0 }] }),
  ],
  [
    /^hooks\.startContainer\[0\]\.env must be a list of strings/,
    (c) => (c.hooks = { startContainer: [{ path: "/x", env: [1] }] }),
  ],
  [/^annotations must be an object/, (c) => (c.annotations = any([]))],
  [/^linux must be an object/, (c) => (c.linux = any([]))],
  [/^linux\.cgroupsPath must be a string/, (c) => (c.linux.cgroupsPath = any(1))],
  [/^linux\.namespaces\[0\]\.type is missing/, (c) => (c.linux.namespaces = [any({})])],
  [/^linux\.namespaces\[0\]\.type must be one of/, (c) => (c.linux.namespaces = [{ type: "x" }])],
  [/^linux\.namespaces\[5\]\.type pid is there twice/, (c) => c.linux.namespaces.push({ type: "pid" })],
  [
    /^linux\.namespaces: the uts namespace of another process cannot be joined: .*leave out the path/,
    (c) => (c.linux.namespaces = [{ type: "uts", path: "/proc/1/ns/uts" }]),
  ],
  [
    /^linux\.timeOffsets needs a time namespace/,
    (c) => (c.linux["timeOffsets"] = { monotonic: { secs: 1 } }),
  ],
  [
    /^linux\.timeOffsets\.boottime\.nanosecs must be an integer from 0/,
    (c) => {
      c.linux.namespaces.push({ type: "time" });
      c.linux["timeOffsets"] = { boottime: { nanosecs: -1 } };
    },
  ],
  [
    /^linux\.timeOffsets: setting the clocks: Numerical result out of range/,
    (c) => {
      c.linux.namespaces.push({ type: "time" });
      c.linux["timeOffsets"] = { boottime: { secs: -(2 ** 40) } };
    },
  ],
  [/^linux\.resources\.memory must be an object/, (c) => (c.linux.resources = { memory: 1 })],
  [
    /^linux\.resources\.pids\.limit must be an integer/,
    (c) => (c.linux.resources = { pids: { limit: "1" } }),
  ],
  [
    /^linux\.resources\.cpu\.shares must be an integer/,
    (c) => (c.linux.resources = { cpu: { shares: "1" } }),
  ],
  [/^linux\.resources\.unified\.x must be a string/, (c) => (c.linux.resources = { unified: { x: 1 } })],
  // The sandbox's: more of them in test/unit/oci.test.ts.
  [/^process\.user\.uid must be an integer from 0 to/, (c) => (c.process.user.uid = -1)],
  [/^process\.args must name a program/, (c) => (c.process.args = [])],
  [
    /^linux\.devices\[0\]\.type must be c, b, u or p/,
    (c) => (c.linux.devices = [{ path: "/dev/x", type: "x" }]),
  ],
  [
    /^linux\.sysctl: kernel\.shmmni cannot be set to "many"/,
    (c) => (c.linux["sysctl"] = { "kernel.shmmni": "many" }),
  ],
];

test("a wrong config.json is refused by the place of the fault, and nothing is left", async () => {
  await withBundle(shell("exit 0"), async (bundle) => {
    for (const [place, change] of WRONG) {
      bundle.configure(shell("exit 0"), (config) => void change(config));
      const result = await bundle.runs();
      const told = said(result).replace(/^ringfence: /, "");
      assert.is(result.code, 1, told);
      assert.match(told, place);
      assert.equal(bundle.left(), [], told);
    }
  });
});

/** A generator of numbers below 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Not "/": as a root it would be the host's.
const ODD = [
  null,
  true,
  -1,
  2 ** 60,
  1.5,
  "",
  "x",
  "\0",
  [],
  [[]],
  {},
  { a: 1 },
  "/nosuch",
  "/proc/self/ns/net",
];

/** Changes a member, an entry or a value somewhere in it. */
function mutate(value: unknown, next: () => number): void {
  let at = value as Record<string, unknown>;
  for (;;) {
    const names = Object.keys(at);
    if (names.length === 0) return;
    const name = names[Math.floor(next() * names.length)]!;
    const inner = at[name];
    if (typeof inner === "object" && inner !== null && next() < 0.8) {
      at = inner as Record<string, unknown>;
      continue;
    }
    const odd = ODD[Math.floor(next() * ODD.length)];
    const kind = next();
    if (kind < 0.2) delete at[name];
    else if (kind < 0.4) at[`${name}x`] = inner;
    else at[name] = structuredClone(odd);
    return;
  }
}

test("a config.json that is changed at random never leaves anything, nor harms the launcher", async () => {
  const runs = process.env["RINGFENCE_TEST_LONG"] ? 3000 : 18;
  const seed = Number(process.env["RINGFENCE_TEST_SEED"] ?? Date.now() % 2 ** 31);
  const next = random(seed);
  const sandboxes = () =>
    readdirSync("/proc")
      .filter((name) => /^[0-9]+$/.test(name))
      .filter((pid) => readCommand(pid).includes(own));
  let own = "";
  await withBundle(shell("exit 0"), async (bundle) => {
    own = bundle.id;
    for (let i = 0; i < runs; i++) {
      bundle.configure(shell("exit 0"), (config) => {
        config.annotations = { a: "b" };
        config.hooks = Object.fromEntries(
          ["prestart", "startContainer", "poststop"].map((kind) => [
            kind,
            [{ path: "/bin/true", timeout: 5 }],
          ]),
        );
        config.process.capabilities = { bounding: ["CAP_KILL"], effective: ["CAP_KILL"] };
        config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 100, hard: 100 }];
        config.linux.resources = { pids: { limit: 100 }, memory: { limit: 2 ** 30 } };
        config.linux["sysctl"] = { "kernel.shmmax": "4096" };
        config.linux.devices = [{ path: "/dev/x", type: "c", major: 1, minor: 3 }];
        for (let n = 1 + Math.floor(next() * 3); n > 0; n--) mutate(config, next);
      });
      const where = `seed ${seed}, run ${i}: ${readFileSync(join(bundle.directory, "config.json"), "utf8")}`;
      const result = await bundle.runs({ deadlineMs: 20_000 });
      assert.not(result.timedOut, where);
      assert.is(result.signal, null, `${where}\n${said(result)}`);
      // 125 is the launcher's own, 137 that of a sandbox that died.
      assert.ok([0, 1, 2].includes(result.code!), `${result.code} ${where}\n${said(result)}`);
      assert.not.match(said(result), /AddressSanitizer|TypeError|internal/i, where);
      assert.equal(bundle.left(), [], where);
    }
    assert.ok(await eventually(() => sandboxes().length === 0, 5000), `seed ${seed}`);
  });
});

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

test.run();
