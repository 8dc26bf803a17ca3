// Numbers of PID namespaces: what a name is called in each, when numbers are free again, and when a namespace is gone.

import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, EEXIST, EINVAL, ENOMEM, ENOSPC } from "../../src/shared/abi/errno.ts";
import { LEVELS_MAX, PID_MAX, type Pid, PidNamespace } from "../../src/workers/process/pids.ts";
import type { Task } from "../../src/workers/process/task.ts";

function kernelWith(room = Number.POSITIVE_INFINITY) {
  const counters = { pidNamespaces: 0, pidNumbers: 0 };
  return { counters, heap: { hasRoom: () => counters.pidNamespaces < room } };
}

type Fake = ReturnType<typeof kernelWith>;

function firstOf(kernel: Fake, first = 1): PidNamespace {
  return new PidNamespace(kernel as never, null, first).hold();
}

function allot(space: PidNamespace, wanted?: readonly number[]): Pid {
  const id = space.allot(wanted);
  if (typeof id === "number") throw new Error(`allot: ${id}`);
  return id;
}

/** A process of one thread, whose process group and session have its name. */
function processOf(id: Pid): Task {
  const group = { id, processGroup: id, session: { id } };
  const task = { id, group } as unknown as Task;
  id.give(task);
  return task;
}

test("a name is a number in its namespace and in each above, and in no other", () => {
  const first = firstOf(kernelWith());
  allot(first);
  const [middle, other] = [first.makeChild(), first.makeChild()];
  const low = middle.makeChild();
  allot(middle);
  const id = allot(low);
  assert.equal([id.in(low), id.in(middle), id.in(first), id.in(other)], [1, 2, 3, 0]);
  assert.equal([id.number, id.first], [1, 3]);
  assert.equal(id.from(middle), [2, 1]);
  assert.is(low.find(1), id);
  assert.is(middle.find(2), id);
  assert.is(first.find(3), id);
  assert.is(other.find(1), undefined);
  assert.is(allot(first).in(low), 0);
  assert.ok(low.isWithin(first) && low.isWithin(low) && !first.isWithin(low) && !low.isWithin(other));
});

test("a number is another's only when no thread, process, process group or session has it", () => {
  const first = firstOf(kernelWith());
  const leader = processOf(allot(first));
  const member = allot(first);
  const group = { id: member, processGroup: leader.id, session: { id: leader.id } };
  member.give({ id: member, group } as unknown as Task);
  leader.id.leaveGroup(leader.group);
  assert.is(first.group(1), undefined);
  assert.is(first.find(1)?.members.size, 1);
  member.leaveGroup(group as never);
  assert.is(first.size, 0);
});

test("numbers go up, come again behind pid_max from 300 on, and run out", () => {
  const first = firstOf(kernelWith());
  const all = Array.from({ length: PID_MAX - 1 }, () => allot(first));
  assert.is(all.at(-1)!.number, PID_MAX - 1);
  assert.is(first.allot(), -EAGAIN);
  all[399]!.free();
  all[9]!.free(); // below 300
  assert.is(allot(first).number, 400);
});

test("numbers by choice", () => {
  const first = firstOf(kernelWith());
  assert.is(first.allot([2]), -EINVAL); // there is no init
  assert.is(allot(first, [1]).number, 1);
  assert.is(first.allot([1]), -EEXIST);
  assert.is(first.allot([0]), -EINVAL);
  assert.is(first.allot([PID_MAX]), -EINVAL);
  const below = first.makeChild();
  const id = allot(below, [1, 77]);
  assert.equal([id.in(below), id.in(first)], [1, 77]);
  assert.is(below.allot([5, 77]), -EEXIST);
  assert.is(allot(below).in(first), 2);
});

test("so many levels, and so many in all", () => {
  const kernel = kernelWith();
  let space = firstOf(kernel);
  for (let level = 0; level < LEVELS_MAX; level++) {
    assert.is(space.mayMakeChild(), 0);
    space = space.makeChild();
  }
  assert.is(space.mayMakeChild(), -ENOSPC);
  assert.is(firstOf(kernelWith(1)).mayMakeChild(), -ENOSPC);
});

test("behind an init that never came, or has gone, nobody comes", () => {
  const first = firstOf(kernelWith());
  const never = first.makeChild().hold();
  allot(never).free();
  assert.is(never.allot(), -ENOMEM);
  const space = first.makeChild().hold();
  const init = processOf(allot(space));
  const below = space.makeChild().hold();
  const other = processOf(allot(below));
  let isOver = false;
  space.end(() => {
    isOver = true;
  });
  assert.is(space.allot(), -ENOMEM);
  assert.is(below.allot(), -ENOMEM);
  assert.not(isOver);
  other.id.leaveGroup(other.group);
  assert.ok(isOver);
  assert.is(space.init, init.group);
});

test("a namespace is there as long as somebody uses or holds it", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(30)), { maxLength: 60 }), (acts) => {
      const kernel = kernelWith();
      const first = firstOf(kernel);
      const spaces = [first];
      const ids: Pid[] = [];
      let held: PidNamespace[] = [];
      for (const [act, which] of acts) {
        const space = spaces[which % spaces.length]!;
        if (act === 0 && space.mayMakeChild() === 0) {
          const made = space.makeChild().hold();
          spaces.push(made);
          held.push(made);
        } else if (act === 1 && held.length > 0) {
          const [gone] = held.splice(which % held.length, 1);
          spaces.splice(spaces.indexOf(gone!), 1);
          gone!.release();
        } else if (act === 2) {
          const id = space.allot();
          if (typeof id !== "number") ids.push(id);
        } else if (ids.length > 0) ids.splice(which % ids.length, 1)[0]!.free();
      }
      for (const space of held) space.release();
      held = [];
      for (const id of ids) id.free();
      assert.is(kernel.counters.pidNamespaces, 1);
      assert.is(kernel.counters.pidNumbers, 0);
      assert.is(first.size, 0);
    }),
  );
});

test.run();
