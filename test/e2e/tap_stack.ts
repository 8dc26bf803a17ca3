// A stack of its own at the other end of a TAP device (descriptor 3), without a sandbox: it answers pings at 10.6.0.2 and
// fd06::2, and sends datagrams that come to port 7000 back, until its standard input ends. For tap_link.test.ts.

import { randomInt } from "node:crypto";
import { readSync } from "node:fs";
import type { LongTurns } from "../../src/workers/call/long_turns.ts";
import { PassEnd } from "../../src/workers/call/pass_end.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Counters } from "../../src/workers/counters.ts";
import { loadNative } from "../../src/workers/native.ts";
import { Devices } from "../../src/workers/net/devices/devices.ts";
import type { DevicesContext } from "../../src/workers/net/devices/devices_context.ts";
import { FrameBuffers } from "../../src/workers/net/link/frame_buffers.ts";
import { HostDevice } from "../../src/workers/net/link/host_device.ts";
import { NamespaceMirror } from "../../src/workers/net/stack/namespace_mirror.ts";
import { Stack } from "../../src/workers/net/stack/stack.ts";
import { UdpMessage } from "../../src/workers/net/stack/udp/send.ts";
import { SleepSet } from "../../src/workers/sleep_set.ts";
import { addRow } from "../unit/link_world.ts";
import { endpointOf, ip } from "../unit/stack_world.ts";

const TAP = 3;
const NS_PER_US = 1000;
const native = await loadNative(process.argv[2]!);
const sleep = new SleepSet(native);
const timers = new Timers();
const passEnd = new PassEnd();
const devices = new Devices({
  counters: new Counters(),
  heap: { hasRoom: () => true },
  timers,
  native,
} as unknown as DevicesContext);
const stack = new Stack({ random32: () => randomInt(2 ** 32) | 0 });
const advance = (): void => stack.advance(native.monotonicNs() / NS_PER_US);
const settle = (): void => {
  while (stack.run(64));
};
advance();
let device: HostDevice | null = null;
new NamespaceMirror(stack, devices, (row) => {
  if (!row.hasLink) return null;
  const user = { begin: advance, end: settle };
  const { core, links } = stack;
  device = new HostDevice(
    { native, sleep, passEnd },
    "tap",
    TAP,
    row,
    row.address,
    core,
    links,
    new FrameBuffers(native, core.pools),
    user,
  );
  return device;
});
const row = devices.addLink("tap0", Uint8Array.of(2, 0, 0, 0, 6, 2), 1500);
if (typeof row === "number") throw new Error(`addLink: ${row}`);
devices.setFlags(row, row.flags | 1);
addRow(devices, row, "10.6.0.2/24");
addRow(devices, row, "fd06::2/64", 2);
// Of both families.
const echo = endpointOf(stack, true);
if (echo.bind(ip("::"), 7000) !== 0) throw new Error("bind");
let isOver = false;
sleep.add(0, 1, () => {
  isOver = readSync(0, Buffer.alloc(1)) === 0;
});
const turns = { nr: 0, begin: () => {}, end: () => {} } as unknown as LongTurns;
process.stdout.write("ready\n");
while (!isOver) {
  advance();
  settle();
  for (let packet = echo.receive(); packet !== null; packet = echo.receive()) {
    echo.send(packet.data(), new UdpMessage().to(packet.sourceAddress, packet.sourcePort));
    packet.release();
  }
  settle();
  passEnd.run(true);
  const dueNs = Math.min(stack.nextDeadlineUs * NS_PER_US, timers.nextDeadlineNs());
  sleep.wait(Number.isFinite(dueNs) ? Math.max(0, dueNs - native.monotonicNs()) : -1, turns);
  timers.expire(native.monotonicNs(), turns);
}
echo.close();
devices.removeLink(row);
process.stdout.write(`held ${stack.core.pools.used}\n`);
