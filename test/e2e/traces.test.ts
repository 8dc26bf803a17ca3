// deadline: 600 s
// Traces (docs/traces.md) as those who read them see them: each point is told once, with what it is about, on both platforms and
// wherever calls are served; readers that stop, go or speak another version cost the guest nothing.

import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONTEXT_FIELDS, POINTS } from "../../src/shared/trace/points.ts";
import { ok, said, text } from "../said.ts";
import { eventually, launcher, ringfence, run, type SpawnResult } from "../spawn.ts";
import { shell, withBundle } from "./bundle.ts";
import { withHeld } from "./hold.ts";
import { bytesOf, type Event, Traced } from "./traced.ts";

const EVERYTHING = [
  "clone",
  "exec",
  "exit",
  "open",
  "connect",
  "accept",
  "bind",
  "credentials",
  "ptrace",
  "mount",
  "module",
  "container_start",
  "container_end",
];
const TIMES = 200;
const PORT = 45_123;
const WAIT_MS = 20_000;
const HERE = { family: "AF_INET", address: "127.0.0.1", port: PORT };

const traced = new Traced();
test.after(() => traced.end());

/** Events without what differs from run to run, by point. */
function byPoint(events: readonly Event[]): Map<string, Record<string, unknown>[]> {
  const found = new Map<string, Record<string, unknown>[]>();
  for (const { point, seq: _seq, ...rest } of events) found.set(point, [...(found.get(point) ?? []), rest]);
  return found;
}

/** Of what the guest does no clone and no accept fails. */
const NOT_TOLD = ["clone.error", "accept.error"];

/** What events have is what docs/traces.md says that they have: nothing else, and of it everything somewhere. */
function checkFields(events: readonly Event[]): void {
  const told = new Set(
    events.flatMap(({ point, seq: _seq, ...rest }) =>
      Object.keys(rest)
        .filter((field) => !Object.hasOwn(CONTEXT_FIELDS, field))
        .map((field) => `${point}.${field}`),
    ),
  );
  const documented = POINTS.filter(({ name }) => EVERYTHING.includes(name)).flatMap(
    ({ name, fields, optional = [] }) =>
      Object.keys(fields)
        .filter((field) => !optional.includes(field) || told.has(`${name}.${field}`))
        .map((field) => `${name}.${field}`),
  );
  assert.equal([...told].sort(), documented.filter((field) => !NOT_TOLD.includes(field)).sort());
}

function check(events: readonly Event[]): void {
  checkFields(events);
  assert.equal(
    events.map(({ seq }) => seq),
    events.map((_event, i) => i + 1),
  );
  const told = byPoint(events);
  const of = (point: string) => told.get(point) ?? [];
  const some = (point: string, ...names: string[]) =>
    of(point).map((event) => Object.fromEntries(names.map((name) => [name, event[name]])));

  assert.equal(some("container_start", "pid", "isFirst", "argc"), [{ pid: 1, isFirst: true, argc: 1 }]);
  assert.equal(some("container_end", "pid", "status"), [{ pid: 1, status: 3 << 8 }]);
  const hostile = '/tmp/traced/\xff\xfe\n"\x1b';
  assert.equal(
    of("open").map(({ path, given, flags, result, error }) => [
      bytesOf(path),
      bytesOf(given),
      flags,
      result,
      error,
    ]),
    [
      ["/dev/null", "/tmp/traced/link", 0, 3, undefined],
      ["/tmp/traced/missing", "/tmp/traced/missing", 2, -2, "ENOENT"],
      [hostile, hostile, 0o101, 3, undefined],
      ["/tmp/traced/below/missing", "below/missing", 0, -2, "ENOENT"],
      ["/dev/null", "link", 0, 3, undefined],
    ],
  );
  assert.equal(of("open")[2]!.mode, 0o640);
  assert.equal(some("clone", "childPid", "isThread", "pid"), [
    { childPid: 2, isThread: false, pid: 1 },
    { childPid: 3, isThread: false, pid: 1 },
    { childPid: 1, isThread: true, pid: 1 },
    { childPid: 5, isThread: false, pid: 1 },
  ]);
  assert.equal(some("exit", "tid", "code", "signal", "isGroup"), [
    { tid: 2, code: 7, signal: undefined, isGroup: true },
    { tid: 3, code: undefined, signal: "SIGTERM", isGroup: true },
    { tid: 4, code: 9, signal: undefined, isGroup: false },
    { tid: 5, code: 0, signal: undefined, isGroup: true },
    { tid: 1, code: 3, signal: undefined, isGroup: true },
  ]);
  const [failed, again] = of("exec");
  assert.equal([failed!.path, failed!.error], ["/tmp/traced/missing", "ENOENT"]);
  assert.equal([again!.path, again!.argc, again!.result], [traced.guest, 4, 0]);
  assert.equal((again!.argv as unknown[]).map(bytesOf), ["again", "end", "\xff\xfe", "\xc3\xa9\n\x01"]);
  const address = ({ family, address, port, result }: Record<string, unknown>) => ({
    family,
    address,
    port,
    result,
  });
  assert.equal(of("bind").slice(0, 2).map(address), [
    { ...HERE, result: 0 },
    { ...HERE, result: -98 },
  ]);
  assert.equal([of("bind")[2]!.family, bytesOf(of("bind")[2]!.address)], ["AF_UNIX", "@traced\xff"]);
  assert.equal(of("connect").map(address), [
    { ...HERE, port: 1, result: -111 },
    ...Array.from({ length: 1 + TIMES }, () => ({ ...HERE, result: 0 })),
  ]);
  const [{ port, ...peer } = address({})] = of("accept").map(address);
  assert.equal(peer, { family: "AF_INET", address: "127.0.0.1", result: 6 });
  assert.ok((port as number) > 1024);
  const ids = (value: unknown) => {
    const { uid, euid, suid, gid } = value as Record<string, number>;
    return [uid, euid, suid, gid];
  };
  assert.equal(
    of("credentials").map(({ call, before, after, error }) => [call, ids(before), ids(after), error]),
    [
      ["setresgid", [0, 0, 0, 0], [0, 0, 0, 1], undefined],
      ["setresuid", [0, 0, 0, 1], [1, 2, 3, 1], undefined],
      ["setresuid", [1, 2, 3, 1], [1, 2, 3, 1], "EPERM"],
    ],
  );
  assert.equal(some("ptrace", "request", "target", "error"), [{ request: 16, target: 1, error: "EPERM" }]);
  assert.equal(some("mount", "call", "source", "target", "error"), [
    { call: "mount", source: "some", target: "/tmp/traced/m", error: undefined },
    { call: "umount2", source: undefined, target: "/tmp/traced/m", error: undefined },
    { call: "chroot", source: undefined, target: "/tmp/traced/missing", error: "ENOENT" },
  ]);
  assert.equal(
    of("module").map(({ call, error, args }) => [call, error, (args as string[])[0]]),
    [
      ["init_module", "ENOSYS", "0x1234"],
      ["bpf", "ENOSYS", "0x5"],
      ["perf_event_open", "ENOSYS", "0x0"],
      ["kexec_load", "ENOSYS", "0x0"],
    ],
  );
}

for (const [platform, workers] of [
  ["systrap", "solo"],
  ["ptrace", "solo"],
  ["systrap", "1"],
  ["systrap", "net,data=2"],
  ["ptrace", "net,data=2"],
])
  test(`each point is told once (--platform=${platform} --workers=${workers})`, async () => {
    const name = `all-${platform}-${workers}`.replace(/[=,]/g, "-");
    const session = traced.session(name, {
      points: EVERYTHING,
      context: ["pid", "tid", "comm"],
      sinks: [{ file: traced.path(`${name}.jsonl`) }],
    });
    const flags = [`--platform=${platform}`, `--workers=${workers}`, "--trace", session];
    const ended = await run(ringfence, [...flags, "do", "--", traced.guest]);
    assert.is(ended.code, 3, said(ended));
    check(traced.events(`${name}.jsonl`));
  });

test("a reader is greeted, and gets packets with headers", async () => {
  const reader = await traced.reader("greeted.sock");
  const session = traced.session("greeted", {
    points: ["exec", "container_end"],
    sinks: [{ socket: traced.path("greeted.sock") }],
  });
  const before = BigInt(Date.now()) * 1_000_000n;
  ok(await run(ringfence, ["--trace", session, "do", "--", "sh", "-c", "true; exec true"]));
  assert.ok(await eventually(() => reader.said.endsWith("gone\n"), WAIT_MS));
  const [hello, ...rest] = reader.messages;
  assert.is(hello!.kind, 0x100);
  const { protocol, version, session: named } = hello!.content;
  assert.equal([protocol, version, named], ["ringfence-trace", 1, "greeted"]);
  assert.equal(
    rest.map(({ sequence }) => sequence),
    rest.map((_message, i) => i + 1),
  );
  for (const { time, lost, content } of rest) {
    assert.is(lost, 0);
    assert.is(String(time), content.time);
    assert.ok(time > before - 10_000_000_000n && time < before + 100_000_000_000n);
  }
  assert.is(rest.at(-1)!.content.point, "container_end");
});

const create = (root: string, session: string) =>
  run(launcher, ["--root", root, "trace", "create", "--config", session, "held"]);
const remove = (root: string, name: string) =>
  run(launcher, ["--root", root, "trace", "delete", "--name", name, "held"]);

interface Listed {
  name: string;
  events: number;
  sinks: { state: string; sent: number; lost: number; waiting: number }[];
}

async function list(root: string): Promise<Listed[]> {
  return JSON.parse(text(ok(await run(launcher, ["--root", root, "trace", "list", "--json", "held"]))));
}

async function counter(root: string, name: string): Promise<number> {
  const told = ok(await run(launcher, ["--root", root, "debug", "--counters", "--json", "held"]));
  return JSON.parse(text(told)).counters[name];
}

const OPENS = 20_000;

test("a reader that stops loses events, and is told how many; the guest goes on", async () => {
  const reader = await traced.reader("stopped.sock");
  const session = traced.session("stopped", {
    points: ["open"],
    filter: { paths: ["/dev/null"] },
    sinks: [{ socket: traced.path("stopped.sock"), queue: 64 }],
  });
  await withHeld(async ({ root, exec }) => {
    ok(await create(root, session));
    reader.stop(true);
    const ended = ok(await exec([traced.guest, "open", String(OPENS)]));
    assert.is(text(ended), `opened ${OPENS}\n`);
    const [{ events, sinks }] = (await list(root)) as [Listed];
    assert.is(events, OPENS);
    assert.ok(sinks[0]!.lost > OPENS / 2 && sinks[0]!.waiting > 0, JSON.stringify(sinks));
    assert.is(await counter(root, "traceLost"), sinks[0]!.lost);
    reader.stop(false);
    const lostIn = () =>
      reader.messages
        .filter(({ kind }) => kind === 0x101)
        .reduce((sum, { content }) => sum + (content.lost as number), 0);
    assert.ok(
      await eventually(() => lostIn() === sinks[0]!.lost, WAIT_MS),
      `${lostIn()} of ${sinks[0]!.lost}`,
    );
    assert.ok(await eventually(() => reader.events.length + lostIn() === OPENS, WAIT_MS));
    // And on it goes, without a gap.
    ok(await exec([traced.guest, "open", "10"]));
    assert.ok(await eventually(() => reader.events.length + lostIn() === OPENS + 10, WAIT_MS));
    assert.is(reader.events.at(-1)!.seq, OPENS + 10);
    assert.is(reader.messages.at(-1)!.lost, sinks[0]!.lost);
  });
});

test("a reader that has gone is found again, where it is to be", async () => {
  const first = await traced.reader("gone.sock");
  const sinks = [
    { socket: traced.path("gone.sock"), onGone: "reconnect", backoff: { firstMs: 20, mostMs: 100 } },
  ];
  const session = traced.session("gone", { points: ["container_start"], sinks });
  await withHeld(async ({ root, exec }) => {
    ok(await create(root, session));
    ok(await exec(["true"]));
    assert.ok(await eventually(() => first.events.length === 1, WAIT_MS));
    first.kill();
    const state = async () => (await list(root))[0]!.sinks[0]!.state;
    assert.ok(await eventually(async () => (await state()) === "away", WAIT_MS));
    ok(await exec(["true"])); // waits until there is somebody
    const second = await traced.reader("gone.sock");
    assert.ok(await eventually(() => second.events.length === 1, WAIT_MS));
    ok(await exec(["true"]));
    assert.ok(await eventually(() => second.events.length === 2, WAIT_MS));
    assert.equal(
      second.events.map(({ seq }) => seq),
      [2, 3],
    );
    ok(await remove(root, "gone"));
    assert.equal(await list(root), []);
  });
});

test("a session without a reader ends", async () => {
  const reader = await traced.reader("dropped.sock");
  const session = traced.session("dropped", {
    points: ["open"],
    sinks: [{ socket: traced.path("dropped.sock") }],
  });
  await withHeld(async ({ root, exec }) => {
    ok(await create(root, session));
    reader.kill();
    const state = async () => (await list(root))[0]!.sinks[0]!.state;
    assert.ok(await eventually(async () => (await state()) === "ended", WAIT_MS));
    ok(await exec([traced.guest, "open", "100"]));
    assert.is((await list(root))[0]!.events, 0);
    ok(await remove(root, "dropped"));
  });
});

test("a reader that speaks another version gets nothing", async () => {
  const reader = await traced.reader("other.sock", "9");
  const session = traced.session("other", {
    points: ["open"],
    sinks: [{ socket: traced.path("other.sock") }],
  });
  const log = traced.path("other.log");
  ok(await run(ringfence, ["--log", log, "--trace", session, "do", "--", traced.guest, "open", "100"]));
  assert.ok(await eventually(() => reader.said.endsWith("gone\n"), WAIT_MS));
  assert.equal(reader.events, []);
  assert.match(readFileSync(log, "utf8"), /a reader of traces speaks another version.* version=9/);
});

test("sessions come and go under load, and two see what each wants", async () => {
  const all = traced.session("lasting", {
    points: ["open"],
    filter: { paths: ["/dev/null"] },
    sinks: [{ file: traced.path("lasting.jsonl"), queue: 65_536 }],
  });
  const short = traced.session("short", {
    points: ["open", "syscall/all"],
    sinks: [{ file: "/dev/null" }],
  });
  await withHeld(
    async ({ root, exec }) => {
      ok(await create(root, all));
      let isDone = false;
      const ended = exec([traced.guest, "open", String(OPENS)]).finally(() => {
        isDone = true;
      });
      let sessions = 0;
      while (!isDone) {
        ok(await create(root, short));
        ok(await remove(root, "short"));
        sessions++;
      }
      assert.is(text(ok(await ended)), `opened ${OPENS}\n`);
      assert.ok(sessions > 0);
      assert.is(await counter(root, "traceSessions"), 1);
      const [{ events, sinks }] = (await list(root)) as [Listed];
      assert.is(events, OPENS);
      ok(await remove(root, "lasting"));
      const told = traced.events("lasting.jsonl").filter(({ point }) => point === "open");
      assert.is(told.length, OPENS - sinks[0]!.lost);
      assert.is(await counter(root, "traceSessions"), 0);
    },
    ["--workers=net,data=2"],
  );
});

for (const workers of ["solo", "net,data=2"])
  test(`any call can be told, also those that nobody sees otherwise (--workers=${workers})`, async () => {
    const name = `raw-${workers}`.replace(/[=,]/g, "-");
    const session = traced.session(name, {
      points: [
        "syscall/getpid/exit",
        { name: "syscall/read", fields: ["call", "text", "result"] },
        "syscall/sendto/enter",
      ],
      context: ["comm"],
      sinks: [{ file: traced.path(`${name}.jsonl`), queue: 65_536 }],
    });
    const program = `
import os, socket
a, b = socket.socketpair()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
f = open("/tmp/read", "wb+", 0)
f.write(b"x" * 5000)
for i in range(300):
    os.getpid()
    f.seek(0)
    assert len(f.read(5)) == 5
    s.sendto(b"y", s.getsockname())
`;
    const flags = [`--workers=${workers}`, "--trace", session];
    ok(await run(ringfence, [...flags, "do", "--", "python3", "-c", program]));
    const events = traced.events(`${name}.jsonl`);
    const count = (point: string, call: string, check: (event: Event) => boolean = () => true) =>
      events.filter((event) => event.point === point && event.call === call && check(event)).length;
    assert.ok(count("leave", "getpid") >= 300, `${count("leave", "getpid")}`);
    assert.is(count("enter", "sendto"), 300);
    assert.is(count("leave", "sendto"), 0);
    const text = (event: Event) => /^read\(\d+, "xxxxx", 5\) = 5$/.test(String(event.text));
    const reads = count("leave", "read", (event) => event.result === 5 && text(event));
    assert.is(reads, 300, JSON.stringify(events.filter(({ call }) => call === "read").at(-1)));
  });

test("a call that a handler ends is told with that, one that is made again once", async () => {
  const session = traced.session("interrupted", {
    points: ["open", "connect"],
    sinks: [{ file: traced.path("interrupted.jsonl") }],
  });
  ok(await run(ringfence, ["--trace", session, "do", "--", traced.guest, "interrupted"]));
  const events = traced
    .events("interrupted.jsonl")
    .filter(({ path }) => path === undefined || path === "/tmp/fifo");
  const told = (point: string) => events.flatMap((event) => (event.point === point ? [event.error] : []));
  // The child's, for writing, and the second one for reading.
  assert.equal(told("open").sort(), ["EINTR", undefined, undefined]);
  assert.equal(told("connect"), [undefined, "EINTR"]);
});

test("filters, fields and context are as they are asked for", async () => {
  const session = traced.session("filtered", {
    points: [
      { name: "open", fields: ["path", "error"] },
      { name: "exec", fields: ["argv", "envp"] },
    ],
    context: ["comm", "euid"],
    filter: { failures: true, comms: ["cat"] },
    sinks: [{ file: traced.path("filtered.jsonl") }],
  });
  const script = "cat /missing1 /dev/null; ls /missing2; true";
  ok(await run(ringfence, ["--trace", session, "do", "--", "sh", "-c", script]));
  const events = traced.events("filtered.jsonl").filter(({ path }) => path === "/missing1");
  assert.equal(
    events.map(({ seq: _seq, ...rest }) => rest),
    [{ point: "open", comm: "cat", euid: 0, path: "/missing1", error: "ENOENT" }],
  );
  assert.ok(
    traced.events("filtered.jsonl").every(({ comm, error }) => comm === "cat" && error !== undefined),
  );
});

test("an inherited descriptor, and a pipe that is full", async () => {
  const session = traced.session("inherited", { points: ["open"], sinks: [{ descriptor: 7 }] });
  const script = `exec 7>${traced.path("inherited.jsonl")}; exec ${ringfence} --trace ${session} do -- cat /dev/null`;
  ok(await run("sh", ["-c", script]));
  assert.ok(traced.events("inherited.jsonl").some(({ path }) => path === "/dev/null"));
  // Nobody reads until the program has ended.
  const full = `mkfifo ${traced.path("full")}; exec 7<>${traced.path("full")}; exec ${ringfence} --trace ${session} do -- ${traced.guest} open ${OPENS}`;
  assert.is(text(ok(await run("sh", ["-c", full]))), `opened ${OPENS}\n`);
});

const refusals: readonly [what: string, session: object, why: RegExp][] = [
  [
    "a point",
    { points: ["nothing"], sinks: [{ file: "/dev/null" }] },
    /points\[0\]: there is no point nothing/,
  ],
  [
    "a field",
    { points: [{ name: "open", fields: ["x"] }], sinks: [{ file: "/dev/null" }] },
    /no field of open: x/,
  ],
  ["no sink", { points: ["open"], sinks: [] }, /sinks must not be empty/],
  [
    "nobody",
    { points: ["open"], sinks: [{ socket: "/tmp/nobody" }] },
    /connecting to the socket \/tmp\/nobody/,
  ],
  [
    "two ways",
    { points: ["open"], sinks: [{ file: "/dev/null", descriptor: 1 }] },
    /one of socket, file and/,
  ],
  ["a descriptor", { points: ["open"], sinks: [{ descriptor: 99 }] }, /descriptor 99 cannot be written to/],
];

for (const [what, content, why] of refusals)
  test(`a session with ${what} that cannot be is refused`, async () => {
    const session = traced.session(`refused-${what.replace(" ", "-")}`, content);
    const ended = await run(ringfence, ["--trace", session, "do", "--", "true"]);
    assert.is(ended.code, 125);
    assert.match(said(ended), why);
    await withHeld(async ({ root }) => {
      const refused = await create(root, session);
      assert.is(refused.code, 125);
      assert.match(said(refused), why);
    });
  });

test("an annotation chooses among sessions that the operator has put there", async () => {
  traced.session("chosen", {
    points: ["container_start", "container_end"],
    context: ["sandbox", "container"],
    sinks: [{ file: traced.path("chosen.jsonl") }],
  });
  const annotate = (value: string) => (config: { annotations?: Record<string, string> }) => {
    config.annotations = { "dev.ringfence.trace": value };
  };
  const runs = (
    bundle: { directory: string; root: string; id: string },
    ...flags: string[]
  ): Promise<SpawnResult> =>
    run(ringfence, ["--root", bundle.root, ...flags, "run", "--bundle", bundle.directory, bundle.id]);
  const allow = `--trace-annotations=${traced.directory}`;
  await withBundle(
    shell("exit 4"),
    async (bundle) => {
      assert.is((await runs(bundle, allow)).code, 4);
      const told = traced.events("chosen.jsonl");
      assert.equal(
        told.map(({ point, sandbox, container, status }) => [point, sandbox, container, status]),
        [
          ["container_start", bundle.id, bundle.id, undefined],
          ["container_end", bundle.id, bundle.id, 4 << 8],
        ],
      );
      // Without leave of the operator's it has no effect.
      const log = traced.path("ignored.log");
      assert.is((await runs(bundle, "--log", log)).code, 4);
      assert.match(readFileSync(log, "utf8"), /dev\.ringfence\.trace has no effect/);
      assert.is(traced.events("chosen.jsonl").length, 2);
    },
    annotate("chosen"),
  );
  await withBundle(
    shell("exit 4"),
    async (bundle) => {
      const refused = await runs(bundle, allow);
      assert.match(said(refused), /not the name of a trace session/);
    },
    annotate("../chosen"),
  );
});

test.run();
