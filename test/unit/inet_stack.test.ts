// A stack on a kernel thread: what is left of a flood goes on in later turns, whatever is due meanwhile; settings are taken
// over when they change.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LongTurns } from "../../src/workers/call/long_turns.ts";
import { Steps } from "../../src/workers/call/steps.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Counters } from "../../src/workers/counters.ts";
import { HeapBudget } from "../../src/workers/heap_budget.ts";
import { MemoryBudget } from "../../src/workers/memory_budget.ts";
import type { Native } from "../../src/workers/native.ts";
import { Devices } from "../../src/workers/net/devices/devices.ts";
import { type InetContext, InetStack, memoryFor } from "../../src/workers/net/inet/inet_stack.ts";
import { StackTurns } from "../../src/workers/net/inet/stack_turns.ts";
import { Timer } from "../../src/workers/net/stack/timer_wheel.ts";
import { Sysctls } from "../../src/workers/sysctls.ts";
import { bound, drain, endpointOf, sendTo } from "./stack_world.ts";

const MEMORY = 4 * 2 ** 30;

class Ticker extends Timer {
  count = 0;

  override expired(): void {
    this.count++;
  }
}

function make() {
  const clock = { nowNs: 1e12 };
  // Time passes with each look at it, so that a turn has time for a piece or two.
  const native = { monotonicNs: () => (clock.nowNs += 6e5) } as unknown as Native;
  const counters = new Counters();
  const longTurns = { isFull: false, nr: 0, settle() {}, end: () => 0 } as unknown as LongTurns;
  const timers = new Timers();
  const heap = new HeapBudget(counters, {}, 768 << 20);
  const context: InetContext = {
    native,
    counters,
    heap,
    timers,
    steps: new Steps({ native, longTurns, timers }),
    log: () => {},
    get nowNs() {
      return clock.nowNs;
    },
  };
  const sysctls = new Sysctls();
  const inet = new InetStack(context, {
    devices: new Devices({ counters, heap, timers, native }),
    sysctls,
    memory: memoryFor(new MemoryBudget(counters, MEMORY), heap),
    turns: new StackTurns({ steps: context.steps, longTurns }),
  });
  const turn = (): void => {
    clock.nowNs += 1e6;
    timers.expire(clock.nowNs, longTurns);
  };
  return { inet, sysctls, clock, turn };
}

test("a flood goes on in later turns, though the stack's timers are due", () => {
  const { inet, clock, turn } = make();
  const { stack } = inet;
  const ticker = new Ticker();
  inet.advance(stack);
  stack.core.timers.schedule(ticker, stack.core.nowUs + 10_000);
  inet.deliver(stack); // the timer is armed
  const server = bound(stack, "127.0.0.1", 7000);
  const client = endpointOf(stack);
  for (let i = 0; i < 300; i++) sendTo(client, "x", "127.0.0.1", 7000);
  inet.deliver(stack);
  assert.ok(stack.core.hasBacklog, "one run looks at all of it");
  clock.nowNs += 5e7;
  for (let i = 0; i < 20 && stack.core.hasBacklog; i++) turn();
  assert.not.ok(stack.core.hasBacklog);
  assert.is(ticker.count, 1);
  assert.ok(server.queue.count > 100);
});

test("settings are the stack's when they were set", () => {
  const { inet, sysctls } = make();
  const { settings } = inet.stack.core;
  assert.is(settings.hopLimit4, 64);
  assert.ok(sysctls.set("net/ipv4/ip_default_ttl", "33") > 0);
  assert.ok(sysctls.set("net/ipv4/ip_local_port_range", "40000 40001") > 0);
  assert.ok(sysctls.set("net/ipv4/tcp_rmem", "4096 8192 16384") > 0);
  assert.is(inet.stack.tcp.settings.congestion, "cubic");
  assert.ok(sysctls.set("net/ipv4/tcp_congestion_control", "reno") > 0);
  assert.ok(sysctls.set("net/ipv4/tcp_dsack", "0") > 0);
  assert.ok(sysctls.set("net/ipv4/tcp_early_retrans", "2") > 0);
  assert.ok(sysctls.set("net/ipv4/tcp_orphan_retries", "7") > 0);
  const { stack } = inet;
  const { congestion, dsack, tailLossProbe, orphanRetries } = stack.tcp.settings;
  assert.equal([congestion, dsack, tailLossProbe, orphanRetries], ["reno", false, false, 7]);
  assert.is(stack.tcp.newControl(null).name, "reno");
  assert.is(settings.hopLimit4, 33);
  assert.equal([settings.portMin, settings.portMax], [40000, 40001]);
  assert.is(stack.tcp.settings.receiveBuffer.max, 16384);
  drain(stack);
});

test.run();
