// What thread 0 asks the kernel thread NET for (pool/net_thread.ts): a socket whose call ends before it goes on is let go
// of, whether it was made by then or not.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { AF_NETLINK, SOCK_RAW } from "../../src/shared/abi/socket.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import * as M from "../../src/workers/pool/messages.ts";
import { Message } from "../../src/workers/pool/messages.ts";
import { NetThread } from "../../src/workers/pool/net_thread.ts";
import type { OtherThreads } from "../../src/workers/pool/other_threads.ts";
import type { Post } from "../../src/workers/pool/post.ts";
import type { Inode } from "../../src/workers/vfs/inode.ts";

const NET = 1;

type Context = ConstructorParameters<typeof NetThread>;

function make() {
  const outgoing = new Int32Array(15);
  const sent: number[][] = [];
  const post = {
    record: (kind: number) => {
      outgoing[M.KIND] = kind;
      return outgoing;
    },
    send: (to: number) => {
      assert.is(to, NET);
      sent.push([outgoing[M.KIND]!, outgoing[M.SOCKET]!]);
    },
  };
  const kernel = { sysctls: {} } as unknown as Context[0];
  const net = new NetThread(
    kernel,
    NET,
    {} as OtherThreads,
    post as unknown as Post,
    new PrivateSab().readiness,
  );
  let goesOn = 0;
  let holders = 0;
  const network = {
    number: 3,
    hold: () => {
      holders++;
      return network;
    },
    release: () => holders--,
  };
  const task = { credentials: { euid: 0, egid: 0 }, network, call: { completeWait: () => goesOn++ } };
  const creation = net.create(task as never, {} as Inode, AF_NETLINK, SOCK_RAW, 0, 0);
  assert.is(creation.next().done, false);
  const [, number] = sent.pop()!;
  const made = (error: number) => {
    const record = new Int32Array(15);
    record[M.KIND] = Message.CREATED;
    record[M.SOCKET] = number!;
    record[M.ERROR] = error;
    net.receive(record);
  };
  return { creation, made, sent, number: number!, goesOn: () => goesOn, holders: () => holders };
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

test.run();
