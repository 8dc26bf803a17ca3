// What a stack counts of a device is what rtnetlink tells of it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as N from "../../src/shared/abi/netlink.ts";
import { attributesOf, MessageWriter, requestsIn } from "../../src/workers/net/netlink/message.ts";
import { LINK } from "../../src/workers/net/netlink/route/link.ts";
import { LinkWorld } from "./link_world.ts";
import { endpointOf, sendTo } from "./stack_world.ts";

test("IFLA_STATS64 and IFLA_OPERSTATE of a link", () => {
  const world = new LinkWorld(2);
  const [here, there] = world.hosts as [LinkWorld["hosts"][0], LinkWorld["hosts"][0]];
  for (const [at, host] of world.hosts.entries()) {
    host.up();
    host.add(`10.0.0.${at + 1}/24`);
  }
  for (let i = 0; i < 10; i++) sendTo(endpointOf(here.stack), "x".repeat(1000), "10.0.0.2", 9);
  world.pass(3_000_000);
  const { devices, stack, port } = there;
  devices.countsOf = ({ index }) => stack.core.devices.byIndex(index);
  const writer = new MessageWriter(0, 0);
  const told = [...LINK.all(devices, 0)].find(({ device }) => device === there.row)!;
  LINK.write(writer, N.RTM_NEWLINK, 0, told, devices);
  const [message] = requestsIn(writer.bytes);
  const attributes = attributesOf(message!.body, 16);
  const stats = attributes.get(N.IFLA_STATS64)!;
  assert.is(Number(stats.readBigUInt64LE(0)), port.rxPackets);
  assert.is(Number(stats.readBigUInt64LE(8)), port.txPackets);
  assert.is(Number(stats.readBigUInt64LE(16)), port.rxBytes);
  assert.ok(port.rxBytes > 10_000);
  assert.is(attributes.get(N.IFLA_STATS)!.readUInt32LE(8), port.rxBytes);
  assert.is(attributes.get(N.IFLA_OPERSTATE)![0], 6);
});

test.run();
