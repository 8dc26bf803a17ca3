// Which ports of a sandbox are mirrored on the host's side: asked for once, given back when nobody listens any more.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { AF_INET, AF_INET6 } from "../../src/shared/abi/socket.ts";
import type { NetContext } from "../../src/workers/net/context.ts";
import { LoopbackMirror } from "../../src/workers/net/link/loopback_mirror.ts";
import { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import { accepted, EAGAIN, listening } from "./stack_tcp_world.ts";
import { addAddress, drain, ip, makeStack } from "./stack_world.ts";

/** A mirror whose keeper is the test. */
function world() {
  const stack = makeStack();
  const pieces: (() => boolean)[] = [];
  const asked: string[] = [];
  const closed: number[] = [];
  const watched = new Map<number, () => void>();
  /** Descriptors of connections that are to be accepted, with their names and their peers'. */
  const arriving: { fd: number; name: string; peer: string }[] = [];
  const scratch = Buffer.alloc(128);
  let taken: { fd: number; name: string; peer: string } | undefined;
  const setName = (text: string): number => {
    scratch.set(ip(text).toBytes(), 4);
    return 16;
  };
  const kernel = {
    steps: { later: (piece: () => boolean) => pieces.push(piece) },
    network: { inet: { stack, advance: () => {}, deliver: () => {} } },
    native: {
      scratch,
      close: (fd: number) => closed.push(fd),
      socketAccept: () => {
        taken = arriving.shift();
        if (taken === undefined) return EAGAIN;
        setName(taken.peer);
        return taken.fd;
      },
      socketName: () => setName(taken!.name),
      socketReceive: () => EAGAIN,
    },
    sleep: {
      add: (fd: number, _events: number, ready: () => void) => {
        watched.set(fd, ready);
        return fd;
      },
      remove: (fd: number) => watched.delete(fd),
    },
  } as unknown as NetContext;
  const mirror = new LoopbackMirror(kernel, stack, (family, port, isAnywhere) =>
    asked.push(`${family}:${isAnywhere ? "any:" : ""}${port}`),
  );
  const settle = (): string[] => {
    for (let i = 0; i < pieces.length; i++) while (!pieces[i]!());
    pieces.length = 0;
    return asked.splice(0);
  };
  return { stack, mirror, settle, closed, watched, arriving };
}

test("what is reached is asked for, each family by itself: at localhost, or anywhere", () => {
  const { stack, settle } = world();
  addAddress(stack, stack.core.devices.loopback, "10.0.0.1/8");
  const listeners = [
    listening(stack, "127.0.0.1", 80),
    listening(stack, "0.0.0.0", 81),
    listening(stack, "::1", 82),
    listening(stack, "::", 83),
    listening(stack, "127.0.0.2", 84),
    listening(stack, "10.0.0.1", 86),
  ];
  assert.equal(settle(), ["2:80", "2:any:81", "10:82", "2:any:83", "10:any:83", "2:any:86"]);
  const v6only = new TcpEndpoint(stack.tcp, true);
  v6only.v6only = true;
  v6only.bind(ip("::"), 85);
  assert.equal(settle(), []);
  v6only.listen(1);
  assert.equal(settle(), ["10:any:85"]);
  for (const listener of [...listeners, v6only]) listener.close();
  assert.equal(settle(), []);
});

test("a socket stays as long as somebody listens; one that comes too late is closed", () => {
  const { stack, mirror, settle, closed, watched } = world();
  const first = listening(stack, "127.0.0.1", 80);
  assert.equal(settle(), [`${AF_INET}:80`]);
  mirror.answered(AF_INET, 80, false, 7);
  assert.ok(watched.has(7));
  first.close();
  const second = listening(stack, "127.0.0.1", 80);
  assert.equal(settle(), []);
  assert.equal(closed, []);
  second.close();
  settle();
  assert.equal(closed, [7]);
  assert.is(watched.size, 0);
  // Nobody listens any more when the answer comes.
  const third = listening(stack, "127.0.0.1", 80);
  assert.equal(settle(), [`${AF_INET}:80`]);
  third.close();
  settle();
  mirror.answered(AF_INET, 80, false, 8);
  mirror.answered(AF_INET6, 99, false, 9);
  assert.equal(closed, [7, 8, 9]);
  // One that could not be made is not asked for again while somebody listens.
  const fourth = listening(stack, "127.0.0.1", 80);
  assert.equal(settle(), [`${AF_INET}:80`]);
  mirror.answered(AF_INET, 80, false, -1);
  const fifth = listening(stack, "::1", 80);
  assert.equal(settle(), [`${AF_INET6}:80`]);
  fourth.close();
  fifth.close();
  settle();
});

test("who has come by a link of the host's stack is sent away, all others are led to where they dialled", () => {
  const { stack, mirror, settle, closed, watched, arriving } = world();
  addAddress(stack, stack.core.devices.loopback, "10.0.0.1/8");
  const listener = listening(stack, "0.0.0.0", 80);
  settle();
  mirror.answered(AF_INET, 80, true, 7);
  arriving.push(
    { fd: 20, name: "10.0.0.1", peer: "10.0.0.2" },
    { fd: 21, name: "10.0.0.1", peer: "10.0.0.1" },
    { fd: 22, name: "127.0.0.1", peer: "127.0.0.1" },
  );
  watched.get(7)!();
  drain(stack);
  assert.equal(closed, [20]);
  assert.equal([...watched.keys()], [7, 21, 22]);
  const locals = [accepted(listener), accepted(listener)].map(({ local }) => `${local}`);
  assert.equal(locals, ["10.0.0.1", "127.0.0.1"]);
});

test("there are at most so many", () => {
  const { stack, settle, mirror } = world();
  const listeners = Array.from({ length: 300 }, (_, i) => listening(stack, "127.0.0.1", 1000 + i));
  assert.is(settle().length, 256);
  mirror.end();
  for (const listener of listeners) listener.close();
  assert.equal(settle(), []);
});

test.run();
