// ttrpc: the server against a peer that is written byte by byte, and the client against a server that is.

import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Task as TaskV2 } from "../../src/main/shim/gen/task_v2_pb.ts";
import { Task as TaskV3 } from "../../src/main/shim/gen/task_v3_pb.ts";
import { connect } from "../../src/main/shim/ttrpc/client.ts";
import { DATA_MAX, FrameReader } from "../../src/main/shim/ttrpc/frame.ts";
import { type Caller, type Handlers, serve, service } from "../../src/main/shim/ttrpc/server.ts";
import { Code, RpcError } from "../../src/main/shim/ttrpc/status.ts";
import { field, fieldsOf, frame, numberField, Peer, request, withServer } from "./ttrpc_peer.ts";

const V2 = "containerd.task.v2.Task";
const V3 = "containerd.task.v3.Task";
const REQUEST = 1;
const RESPONSE = 2;
const DATA = 3;

type TaskHandlers = Handlers<typeof TaskV2> & Handlers<typeof TaskV3>;

/** A task service of which some methods are there, at both names. */
function withTask(handlers: TaskHandlers, body: (path: string) => Promise<void>): Promise<void> {
  return withServer((server) => serve(server, [service(TaskV2, handlers), service(TaskV3, handlers)]), body);
}

const echo: TaskHandlers = {
  state: async ({ id, execId }) => ({ id, execId, pid: 42 }),
  kill: async () => ({}),
};

test("a call by either name: the answer has the request's stream", async () => {
  await withTask(echo, async (path) => {
    const peer = new Peer(path);
    peer.send(frame(1, REQUEST, request(V2, "State", field(1, "c"))));
    peer.send(frame(7, REQUEST, request(V3, "State", Buffer.concat([field(1, "c"), field(2, "e")]))));
    const [first, second] = await peer.answers(2);
    assert.equal([first!.stream, first!.type, first!.code], [1, RESPONSE, 0]);
    assert.equal(first!.payload, Buffer.concat([field(1, "c"), numberField(3, 42)]));
    assert.is(second!.stream, 7);
    assert.equal(fieldsOf(second!.payload)[11], Buffer.from("e"));
  });
});

test("bytes that come one by one, and all at once", async () => {
  await withTask(echo, async (path) => {
    const peer = new Peer(path);
    const bytes = Buffer.concat([
      frame(1, REQUEST, request(V2, "Kill")),
      frame(3, REQUEST, request(V2, "State", field(1, "x".repeat(70_000)))),
    ]);
    for (const byte of bytes.subarray(0, 120)) {
      peer.send(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    peer.send(bytes.subarray(120));
    const answers = await peer.answers(2);
    assert.equal(
      answers.map(({ stream, code, payload }) => [stream, code, payload.length > 70_000]),
      [
        [1, 0, false],
        [3, 0, true],
      ],
    );
  });
});

test("what is not there is refused in the words of Go's server", async () => {
  await withTask(echo, async (path) => {
    const peer = new Peer(path);
    peer.send(frame(1, REQUEST, request("a.B", "State")));
    peer.send(frame(3, REQUEST, request(V2, "Pause")));
    peer.send(frame(5, REQUEST, request(V2, "constructor")));
    peer.send(frame(7, REQUEST, Buffer.from([0xff])));
    peer.send(frame(9, REQUEST, request(V2, "State", Buffer.from([0x0a, 5, 1]))));
    const answers = await peer.answers(5);
    answers.sort((a, b) => a.stream - b.stream);
    assert.equal(
      answers.slice(0, 3).map(({ code, message }) => [code, message]),
      [
        [12, "service a.B"],
        [12, "method Pause"],
        [12, "method constructor"],
      ],
    );
    assert.is(answers[3]!.code, Code.INVALID_ARGUMENT);
    assert.match(answers[3]!.message, /^unmarshal request error: /);
    assert.is(answers[4]!.code, Code.INTERNAL);
    assert.match(answers[4]!.message, /^ttrpc: error unmarshalling payload: /);
  });
});

test("streams: odd, never again, and no others than of one request", async () => {
  await withTask(echo, async (path) => {
    const peer = new Peer(path);
    const call = request(V2, "Kill");
    peer.send(
      frame(5, REQUEST, call),
      frame(2, REQUEST, call),
      frame(5, REQUEST, call),
      frame(3, REQUEST, call),
    );
    peer.send(frame(0, REQUEST, call), frame(5, DATA, call), frame(7, REQUEST, call, 2));
    // Types of later versions are passed over.
    peer.send(frame(9, RESPONSE, call), frame(9, 77, call), frame(9, REQUEST, call, 1));
    const answers = await peer.answers(8);
    const even = "StreamID must be odd for client initiated streams";
    const again = "StreamID cannot be re-used and must increment";
    assert.equal(
      answers.filter(({ code }) => code !== 0).map(({ stream, code, message }) => [stream, code, message]),
      [
        [2, 3, even],
        [5, 3, again],
        [3, 3, again],
        [0, 3, even],
        [5, 3, "StreamID is no longer active"],
        [7, 12, "no method takes a stream of requests"],
      ],
    );
    assert.equal(
      answers.filter(({ code }) => code === 0).map(({ stream }) => stream),
      [5, 9],
    );
  });
});

test("a frame that is too long is counted off, and what follows it is served", async () => {
  await withTask(echo, async (path) => {
    const peer = new Peer(path);
    const long = (4 << 20) + 1;
    peer.send(frame(1, REQUEST, Buffer.alloc(0), 0, long));
    const piece = Buffer.alloc(65_536);
    for (let left = long; left > 0; left -= piece.length) peer.send(piece.subarray(0, left));
    peer.send(frame(3, REQUEST, request(V2, "Kill")));
    const answers = await peer.answers(2);
    assert.equal([answers[0]!.stream, answers[0]!.code, answers[1]!.stream, answers[1]!.code], [1, 8, 3, 0]);
    assert.is(answers[0]!.message, `message length ${long} exceed maximum message size of ${4 << 20}`);
  });
});

test("a reader keeps nothing of a frame that is too long", () => {
  const reader = new FrameReader();
  const pieces = [
    frame(1, REQUEST, Buffer.alloc(0), 0, DATA_MAX + 3),
    Buffer.alloc(DATA_MAX),
    Buffer.alloc(3),
  ];
  const found = pieces.map((piece) =>
    [...reader.take(piece)].map(({ length, data }) => [length, data.length]),
  );
  assert.equal([found, reader.held], [[[], [], [[DATA_MAX + 3, 0]]], 0]);
  [...reader.take(frame(3, REQUEST, Buffer.alloc(0), 0, DATA_MAX + 1)), ...reader.take(Buffer.alloc(65_536))];
  assert.is(reader.held, 0);
});

test("what a handler throws: its code, or UNKNOWN, and its words", async () => {
  const handlers: TaskHandlers = {
    start: async () => {
      throw new RpcError(Code.NOT_FOUND, "container c: not found");
    },
    kill: () => {
      throw new TypeError("at once");
    },
    pause: () => Promise.reject("no error at all"),
    stats: async () => ({ stats: { typeUrl: "t", value: new Uint8Array(4 << 20) } }),
    pids: async () => ({ processes: [{ pid: -1 }] }),
  };
  await withTask(handlers, async (path) => {
    const peer = new Peer(path);
    for (const [index, method] of ["Start", "Kill", "Pause", "Stats", "Pids"].entries())
      peer.send(frame(2 * index + 1, REQUEST, request(V2, method)));
    const answers = (await peer.answers(5)).sort((a, b) => a.stream - b.stream);
    assert.equal(
      answers.slice(0, 3).map(({ code, message }) => [code, message]),
      [
        [5, "container c: not found"],
        [2, "at once"],
        [2, "no error at all"],
      ],
    );
    assert.equal([answers[3]!.code, answers[4]!.code], [Code.RESOURCE_EXHAUSTED, Code.UNKNOWN]);
  });
});

test("calls run beside each other, and a caller that goes is told of", async () => {
  const waits: { caller: Caller; end: () => void }[] = [];
  const handlers: TaskHandlers = {
    ...echo,
    wait: (_request, caller) =>
      new Promise((resolve) => waits.push({ caller, end: () => resolve({ exitStatus: 7 }) })),
  };
  await withTask(handlers, async (path) => {
    const peer = new Peer(path);
    for (const stream of [1, 3, 5]) peer.send(frame(stream, REQUEST, request(V2, "Wait")));
    peer.send(frame(7, REQUEST, request(V2, "Kill")));
    assert.is((await peer.answers(1))[0]!.stream, 7);
    waits[1]!.end();
    assert.is((await peer.answers(1))[0]!.stream, 3);
    const { gone } = waits[0]!.caller;
    assert.not(gone.aborted);
    peer.socket.destroy();
    await once(gone, "abort");
    // Their answers go nowhere.
    for (const { end } of waits) end();
    const next = new Peer(path);
    next.send(frame(1, REQUEST, request(V2, "Kill")));
    assert.is((await next.answers(1))[0]!.code, 0);
  });
});

test("of a peer that reads nothing no more is read than there is room for answers", async () => {
  let served = 0;
  const handlers: TaskHandlers = {
    state: async () => {
      served++;
      return { id: "x".repeat(60_000) };
    },
  };
  await withTask(handlers, async (path) => {
    const peer = new Peer(path);
    peer.socket.pause();
    const calls = 4000;
    for (let index = 0; index < calls; index++)
      peer.send(frame(2 * index + 1, REQUEST, request(V2, "State", field(1, "y".repeat(1000)))));
    // 64 KiB of calls are read at a time, and answers for 1 MiB wait.
    for (let last = -1; last !== served; ) {
      last = served;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(served > 0 && served < calls / 4, `${served} calls were served`);
    peer.socket.resume();
    await peer.answers(calls);
    assert.is(served, calls);
  });
});

test("calls under way are bounded by their bytes", async () => {
  const ends: (() => void)[] = [];
  const handlers: TaskHandlers = {
    ...echo,
    wait: () => new Promise((resolve) => ends.push(() => resolve({}))),
  };
  await withTask(handlers, async (path) => {
    const peer = new Peer(path);
    const large = request(V2, "Wait", field(1, Buffer.alloc(3 << 20)));
    for (let stream = 1; stream < 13; stream += 2) peer.send(frame(stream, REQUEST, large));
    peer.send(frame(13, REQUEST, request(V2, "Kill")));
    const answers = await peer.answers(2);
    assert.equal(
      answers.map(({ stream, code }) => [stream, code]),
      [
        [11, Code.RESOURCE_EXHAUSTED],
        [13, 0],
      ],
    );
    for (const end of ends.splice(0)) end();
    await peer.answers(5);
    for (let stream = 15; stream < 25; stream += 2) peer.send(frame(stream, REQUEST, large));
    peer.send(frame(25, REQUEST, request(V2, "Kill")));
    assert.equal(
      (await peer.answers(1)).map(({ stream, code }) => [stream, code]),
      [[25, 0]],
    );
  });
});

test("a message of very many fields is refused before it is made", async () => {
  await withTask({ create: async () => ({}) }, async (path) => {
    const peer = new Peer(path);
    const mounts = Buffer.alloc(2 << 20, Buffer.from([0x1a, 0]));
    peer.send(frame(1, REQUEST, request(V2, "Create", mounts)));
    const [answer] = await peer.answers(1);
    assert.is(answer!.code, Code.INTERNAL);
    assert.match(answer!.message, /more than 16384 fields/);
  });
});

test("a client has many calls under way, and is told what the server says", async () => {
  const ends: (() => void)[] = [];
  const handlers: TaskHandlers = {
    state: ({ id }) => new Promise((resolve) => ends.push(() => resolve({ id }))),
    kill: async () => {
      throw new RpcError(Code.FAILED_PRECONDITION, "no");
    },
  };
  await withTask(handlers, async (path) => {
    const client = await connect(`unix://${path}`);
    const states = ["a", "b", "c"].map((id) => client.call(TaskV3.method.state, { id }));
    const refused = await client.call(TaskV3.method.kill, {}).catch((error: unknown) => error as RpcError);
    assert.equal([(refused as RpcError).code, (refused as RpcError).message], [9, "no"]);
    for (const end of ends.reverse()) end();
    assert.equal(
      (await Promise.all(states)).map(({ id }) => id),
      ["a", "b", "c"],
    );
    const late = await client.call(TaskV3.method.state, {}, 20).catch((error: RpcError) => error.code);
    assert.is(late, Code.DEADLINE_EXCEEDED);
    const cut = client.call(TaskV3.method.state, {}).catch((error: RpcError) => error.code);
    client.close();
    assert.is(await cut, Code.UNAVAILABLE);
    assert.is(
      await client.call(TaskV3.method.state, {}).catch((error: RpcError) => error.code),
      Code.UNAVAILABLE,
    );
  });
});

test("a client against a server written byte by byte", async () => {
  const asked: Buffer[] = [];
  const prepare = (server: import("node:net").Server) =>
    server.on("connection", (socket) =>
      socket.on("data", (bytes: Buffer) => {
        asked.push(bytes);
        const stream = bytes.readUInt32BE(4);
        // Of nobody, of another type; then the answer in two pieces.
        const answer = frame(stream, RESPONSE, field(2, Buffer.concat([field(1, "c"), numberField(3, 5)])));
        socket.write(
          Buffer.concat([frame(99, RESPONSE, field(2, "x")), frame(stream, DATA, Buffer.alloc(1))]),
        );
        socket.write(answer.subarray(0, 12));
        setTimeout(() => socket.write(answer.subarray(12)), 5);
      }),
    );
  await withServer(prepare, async (path) => {
    const client = await connect(path);
    const { id, pid } = await client.call(TaskV2.method.state, { id: "c" }, 1000);
    assert.equal([id, pid], ["c", 5]);
    const second = 1_000_000_000;
    const body = Buffer.concat([request(V2, "State", field(1, "c")), numberField(4, second)]);
    assert.equal(asked[0], frame(1, REQUEST, body));
    await client.call(TaskV2.method.state, { id: "c" });
    assert.equal(asked[1], frame(3, REQUEST, request(V2, "State", field(1, "c"))));
    client.close();
  });
});

test("a client whose server breaks the protocol, goes, or is not there", async () => {
  const answers = [
    frame(1, RESPONSE, Buffer.from([0xff])),
    frame(1, RESPONSE, Buffer.alloc(0), 0, 5 << 20),
    null,
  ];
  const prepare = (server: import("node:net").Server) =>
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      socket.on("data", () => {
        const answer = answers.shift();
        if (!answer) socket.end();
        else socket.write(Buffer.concat([answer, Buffer.alloc(answer.length === 10 ? 5 << 20 : 0)]));
      });
    });
  await withServer(prepare, async (path) => {
    for (const code of [Code.INTERNAL, Code.INTERNAL, Code.UNAVAILABLE]) {
      const client = await connect(path);
      assert.is(await client.call(TaskV2.method.state, {}).catch((error: RpcError) => error.code), code);
      assert.not(client.isOpen);
    }
  });
  const error = await connect("/nonexistent/s").catch((error: RpcError) => error);
  assert.is((error as RpcError).code, Code.UNAVAILABLE);
});

test.run();
