// A handler that throws (docs/hardening.md, F21): its process dies, a counter goes up, and the next request is
// served, whether the throw came at once or in a later step. A callback that throws harms nobody else.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { SIGKILL } from "../../src/shared/abi/signal.ts";
import { GuestMemory } from "../../src/shared/ring/guest_memory.ts";
import { CHUNK_SIZE } from "../../src/shared/ring/layout.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { Request } from "../../src/shared/ring/slot_states.ts";
import { Kernel } from "../../src/workers/kernel.ts";
import { expireTimers } from "../../src/workers/loop_events.ts";
import type { Native } from "../../src/workers/native.ts";
import { Requests } from "../../src/workers/process/requests.ts";
import type { Task } from "../../src/workers/process/task.ts";

const SYSCALL = (1 << 4) | Request.SYSCALL;

/** A kernel without a host: every entry point answers 0. */
function kernelWithoutHost(): { kernel: Kernel; logged: string[] } {
  const scratchView = new DataView(new ArrayBuffer(64));
  const native = new Proxy({ scratchView } as Record<string | symbol, unknown>, {
    get: (own, name) => own[name] ?? (() => 0),
  }) as unknown as Native;
  const logged: string[] = [];
  const kernel = new Kernel(
    native,
    new GuestMemory(new SharedArrayBuffer(CHUNK_SIZE)),
    new PrivateSab(),
    { mode: "hold", hostname: "test", options: { patch: "off" } } as never,
    { proc: 0, cpuinfo: 0, stat: 0, loadavg: 0, zygote: 0, root: 0 },
    (level, message) => logged.push(`${level}: ${message}`),
    null,
  );
  return { kernel, logged };
}

/** What a request is about: how its process ended, and what goes on for it. */
function taskOf(kernel: Kernel, slot: number, goOn: () => void): { ended: number[] } {
  const ended: number[] = [];
  const task = {
    kernel,
    pid: slot + 1,
    stub: { returning: [] },
    killHostile: () => ended.push(SIGKILL),
    call: { slot, goOn } as object,
  };
  Object.assign(task.call, { caller: task });
  kernel.taskAt[slot] = task as unknown as Task;
  return { ended };
}

test("at once", () => {
  const { kernel, logged } = kernelWithoutHost();
  const served: number[] = [];
  const broken = taskOf(kernel, 0, () => {});
  const other = taskOf(kernel, 1, () => {});
  const serve = ({ call }: Task) => {
    if (call.slot === 0) throw new Error("a mistake");
    served.push(call.slot);
  };
  const requests = new Requests(kernel, { serve } as never);
  requests.serve(0, SYSCALL, 0);
  requests.serve(1, SYSCALL, 0);
  assert.equal(broken.ended, [SIGKILL]);
  assert.equal(other.ended, []);
  assert.equal(served, [1]);
  assert.is(kernel.counters.handlerErrors, 1);
  assert.equal(logged, ["error: a handler threw: its process is killed"]);
});

test("in a later step, with others due behind it", () => {
  const { kernel } = kernelWithoutHost();
  const gone: number[] = [];
  const broken = taskOf(kernel, 0, () => {
    throw new Error("a mistake");
  });
  taskOf(kernel, 1, () => gone.push(1));
  kernel.nextSteps.push(kernel.taskAt[0]!.call);
  kernel.nextSteps.push(kernel.taskAt[1]!.call);
  while (kernel.nextSteps.any) kernel.nextSteps.run();
  assert.equal(broken.ended, [SIGKILL]);
  assert.equal(gone, [1]);
  assert.is(kernel.counters.handlerErrors, 1);
});

test("in a timer's callback", () => {
  const { kernel, logged } = kernelWithoutHost();
  const expired: number[] = [];
  kernel.timers.add(1, () => {
    throw new Error("a mistake");
  });
  kernel.timers.add(2, () => expired.push(2));
  expireTimers(kernel, 3);
  expireTimers(kernel, 3);
  assert.equal(expired, [2]);
  assert.is(kernel.counters.handlerErrors, 1);
  assert.equal(logged, ["error: a timer threw"]);
});

test.run();
