// What `debug` and `trace list` make of what a sandbox says: it is bounded where it is made, and nothing of it is an order to a
// terminal.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { frameInSource, heapTable, shown } from "../../src/main/cli/debug_text.ts";
import { readInspect } from "../../src/main/usage/inspect_reports.ts";
import { StackLooks } from "../../src/workers/inspect/stack.ts";
import { reportTasks } from "../../src/workers/inspect/tasks.ts";
import { answersOf } from "../../src/workers/pool/pool_host.ts";
import { displayName, type Path } from "../../src/workers/vfs/path.ts";

type Kernel = Parameters<typeof reportTasks>[0];

/** A kernel with so many tasks of that name, all of which end. */
function kernelOf(tasks: number, comm: string): Kernel {
  const task = {
    firstPid: 1,
    firstTid: 1,
    comm,
    container: { id: "c" },
    isEnding: true,
    dead: true,
  };
  return { pids: { tasks: () => Array(tasks).fill(task) } } as unknown as Kernel;
}

test("tasks are told as far as there is room, of names the beginning", async () => {
  const few = await reportTasks(kernelOf(3, "x".repeat(10_000)));
  assert.equal([few.tasks.length, few.isCut, few.tasks[0]!.comm.length], [3, false, 4096]);
  // A control character takes six bytes as JSON.
  const many = await reportTasks(kernelOf(2000, "\x01".repeat(4096)));
  assert.ok(many.isCut && many.tasks.length >= 5);
  // Two bytes are one character.
  const wide = await reportTasks(kernelOf(2000, "\xe9".repeat(4096)));
  assert.ok(wide.isCut && wide.tasks.length > 10);
  for (const told of [many, wide]) {
    const bytes = Buffer.byteLength(JSON.stringify(told));
    assert.ok(bytes < 600_000, `${bytes}`);
  }
  assert.is(readInspect({ ...many, strace: false }, "inspect").tasks!.length, many.tasks.length);
});

test("stacks that are never whole are looked at again for a while, and then once", async () => {
  const kernel = { native: {}, owesAnswer: false, longTurns: { isFull: false } };
  const call = { nr: -1 };
  const task = {
    firstPid: 1,
    firstTid: 1,
    comm: "c",
    container: { id: "c" },
    isEnding: true,
    dead: false,
    call,
  };
  Object.assign(kernel, { pids: { tasks: () => Array(100).fill(task) } });
  let [nowMs, looks] = [0, 0];
  const { of } = StackLooks.prototype;
  const { now } = performance;
  const preliminary = Object.getOwnPropertyDescriptor(StackLooks.prototype, "isPreliminary")!;
  StackLooks.prototype.of = () => {
    looks++;
    nowMs += 25;
    return [{ address: "0x1" }];
  };
  Object.defineProperty(StackLooks.prototype, "isPreliminary", { get: () => true, configurable: true });
  performance.now = () => nowMs;
  try {
    const { tasks } = await reportTasks(kernel as unknown as Kernel);
    assert.is(tasks.length, 100);
  } finally {
    performance.now = now;
    StackLooks.prototype.of = of;
    Object.defineProperty(StackLooks.prototype, "isPreliminary", preliminary);
  }
  // Ten stacks eight times in two seconds, the next one once or more, and all others once.
  assert.ok(looks >= 170 && looks <= 178, `${looks}`);
});

test("of a place that is too deep the last names are told", () => {
  const mount = { parent: null, mountPoint: null, root: {} } as unknown as Path["mount"];
  let dentry = mount.root;
  for (let i = 0; i < 5000; i++) dentry = { name: `${i}`, parent: dentry } as unknown as typeof dentry;
  const at = (dentry: Path["dentry"]) => ({ mount, dentry }) as unknown as Path;
  const root = at(mount.root);
  assert.is(displayName(at(dentry), root, 3), "/4997/4998/4999");
  assert.is(displayName(at(dentry), root).split("/").length, 5001);
});

test("a heap has a role of our form, and control characters are printed as none", () => {
  const heap = { thread: 0, role: "net", used: 1, total: 2, limit: 3, external: 4, spaces: {} };
  assert.match(heapTable(readInspect({ heap: [heap], strace: false }, "inspect").heap!), /net/);
  for (const role of ["\x1b[2J", "a b", "\u009b2J", ""])
    assert.throws(() => readInspect({ heap: [{ ...heap, role }], strace: false }, "inspect"), /no role/);
  assert.is(shown("a\x1b\xc2\x9b\x7fb"), "a\\u001b??b");
});

test("a frame of the kernel's has the line of the sources", () => {
  const sourceOf = (url: string, line: number, column: number) =>
    url.endsWith("/k.cjs") ? { source: `${url.length}.ts`, line: line * column } : { source: url, line };
  for (const [frame, expected] of [
    ["A.b [as c] (/k.cjs:3:5)", "A.b [as c] (6.ts:15)"],
    ["/of (it)/and-all/k.cjs:3:5", "22.ts:15"],
    ["f (/of (it)/k.cjs:3:5)", "f (14.ts:15)"],
    ["f (/other.cjs:3:5)", "f (/other.cjs:3)"],
    ["f (node:fs:3:5)", "f (node:fs:3:5)"],
    ["f (<anonymous>)", "f (<anonymous>)"],
  ] as const)
    assert.is(frameInSource(frame, sourceOf), expected);
});

test("a frame of any form is looked through once", () => {
  // As long, and longer, than one may be; quadratic would be some minutes, and more.
  for (const piece of ["a", "a.cjs:1", ":1", "(", " (", "1"]) {
    const frame = piece.repeat(500_000);
    assert.is(
      frameInSource(frame, (source, line) => ({ source, line })),
      frame,
    );
  }
});

test("of calls that wait on another thread, no more are looked at than are told, in turns that are not long", async () => {
  let looked = 0;
  let turns = 0;
  const kernel = {
    owesAnswer: false,
    longTurns: {
      get isFull() {
        if (looked % 100 > 0) return false;
        setImmediate(() => turns++);
        return true;
      },
    },
    *waits() {
      for (;;) {
        looked++;
        yield { tid: looked, kernelStack: [] };
      }
    },
  };
  const boot = { thread: 1, roles: ["supervisor", "net"], config: { options: {} } };
  type Arguments = Parameters<typeof answersOf>;
  const asked = { serve: () => {} } as Arguments[2];
  const answers = answersOf(kernel as never, boot as unknown as Arguments[1], asked);
  const { waits } = await answers.inspect({ tasks: true });
  assert.equal([waits!.length, looked, turns, kernel.owesAnswer], [2048, 2048, 20, true]);
});

test.run();
