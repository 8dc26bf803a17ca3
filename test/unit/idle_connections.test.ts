// What an idle TCP connection takes of the heap, for each of its sockets: descriptor, file, socket, endpoint, connection, and
// its places in tables. Bytes that are counted, not those of the process.

import { test } from "uvu";
import { assertWithin } from "./measured.ts";

const LIMITS: Record<string, number> = {
  silent: 3100,
  "has talked": 3450,
};

test("sockets of idle connections are small", () => {
  assertWithin(LIMITS, [], "idle_connections.ts");
});

test.run();
