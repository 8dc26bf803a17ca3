// What an idle TCP connection takes of the heap, for each of its sockets: descriptor, file, socket, endpoint, connection, and
// its places in tables. Bytes that are counted, not those of the process.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const LIMITS: Record<string, number> = {
  silent: 3100,
  "has talked": 3450,
};

test("sockets of idle connections are small", () => {
  const program = join(import.meta.dirname, "idle_connections.ts");
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--expose-gc", "--no-warnings", program], {
    encoding: "utf8",
  });
  assert.is(status, 0, stderr);
  const measured = JSON.parse(stdout) as Record<string, number>;
  assert.equal(Object.keys(measured).sort(), Object.keys(LIMITS).sort());
  const over = Object.entries(measured).filter(([name, bytes]) => bytes > LIMITS[name]!);
  assert.equal(over, []);
});

test.run();
