// Who holds pages that others wait for is killed if its thread sleeps over what it owes, and nobody else is.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import type { LongTurns } from "../../src/workers/call/long_turns.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import type { AddressSpace } from "../../src/workers/mem/address_space.ts";
import { RangeLocks } from "../../src/workers/mem/range_lock.ts";
import type { PlatformContext } from "../../src/workers/platform/context.ts";
import { LateHolders } from "../../src/workers/platform/late_holders.ts";

const HOLDER = 3;
const OTHER = 5;
const WAITER = 4;
const LOOKS = 200;
const STEP_NS = 1e8;

interface Played {
  /** The state of a slot's host thread at a look, as proc(5) has it. */
  state(slot: number, look: number): string;
  owes?(slot: number): boolean;
  /** The number of the host's call that it is in. */
  call?(look: number): number;
  sequence?(look: number): number;
  /** What becomes of the locks. */
  act?(look: number, locks: RangeLocks<{ slot: number }>): void;
}

function look(played: Played) {
  const scratch = new Uint8Array(256);
  const timers = new Timers();
  const killed: number[] = [];
  const locks = new RangeLocks<{ slot: number }>(() => {});
  const held = locks.request(0, 4096, { slot: HOLDER });
  locks.request(8192, 12288, { slot: OTHER });
  locks.request(0, 4096, { slot: WAITER });
  let now = 0;
  let looks = 0;
  const taskAt = [HOLDER, OTHER, WAITER].reduce<Record<number, object>>((tasks, slot) => {
    tasks[slot] = {
      hostTid: slot,
      stub: { pid: 1 },
      group: { id: { first: slot } },
      call: {
        get sequence() {
          return played.sequence?.(looks) ?? 1;
        },
      },
      owesOutcome: slot !== WAITER && (played.owes?.(slot) ?? true),
      killHostile: () => {
        killed.push(slot);
        if (held.state !== "done") locks.release(held);
      },
    };
    return tasks;
  }, {});
  const native = {
    scratch,
    monotonicNs: () => now,
    readSmall: (_proc: number, path: string) => {
      const [, , tid, file] = path.split("/");
      const slot = Number(tid);
      const text =
        file === "syscall"
          ? `${played.call?.(looks) ?? nr("futex")} 0x1 0x80`
          : `${slot} (a) b) ${played.state(slot, looks)} 1 1`;
      scratch.set(Buffer.from(text));
      return text.length;
    },
  };
  const counters = { lateHolders: 0 };
  const kernel = { native, timers, taskAt, counters, descriptors: { proc: 3 }, log: () => {} };
  const late = new LateHolders(kernel as unknown as PlatformContext);
  late.watch({ locks } as unknown as AddressSpace);
  const turns = { nr: 0, end: () => 0 } as unknown as LongTurns;
  while (timers.armed > 0 && looks < LOOKS) {
    looks++;
    played.act?.(looks, locks);
    now += STEP_NS;
    timers.expire(now, turns);
  }
  return { killed, looks, left: late.size };
}

test("one that sleeps on is killed, in some seconds, and then there is nothing to look at", () => {
  const { killed, looks, left } = look({ state: () => "S" });
  assert.equal(killed, [HOLDER]);
  assert.ok(looks > 20 && looks < 100, String(looks));
  assert.is(left, 0);
});

test("one that runs, or waits for a disk, is never late", () => {
  for (const state of ["R", "D"]) assert.equal(look({ state: () => state }).killed, []);
});

test("one that sleeps now and then comes further", () => {
  const seldom = look({ state: (_slot, at) => (at % 30 === 0 ? "R" : "S") });
  assert.equal(seldom.killed, []);
  const further = look({ state: () => "S", sequence: (at) => Math.floor(at / 30) });
  assert.equal(further.killed, []);
});

test("what waits for the kernel owes nothing", () => {
  assert.equal(look({ state: () => "S", owes: () => false }).killed, []);
});

test("where nobody waits any more nothing is looked at", () => {
  const { killed, looks } = look({
    state: () => "S",
    act: (at, locks) => {
      if (at === 5) for (const lock of [...locks.busy()]) locks.release(lock as never);
    },
  });
  assert.equal(killed, []);
  assert.ok(looks < 10, String(looks));
});

test("one that the host keeps in a call of its list is not late", () => {
  assert.equal(look({ state: () => "S", call: () => nr("close") }).killed, []);
});

test.run();
