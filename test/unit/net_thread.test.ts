// What thread 0 asks the kernel thread NET for (pool/net_thread.ts): a socket whose call ends before it goes on is let go
// of, whether it was made by then or not; and of records of readiness, which NET writes and thread 0 reads, each socket has
// one of its own for as long as it is there, of all that there are.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ENFILE, ENOBUFS } from "../../src/shared/abi/errno.ts";
import { POLLIN } from "../../src/shared/abi/poll.ts";
import { AF_NETLINK, SOCK_RAW } from "../../src/shared/abi/socket.ts";
import { PrivateSab, READINESS_RECORDS } from "../../src/shared/ring/private_sab.ts";
import { Readiness } from "../../src/shared/ring/readiness.ts";
import type { StandIn } from "../../src/workers/net/stand_in.ts";
import * as M from "../../src/workers/pool/messages.ts";
import { Message } from "../../src/workers/pool/messages.ts";
import { NetThread } from "../../src/workers/pool/net_thread.ts";
import type { OtherThreads } from "../../src/workers/pool/other_threads.ts";
import type { Post } from "../../src/workers/pool/post.ts";
import type { Inode } from "../../src/workers/vfs/inode.ts";

const NET = 1;

type Context = ConstructorParameters<typeof NetThread>;

type Creation = Generator<void, StandIn | number, void>;

/** Thread 0's NET, and what NET itself does. */
class World {
  readonly sent: number[][] = [];
  /** As the owner writes it. */
  readonly readiness: Readiness;
  readonly net: NetThread;
  goesOn = 0;
  holders = 0;
  readonly #network = {
    number: 3,
    hold: () => {
      this.holders++;
      return this.#network;
    },
    release: () => this.holders--,
  };
  readonly #task = {
    credentials: { euid: 0, egid: 0 },
    network: this.#network,
    call: { completeWait: () => this.goesOn++ },
  };

  constructor() {
    const outgoing = new Int32Array(15);
    const post = {
      record: (kind: number) => {
        outgoing[M.KIND] = kind;
        return outgoing;
      },
      send: (to: number) => {
        assert.is(to, NET);
        this.sent.push([outgoing[M.KIND]!, outgoing[M.SOCKET]!]);
      },
    };
    const kernel = { sysctls: {}, anonymous: { socket: () => ({}) } } as unknown as Context[0];
    const { readiness } = new PrivateSab();
    this.readiness = new Readiness(readiness);
    this.net = new NetThread(kernel, NET, {} as OtherThreads, post as unknown as Post, readiness);
  }

  /** A call that makes a socket, which has come as far as it comes by itself. */
  begins(): { creation: Creation; first: IteratorResult<void, StandIn | number> } {
    const creation = this.net.create(this.#task as never, {} as Inode, AF_NETLINK, SOCK_RAW, 0, 0);
    return { creation, first: creation.next() };
  }

  /** As begins(), of accept. */
  accepts(listener: StandIn): IteratorResult<void, unknown> {
    return this.net.accept(this.#task as never, listener, 0).next();
  }

  /** NET has made it, or says why not. */
  made(number: number, error: number): void {
    const record = new Int32Array(15);
    record[M.KIND] = Message.CREATED;
    record[M.SOCKET] = number;
    record[M.ERROR] = error;
    this.net.receive(record);
  }

  /** A socket; throws where there is none. */
  socket(): StandIn {
    const { creation } = this.begins();
    this.made(this.sent.pop()![1]!, 0);
    const { value } = creation.next();
    assert.type(value, "object");
    return value as StandIn;
  }

  /** Sockets until there is no record for one more, and what is told then. */
  fill(): { sockets: StandIn[]; error: unknown } {
    const sockets: StandIn[] = [];
    while (sockets.length <= READINESS_RECORDS) {
      const { creation, first } = this.begins();
      if (first.done) return { sockets, error: first.value };
      this.made(this.sent.pop()![1]!, 0);
      sockets.push(creation.next().value as StandIn);
    }
    return { sockets, error: null };
  }
}

function make() {
  const world = new World();
  const { creation, first } = world.begins();
  assert.is(first.done, false);
  const [, number] = world.sent.pop()!;
  const { sent } = world;
  const made = (error: number) => world.made(number!, error);
  return { creation, made, sent, number: number!, goesOn: () => world.goesOn };
}

test("its call goes on", () => {
  const { creation, made, sent, goesOn } = make();
  made(0);
  assert.is(goesOn(), 1);
  const last = creation.next();
  assert.is(last.done, true);
  assert.type(last.value, "object");
  assert.equal(sent, []);
});

test("its call ends before it is made", () => {
  const { creation, made, sent, number, goesOn } = make();
  creation.return(0);
  assert.equal(sent, []);
  made(0);
  assert.is(goesOn(), 0);
  assert.equal(sent, [[Message.RELEASE, number]]);
});

test("its call ends when it is made, before it goes on", () => {
  const { creation, made, sent, number } = make();
  made(0);
  creation.return(0);
  assert.equal(sent, [[Message.RELEASE, number]]);
});

test("its call ends, and there is none", () => {
  const { creation, made, sent } = make();
  made(-23);
  creation.return(0);
  assert.equal(sent, []);
});

// ---- Records of readiness ----

/** Events that tell one record from the others. */
const eventsOf = (number: number) => number + 1;

test("each socket has a record of its own, and there are as many as records", () => {
  const world = new World();
  const { sockets, error } = world.fill();
  assert.is(error, -ENFILE);
  assert.is(sockets.length, READINESS_RECORDS);
  assert.equal([world.sent, world.holders], [[], READINESS_RECORDS]);
  for (const { number } of sockets) world.readiness.publish(number, eventsOf(number));
  assert.ok(sockets.every((socket) => socket.poll() === eventsOf(socket.number)));
  assert.is(new Set(sockets.map(({ number }) => number)).size, READINESS_RECORDS);
});

test("without a record nothing is asked of NET, by accept neither", () => {
  const world = new World();
  const { sockets } = world.fill();
  assert.equal(world.accepts(sockets[0]!), { done: true, value: -ENFILE });
  assert.equal([world.sent, world.holders], [[], READINESS_RECORDS]);
});

test("a record comes back with its socket, by whatever way that ends, and nothing stands in it", () => {
  const world = new World();
  const last = world.fill().sockets.at(-1)!;
  world.readiness.publish(last.number, POLLIN);
  world.readiness.edge(last.number, POLLIN);
  last.release();
  assert.equal(world.sent.splice(0), [[Message.RELEASE, last.number]]);

  const ways: Readonly<Record<string, (creation: Creation) => void>> = {
    "NET has refused it"(creation) {
      world.made(last.number, -ENOBUFS);
      assert.is(creation.next().value, -ENOBUFS);
    },
    "its call was cut off, and NET has refused it"(creation) {
      creation.return(0);
      world.made(last.number, -ENOBUFS);
    },
    "its call was cut off before it was made"(creation) {
      creation.return(0);
      world.made(last.number, 0);
    },
    "its call was cut off when it was made"(creation) {
      world.made(last.number, 0);
      creation.return(0);
    },
  };
  for (const [way, ends] of Object.entries(ways)) {
    const { creation, first } = world.begins();
    assert.is(first.done, false, way);
    assert.equal([way, world.sent.pop()![1]], [way, last.number]);
    // Until then nobody else has it.
    assert.is(world.begins().first.value, -ENFILE, way);
    ends(creation);
    world.sent.length = 0;
    assert.is(world.holders, READINESS_RECORDS - 1, way);
  }

  const next = world.socket();
  assert.is(next.number, last.number);
  assert.equal([next.poll(), world.readiness.count(next.number, 0)], [0, 0]);
  assert.is(world.begins().first.value, -ENFILE);
});

test("when all have come back all are there again", () => {
  const world = new World();
  for (const socket of world.fill().sockets) {
    world.readiness.publish(socket.number, POLLIN);
    socket.release();
  }
  assert.is(world.sent.splice(0).length, READINESS_RECORDS);
  assert.is(world.holders, 0);
  const { sockets, error } = world.fill();
  assert.is(error, -ENFILE);
  assert.is(new Set(sockets.map(({ number }) => number)).size, READINESS_RECORDS);
  assert.ok(sockets.every((socket) => socket.poll() === 0));
});

test.run();
