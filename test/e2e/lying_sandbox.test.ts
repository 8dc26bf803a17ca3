// deadline: 180 s
// A container whose kernel is in its guest's hands says what it likes on its control socket: SIGKILL and delete --force end
// it all the same, soon, and leave nothing.

import { renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually } from "../spawn.ts";
import { atOnce, type Case } from "./at_once.ts";
import { type Bundle, shell, withBundle } from "./bundle.ts";
import { Shim } from "./shim.ts";

const SLEEP = shell("while :; do sleep 0.05; done");
/** A sandbox's 5 s twice, and some more on a busy machine. */
const ENDS_MS = 15_000;
/** They wait for a sandbox's 5 s. */
const AT_ONCE = 4;
/** What containerd grants a shim's `delete`. */
const DELETE_MS = 5000;

const refusal = (message: string) => `{"id":1,"error":{"code":"ERR_STATE","message":"${message}"}}\n`;

function every(socket: Socket, ms: number, text: string): void {
  const timer = setInterval(() => socket.write(text), ms);
  socket.on("close", () => clearInterval(timer));
}

function flood(socket: Socket): void {
  const lines = "{}\n".repeat(20_000);
  const more = () => {
    while (!socket.destroyed && socket.write(lines));
  };
  socket.on("drain", more);
  more();
}

const LIES: Readonly<Record<string, (socket: Socket) => void>> = {
  "refuses everything": (socket) => socket.write(refusal("no")),
  "says that it is not running": (socket) => socket.write(refusal("container not running")),
  "says that all is done, and does nothing": (socket) => socket.write('{"id":1,"result":null}\n'),
  "drips lines": (socket) => every(socket, 50, "{}\n"),
  "sends without an end": flood,
  "closes the connection": (socket) => socket.destroy(),
};

/** Somebody else listens in the place of the container's kernel, which goes on. */
async function lying(bundle: Bundle, lie: (socket: Socket) => void): Promise<Server> {
  const path = join(bundle.root, bundle.id, "s");
  renameSync(path, `${bundle.directory}/s`);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => lie(socket));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

/** `act` with a running container that lies; its milliseconds. */
async function timed(lie: (socket: Socket) => void, act: (bundle: Bundle) => Promise<void>): Promise<number> {
  let taken = 0;
  await withBundle(SLEEP, async (bundle) => {
    const made = await bundle.runsDetached();
    assert.is(made.code, 0, told(made));
    const server = await lying(bundle, lie);
    const began = performance.now();
    await act(bundle);
    taken = performance.now() - began;
    server.close();
    rmSync(join(bundle.root, bundle.id, "s"), { force: true });
  });
  return taken;
}

const kill = ([what, lie]: [string, (socket: Socket) => void]): Case => ({
  name: `kill KILL of one that ${what}`,
  run: async () => {
    const taken = await timed(lie, async (bundle) => {
      const killed = await bundle.on("kill", [], ["KILL"]);
      assert.is(killed.code, 0, told(killed));
      const lock = join(bundle.root, bundle.id, "lock");
      const deleted = await bundle.on("delete", ["--force"]);
      assert.is(deleted.code, 0, `${lock}: ${told(deleted)}`);
      assert.equal(bundle.left(), []);
    });
    assert.ok(taken < ENDS_MS, `${taken} ms`);
  },
});

const remove = ([what, lie]: [string, (socket: Socket) => void]): Case => ({
  name: `delete --force of one that ${what}`,
  run: async () => {
    const taken = await timed(lie, async (bundle) => {
      const deleted = await bundle.on("delete", ["--force"]);
      assert.is(deleted.code, 0, told(deleted));
      assert.ok(await eventually(async () => bundle.left().length === 0, 5000), bundle.left().join());
    });
    assert.ok(taken < ENDS_MS, `${taken} ms`);
  },
});

atOnce(
  AT_ONCE,
  Object.entries(LIES).flatMap((one) => [kill(one), remove(one)]),
);

if (process.getuid!() !== 0) console.log("skipped: a shim with containers is root's");
else
  for (const what of ["says that all is done, and does nothing", "drips lines"])
    test(`the shim's own delete of one that ${what}`, async () => {
      const shim = await Shim.start(SLEEP);
      const { bundle } = shim;
      bundle.root = "/run/containerd/ringfence/ringfence-test";
      await shim.call("create", { id: bundle.id, bundle: bundle.directory });
      await shim.call("start", { id: bundle.id });
      process.kill(shim.pid, "SIGKILL");
      const server = await lying(bundle, LIES[what]!);
      try {
        const began = performance.now();
        const deleted = await Shim.command(bundle, "delete");
        assert.is(deleted.code, 0, told(deleted));
        assert.ok(performance.now() - began < DELETE_MS, `${performance.now() - began} ms`);
        assert.equal(bundle.left(), []);
        assert.equal(shim.sockets, []);
      } finally {
        server.close();
        await shim.end();
      }
    });

test.run();
