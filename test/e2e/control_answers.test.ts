// Every control request of an idle sandbox is answered, whatever other connections come and go: what Node's event
// loop began to watch in its last turn before the kernel sleeps is not yet in its epoll descriptor.

import { connect } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONFIGURATIONS, Sandbox, told } from "../guest/sandbox.ts";
import { counters } from "../hostile/control.ts";

const ROUNDS = 300;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A connection that is closed just before another one comes. */
async function openAndClose(socketPath: string, ms: number): Promise<void> {
  const socket = connect(socketPath);
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  await wait(ms);
  socket.destroy();
}

for (const { name, flags } of CONFIGURATIONS) {
  test(name, () =>
    told(
      (async () => {
        const sandbox = await Sandbox.start(flags);
        try {
          for (let round = 0; round < ROUNDS; round++) {
            await openAndClose(sandbox.socket, 1 + (round % 3));
            assert.ok((await counters(sandbox.socket))["programsStarted"]! >= 0);
          }
        } finally {
          await sandbox.end();
        }
      })(),
    ),
  );
}

test.run();
