// Requests to a sandbox that means it ill: what it sends unasked is bounded, and so is what it does not read.

import { createServer, type Server, type Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ControlClient } from "../../src/main/cli/control_client.ts";

let last = 0;

async function withSandbox(
  serve: (socket: Socket) => void,
  body: (client: ControlClient) => Promise<void>,
): Promise<void> {
  // An abstract name.
  const path = `\0ringfence-test-${process.pid}-${++last}`;
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = (await ControlClient.connect(path))!;
  try {
    await body(client);
  } finally {
    client.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const refused = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "answered",
    (error: Error) => error.message,
  );

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("lines behind the last answer: some are passed over, more close the connection", async () => {
  for (const [lines, isOpen] of [
    [60, true],
    [100, false],
  ] as const)
    await withSandbox(
      (socket) => socket.once("data", () => socket.write(`{"id":1,"result":7}\n${"{}\n".repeat(lines)}`)),
      async (client) => {
        assert.is(await client.askSoon("state"), 7);
        await pause(50);
        assert.is(client.isOpen, isOpen);
      },
    );
});

test("nothing is read while nothing is asked", async () => {
  let unread = 0;
  const flood = (socket: Socket) => {
    const timer = setInterval(() => {
      socket.write("{}\n".repeat(100_000));
      unread = socket.writableLength;
    }, 5);
    socket.on("close", () => clearInterval(timer));
  };
  await withSandbox(flood, async (client) => {
    await pause(200);
    assert.ok(client.isOpen);
    assert.ok(unread > 1 << 20, String(unread));
  });
});

test("requests that nobody reads are refused when there are too many bytes of them", async () => {
  await withSandbox(
    (socket) => socket.pause(),
    async (client) => {
      const waiting = Array.from({ length: 8 }, () =>
        refused(client.ask("x", { text: "x".repeat(1 << 20) })),
      );
      assert.is(await Promise.race(waiting), "the container's kernel does not answer");
    },
  );
});

test.run();
