// A network namespace whose sockets a container has (others use it, or --network=host): guests see the links, addresses and
// routes that their sockets are on, as others there do, and change nothing of them; who looks for them may do nothing else.
//
// deadline: 240 s

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, run } from "../spawn.ts";
import { buildDriver } from "./driver.ts";
import { giveLink, type Linked, withLink, withOwnNamespace } from "./linked.ts";
import { missing } from "./network_room.ts";
import { children, exists, procLink, status } from "./processes.ts";

const why = missing();
if (why !== null) console.log(why);
const linked = why === null ? test : test.skip;
const hasTun = existsSync("/dev/net/tun");
if (!hasTun) console.log("missing: /dev/net/tun, for a link that is no Ethernet");

const viewerDriver = (): string => buildDriver("viewer_driver", ["privileges", "report", "buffer"]);

/** All that busybox tells of a network. */
const LOOK = ["ip addr", "ip route", "ip -6 route | sort", "ip rule", "ifconfig -a"]
  .map((what) => `busybox ${what}`)
  .join("; ");

/** Without what kernels tell differently: who is at a link's other end, queues, what was counted, an order of addresses. */
function alike(text: string): string {
  return text
    .replaceAll(/@\w+:/g, ":")
    .replaceAll(/,M-DOWN/g, "")
    .replaceAll(/^ +inet6 addr:.*\n/gm, "")
    .replaceAll(/ qdisc \w+ /g, " ")
    .replaceAll(/^ +(RX|TX|collisions).*\n/gm, "")
    .replaceAll(/ qlen \d+/g, "");
}

/** With a container in a room, in whose namespace somebody else is. */
function withShared(text: string, body: (linked: Linked) => Promise<void>): Promise<void> {
  return withLink(text, async (one) => {
    const user = Number(one.room.sh("nsenter --net=$1 sleep 200 >/dev/null 2>&1 & echo $!"));
    try {
      await body(one);
    } finally {
      process.kill(user);
    }
  });
}

/** Both kernels come to tell the same. */
async function isAlike(one: Linked): Promise<void> {
  let [native, here] = ["", ""];
  const same = await eventually(async () => {
    native = alike(one.room.inside(LOOK));
    here = alike(await one.says(LOOK));
    return native === here;
  }, 10_000);
  if (!same) assert.is(here, native);
}

for (const workers of ["solo", "2"])
  linked(`links are seen as others there see them, whatever becomes of them (--workers=${workers})`, () =>
    withShared("ip -o addr; sleep 200", async (one) => {
      const { room } = one;
      await one.start(`--workers=${workers}`);
      // The first program finds them.
      assert.ok(await eventually(() => one.said() !== "", 10_000));
      assert.match(one.said(), /eth0 +inet 10\.9\.0\.2\/24 [\s\S]*eth0 +inet6 fd09::2\/64 /);
      await isAlike(one);
      for (const change of [
        "ip link set eth0 mtu 1400",
        "ip link set eth0 down; ip link set eth0 name lan0; ip link set lan0 up",
        "ip addr add 10.8.0.2/16 dev lan0; ip addr add fd08::2/48 dev lan0 nodad; ip addr del 10.9.0.2/24 dev lan0; ip addr add 10.9.0.3/24 dev lan0",
        "ip route add 10.7.0.0/16 via 10.9.0.1; ip -6 route add fd07::/32 via fd08::1; ip rule add from 10.8.0.2 table 7",
        "ip link add more type veth peer name other; ip link set more up; ip link set other up",
        "ip link set more address 02:00:00:00:07:07; ip link set other multicast off",
        "ip addr add 10.6.0.1/24 dev more; ip link set other down",
        "ip addr del fd08::2/48 dev lan0",
        `${hasTun ? "ip tuntap add mode tun dev tun0" : "ip link add tun0 type veth"}; ip addr add 10.5.0.1 peer 10.5.0.2 dev tun0; ip link set tun0 up`,
        "ip addr add 192.0.2.1/32 dev lo; ip link set lo mtu 30000",
        "ip link del more; ip link del tun0",
        "ip link set lo down",
        "ip link set lo up; ip route add default via 10.9.0.1; ip route del 10.7.0.0/16",
      ]) {
        room.inside(change);
        await isAlike(one);
      }
      room.sh("ip link del veth0");
      await isAlike(one);
    }),
  );

linked("many changes at once are not lost", () =>
  withShared("sleep 200", async (one) => {
    await one.start();
    one.room.inside(
      "for i in $(seq 200); do ip addr add 10.8.$i.1/24 dev eth0; done; for i in $(seq 20); do ip link add a$i type veth peer name b$i; ip link del a$i; done",
    );
    await isAlike(one);
  }),
);

linked("what was lost while the viewer slept is found out", () =>
  withShared("sleep 200", async (one) => {
    const { keeper: viewer } = await one.start();
    await isAlike(one);
    process.kill(viewer, "SIGSTOP");
    one.room.inside(
      "for i in $(seq 12); do for j in $(seq 100); do echo addr add 10.8.$i.$j/32 dev eth0; done; done | ip -batch -; ip addr flush dev eth0; ip link add more type veth peer name other; ip addr add 10.8.0.1/24 dev eth0",
    );
    process.kill(viewer, "SIGCONT");
    await isAlike(one);
    one.room.inside("ip link del other");
    await isAlike(one);
  }),
);

/** Who has CAP_NET_ADMIN in the sandbox has none of it there. */
const CHANGES = [
  "ip link set eth0 down",
  "ip link set eth0 mtu 1300",
  "ip link add d0 type dummy",
  "ip link del eth0",
  "ip addr add 10.9.0.9/24 dev eth0",
  "ip addr del 10.9.0.2/24 dev eth0",
  "ip route del default",
  "ip route add 10.4.0.0/16 via 10.9.0.1",
  "ip rule add from 10.9.0.2 table 7",
  "ifconfig eth0 mtu 1200",
  "ifconfig lo down",
];

linked("nobody in the sandbox changes them", () =>
  withShared("sleep 200", async (one) => {
    await one.start();
    const before = one.room.state();
    for (const change of CHANGES) assert.match(await one.says(change), /Operation not permitted/, change);
    assert.is(one.room.state(), before);
    await isAlike(one);
  }),
);

linked("a namespace of the sandbox's own, with --network=host", () =>
  withOwnNamespace(
    "ip -o addr; sleep 200",
    async (one, pid) => {
      giveLink(one, pid, "eth5", "10.7.0");
      one.go();
      assert.ok(await eventually(() => one.said() !== "", 10_000));
      assert.match(one.said(), /lo +inet 127\.0\.0\.1\/8/);
      const isSeen = async (): Promise<boolean> =>
        /eth5 +inet 10\.7\.0\.2\/24/.test(await one.says("ip -o addr"));
      assert.ok(await eventually(isSeen, 10_000));
      assert.match(await one.says("ping -c 1 -W 5 10.7.0.1"), / 0% packet loss/);
    },
    "--network=host",
  ),
);

linked("of its caller's own namespace a container is told nothing, however that is named", () =>
  withLink(
    "ip -o link",
    async (one) => {
      assert.match(one.room.sh("ip -o link"), /veth0/);
      for (const network of ["host", "sandbox"]) {
        const said = await one.run(`--network=${network}`);
        assert.match(said, /^1: lo: .*\n$/, network);
      }
    },
    (config) => {
      config.linux.namespaces = config.linux.namespaces.map(({ type }) =>
        type === "network" ? { type, path: "/proc/self/ns/net" } : { type },
      );
    },
  ),
);

for (const victim of ["viewer", "node", "init"] as const)
  linked(`after the death of ${victim} nothing of it is left there`, () =>
    withShared("sleep 200", async (one) => {
      const before = one.room.state();
      const { keeper: viewer, node, init } = await one.start();
      assert.is(status(viewer, "Name"), "ringfence-view");
      assert.is(one.room.state(), before);
      process.kill({ viewer, node, init }[victim], "SIGKILL");
      assert.ok(await eventually(() => !exists(viewer), 5000));
      assert.is(one.room.state(), before);
      if (victim !== "viewer") return;
      assert.match(
        await one.says("ip -o addr; ping -c 1 -W 5 10.9.0.1"),
        /10\.9\.0\.2[\s\S]* 0% packet loss/,
      );
      assert.match(readFileSync(one.log, "utf8"), /viewer of the network has ended/);
    }),
  );

linked("the viewer has no capability, no file, and its filter", () =>
  withShared("sleep 200", async (one) => {
    const { keeper: viewer } = await one.start();
    for (const set of ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"])
      assert.is(BigInt(`0x${status(viewer, set)}`), 0n, set);
    assert.is(status(viewer, "Seccomp"), "2");
    assert.is(status(viewer, "NoNewPrivs"), "1");
    assert.match(procLink(viewer, "root")!, /\/sandbox\/empty$/);
    assert.is(children(viewer).length, 0);
    const open = readdirSync(`/proc/${viewer}/fd`).map((fd) => procLink(viewer, `fd/${fd}`)!);
    assert.is(open.length, 2);
    for (const target of open) assert.match(target, /^socket:/);
  }),
);

for (const [who, flags] of [
  ["root", ["-n"]],
  ["who has all in a user namespace, and is not root there,", ["-Un", "--keep-caps"]],
] as const)
  linked(`of the capabilities of ${who} keeper, viewer and maker keep their own`, async () => {
    const empty = mkdtempSync("/tmp/ringfence-empty-");
    chmodSync(empty, 0o755);
    const { stdout, stderr } = await run("unshare", [...flags, viewerDriver(), empty, "roles"]);
    rmdirSync(empty);
    const none = "0".repeat(16);
    const sets = { keeper: "0000000000003400", viewer: none, maker: "0000000000002400" };
    const lines = Object.entries(sets).map(
      ([name, set]) => `${name} CapPrm:\t${set}\n${name} CapBnd:\t${none}\n`,
    );
    assert.is(stdout.toString(), lines.join(""), stderr.toString());
  });

linked("a viewer that somebody has taken over makes no socket, and changes nothing", async () => {
  const empty = mkdtempSync("/tmp/ringfence-empty-");
  const { stdout, stderr } = await run("unshare", ["-n", viewerDriver(), empty]);
  rmdirSync(empty);
  const outcomes = stdout.toString().trimEnd().split("\n");
  assert.ok(outcomes.length > 15, stderr.toString());
  const others = outcomes.filter((line) => !line.endsWith(": killed"));
  assert.equal(others, ["poll: done", "looking at lo: done", "changing lo: Operation not permitted"]);
});

test.run();
