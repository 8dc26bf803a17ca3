// ip(8) in the sandbox, and natively in a network namespace of its own: what it prints, and what `ip monitor` hears, is
// the same. Natively d0 is the end of a veth pair, since not every host has dummy devices: what differs between these
// is left out.
//
// deadline: 180 s

import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const SCRIPT = `${checkout}test/e2e/network_changes.sh`;

/** A host's d0, whose other end is in another namespace, without duplicate detection and solicitations. */
const NATIVE = `
mount -t proc proc /proc
unshare -n sh -c 'ip link set lo up; read -r end' < "$2" & OTHER=$!
exec 9> "$2"
for f in all default; do
  echo 0 > /proc/sys/net/ipv6/conf/$f/accept_dad
  echo 0 > /proc/sys/net/ipv6/conf/$f/router_solicitations
done
until [ "$(readlink /proc/$OTHER/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link set lo up
ip link add d0 type veth peer name p0 netns $OTHER || exit 77
nsenter -t $OTHER -n ip link set p0 up
sh "$1" "$3"
cat "$3"
`;
const NATIVELY = [
  "-nmpf",
  "sh",
  "-c",
  `D=$(mktemp -d); mkfifo $D/end; set -- "$1" $D/end $D/monitor; trap 'rm -r $D' EXIT; ${NATIVE}`,
  "sh",
  SCRIPT,
];

const SANDBOXED = `
ip link add d0 type dummy
set -- "$1" /tmp/monitor
sh "$1" "$2"
cat "$2"
`;

/** What is not the same of dummy and veth devices, and neighbours that Linux makes by itself. */
function common(text: string): string[] {
  const lines = text
    .replaceAll(/@if\d+|@NONE|,NOARP|,MULTICAST| link-netnsid 0|NO-CARRIER,/g, "")
    .replaceAll(/state (UP|UNKNOWN)/g, "state U")
    .replaceAll(/ qlen \d+/g, "")
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => !/inet6? mcast|NOARP|txqueuelen/.test(line));
  // Links are told once more when there is a carrier.
  return lines.filter((line) => !/^(\d+: (d0|lo|e0): .* group default$| {4}link\/)/.test(line));
}

const hasAll = ["/usr/bin/unshare", "/usr/bin/nsenter"].every(existsSync) && existsSync("/usr/sbin/ip");

if (!hasAll) console.log("not installed: iproute2 or util-linux");
else {
  const native = await run("unshare", NATIVELY, { deadlineMs: 60_000 });
  if (native.code === 77) console.log("this host makes no veth devices");
  else
    for (const workers of ["1", "2"])
      test(`ip changes the network as natively, workers=${workers}`, async () => {
        const args = [`--workers=${workers}`, "do", "--", "sh", "-c", SANDBOXED, "sh", SCRIPT];
        const { stdout, stderr, code } = await run(ringfence, args, { deadlineMs: 60_000 });
        assert.is(code, 0, stderr.toString());
        const [told, expected] = [common(stdout.toString()), common(native.stdout.toString())];
        assert.ok(expected.length > 300, native.stderr.toString());
        const differs = expected.findIndex((line, i) => line !== told[i]);
        const around = (lines: string[]): string =>
          lines.slice(Math.max(0, differs - 5), differs + 3).join("\n");
        if (differs >= 0) assert.is(around(told), around(expected));
        assert.is(told.length, expected.length);
      });
}

test("a dummy device is told with its kind, its names and its state", async () => {
  const script = `
    ip link add d0 address 02:00:00:00:00:01 mtu 1400 type dummy
    ip link property add dev d0 altname other
    ip link set other up
    ip -d link show d0
    ip link add type dummy; ip link add type dummy; ip -br link | cut -d' ' -f1
    ip link del dummy0; ip link add type dummy; ip -br link | cut -d' ' -f1`;
  const { stdout } = await run(ringfence, ["do", "--", "sh", "-c", script]);
  const text = stdout.toString();
  assert.match(text, "2: d0: <BROADCAST,NOARP,UP,LOWER_UP> mtu 1400 qdisc noqueue state UNKNOWN");
  assert.match(text, "link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff");
  assert.match(text, "dummy addrgenmode eui64");
  assert.match(text, "altname other");
  assert.match(text, /lo\nd0\ndummy0\ndummy1\nlo\nd0\ndummy1\ndummy0\n$/);
});

test.run();
