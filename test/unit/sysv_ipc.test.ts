// System V semaphores and message queues against plain models: nobody waits who could go on, nothing is done by
// halves, and each receiver gets the message that Linux's walk through the whole queue would find.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sembuf } from "../../src/shared/abi/structs.ts";
import { Message, MessageQueue, type Wanted } from "../../src/workers/ipc/message_queue.ts";
import type { IpcNamespace } from "../../src/workers/ipc/namespace.ts";
import type { IpcPermissions } from "../../src/workers/ipc/permissions.ts";
import {
  Operations,
  PENDING,
  SemaphoreSet,
  SemaphoreWaiter,
  WOULD_BLOCK,
} from "../../src/workers/ipc/semaphore_set.ts";
import type { Task } from "../../src/workers/process/task.ts";

const namespace = {
  now: () => 0,
  steps: {
    run(piece: () => boolean) {
      while (!piece());
    },
  },
  limits: { msgmnb: 1 << 20 },
  messages: 0,
  messageBytes: 0,
  messageGone: () => {},
} as unknown as IpcNamespace;
const permissions = {} as IpcPermissions;
const task = { group: { pid: 1 }, call: { completeWait: () => {} } } as unknown as Task;

type Change = readonly [number, number];
const COUNT = 4;
const list = fc.array(fc.tuple(fc.nat(COUNT - 1), fc.integer({ min: -3, max: 3 })), {
  minLength: 1,
  maxLength: 5,
});

function operationsOf(changes: readonly Change[]): Operations {
  const bytes = new Uint8Array(changes.length * sembuf.size);
  for (const [i, [sem_num, sem_op]] of changes.entries())
    bytes.set(sembuf.encode({ sem_num, sem_op, sem_flg: 0 }), i * sembuf.size);
  return new Operations(bytes, changes.length);
}

/** The values after the changes, or null where one of them would have to wait. */
function after(values: readonly number[], changes: readonly Change[]): number[] | null {
  const result = [...values];
  for (const [number, change] of changes) {
    if (change === 0 ? result[number] !== 0 : result[number]! + change < 0) return null;
    result[number]! += change;
  }
  return result;
}

test("semaphores: nobody waits who could go on", () => {
  fc.assert(
    fc.property(fc.array(list, { maxLength: 40 }), (calls) => {
      const set = new SemaphoreSet(namespace, permissions, COUNT);
      const calledWith = new Map<SemaphoreWaiter, readonly Change[]>();
      const done: (readonly Change[])[] = [];
      for (const changes of calls) {
        const operations = operationsOf(changes);
        const expected = after([...set.values], changes);
        const result = set.perform(operations, null, null);
        assert.is(result, expected === null ? WOULD_BLOCK : 0);
        if (result === WOULD_BLOCK) {
          const waiter = new SemaphoreWaiter(task, operations, null);
          set.enqueue(waiter);
          calledWith.set(waiter, changes);
        } else {
          done.push(changes);
          set.operated(operations);
        }
        for (const [waiter, waited] of calledWith) {
          if (waiter.result === PENDING) assert.is(after([...set.values], waited), null);
          else if (calledWith.delete(waiter)) done.push(waited);
        }
        const sums = new Array<number>(COUNT).fill(0);
        for (const [number, change] of done.flat()) sums[number]! += change;
        assert.equal([...set.values], sums);
        let waiting = 0;
        for (let i = 0; i < COUNT; i++) waiting += set.waitingForIncrease(i) + set.waitingForZero(i);
        assert.is(waiting, calledWith.size);
      }
    }),
  );
});

const wanted: fc.Arbitrary<Wanted> = fc.record({
  kind: fc.constantFrom("first", "type", "least", "except"),
  type: fc.integer({ min: 1, max: 6 }),
});

function pick(messages: readonly Message[], { kind, type }: Wanted): Message | null {
  if (kind === "first") return messages[0] ?? null;
  if (kind === "type") return messages.find((message) => message.type === type) ?? null;
  if (kind === "except") return messages.find((message) => message.type !== type) ?? null;
  const least = Math.min(...messages.map((message) => message.type));
  return least <= type ? messages.find((message) => message.type === least)! : null;
}

test("message queues: a receiver gets what a walk through the queue would find", () => {
  const send = fc.integer({ min: 1, max: 6 });
  fc.assert(
    fc.property(fc.array(fc.oneof(send, wanted), { maxLength: 300 }), (steps) => {
      const queue = new MessageQueue(namespace, permissions);
      const model: Message[] = [];
      for (const step of steps) {
        if (typeof step === "number") {
          const message = new Message(step, new Uint8Array(step));
          queue.add(message);
          model.push(message);
        } else {
          const message = queue.find(step);
          assert.is(message, pick(model, step));
          if (message === null) continue;
          queue.take(message);
          model.splice(model.indexOf(message), 1);
        }
        assert.is(queue.count, model.length);
        assert.is(
          queue.bytes,
          model.reduce((sum, { text }) => sum + text.length, 0),
        );
        assert.is(queue.at(model.length - 1), model.at(-1) ?? null);
      }
    }),
  );
});

test.run();
