// Trace sessions: which events they want, what they make of them, and what becomes of those that nobody takes. Random strings of
// bytes come back from JSON as they were.

import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readSession } from "../../src/main/trace/read_session.ts";
import { LOST, point } from "../../src/shared/trace/points.ts";
import { rawPoint } from "../../src/shared/trace/raw_point.ts";
import type { TraceFilter, TraceSink } from "../../src/shared/trace/session.ts";
import { message, readHeader } from "../../src/shared/trace/wire.ts";
import { Counters } from "../../src/workers/counters.ts";
import type { Task } from "../../src/workers/process/task.ts";
import { TraceEvent } from "../../src/workers/trace/event.ts";
import { EventFilter } from "../../src/workers/trace/filter.ts";
import { Plans } from "../../src/workers/trace/plans.ts";
import { QueueRoom } from "../../src/workers/trace/queue_room.ts";
import { Session } from "../../src/workers/trace/session.ts";
import { Sink, type SinkContext } from "../../src/workers/trace/sink.ts";
import { LIST_BYTES_MAX, shortened, told, toldList } from "../../src/workers/trace/text.ts";

const STAMP = () => ({ seconds: 17, nanoseconds: 5 });

function task(given: { comm?: string; uid?: number; container?: string } = {}): Task {
  const { comm = "cat", uid = 0, container = "c" } = given;
  return {
    pid: 2,
    tid: 3,
    firstPid: 4,
    firstTid: 5,
    comm,
    container: { id: container },
    group: { leader: { comm: "leader" } },
    credentials: { uid, euid: uid + 1, gid: 0, egid: 0 },
  } as unknown as Task;
}

/** Takes as many messages as there is room for. */
class FakeSink extends Sink {
  room = 0;
  readonly taken: { kind: number; content: Record<string, unknown> }[] = [];

  constructor(kernel: SinkContext, queue: number, room: QueueRoom) {
    const config: TraceSink = { type: "packets", queue, onGone: "drop", backoffMs: [1, 1], label: "fake" };
    super(kernel, config, room);
    this.state = "open";
  }

  protected encode(kind: number, text: string): Buffer {
    return Buffer.from(`${kind} ${text}`);
  }

  protected send(): void {
    for (let next = this.next; next !== null && this.room > 0; next = this.next) {
      const [, kind, text] = /^(\d+) (.*)$/.exec(next.toString())!;
      this.taken.push({ kind: Number(kind), content: JSON.parse(text!) });
      this.room--;
      this.took();
    }
  }
}

function world(queue: number, filter: TraceFilter = {}, fields?: string[], room = new QueueRoom()) {
  const counters = new Counters();
  const due: { passEnds(): boolean }[] = [];
  const native = { clockGettime: () => 0, scratchView: new DataView(new ArrayBuffer(16)) };
  const kernel = { native, counters, passEnd: { add: (work: { passEnds(): boolean }) => due.push(work) } };
  const sink = new FakeSink(kernel as unknown as SinkContext, queue, room);
  const points = [{ name: "open", ...(fields && { fields }) }];
  const config = { name: "s", points, filter, sinks: [sink.config] };
  const session = new Session(config, [sink], "sandbox", counters);
  session.want("open", fields);
  const passEnds = () => {
    for (const work of due.splice(0)) work.passEnds();
  };
  return { counters, sink, session, passEnds };
}

function opened(path: string, failed = false, of = task()): TraceEvent {
  const event = new TraceEvent(point("open"), of);
  event.place("path", path);
  event.fields.result = failed ? -2 : 3;
  event.failed = failed;
  return event;
}

test("filters want of each list one, and all that are given", () => {
  const event = opened("/etc/shadow", true, task({ comm: "cat", uid: 7, container: "x" }));
  const cases: readonly (readonly [TraceFilter, boolean])[] = [
    [{}, true],
    [{ comms: ["ls", "cat"] }, true],
    [{ comms: ["ls"] }, false],
    [{ uids: [7] }, true],
    [{ uids: [8] }, true], // effective
    [{ uids: [0] }, false],
    [{ containers: ["x"] }, true],
    [{ containers: ["y"] }, false],
    [{ paths: ["/tmp", "/etc/"] }, true],
    [{ paths: ["/tmp"] }, false],
    [{ failures: true }, true],
    [{ failures: true, comms: ["cat"], paths: ["/tmp"] }, false],
  ];
  for (const [filter, passes] of cases)
    assert.is(new EventFilter(filter).passes(event), passes, JSON.stringify(filter));
  assert.not(new EventFilter({ failures: true }).passes(opened("/x")));
  assert.not(new EventFilter({ paths: ["/"] }).passes(new TraceEvent(point("connect"), task())));
});

test("what finds no room is counted, and told in its place as soon as there is some", () => {
  const { counters, sink, session, passEnds } = world(16);
  for (let i = 0; i < 100; i++) session.tell(opened(`/${i}`), STAMP);
  passEnds();
  const { lost, waiting } = sink.report();
  assert.equal([lost + waiting, counters.traceLost, counters.traceEvents], [100, lost, 100]);
  assert.ok(waiting < 16);
  sink.room = 1000;
  sink.flush();
  assert.is(sink.taken.length, waiting + 1);
  assert.equal(sink.taken.at(-1), { kind: LOST, content: { point: "lost", lost, total: lost } });
  session.tell(opened("/next"), STAMP);
  passEnds();
  assert.equal(sink.taken.at(-1)!.content.seq, 101);
  assert.is(sink.taken.filter(({ kind }) => kind === LOST).length, 1);
  assert.ok(sink.isIdle);
});

test("with any readers all events are told or counted as lost, in order (fast-check)", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: -40, max: -1 }))),
      (steps) => {
        const { sink, session, passEnds } = world(16);
        let events = 0;
        for (const step of [...steps, -10_000, -10_000]) {
          for (let i = 0; i < step; i++) {
            session.tell(opened("/x"), STAMP);
            events++;
          }
          if (step < 0) sink.room = -step;
          passEnds();
          sink.flush();
          if (step < 0 && step > -10_000) sink.room = 0;
        }
        let seen = 0;
        for (const { kind, content } of sink.taken) {
          if (kind === LOST) seen += content.lost as number;
          else {
            seen++;
            assert.is(content.seq, seen);
          }
        }
        assert.is(seen, events);
      },
    ),
  );
});

test("what waits when a sink ends is lost", () => {
  const { counters, sink, session, passEnds } = world(16);
  for (let i = 0; i < 20; i++) session.tell(opened("/x"), STAMP);
  sink.room = 4;
  passEnds();
  const left = sink.taken.length;
  session.end();
  const { sent, lost, waiting } = sink.report();
  assert.equal([sent, lost, waiting, counters.traceLost], [left, 20 - left, 0, 20 - left]);
  session.end();
  assert.is(sink.report().lost, 20 - left);
});

test("all sinks together keep so much, and each a little in any case", () => {
  const room = new QueueRoom();
  const argv = Array(100).fill("x".repeat(80));
  const fill = () => {
    const of = world(65_536, {}, undefined, room);
    const event = opened("/x");
    event.list("argv", argv);
    for (let i = 0; i < 1500; i++) of.session.tell(event, STAMP);
    return of;
  };
  const all = Array.from({ length: 6 }, fill);
  const waiting = all.map(({ sink }) => sink.report().waiting);
  assert.ok(waiting[0]! > 900 && waiting[0]! < 1500, `of its own bound: ${waiting}`);
  assert.ok(waiting[3]! > 900 && waiting[4]! < 60 && waiting[5]! > 20, `of that of all: ${waiting}`);
  all[0]!.session.end();
  assert.ok(fill().sink.report().waiting > 900, "what one has given back another has");
});

test("an event of a task that no filter passes need not be made", () => {
  const { session } = world(16, { comms: ["ls"], paths: ["/x"] });
  assert.equal([session.mayWant(task()), session.mayWant(task({ comm: "ls" }))], [false, true]);
});

test("an event has the fields that its session asks for", () => {
  const { sink, session, passEnds } = world(16, {}, ["path"]);
  sink.room = 10;
  session.tell(opened("/x"), STAMP);
  passEnds();
  const { content } = sink.taken[0]!;
  assert.equal(
    [content.path, content.result, content.time, content.sandboxTid],
    ["/x", undefined, "17000000005", 5],
  );
});

const bytes = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 })
  .map((codes) => String.fromCharCode(...codes));

test("any bytes come back from JSON (fast-check)", () => {
  fc.assert(
    fc.property(bytes, (given) => {
      const back = JSON.parse(JSON.stringify(told(given))) as string | { base64: string };
      const raw = typeof back === "string" ? Buffer.from(back, "utf8") : Buffer.from(back.base64, "base64");
      assert.is(raw.toString("latin1"), given);
    }),
  );
});

test("what is too long is cut where a character ends", () => {
  const long = Buffer.from(`${"a".repeat(9)}é€𝄞`, "utf8").toString("latin1");
  for (let most = 9; most <= long.length; most++)
    assert.type(told(shortened(long, most)), "string", `${most} bytes`);
  const { all, isWhole } = toldList(["x".repeat(LIST_BYTES_MAX - 1), "yz", "w"]);
  assert.equal([all.length, all[1], isWhole], [2, "y", false]);
  assert.is(toldList(Array(500).fill("")).all.length, 128);
});

test("a message is read back", () => {
  const sent = message(4, '{"a":"é"}', 2 ** 40, 1_795_937_536, 335, 7);
  const { kind, sequence, time, lost, text } = readHeader(sent)!;
  assert.equal([kind, sequence, time, lost, text], [4, 2 ** 40, 1_795_937_536_000_000_335n, 7, '{"a":"é"}']);
  assert.is(readHeader(sent.subarray(0, sent.length - 1)), null);
});

test("raw points name calls, numbers, or all", () => {
  assert.equal(rawPoint("syscall/openat/enter"), { nr: 257, enter: true, leave: false });
  assert.equal(rawPoint("syscall/400"), { nr: 400, enter: true, leave: true });
  assert.equal(rawPoint("syscall/all/exit"), { nr: null, enter: false, leave: true });
  for (const wrong of ["syscall/", "syscall/nothing", "syscall/99999", "syscall/open/both"])
    assert.is(rawPoint(wrong), null, wrong);
  assert.is(rawPoint("open"), undefined);
});

test("plans know which calls thread 0 has to see", () => {
  const plansOf = (...names: string[]) => {
    const { session } = world(16);
    return new Plans([
      Object.assign(session, { config: { ...session.config, points: names.map((name) => ({ name })) } }),
    ]);
  };
  const opens = plansOf("open");
  assert.equal(
    [opens.of(257)?.point, opens.of(0), opens.of(5000), opens.wantsUnseen],
    ["open", null, null, false],
  );
  assert.equal([...opens.posted], []);
  assert.equal([...plansOf("connect", "bind", "accept").posted], [42, 49]);
  assert.ok(plansOf("syscall/getpid").wantsUnseen);
  const all = plansOf("syscall/all/enter");
  assert.equal([all.of(5000)?.enter.length, all.of(0)?.leave.length, all.wantsUnseen], [1, 0, true]);
});

test("a session's file is read by a schema", () => {
  const base = { name: "n", points: ["open"], sinks: [{ file: "/x" }] };
  assert.equal(readSession(base).sinks[0], {
    type: "lines",
    queue: 4096,
    onGone: "drop",
    backoffMs: [100, 10_000],
    label: "/x",
  });
  const patient = { socket: "/x", onGone: "reconnect", optional: true, backoff: { firstMs: 1, mostMs: 2 } };
  assert.equal(readSession({ ...base, sinks: [patient] }).sinks[0]!.backoffMs, [1, 2]);
  assert.equal(readSession({ ...base, filter: { comms: ["é"] } }).filter.comms, ["\xc3\xa9"]);
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ name: "a b" }, /name must be/],
    [{ points: ["enter"] }, /no point enter/],
    [{ points: [{ name: "exec", fields: ["path", "x"] }] }, /points\[0\]\.fields\[1\] is no field of exec/],
    [{ context: ["x"] }, /no field of all events/],
    [{ sinks: [{ file: "/x", queue: 1 }] }, /queue must be an integer/],
    [{ sinks: [{ socket: "/x", onGone: "wait" }] }, /onGone must be/],
    [{ sinks: Array(5).fill({ file: "/x" }) }, /at most 4/],
    // What is misspelt is not as good as absent.
    [{ filters: { uids: [0] } }, /^filters is none of name, points, context, filter, sinks$/],
    [{ filter: { uid: [0] } }, /^filter\.uid is none of /],
    [{ points: [{ name: "open", field: ["path"] }] }, /^points\[0\]\.field is none of name, fields$/],
    [{ sinks: [{ file: "/x", ongone: "reconnect" }] }, /^sinks\[0\]\.ongone is none of /],
    [{ sinks: [{ socket: "/x", backoff: { first: 1 } }] }, /^sinks\[0\]\.backoff\.first is none of /],
  ];
  for (const [change, why] of wrong) assert.throws(() => readSession({ ...base, ...change }), why);
});

test.run();
