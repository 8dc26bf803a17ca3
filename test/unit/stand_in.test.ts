// Memory that a socket of another kernel thread shares: whose descriptor it is at each time, and what polls look at.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EBADF, EINVAL, ENODEV } from "../../src/shared/abi/errno.ts";
import { POLLOUT } from "../../src/shared/abi/poll.ts";
import type { Caller } from "../../src/workers/call/caller.ts";
import type { Network } from "../../src/workers/net/network.ts";
import { CAN_READ } from "../../src/workers/net/socket.ts";
import { type SharedRing, type SocketOwner, StandIn } from "../../src/workers/net/stand_in.ts";
import type { Inode } from "../../src/workers/vfs/inode.ts";

const SIZE = 8192;

/** An owner that has given these descriptors, and closed those. */
function world(): { socket: StandIn; closed: number[]; answer: (error: number) => void } {
  const closed: number[] = [];
  let result = -EBADF;
  const owner = {
    *askRing() {
      yield;
      return result;
    },
    closeRing: ({ fd }: SharedRing) => closed.push(fd),
    events: () => POLLOUT,
    isReadable: () => true,
    release: () => {},
    subscribe: () => {},
  } as unknown as SocketOwner;
  const socket = new StandIn(owner, {} as Network, 1, { ino: 7 } as Inode, 0);
  return {
    socket,
    closed,
    answer: (error) => {
      result = error;
    },
  };
}

test("a descriptor is the socket's from when it is given until the next, or until its ring is gone", () => {
  const { socket, closed, answer } = world();
  const first = socket.beforeMap({} as Caller, 0, SIZE);
  first.next();
  assert.is(socket.poll(), POLLOUT);
  answer(0);
  socket.takeRing({ fd: 5, size: SIZE });
  assert.equal(first.next(), { value: 0, done: true });
  assert.is(socket.poll(), POLLOUT | CAN_READ);
  socket.takeRing({ fd: 6, size: SIZE });
  assert.equal(closed, [5]);
  let woken = 0;
  socket.waiters.add({ events: CAN_READ, wake: () => woken++ });
  socket.ringGone();
  assert.equal(closed, [5, 6]);
  assert.is(woken, 1);
  assert.is(socket.poll(), POLLOUT);
  assert.is(socket.map(true), -ENODEV);
});

test("what is given to a socket that has ended is closed", () => {
  const { socket, closed } = world();
  socket.beforeMap({} as Caller, 0, SIZE).next();
  socket.release();
  socket.takeRing({ fd: 5, size: SIZE });
  assert.equal(closed, [5]);
});

test("a ring that is gone before the call goes on is not mapped, and neither is part of one", () => {
  const { socket, closed, answer } = world();
  answer(0);
  const gone = socket.beforeMap({} as Caller, 0, SIZE);
  gone.next();
  socket.takeRing({ fd: 5, size: SIZE });
  socket.ringGone();
  assert.equal(gone.next(), { value: -EINVAL, done: true });
  assert.equal(closed, [5]);
  for (const [offset, length] of [
    [4096, SIZE - 4096],
    [0, SIZE - 4096],
    [0, SIZE + 4096],
  ] as const) {
    const part = socket.beforeMap({} as Caller, offset, length);
    part.next();
    socket.takeRing({ fd: 6, size: SIZE });
    assert.equal(part.next(), { value: -EINVAL, done: true });
  }
});

test.run();
