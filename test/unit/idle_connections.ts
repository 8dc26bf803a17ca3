// Makes TCP connections over loopback on a kernel without stubs, and prints as JSON how many bytes of heap each of the sockets
// takes: those which nothing was sent by, and those which a byte went by each way.

import { AF_INET, SOCK_STREAM } from "../../src/shared/abi/socket.ts";
import { ADDRESS, OneTask } from "./one_task.ts";

const PORT = 9999;
const CONNECTIONS = 4000;
const WARM_UP = 1000;
const ADDRESS_SIZE = 16;

const collect = (globalThis as unknown as { gc: () => void }).gc;
const one = await OneTask.make();
const calls = Object.fromEntries(
  ["socket", "bind", "listen", "connect", "accept", "read", "write"].map((name) => [name, one.handler(name)]),
);

/** Makes a call; its result, which is no error. */
function call(name: string, ...[a0, a1, a2]: number[]): number {
  const result = one.serve(calls[name]!, a0, a1, a2);
  if (result < 0) throw new Error(`${name}: ${result}`);
  return result;
}

const name = Buffer.alloc(ADDRESS_SIZE);
name.writeUInt16LE(AF_INET, 0);
name.writeUInt16BE(PORT, 2);
name.writeUInt32BE(0x7f000001, 4);
const listener = call("socket", AF_INET, SOCK_STREAM);
one.giveBytes(name);
call("bind", listener, ADDRESS, ADDRESS_SIZE);
call("listen", listener, 16);

function exchange(from: number, to: number): void {
  one.giveLength(1);
  if (call("write", from, ADDRESS, 1) !== 1 || call("read", to, ADDRESS, 1) !== 1) throw new Error("no byte");
}

function connect(count: number, talks: boolean): void {
  for (let i = 0; i < count; i++) {
    one.kernel.nowNs = one.kernel.native.monotonicNs();
    const client = call("socket", AF_INET, SOCK_STREAM);
    one.giveBytes(name);
    call("connect", client, ADDRESS, ADDRESS_SIZE);
    const server = call("accept", listener);
    if (!talks) continue;
    exchange(client, server);
    exchange(server, client);
  }
}

function measure(talks: boolean): number {
  connect(WARM_UP, talks);
  collect();
  const before = process.memoryUsage().heapUsed;
  connect(CONNECTIONS, talks);
  collect();
  return Math.round((process.memoryUsage().heapUsed - before) / CONNECTIONS / 2);
}

process.stdout.write(JSON.stringify({ silent: measure(false), "has talked": measure(true) }));
