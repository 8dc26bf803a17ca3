// What others change while a clone(2) waits: whoever was found to have room, or to share with nobody who execs, is looked at
// once more when the child is made, whatever the call has waited for last. Each wait of each way of making a child, in turn,
// sees each of the changes.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, ENOMEM, ENOSPC } from "../../src/shared/abi/errno.ts";
import { RLIMIT_NPROC } from "../../src/shared/abi/resource.ts";
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWUTS,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
} from "../../src/shared/abi/sched.ts";
import { SIGCHLD } from "../../src/shared/abi/signal.ts";
import { REP_RESULT, REPLY } from "../../src/shared/ring/layout.ts";
import { Reply } from "../../src/shared/ring/slot_states.ts";
import { BLOCKED } from "../../src/workers/call/call.ts";
import { initialCredentials } from "../../src/workers/credentials/credentials.ts";
import { ADDRESS, OneTask } from "./one_task.ts";

const USER = 1000;
const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
/** Bytes of a number in the memory of a guest. */
const INT = 4;

/** How a child is made: its flags, and how often the call waits before. */
const WAYS: Readonly<Record<string, { flags: number; waits: number; hasParked?: true }>> = {
  fork: { flags: CLONE_FS | SIGCHLD, waits: 1 },
  "fork with a descriptor": { flags: CLONE_FS | CLONE_PIDFD | SIGCHLD, waits: 3 },
  vfork: { flags: CLONE_FS | CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, waits: 2 },
  thread: { flags: THREAD | CLONE_PARENT_SETTID, waits: 2 },
  "thread that goes on in another's": { flags: THREAD | CLONE_PARENT_SETTID, waits: 2, hasParked: true },
};

const CHANGES: Readonly<Record<string, (one: OneTask) => void>> = {
  "another thread execs": ({ task }) => {
    task.fs.execs++;
  },
  "others fork up to RLIMIT_NPROC": ({ kernel, task }) => {
    task.group.rlimits[RLIMIT_NPROC]![0] = kernel.counters.tasks;
  },
  "others fork up to the container's limit": ({ task: { container } }) => {
    container.tasks++;
    container.tasksLimit = container.tasks;
  },
};

function fillHeap({ kernel }: OneTask): void {
  kernel.heap.limit = 0;
}

/** A descriptor that finds no room in the heap is refused for that. */
const changesOf = (flags: number) =>
  (flags & CLONE_PIDFD) === 0 ? { ...CHANGES, "the heap is full": fillHeap } : CHANGES;

/** A clone that another thread of the same memory holds up, and whose stub does what it is told. */
class Cloning {
  readonly one: OneTask;
  /** Lets it go on from where it waits for the other thread. */
  #letGo: () => void;

  static async make(hasParked: boolean): Promise<Cloning> {
    return new Cloning(await OneTask.make(), hasParked);
  }

  private constructor(one: OneTask, hasParked: boolean) {
    this.one = one;
    const { kernel, task } = one;
    const { locks } = task.stub.space;
    task.credentials = initialCredentials(USER, USER, [], kernel.users);
    // There is no child without a chunk, or a thread that is there already.
    Object.defineProperty(kernel.native, "mapChunk", { value: () => -ENOMEM });
    const held = locks.requestAll({ slot: 1, granted: () => {} });
    this.#letGo = () => {
      locks.release(held);
      kernel.nextSteps.run();
    };
    if (!hasParked) return;
    Object.defineProperty(task.stub, "isAlive", { value: true });
    kernel.stubs.parked.add(task.stub, { slot: 1, hostTid: 1, sequence: 1 });
  }

  begin(flags: number): number {
    return this.one.begin(this.one.handler("clone"), flags, ADDRESS, ADDRESS);
  }

  /** What it waits for comes. */
  goesOn(): void {
    if (this.one.task.call.owned) this.#letGo();
    else this.one.posts(INT);
  }

  /** Its result; undefined: it waits. */
  get result(): number | undefined {
    const { kernel, task } = this.one;
    if (task.call.coroutine !== null) return undefined;
    assert.is(kernel.slots.word(0, REPLY) & 15, Reply.RET);
    return kernel.slots.word(0, REP_RESULT);
  }

  /** What there is, which a refusal leaves alone. */
  get there(): readonly number[] {
    const { kernel, task } = this.one;
    return [
      kernel.stubs.sizes.births,
      kernel.stubs.parked.size,
      task.fs.users,
      task.files.get(0) === undefined ? 0 : 1,
    ];
  }
}

for (const [way, { flags, waits, hasParked = false }] of Object.entries(WAYS)) {
  test(`${way}: where nothing changes a child is made`, async () => {
    const cloning = await Cloning.make(hasParked);
    assert.is(cloning.begin(flags), BLOCKED);
    for (let wait = 1; wait < waits; wait++) cloning.goesOn();
    assert.is(cloning.result, undefined);
    cloning.goesOn();
    if (hasParked) assert.ok(cloning.result! > 0 && cloning.one.task.fs.users === 2, String(cloning.result));
    else assert.is(cloning.result, -ENOMEM);
  });
  for (const [change, make] of Object.entries(changesOf(flags)))
    test(`${way}: ${change}`, async () => {
      for (let at = 1; at <= waits; at++) {
        const cloning = await Cloning.make(hasParked);
        const { there } = cloning;
        assert.is(cloning.begin(flags), BLOCKED);
        for (let wait = 1; wait < at; wait++) cloning.goesOn();
        make(cloning.one);
        for (let wait = at; wait <= waits && cloning.result === undefined; wait++) cloning.goesOn();
        assert.is(cloning.result, -EAGAIN, `in wait ${at}`);
        assert.equal(cloning.there, there, `in wait ${at}`);
      }
    });
}

test("a fork with namespaces of its own: others have made as many as there may be", async () => {
  const cloning = await Cloning.make(false);
  cloning.one.task.credentials = initialCredentials(0, 0, [], cloning.one.kernel.users);
  assert.is(cloning.begin(CLONE_NEWUTS | SIGCHLD), BLOCKED);
  fillHeap(cloning.one);
  cloning.goesOn();
  assert.is(cloning.result, -ENOSPC);
});

test.run();
