// Processes that nobody announced are looked for until they could be seen (docs/hardening.md, F24): a host that cannot
// list its processes for the moment, or tell whose children they are, does not make them known.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EMFILE, ENOENT } from "../../src/shared/abi/errno.ts";
import type { LongTurns } from "../../src/workers/call/long_turns.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import type { Birth } from "../../src/workers/platform/births.ts";
import type { PlatformContext } from "../../src/workers/platform/context.ts";
import { Strangers } from "../../src/workers/platform/strangers.ts";

const KNOWN = 20;
const STRANGER = 77;
const STUB = 5;
const ZYGOTE = 3;
const LISTING = 9;
const DIRENT = 32;

/** What the host answers to an opening of its list of processes, and to a reading of a process's state. */
interface Host {
  open(): number;
  read(pid: number): string | number;
  /** What the zygote has been asked for, and has not told of, at that look; nothing by default. */
  asked?(look: number): number;
  /** Whether the kernel has heard of the unknown process by that look; never by default. */
  hears?(look: number): boolean;
}

function look(host: Host) {
  const scratch = new Uint8Array(4096);
  const scratchView = new DataView(scratch.buffer);
  const timers = new Timers();
  const killed: number[] = [];
  let left = 0;
  let listings = 0;
  const native = {
    scratch,
    scratchView,
    monotonicNs: () => 0,
    openComponent: () => {
      left = 1;
      listings++;
      return host.open();
    },
    getdents: () => {
      if (left-- <= 0) return 0;
      for (const [i, pid] of [KNOWN, STRANGER].entries()) {
        scratchView.setUint16(i * DIRENT + 16, DIRENT, true);
        scratch.set(Buffer.from(`${pid}\0`), i * DIRENT + 19);
      }
      return 2 * DIRENT;
    },
    readSmall: (_proc: number, path: string) => {
      const answer = host.read(Number(path.split("/")[0]));
      if (typeof answer === "number") return answer;
      scratch.set(Buffer.from(answer));
      return answer.length;
    },
    close: () => 0,
  };
  const stubs = {
    knows: (pid: number) => pid === KNOWN || host.hears?.(listings) === true,
    killStranger: (pid: number) => killed.push(pid),
  };
  const counters = { strangers: 0 };
  const platform = {
    zygotePid: ZYGOTE,
    get asked() {
      return host.asked?.(listings) ?? 0;
    },
  };
  const kernel = { native, timers, platform, descriptors: { proc: 3 }, stubs, counters, log: () => {} };
  const strangers = new Strangers(kernel as unknown as PlatformContext);
  // A clone was let go on, and its list has ended without it.
  const from = { isAlive: false };
  const birth = { from, creator: null, task: { stub: {}, group: { pid: 2 } } } as unknown as Birth;
  strangers.continued(birth);
  strangers.unpaid(birth);
  const turns = { nr: 0, end: () => 0 } as unknown as LongTurns;
  let looks = 0;
  while (timers.armed > 0 && looks < 100) {
    looks++;
    timers.expire(1e12, turns);
  }
  return { killed, looks };
}

const child = (pid: number) => `${pid} (memfd:stub) S ${pid === STUB ? ZYGOTE : STUB} 1 1`;

test("a stranger is killed, and then there is nothing to look after", () => {
  const { killed, looks } = look({ open: () => LISTING, read: child });
  assert.is(killed[0], STRANGER);
  assert.ok(looks < 100, "it looks for ever");
});

test("a host that cannot list its processes for a while hides nobody", () => {
  let tries = 0;
  const { killed } = look({ open: () => (tries++ < 20 ? -EMFILE : LISTING), read: child });
  assert.is(killed[0], STRANGER);
});

test("a host that cannot tell whose child a process is for a while hides nobody", () => {
  let tries = 0;
  const { killed } = look({ open: () => LISTING, read: (pid) => (tries++ < 20 ? -EMFILE : child(pid)) });
  assert.is(killed[0], STRANGER);
});

test("what has come of another kernel's zygote is that one's", () => {
  const others = (pid: number) => `${pid} (memfd:stub) S ${pid === STUB ? 2 : pid === 2 ? 1 : STUB} 1 1`;
  const { killed, looks } = look({ open: () => LISTING, read: others });
  assert.equal(killed, []);
  assert.ok(looks < 100, "it looks for ever");
});

test("what the zygote has been asked for, and has not told of, is no stranger", () => {
  const { killed, looks } = look({
    open: () => LISTING,
    read: child,
    asked: (at) => (at < 3 ? 1 : 0),
    hears: (at) => at >= 3,
  });
  assert.equal(killed, []);
  assert.ok(looks < 100, "it looks for ever");
});

test("a stranger dies soon, though the zygote is asked for one process after the other", () => {
  const { killed, looks } = look({
    open: () => LISTING,
    read: child,
    asked: () => 1,
    hears: (at) => at > 40,
  });
  assert.is(killed[0], STRANGER);
  assert.ok(looks < 100, "it looks for ever");
});

test("a process that has ended meanwhile is nobody", () => {
  const { killed, looks } = look({ open: () => LISTING, read: () => -ENOENT });
  assert.equal(killed, []);
  assert.ok(looks < 100, "it looks for ever");
});

test.run();
