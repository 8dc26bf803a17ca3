// The kernel thread for the network as its users see it: what tools say of the network's configuration is the same with
// and without it, its calls are traced, its counters are told, and a sandbox ends as a whole.

import { execFileSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence, run } from "../spawn.ts";

const TOOLS =
  "ip -d addr; ip -s link; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule; ip neigh; ip link set lo up; ip link show nosuch0";

async function said(workers: string, command: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(ringfence, [`--workers=${workers}`, "do", "--", ...command], {});
  return `${stdout}${stderr}`;
}

/** The package is named where it is missing. */
const hasIp = (() => {
  try {
    execFileSync("ip", ["-V"]);
    return true;
  } catch {
    console.log("  skipped: there is no ip (package iproute2)");
    return false;
  }
})();

if (hasIp)
  test("ip says the same with one kernel thread and with two", async () => {
    const solo = await said("solo", ["sh", "-c", TOOLS]);
    assert.match(solo, /inet 127\.0\.0\.1\/8 scope host lo/);
    assert.match(solo, /inet6 ::1\/128/);
    assert.match(solo, /Device "nosuch0" does not exist/);
    assert.is(await said("2", ["sh", "-c", TOOLS]), solo);
  });

const LISTENS = `
import os, socket, sys
a = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)
b = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)
a.bind((0x1234, 0))
b.connect((0x1234, 0))
for i in range(300):
    b.send(b"%d" % i)
    assert a.recv(100) == b"%d" % i
print("received")
`;

for (const workers of ["solo", "1", "2"])
  test(`sockets are traced (--workers=${workers})`, async () => {
    const { stdout, stderr } = await run(
      ringfence,
      [`--workers=${workers}`, "--strace", "do", "--", "python3", "-c", LISTENS],
      {},
    );
    assert.is(stdout.toString(), "received\n");
    assert.match(stderr.toString(), /sendto\(4, "299", 3, .*\) = 3/);
    assert.match(stderr.toString(), /recvfrom\(3, "299", 100, .*\) = 3/);
  });

test("what another thread makes is sent from file to file as it is read", async () => {
  const script = `
import os
for name in ("dev", "route", "if_inet6", "unix"):
    r, w = os.pipe()
    fd = os.open("/proc/net/" + name, os.O_RDONLY)
    sent = os.sendfile(w, fd, None, 60000)
    os.close(w)
    assert sent > 0, name
    assert os.read(r, 60000) == open("/proc/net/" + name, "rb").read()[:sent], name
print("same")
`;
  for (const workers of ["solo", "2"]) assert.is(await said(workers, ["python3", "-c", script]), "same\n");
});

test.run();
