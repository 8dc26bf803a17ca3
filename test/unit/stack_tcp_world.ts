// TCP endpoints for tests.

import * as assert from "uvu/assert";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import { ip } from "./stack_world.ts";

export const EAGAIN = -11;
export const EINPROGRESS = -115;

export function listening(stack: Stack, address: string, port: number, backlog = 16): TcpEndpoint {
  const endpoint = new TcpEndpoint(stack.tcp, address.includes(":"));
  const bound = endpoint.bind(ip(address), port);
  if (bound < 0) throw new Error(`bind: ${bound}`);
  const error = endpoint.listen(backlog);
  if (error < 0) throw new Error(`listen: ${error}`);
  return endpoint;
}

export function connecting(stack: Stack, address: string, port: number): TcpEndpoint {
  const endpoint = new TcpEndpoint(stack.tcp, address.includes(":"));
  const error = endpoint.connect(ip(address), port);
  if (error !== EINPROGRESS) throw new Error(`connect: ${error}`);
  return endpoint;
}

export function accepted(listener: TcpEndpoint): TcpEndpoint {
  const child = listener.accept();
  if (typeof child === "number") throw new Error(`accept: ${child}`);
  return child;
}

export function write(endpoint: TcpEndpoint, text: string, flags = 0): number {
  return endpoint.send(Buffer.from(text, "latin1"), flags);
}

/** What has come, up to so many bytes; an error as its number. */
export function read(endpoint: TcpEndpoint, max = 65536, flags = 0): string | number {
  const target = new Uint8Array(max);
  const count = endpoint.receive(target, flags);
  return count < 0 ? count : Buffer.from(target.subarray(0, count)).toString("latin1");
}

/** Bytes that follow from their place. */
export function pattern(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = ((from + i) * 167 + ((from + i) >> 8)) & 0xff;
  return bytes;
}

/** Everything is given back. */
export function isEmpty(stack: Stack): void {
  const { tcp, core } = stack;
  assert.is(core.pools.used, 0, "packets");
  assert.is(tcp.blocks.used, 0, "blocks");
  assert.is(tcp.table.count, 0, "table");
  assert.is(tcp.bound.count, 0, "ports");
  assert.equal([tcp.orphans, tcp.requests, tcp.timeWaits], [0, 0, 0]);
  assert.is(core.timers.count, 0, "timers");
  assert.is(core.hasBacklog, false);
  assert.is(tcp.counters.CurrEstab, 0);
}
