// UDP on one stack's loopback: what bind, connect, send and receive do, as Linux does it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import { RTN_MULTICAST } from "../../src/shared/abi/netlink.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { UdpMessage } from "../../src/workers/net/stack/udp/send.ts";
import { bound, drain, endpointOf, ip, makeStack, route, send, sendTo, take } from "./stack_world.ts";

for (const address of ["127.0.0.1", "::1"]) {
  const isV6 = address.includes(":");

  test(`${address}: a datagram arrives with its sender's name, and goes back`, () => {
    const stack = makeStack();
    const server = bound(stack, address, 5000);
    const client = endpointOf(stack, isV6);
    assert.is(sendTo(client, "hello", address, 5000), 5);
    assert.ok(client.localPort >= 32768 && client.localPort <= 60999);
    drain(stack);
    const packet = server.receive()!;
    assert.is(Buffer.from(packet.data()).toString(), "hello");
    assert.is(packet.sourceAddress.toString(), address);
    assert.is(packet.destinationAddress.toString(), address);
    assert.is(packet.sourcePort, client.localPort);
    assert.is(packet.device!.name, "lo");
    assert.is(packet.hopLimit, 64);
    assert.is(sendTo(server, "back", packet.sourceAddress.toString(), packet.sourcePort), 4);
    packet.release();
    drain(stack);
    assert.is(take(client), "back");
    server.close();
    client.close();
    assert.is(stack.core.pools.used, 0);
    assert.is(stack.udp.table.count, 0);
  });

  test(`${address}: the longest datagram goes, a longer one does not`, () => {
    const stack = makeStack();
    const server = bound(stack, address, 5000);
    const client = endpointOf(stack, isV6);
    const longest = isV6 ? 65527 : 65507;
    const data = new Uint8Array(longest).map((_, at) => at * 7);
    assert.is(sendTo(client, data, address, 5000), longest);
    assert.is(sendTo(client, new Uint8Array(longest + 1), address, 5000), -E.EMSGSIZE);
    drain(stack);
    const packet = server.receive()!;
    assert.equal(packet.data(), data);
    packet.release();
    assert.is(take(server), null);
    assert.is(stack.core.pools.used, 0);
  });

  test(`${address}: nobody there is told to who is connected`, () => {
    const stack = makeStack();
    const client = endpointOf(stack, isV6);
    let failures = 0;
    client.observer = { becameReadable: () => {}, failed: () => failures++ };
    sendTo(client, "x", address, 5001);
    drain(stack);
    assert.is(client.takeError(), 0);
    assert.is(client.connect(ip(address), 5001), 0);
    assert.is(send(client, "x"), 1);
    drain(stack);
    assert.is(failures, 1);
    assert.is(send(client, "x"), -E.ECONNREFUSED);
    assert.is(client.takeError(), 0);
    assert.is(send(client, "x"), 1);
    drain(stack);
    assert.is(client.takeError(), E.ECONNREFUSED);
    const { icmp, icmp6, udp, udp6 } = stack.core.counters;
    assert.is((isV6 ? udp6 : udp).NoPorts, 3);
    assert.is((isV6 ? icmp6 : icmp).OutMsgs, 3);
    assert.is(stack.core.pools.used, 0);
  });

  test(`${address}: who asks for errors gets them with their origin`, () => {
    const stack = makeStack();
    const client = endpointOf(stack, isV6);
    client.receivesErrors4 = true;
    client.receivesErrors6 = true;
    sendTo(client, "quoted", address, 5001);
    drain(stack);
    const record = client.receiveError()!;
    assert.is(record.errno, E.ECONNREFUSED);
    assert.is(record.offender!.toString(), address);
    assert.is(record.destination.toString(), address);
    assert.is(record.port, 5001);
    assert.equal([record.origin, record.type, record.code], isV6 ? [3, 1, 4] : [2, 3, 3]);
    assert.is(Buffer.from(record.payload).toString(), "quoted");
    assert.is(client.takeError(), E.ECONNREFUSED);
  });

  test(`${address}: the queue takes as much as Linux's, and counts what it drops`, () => {
    const stack = makeStack();
    // Counted natively: datagrams of that length that a socket with the default buffer takes.
    for (const [length, count] of [
      [1, 256],
      [192, 256],
      [300, 166],
      [512, 166],
      [700, 92],
      [1472, 92],
      [2000, 48],
      [4000, 25],
      [16000, 12],
      [17000, 11],
      [60000, 3],
    ] as const) {
      const server = bound(stack, address, 5000);
      const client = endpointOf(stack, isV6);
      const data = new Uint8Array(length);
      for (let i = 0; i < 300; i++) {
        assert.is(sendTo(client, data, address, 5000), length);
        drain(stack);
      }
      assert.is(server.queue.count, count, `of ${length} bytes`);
      assert.is(server.drops, 300 - count);
      server.close();
      client.close();
    }
    assert.is(stack.core.pools.used, 0);
    assert.is(stack.datagrams.queuedPackets, 0);
  });
}

test("a queue that is read gets room, and what is put back is next", () => {
  const stack = makeStack();
  const server = bound(stack, "127.0.0.1", 5000);
  const client = endpointOf(stack);
  for (const text of ["a", "b"]) sendTo(client, text, "127.0.0.1", 5000);
  drain(stack);
  assert.is(server.peek()!.length, 1);
  server.putBack(server.receive()!);
  assert.is(take(server), "a");
  assert.is(take(server), "b");
  assert.is(take(server), null);
  assert.is(stack.datagrams.queuedPackets, 0);
});

test("names: any, own, others'", () => {
  const stack = makeStack();
  assert.is(endpointOf(stack).bind(ip("10.1.1.1"), 0), -E.EADDRNOTAVAIL);
  assert.is(endpointOf(stack).bind(ip("127.3.4.5"), 0), 0);
  assert.is(endpointOf(stack, true).bind(ip("fd00::5"), 0), -E.EADDRNOTAVAIL);
  assert.is(endpointOf(stack, true).bind(ip("fe80::5"), 0), -E.EINVAL);
  assert.is(endpointOf(stack).bind(ip("::1"), 0), -E.EINVAL);
  assert.is(endpointOf(stack, true).bind(ip("127.0.0.1"), 0), 0);
  const only6 = endpointOf(stack, true);
  only6.v6only = true;
  assert.is(only6.bind(ip("127.0.0.1"), 0), -E.EINVAL);
  const once = bound(stack, "127.0.0.1");
  assert.is(once.bind(ip("127.0.0.1"), 0), -E.EINVAL);
  const anywhere = endpointOf(stack);
  anywhere.bindsAnywhere = true;
  assert.is(anywhere.bind(ip("10.1.1.1"), 0), 0);
});

interface Want {
  readonly address: string;
  readonly v6only?: boolean;
  readonly reuse?: boolean;
  readonly share?: boolean;
  readonly uid?: number;
  readonly device?: number;
}

/** Pairs that have the same port, and whether both may. */
const CONFLICTS: readonly (readonly [Want, Want, boolean])[] = [
  [{ address: "127.0.0.1" }, { address: "127.0.0.1" }, false],
  [{ address: "127.0.0.1" }, { address: "127.0.0.2" }, true],
  [{ address: "0.0.0.0" }, { address: "127.0.0.1" }, false],
  [{ address: "0.0.0.0" }, { address: "::" }, false],
  [{ address: "0.0.0.0" }, { address: "::", v6only: true }, true],
  [{ address: "127.0.0.1" }, { address: "::" }, false],
  [{ address: "127.0.0.1" }, { address: "::1" }, true],
  [{ address: "::1" }, { address: "::" }, false],
  [{ address: "::", v6only: true }, { address: "::" }, false],
  [{ address: "127.0.0.1", reuse: true }, { address: "127.0.0.1", reuse: true }, true],
  [{ address: "127.0.0.1", reuse: true }, { address: "127.0.0.1" }, false],
  [{ address: "127.0.0.1", share: true }, { address: "127.0.0.1", share: true }, true],
  [{ address: "127.0.0.1", share: true }, { address: "127.0.0.1", share: true, uid: 7 }, false],
  [{ address: "127.0.0.1", share: true }, { address: "127.0.0.1" }, false],
  [{ address: "127.0.0.1", device: 1 }, { address: "127.0.0.1", device: 2 }, true],
  [{ address: "127.0.0.1", device: 1 }, { address: "127.0.0.1" }, false],
];

test("conflicts of ports are Linux's", () => {
  for (const [first, second, mayBoth] of CONFLICTS)
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      const stack = makeStack();
      const results = order.map((want) => {
        const endpoint = endpointOf(stack, want.address.includes(":"));
        endpoint.v6only = want.v6only ?? false;
        endpoint.reuseAddress = want.reuse ?? false;
        endpoint.reusePort = want.share ?? false;
        endpoint.uid = want.uid ?? 0;
        endpoint.boundDevice = want.device ?? 0;
        return endpoint.bind(ip(want.address), 6000);
      });
      assert.equal(results, [0, mayBoth ? 0 : -E.EADDRINUSE], JSON.stringify(order));
    }
});

test("ports that nobody asked for: all of the range, then none", () => {
  const stack = makeStack();
  Object.assign(stack.core.settings, {
    portMin: 40000,
    portMax: 40019,
    hostPortMin: 40005,
    hostPortMax: 40009,
  });
  const ports = Array.from({ length: 15 }, () => bound(stack, "127.0.0.1").localPort);
  assert.is(new Set(ports).size, 15);
  assert.not.ok(ports.some((port) => port < 40000 || port > 40019 || (port >= 40005 && port <= 40009)));
  assert.is(endpointOf(stack).bind(ip("127.0.0.1"), 0), -E.EADDRINUSE);
  assert.is(sendTo(endpointOf(stack), "x", "127.0.0.1", 9), -E.EAGAIN);
  assert.is(endpointOf(stack).bind(ip("127.0.0.1"), 40007), -E.EADDRINUSE);
});

test("whom a datagram goes to: connected, bound to the address, to any; the youngest of equals", () => {
  const stack = makeStack();
  const reuse = (address: string, isV6 = address.includes(":")) => {
    const endpoint = endpointOf(stack, isV6);
    endpoint.reuseAddress = true;
    assert.is(endpoint.bind(ip(address), 7000), 0);
    return endpoint;
  };
  const client = bound(stack, "127.0.0.1", 7001);
  const arrives = (): number => {
    sendTo(client, "x", "127.0.0.1", 7000);
    drain(stack);
    const at = all.findIndex((endpoint) => endpoint.queue.count > 0);
    if (at >= 0) take(all[at]!);
    return at;
  };
  const all = [reuse("::")];
  assert.is(arrives(), 0);
  all.push(reuse("0.0.0.0"));
  assert.is(arrives(), 1);
  all.push(reuse("127.0.0.1"));
  assert.is(arrives(), 2);
  all.push(reuse("127.0.0.1"));
  assert.is(arrives(), 3);
  all[3]!.setBoundDevice(1);
  all.push(reuse("127.0.0.1"));
  assert.is(arrives(), 3);
  assert.is(all[2]!.connect(ip("127.0.0.1"), 7001), 0);
  assert.is(arrives(), 2);
  all[2]!.disconnect();
  all[3]!.close();
  assert.is(arrives(), 2);
  all[2]!.close();
  assert.is(arrives(), 4);
  all[4]!.close();
  all[1]!.close();
  assert.is(arrives(), 0);
  all[0]!.close();
  assert.is(arrives(), -1);
  client.close();
  assert.is(stack.udp.table.count, 0);
  assert.is(stack.core.pools.used, 0);
});

test("SO_REUSEPORT spreads senders, and each stays with its one", () => {
  const stack = makeStack();
  const group = Array.from({ length: 8 }, () => {
    const endpoint = endpointOf(stack);
    endpoint.reusePort = true;
    assert.is(endpoint.bind(ip("127.0.0.1"), 7000), 0);
    return endpoint;
  });
  const clients = Array.from({ length: 64 }, () => bound(stack, "127.0.0.1"));
  const chosen = (client: (typeof clients)[0]): number => {
    sendTo(client, "x", "127.0.0.1", 7000);
    drain(stack);
    const at = group.findIndex(({ queue }) => queue.count > 0);
    take(group[at]!);
    return at;
  };
  const first = clients.map(chosen);
  assert.equal(clients.map(chosen), first);
  assert.ok(new Set(first).size >= 6);
});

test("an IPv6 endpoint speaks IPv4, unless it is told not to", () => {
  const stack = makeStack();
  const server = bound(stack, "::", 5000);
  const client = endpointOf(stack);
  sendTo(client, "four", "127.0.0.1", 5000);
  drain(stack);
  const packet = server.receive()!;
  assert.is(packet.sourceAddress.toString(), "127.0.0.1");
  assert.is(sendTo(server, "back", "127.0.0.1", packet.sourcePort), 4);
  packet.release();
  drain(stack);
  assert.is(take(client), "back");
  const only = endpointOf(stack, true);
  only.v6only = true;
  assert.is(sendTo(only, "x", "127.0.0.1", 5000), -E.ENETUNREACH);
  assert.is(only.connect(ip("127.0.0.1"), 5000), -E.ENETUNREACH);
  assert.is(sendTo(client, "x", "::1", 5000), -E.EAFNOSUPPORT);
});

test("connected: the local address stands, others are not heard, and it ends", () => {
  const stack = makeStack();
  const server = bound(stack, "127.0.0.1", 5000);
  const client = endpointOf(stack);
  assert.is(send(client, "x"), -E.EDESTADDRREQ);
  assert.is(client.connect(ip("127.0.0.1"), 5000), 0);
  assert.is(client.local.toString(), "127.0.0.1");
  const port = client.localPort;
  sendTo(bound(stack, "127.0.0.1"), "other", "127.0.0.1", port);
  sendTo(server, "peer", "127.0.0.1", port);
  drain(stack);
  assert.is(take(client), "peer");
  assert.is(take(client), null);
  assert.is(sendTo(client, "x", "127.0.0.1", 5002), 1);
  client.disconnect();
  assert.is(client.local.toString(), "0.0.0.0");
  assert.is(client.localPort, 0);
  assert.is(send(client, "x"), -E.EDESTADDRREQ);
});

test("nobody's address is this host's; there is no way elsewhere", () => {
  const stack = makeStack();
  const server = bound(stack, "0.0.0.0", 5000);
  const client = endpointOf(stack);
  assert.is(sendTo(client, "self", "0.0.0.0", 5000), 4);
  drain(stack);
  assert.is(take(server), "self");
  assert.is(sendTo(client, "x", "10.9.9.9", 5000), -E.ENETUNREACH);
  assert.is(client.connect(ip("10.9.9.9"), 5000), -E.ENETUNREACH);
  assert.is(sendTo(client, "x", "127.0.0.1", 0), -E.EINVAL);
  assert.is(sendTo(endpointOf(stack, true), "x", "2001:db8::1", 5000), -E.ENETUNREACH);
  assert.is(sendTo(client, "x", "127.255.255.255", 5000), -E.EACCES);
  client.mayBroadcast = true;
  assert.is(sendTo(client, "all", "127.255.255.255", 5000), 3);
  drain(stack);
  assert.is(take(server), "all");
  client.hasShutWrite = true;
  assert.is(sendTo(client, "x", "127.0.0.1", 5000), -E.EPIPE);
});

test("groups on loopback: everybody who listens gets a copy", () => {
  const stack = makeStack();
  const listen = (address: string): ReturnType<typeof endpointOf> => {
    const endpoint = endpointOf(stack, address.includes(":"));
    endpoint.reuseAddress = true;
    assert.is(endpoint.bind(ip(address), 5353), 0);
    return endpoint;
  };
  const four = [listen("0.0.0.0"), listen("224.0.0.251"), listen("::")];
  const client = endpointOf(stack);
  client.multicastDevice4 = 1;
  sendTo(client, "early", "224.0.0.251", 5353);
  drain(stack);
  assert.equal(four.map(take), [null, null, null]);
  assert.is(four[0]!.join(ip("224.0.0.251"), 1), 0);
  assert.is(four[0]!.join(ip("224.0.0.251"), 1), -E.EADDRINUSE);
  assert.is(four[0]!.join(ip("10.0.0.1"), 1), -E.EINVAL);
  assert.is(four[0]!.join(ip("224.0.0.9"), 0), -E.ENODEV);
  four[2]!.takesAllGroups4 = false;
  sendTo(client, "group", "224.0.0.251", 5353);
  drain(stack);
  assert.equal(four.map(take), ["group", "group", null]);
  assert.is(four[0]!.leave(ip("224.0.0.251"), 1), 0);
  assert.is(four[0]!.leave(ip("224.0.0.251"), 1), -E.EADDRNOTAVAIL);
  const six = endpointOf(stack, true);
  assert.is(sendTo(six, "x", "ff02::1", 5353), -E.ENETUNREACH);
  six.multicastDevice6 = 1;
  assert.is(sendTo(six, "x", "ff02::1", 5353), -E.ENETUNREACH);
  // The loopback device has no such route by itself, others have.
  stack.core.tables.addRoute(route("ff00::/8", 1, { table: 255, type: RTN_MULTICAST }));
  assert.is(sendTo(six, "all", "ff02::1", 5353), 3);
  drain(stack);
  assert.equal(four.map(take), [null, null, "all"]);
  for (const endpoint of [...four, client, six]) endpoint.close();
  assert.is(stack.core.memberships.count, 0);
  assert.is(stack.core.pools.used, 0);
});

// Every line was seen natively, in a network namespace that has lo alone.
test("odd addresses and orders of errors", () => {
  const stack = makeStack();
  const to = (from: string | null, address: string, port = 9): readonly number[] => {
    const make = (): ReturnType<typeof endpointOf> => {
      const endpoint = endpointOf(stack, (from ?? address).includes(":"));
      if (from !== null) {
        if (from === "127.0.0.2") return mapped();
        assert.is(endpoint.bind(ip(from), 0), 0);
      }
      return endpoint;
    };
    return [sendTo(make(), "x", address, port), make().connect(ip(address), port)];
  };
  const mapped = (): ReturnType<typeof endpointOf> => {
    const endpoint = endpointOf(stack, true);
    assert.is(endpoint.bind(ip("127.0.0.2"), 0), 0);
    return endpoint;
  };
  assert.equal(to("127.0.0.2", "::1"), [-E.EAFNOSUPPORT, -E.EAFNOSUPPORT]);
  assert.equal(to("::1", "127.0.0.1"), [-E.ENETUNREACH, -E.ENETUNREACH]);
  assert.equal(to(null, "::"), [1, 0]);
  assert.equal(to(null, "0.0.0.0"), [1, 0]);
  assert.equal(to(null, "127.0.0.1", 0), [-E.EINVAL, 0]);
  assert.equal(to(null, "255.255.255.255"), [-E.ENETUNREACH, -E.ENETUNREACH]);
  assert.equal(to(null, "240.1.1.1"), [-E.ENETUNREACH, -E.ENETUNREACH]);
  assert.equal(to(null, "0.1.2.3"), [-E.ENETUNREACH, -E.ENETUNREACH]);
  assert.equal(to(null, "fe80::1"), [-E.ENETUNREACH, -E.EINVAL]);
  assert.equal(to("127.255.255.255", "127.0.0.1"), [1, 0]);
  assert.equal(to("224.0.0.1", "127.0.0.1"), [1, 0]);
  assert.is(endpointOf(stack).bind(ip("255.255.255.255"), 0), 0);
  assert.is(endpointOf(stack, true).bind(ip("ff02::1"), 0), -E.EINVAL);
  assert.is(endpointOf(stack, true).bind(ip("ff02::1"), 0, 1), 0);
  assert.is(endpointOf(stack, true).bind(ip("ff05::1"), 0), 0);
  const refused = (): ReturnType<typeof endpointOf> => {
    const endpoint = endpointOf(stack);
    assert.is(endpoint.connect(ip("127.0.0.1"), 9), 0);
    assert.is(send(endpoint, "x"), 1);
    drain(stack);
    return endpoint;
  };
  const long = refused();
  assert.is(sendTo(long, new Uint8Array(65508), "127.0.0.1", 9), -E.EMSGSIZE);
  assert.is(send(long, "x"), -E.ECONNREFUSED);
  const broadcast = refused();
  assert.is(sendTo(broadcast, "x", "127.255.255.255", 9), -E.EACCES);
  assert.is(send(broadcast, "x"), -E.ECONNREFUSED);
  const shut = refused();
  shut.shutdown(1);
  assert.is(send(shut, "x"), -E.ECONNREFUSED);
  assert.is(send(shut, "x"), -E.EPIPE);
  const nowhere = endpointOf(stack);
  assert.is(nowhere.connect(ip("127.0.0.1"), 0), 0);
  assert.is(send(nowhere, "x"), 1);
  const named = bound(stack, "127.0.0.1");
  assert.is(named.connect(ip("127.0.0.1"), 9), 0);
  named.disconnect();
  assert.equal([named.local.toString(), named.localPort], ["127.0.0.1", 0]);
  assert.is(named.connect(ip("127.0.0.1"), 9), 0);
  assert.is(named.connect(ip("8.8.8.8"), 9), -E.ENETUNREACH);
  assert.is(named.remote!.toString(), "127.0.0.1");
});

test("one message may say what the endpoint does not", () => {
  const stack = makeStack();
  const server = bound(stack, "127.0.0.1", 5000);
  const client = endpointOf(stack);
  const message = new UdpMessage().to(ip("127.0.0.1"), 5000);
  message.source = ip("127.0.0.77");
  message.hopLimit = 3;
  message.trafficClass = 0x28;
  assert.is(client.send(Buffer.from("x"), message), 1);
  drain(stack);
  const packet = server.receive()!;
  assert.is(packet.sourceAddress.toString(), "127.0.0.77");
  assert.is(packet.hopLimit, 3);
  assert.is(packet.trafficClass, 0x28);
  packet.release();
  message.source = ip("10.0.0.1");
  assert.is(client.send(Buffer.from("x"), message), -E.ENETUNREACH);
});

test("an endpoint for IPv6 alone gets no IPv4 beside one for both", () => {
  const stack = makeStack();
  const both = endpointOf(stack, true);
  const only = endpointOf(stack, true);
  only.v6only = true;
  for (const endpoint of [both, only]) {
    endpoint.reuseAddress = true;
    assert.is(endpoint.bind(ip("::"), 5000), 0);
  }
  sendTo(endpointOf(stack), "four", "127.0.0.1", 5000);
  sendTo(endpointOf(stack, true), "six", "::1", 5000);
  drain(stack);
  assert.equal([take(both), take(only)], ["four", "six"]);
  only.close();
  sendTo(endpointOf(stack, true), "six", "::1", 5000);
  drain(stack);
  assert.is(take(both), "six");
  both.close();
});

test("packets for many cost a turn more, and none is lost by that", () => {
  const stack = makeStack();
  const many = Array.from({ length: 40 }, () => {
    const endpoint = endpointOf(stack);
    endpoint.reuseAddress = true;
    assert.is(endpoint.bind(ip("0.0.0.0"), 5000), 0);
    return endpoint;
  });
  const client = endpointOf(stack);
  client.mayBroadcast = true;
  for (let i = 0; i < 10; i++) sendTo(client, "x", "127.255.255.255", 5000);
  let turns = 1;
  while (stack.run(64)) turns++;
  assert.ok(turns >= 5, `${turns} turns`);
  for (const endpoint of many) {
    assert.is(endpoint.queue.count, 10);
    endpoint.close();
  }
  client.close();
  assert.is(stack.core.pools.used, 0);
});

test("a packet for very many is copied so many times; for the others it is dropped", () => {
  const stack = makeStack();
  const many = Array.from({ length: 1500 }, () => {
    const endpoint = endpointOf(stack);
    endpoint.reuseAddress = true;
    assert.is(endpoint.bind(ip("0.0.0.0"), 5000), 0);
    return endpoint;
  });
  const client = endpointOf(stack);
  client.mayBroadcast = true;
  sendTo(client, "x", "127.255.255.255", 5000);
  sendTo(client, "y", "127.255.255.255", 5000);
  // One is all that a turn has time for.
  assert.ok(stack.run(64));
  const [got, dropped] = [many.filter(({ queue }) => queue.count > 0), many.filter(({ drops }) => drops > 0)];
  assert.equal([got.length, dropped.length], [1024, 476]);
  assert.ok(got.every(({ queue, drops }) => queue.count === 1 && drops === 0));
  assert.equal([stack.core.counters.udp.RcvbufErrors, stack.core.counters.udp.InErrors], [476, 476]);
  for (const endpoint of [client, ...many]) endpoint.close();
  drain(stack);
  assert.is(stack.core.pools.used, 0);
});

test("who wants its own groups alone gets those, however many it is in", () => {
  const stack = makeStack();
  const endpoint = endpointOf(stack, true);
  endpoint.takesAllGroups6 = false;
  assert.is(endpoint.bind(ip("::"), 5353), 0);
  const group = (at: number): ReturnType<typeof ip> => ip(`ff05::1:${at.toString(16)}`);
  for (let at = 0; at < 1000; at++) assert.is(endpoint.join(group(at), 1), 0);
  assert.is(endpoint.join(group(7), 1), -E.EADDRINUSE);
  assert.is(endpoint.leave(group(500), 0), 0);
  assert.is(endpoint.leave(group(500), 0), -E.EADDRNOTAVAIL);
  const other = endpointOf(stack, true);
  assert.is(other.join(group(500), 1), 0);
  const [first, second] = [group(499), group(500)];
  // Both are groups that this host is in.
  for (const { w0, w1, w2, w3 } of [first, second]) assert.ok(stack.core.memberships.has(1, w0, w1, w2, w3));
  const client = endpointOf(stack, true);
  client.multicastDevice6 = 1;
  stack.core.tables.addRoute(route("ff00::/8", 1, { table: 255, type: RTN_MULTICAST }));
  sendTo(client, "in", first.toString(), 5353);
  sendTo(client, "out", second.toString(), 5353);
  drain(stack);
  assert.equal([take(endpoint), take(endpoint)], ["in", null]);
  for (const one of [endpoint, other, client]) one.close();
  assert.is(stack.core.memberships.count, 0);
});

test("endpoints come and go in any order, and all get what is theirs", () => {
  const stack = makeStack();
  const random = seededRandom(21);
  const open: ReturnType<typeof endpointOf>[] = [];
  const client = bound(stack, "127.0.0.1");
  for (let i = 0; i < 2000; i++) {
    if (open.length === 0 || random() < 0.55) {
      const endpoint = endpointOf(stack);
      endpoint.reusePort = random() < 0.7;
      endpoint.reuseAddress = true;
      assert.is(
        endpoint.bind(ip(random() < 0.5 ? "127.0.0.1" : "0.0.0.0"), 5000 + Math.floor(random() * 3)),
        0,
      );
      if (random() < 0.2) assert.is(endpoint.connect(ip("127.0.0.1"), 1 + Math.floor(random() * 2)), 0);
      open.push(endpoint);
    } else open.splice(Math.floor(random() * open.length), 1)[0]!.close();
    const port = 5000 + (i % 3);
    const isHeard = open.some(({ localPort, remote }) => localPort === port && remote === null);
    sendTo(client, "x", "127.0.0.1", port);
    drain(stack);
    const heard = open.filter((endpoint) => take(endpoint) !== null);
    assert.is(heard.length, isHeard ? 1 : 0);
    for (const { localPort, remote } of heard) assert.equal([localPort, remote], [port, null]);
  }
  for (const endpoint of [client, ...open]) endpoint.close();
  assert.equal([stack.udp.table.count, stack.core.pools.used], [0, 0]);
});

test("endpoints without end are bounded by buffers, and those come back", () => {
  const stack = makeStack(1, { smallPackets: 100, largePackets: 2 });
  const servers = Array.from({ length: 10 }, (_, at) => bound(stack, "127.0.0.1", 5000 + at));
  const client = endpointOf(stack);
  for (let i = 0; i < 300; i++) {
    assert.is(sendTo(client, "x", "127.0.0.1", 5000 + (i % 10)), 1);
    drain(stack);
  }
  assert.is(stack.core.pools.used, 75);
  assert.is(stack.core.counters.udp.MemErrors, 225);
  const rest = Array.from({ length: 25 }, () => stack.core.pools.small.take()!);
  assert.is(sendTo(client, "x", "127.0.0.1", 5000), -E.ENOBUFS);
  for (const packet of rest) packet.release();
  for (const server of servers) server.close();
  assert.is(stack.core.pools.used, 0);
});

test("who stands aside is in nobody's way, and gets what is sent to his address", () => {
  const stack = makeStack();
  const aside = endpointOf(stack);
  aside.isAside = true;
  assert.is(aside.bind(ip("127.0.0.11"), 53), 0);
  const any = endpointOf(stack);
  assert.is(any.bind(ip("0.0.0.0"), 53), 0);
  const client = endpointOf(stack);
  sendTo(client, "x", "127.0.0.11", 53);
  drain(stack);
  assert.is(any.receive(), null);
  const packet = aside.receive();
  assert.is(packet?.length, 1);
  packet!.release();
});

test.run();
