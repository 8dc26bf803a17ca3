// Links of a container's network namespace: the sandbox's own stack is what answers there, with the addresses and routes
// of the host's side, whose stack is cut off; and whatever ends, the namespace is as before.
//
// deadline: 240 s

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { buildDriver } from "./driver.ts";
import { giveLink, withLink, withOwnNamespace } from "./linked.ts";
import { missing } from "./network_room.ts";
import { children, exists, procLink, status } from "./processes.ts";

const why = missing();
if (why !== null) console.log(why);
const linked = why === null ? test : test.skip;
const peer = why === null ? buildDriver("link_peer", [], ["-static"]) : "";

linked("addresses and routes are those of the host's side, and peers answer", () =>
  withLink(
    "ip -o addr show dev eth0; ip route; ping -c 2 -W 5 10.9.0.1; ping -c 2 -W 5 fd09::1; ping -c 1 -s 30000 -W 5 fd09::1; ip neigh",
    async (one) => {
      const before = one.room.state();
      const said = await one.run();
      assert.match(said, /eth0 +inet 10\.9\.0\.2\/24 /);
      assert.match(said, /eth0 +inet6 fd09::2\/64 /);
      assert.match(said, /^default via 10\.9\.0\.1 dev eth0/m);
      assert.is(said.match(/ 0% packet loss/g)?.length, 3);
      assert.match(said, /10\.9\.0\.1 dev eth0 lladdr (..:){5}.. .*REACHABLE/);
      assert.is(one.room.state(), before);
    },
  ),
);

linked("a packet socket sends frames on a link, and sees those that go out and come in", () =>
  withLink("link_sniffer eth0 10.9.0.2 10.9.0.1", async (one) => {
    assert.is(await one.run(), "asked: 42\nanswered: to me 1, way 0\nping: 0, out 2, in 2\n");
  }),
);

linked("a link with another name is cut off by that one alone", () =>
  withLink("sleep 30", async (one) => {
    await one.start();
    const { room } = one;
    const hooks = (): string =>
      room
        .inside("nft list ruleset")
        .match(/(?<=device "?)\w+/g)
        ?.join() ?? "";
    for (const [before, name] of [
      ["eth0", "lan0"],
      ["lan0", "eth0"],
      ["eth0", "lan0"],
    ] as const) {
      room.inside(`ip link set ${before} name ${name}`);
      assert.ok(await eventually(() => hooks() === name, 10_000), hooks());
      const seen = await room.runs(one.command("exec", one.bundle.id, "ip", "-o", "link"));
      assert.match(seen.stdout.toString(), new RegExp(`: ${name}: `));
      assert.match(room.sh("busybox ping -c 1 -W 5 10.9.0.2"), / 0% packet loss/);
    }
  }),
);

linked("a native peer's pings and datagrams are answered by the sandbox, long ones too", () =>
  withLink("link_peer echo 4 7000 40 20 & link_peer echo 6 7001 40 20 & sleep 30", async (one) => {
    await one.start();
    assert.ok(await eventually(() => one.said().split("listening").length === 3, 10_000));
    const { room } = one;
    assert.match(
      room.sh("busybox ping -c 2 -W 5 10.9.0.2; busybox ping -c 2 -W 5 fd09::2"),
      / 0% packet loss[\s\S]* 0% packet loss/,
    );
    for (const [address, port] of [
      ["10.9.0.2", 7000],
      ["fd09::2", 7001],
    ] as const)
      for (const size of [1, 1400, 9000, 60000])
        assert.is(room.sh(`${peer} ask ${address} ${port} ${size} 8`), "good 8\n", `${address} ${size}`);
    const counted = await room.runs(one.command("exec", one.bundle.id, "cat", "/proc/net/dev"));
    assert.ok(Number(/eth0: *(\d+)/.exec(counted.stdout.toString())![1]) > 1_000_000);
    // The host's own stack has got nothing of that.
    const counters = room.inside("nft list ruleset");
    assert.match(counters, /table netdev ringfence[\s\S]*hook ingress device "?eth0"?[\s\S]*policy drop/);
  }),
);

linked("localhost on the host's side leads to what the guest listens on", () =>
  withLink(
    `mkdir /tmp/w; echo served > /tmp/w/index.html
     for at in 127.0.0.1:80 81 '[::1]:82'; do httpd -p $at -h /tmp/w; done
     nc -ll -p 83 -e cat & echo up; read stop; echo stopped; sleep 60`,
    async (one) => {
      const { room } = one;
      const before = room.state();
      await one.start();
      const get = (at: string): string => room.inside(`curl -s -m 5 http://${at}/ || echo none`);
      assert.ok(await eventually(() => get("127.0.0.1:81") === "served\n", 10_000), one.said());
      assert.is(get("127.0.0.1:80"), "served\n");
      assert.is(get("[::1]:81"), "served\n");
      assert.is(get("[::1]:82"), "served\n");
      assert.is(get("127.0.0.1:82"), "none\n");
      // By the link's own address where the guest listens there too.
      assert.is(get("10.9.0.2:80"), "none\n");
      assert.is(get("10.9.0.2:81"), "served\n");
      const echoed =
        "head -c 3000000 /dev/urandom > /tmp/rf.$$; nc -N 127.0.0.1 83 < /tmp/rf.$$ | cmp - /tmp/rf.$$ && echo same; rm /tmp/rf.$$";
      assert.is(room.inside(echoed), "same\n");
      const others = "for i in 1 2 3 4 5 6 7 8; do curl -s -m 5 http://127.0.0.1:81/ & done; wait";
      assert.is(room.inside(others), "served\n".repeat(8));
      await room.runs(one.command("exec", one.bundle.id, "killall", "httpd"));
      assert.ok(await eventually(() => get("127.0.0.1:81") === "none\n", 5000));
      assert.match(room.inside("ss -Hltn"), /^\S+ +\S+ +\S+ +0\.0\.0\.0:83 .*\n.*\[::\]:83/);
      await one.room.runs(one.command("delete", "--force", one.bundle.id));
      assert.is(room.inside("ss -Hltn"), "");
      assert.is(room.state(), before);
    },
    (config) => {
      config.linux["sysctl"] = { "net.ipv4.ip_unprivileged_port_start": "0" };
    },
  ),
);

linked("who listens again and again, on more ports than are mirrored, is served as before", () =>
  withLink(
    "link_peer churn 5000 600 20 & echo one > /tmp/index.html; httpd -f -p 4000 -h /tmp",
    async (one) => {
      const { room } = one;
      await one.start();
      assert.ok(await eventually(() => one.said().includes("churned"), 20_000), one.said());
      assert.match(room.sh("curl -s -m 5 http://10.9.0.2:4000/"), /one/);
      const count = (): number => room.inside("ss -Hltn").split("\n").length - 1;
      assert.ok(await eventually(() => count() === 256, 5000), String(count()));
      await room.runs(one.command("exec", one.bundle.id, "killall", "link_peer"));
      assert.ok(await eventually(() => count() <= 2, 10_000), String(count()));
    },
  ),
);

linked("ports that are listened on at once are all mirrored, however late the keeper is", () =>
  withLink("sleep 60", async (one) => {
    const { room, bundle } = one;
    const { keeper } = await one.start();
    const mirrors = (): number => room.inside("ss -Hltn").split("\n").length - 1;
    process.kill(keeper, "SIGSTOP");
    const churn = one.command("exec", bundle.id, "link_peer", "churn", "5000", "200", "1").join(" ");
    room.sh(`${churn} >${bundle.directory}/churned 2>&1 </dev/null &`);
    const isDone = (): boolean => readFileSync(join(bundle.directory, "churned"), "utf8") !== "";
    assert.ok(await eventually(isDone, 10_000));
    assert.is(mirrors(), 0);
    process.kill(keeper, "SIGCONT");
    assert.ok(await eventually(() => mirrors() === 200, 5000), String(mirrors()));
  }),
);

linked("the sandbox asks a native peer", () =>
  withLink(
    "for s in 1 1400 9000 60000; do link_peer ask 10.9.0.1 7000 $s 8; link_peer ask fd09::1 7001 $s 8; done",
    async (one) => {
      one.room.sh(`(${peer} echo 4 7000 32 20 & ${peer} echo 6 7001 32 20 &) >/dev/null 2>&1`);
      assert.is(await one.run(), "good 8\n".repeat(8));
    },
  ),
);

linked("streams both ways between the sandbox and a native peer", () =>
  withLink("link_peer sink 4 7000 3 & link_peer sink 6 7001 3 & sleep 60", async (one) => {
    await one.start();
    assert.ok(await eventually(() => one.said().split("listening").length === 3, 10_000));
    const { room, bundle } = one;
    for (const bytes of [0, 1, 30_000_000]) {
      assert.is(room.sh(`${peer} pour 10.9.0.2 7000 ${bytes}`), `good ${bytes}\n`);
      assert.is(room.sh(`${peer} pour fd09::2 7001 ${bytes}`), `good ${bytes}\n`);
    }
    room.sh(`(${peer} sink 4 7000 3 & ${peer} sink 6 7001 3 &) >/dev/null 2>&1`);
    for (const bytes of [0, 1, 30_000_000])
      for (const [address, port] of [
        ["10.9.0.1", "7000"],
        ["fd09::1", "7001"],
      ] as const) {
        const words = one.command("exec", bundle.id, "link_peer", "pour", address, port, String(bytes));
        assert.is((await room.runs(words)).stdout.toString(), `good ${bytes}\n`);
      }
    // Nobody is there, and the host's stack says nothing of its own.
    const refused = await room.runs(
      one.command("exec", bundle.id, "link_peer", "pour", "10.9.0.1", "7999", "1"),
    );
    assert.match(refused.stderr.toString(), /connect: Connection refused/);
    assert.throws(() => room.sh(`${peer} pour 10.9.0.2 7999 1`), /Connection refused/);
  }),
);

/** One frame in twenty is lost, each way. */
const LOSSES = `
nft add table netdev bad
for hook in ingress egress; do
  nft "add chain netdev bad $hook { type filter hook $hook device veth0 priority 0; policy accept; }"
  nft add rule netdev bad $hook numgen random mod 20 0 drop
done`;

linked("streams over a link that loses frames", () =>
  withLink("link_peer sink 4 7000 1 & sleep 60", async (one) => {
    const { room } = one;
    room.sh(LOSSES);
    await one.start();
    assert.ok(await eventually(() => one.said().includes("listening"), 10_000));
    assert.is(room.sh(`${peer} pour 10.9.0.2 7000 5000000`), "good 5000000\n");
    room.sh(`(${peer} sink 6 7001 1 &) >/dev/null 2>&1`);
    const words = one.command("exec", one.bundle.id, "link_peer", "pour", "fd09::1", "7001", "5000000");
    assert.is((await room.runs(words)).stdout.toString(), "good 5000000\n");
  }),
);

linked(
  "a neighbour who floods the link with frames of all kinds does not end the sandbox, and changes little",
  () =>
    withLink("link_peer echo 4 7000 1000000 60 & sleep 60", async (one) => {
      const flood = buildDriver("link_flood");
      await one.start();
      assert.ok(await eventually(() => one.said().includes("listening"), 10_000));
      const { room, bundle } = one;
      const [mac] = /(?<=ether )\S+/.exec(room.inside("ip link show eth0"))!;
      for (const seed of [1, 2]) assert.match(room.sh(`${flood} veth0 ${mac} 2 ${seed}`), /sent \d{4,}/);
      const inside = async (...words: string[]): Promise<string> =>
        (await room.runs(one.command("exec", bundle.id, ...words))).stdout.toString();
      // Addresses that routers made up, at most as many as Linux takes, and neighbours as its tables hold.
      assert.ok((await inside("ip", "-o", "-6", "addr", "show", "dev", "eth0")).split("\n").length <= 20);
      assert.ok((await inside("ip", "neigh")).split("\n").length <= 2050);
      assert.match(await inside("ip", "-o", "addr"), /10\.9\.0\.2/);
      // Whoever took over veth0's addresses in the meantime is found out.
      room.sh("busybox arping -c 1 -U -I veth0 -s 10.9.0.1 10.9.0.1 || true");
      assert.ok(
        await eventually(
          () => / 0% packet loss/.test(room.sh("busybox ping -c 1 -W 2 10.9.0.2 || true")),
          20_000,
        ),
      );
      assert.is(room.sh(`${peer} ask 10.9.0.2 7000 1400 5`), "good 5\n");
      const log = readFileSync(one.log, "utf8");
      assert.not.match(log, /level=error|threw/, log);
    }),
);

linked("links that come and go while it runs", () =>
  withLink("sleep 60", async (one) => {
    await one.start();
    const { room, bundle } = one;
    const shown = async (): Promise<string> =>
      (await room.runs(one.command("exec", bundle.id, "ip", "-o", "addr"))).stdout.toString();
    assert.not.match(await shown(), /eth1/);
    room.sh(
      "ip link add veth1 type veth peer name eth1; ip addr add 10.8.0.1/24 dev veth1; ip link set veth1 up; ip link set eth1 netns $1",
    );
    room.inside("ip addr add 10.8.0.2/24 dev eth1; ip link set eth1 up");
    assert.ok(await eventually(async () => /eth1 +inet 10\.8\.0\.2/.test(await shown()), 5000));
    assert.match(room.sh("busybox ping -c 2 -W 5 10.8.0.2"), / 0% packet loss/);
    // With another name it is cut off all the same: what the host's stack knows nothing of gets no reset from it.
    room.inside("ip link set eth1 down; ip link set eth1 name eth7; ip link set eth7 up");
    assert.ok(await eventually(async () => /eth7 +inet 10\.8\.0\.2/.test(await shown()), 5000));
    room.sh(`(${peer} sink 4 7000 1 &) >/dev/null 2>&1`);
    const words = one.command("exec", bundle.id, "link_peer", "pour", "10.8.0.1", "7000", "100000");
    assert.is((await room.runs(words)).stdout.toString(), "good 100000\n");
    room.inside("ip addr del 10.9.0.2/24 dev eth0");
    assert.ok(await eventually(async () => !/10\.9\.0\.2/.test(await shown()), 5000));
    room.sh("ip link del veth1");
    assert.ok(await eventually(async () => !/eth7/.test(await shown()), 5000));
  }),
);

linked("a namespace of the sandbox's own gets links between create and start", () =>
  withOwnNamespace("ip -o addr show dev eth5; ping -c 2 -W 5 10.7.0.1", async (one, pid) => {
    giveLink(one, pid, "eth5", "10.7.0");
    one.go();
    assert.ok(await eventually(() => / packet loss/.test(one.said()), 15_000), one.said());
    assert.match(one.said(), /inet 10\.7\.0\.2\/24[\s\S]* 0% packet loss/);
  }),
);

linked("a link that cannot be cut off is left to the host; later ones are taken all the same", () =>
  withOwnNamespace("sleep 60", async (one, pid) => {
    const { room, bundle } = one;
    const there = `nsenter -t ${pid} -n`;
    // The packet filter's table is another's, for as long as that one lives.
    const own = '(echo "add table netdev ringfence { flags owner; }"; sleep 30)';
    const owner = Number(room.sh(`${own} 2>/dev/null | ${there} nft -i >/dev/null 2>&1 & echo $!`));
    const isOwned = (): boolean => room.sh(`${there} nft list tables`).includes("ringfence");
    assert.ok(await eventually(isOwned, 10_000));
    giveLink(one, pid, "eth5", "10.7.0");
    one.go();
    const isLeft = /the link eth5 is left to the host: the host's stack cannot be cut off/;
    assert.ok(await eventually(() => isLeft.test(readFileSync(one.log, "utf8")), 10_000));
    process.kill(owner, "SIGKILL");
    // The table is gone with it; the keeper may have made its own at once, when something was said of eth5.
    assert.ok(await eventually(() => !exists(owner), 10_000));
    giveLink(one, pid, "eth6", "10.6.0");
    const shown = async (): Promise<string> =>
      (await room.runs(one.command("exec", bundle.id, "ip", "-o", "addr"))).stdout.toString();
    const isTaken = await eventually(async () => /eth6 +inet 10\.6\.0\.2/.test(await shown()), 10_000);
    assert.ok(isTaken, readFileSync(one.log, "utf8"));
    assert.match(room.sh("busybox ping -c 1 -W 5 10.6.0.2"), / 0% packet loss/);
  }),
);

linked("a name server at 127.0.0.11 of the host's side is reached, and reaches others", () =>
  withOwnNamespace(
    "link_peer ask 127.0.0.11 53 100 20; link_peer ask 127.0.0.11 53 1400 2; echo over; sleep 60",
    async (one, pid) => {
      const { room, bundle } = one;
      giveLink(one, pid, "eth5", "10.7.0");
      room.sh(`(${peer} echo 4 53 20 30 >/dev/null 2>&1 &)`);
      room.sh(`(${peer} names /proc/${pid}/ns/net 22 >${room.directory}/names 2>&1 &)`);
      const names = (): string => readFileSync(join(room.directory, "names"), "utf8");
      assert.ok(await eventually(() => names() !== "", 5000));
      assert.is(names(), "listening\n");
      one.go();
      assert.ok(await eventually(() => /over/.test(one.said()), 20_000), one.said());
      assert.match(one.said(), /good 20\ngood 2\n/);
      // Nobody listens any more: the asker hears that at once, and not by silence.
      const ask = one.command("exec", bundle.id, "nslookup", "-type=a", "example.org", "127.0.0.11");
      const said = await room.runs(ask);
      assert.match(`${said.stdout}${said.stderr}`, /SERVFAIL/);
      const taken = await room.runs(
        one.command("exec", bundle.id, "link_peer", "echo", "4", "60001", "1", "1"),
      );
      assert.match(taken.stderr.toString(), /bind: Address already in use/);
    },
  ),
);

linked("where the host's side has no IPv6 on a link, or believes no router, so it is in the sandbox", () =>
  withLink("sleep 60", async (one) => {
    const { room, bundle } = one;
    room.inside("echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6");
    room.sh(
      "ip link add veth1 type veth peer name eth1; ip link set veth1 up; ip link set eth1 netns $1; nsenter --net=$1 sh -c 'echo 0 > /proc/sys/net/ipv6/conf/eth1/accept_ra; ip link set eth1 up'",
    );
    await one.start();
    const ask = one.command("exec", bundle.id, "ip", "-o", "-6", "addr");
    const shown = (await room.runs(ask)).stdout.toString();
    assert.not.match(shown, /eth0/);
    assert.match(shown, /eth1 +inet6 fe80/);
    // Among much else the advertisements of a router.
    const [mac] = /(?<=ether )\S+/.exec(room.inside("ip link show eth1"))!;
    for (const name of ["veth0", "veth1"])
      assert.match(room.sh(`${buildDriver("link_flood")} ${name} ${mac} 1 3`), /sent/);
    const after = (await room.runs(ask)).stdout.toString();
    assert.not.match(after, /eth0/);
    assert.is(after.split("\n").filter((line) => /eth1/.test(line)).length, 1);
  }),
);

for (const victim of ["keeper", "node", "init"] as const)
  linked(`after the death of ${victim} the namespace is as before`, () =>
    withLink("httpd -p 4000; sleep 60", async (one) => {
      const before = one.room.state();
      const processes = await one.start();
      const mirrors = (): string => one.room.inside("ss -Hltn");
      assert.ok(await eventually(() => mirrors().includes("0.0.0.0:4000"), 5000));
      assert.match(one.room.inside("ss -Hxa"), /@ringfence/);
      assert.ok(exists(processes.keeper));
      assert.is.not(one.room.state(), before);
      process.kill(processes[victim], "SIGKILL");
      assert.ok(await eventually(() => one.room.state() === before, 5000), one.room.state());
      assert.not(exists(processes.keeper));
      assert.ok(await eventually(() => mirrors() === "", 2000), mirrors());
      assert.not.match(one.room.inside("ss -Hxa"), /@ringfence/);
      // The host's own stack answers again.
      assert.match(one.room.sh("busybox ping -c 1 -W 5 10.9.0.2"), / 0% packet loss/);
      if (victim !== "keeper") return;
      const { stdout } = await one.room.runs(one.command("exec", one.bundle.id, "ip", "-o", "addr"));
      assert.not.match(stdout.toString(), /eth0/);
      assert.match(readFileSync(one.log, "utf8"), /keeper of the network has ended/);
    }),
  );

linked("the keeper has three capabilities, no file, and its filter", () =>
  withLink("sleep 60", async (one) => {
    const { keeper } = await one.start();
    // CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW
    const network = (1n << 10n) | (1n << 12n) | (1n << 13n);
    for (const set of ["CapEff", "CapPrm"]) assert.is(BigInt(`0x${status(keeper, set)}`), network);
    for (const set of ["CapBnd", "CapInh", "CapAmb"]) assert.is(BigInt(`0x${status(keeper, set)}`), 0n);
    assert.is(status(keeper, "Seccomp"), "2");
    assert.is(status(keeper, "NoNewPrivs"), "1");
    assert.match(procLink(keeper, "root")!, /\/sandbox\/empty$/);
    assert.is(children(keeper).length, 0);
  }),
);

linked("a namespace that others use is shared with them; --network=none has loopback alone", () =>
  withLink(
    "ip -o addr show dev eth0; wget -q -O - http://127.0.0.1:8080/; for i in $(seq 40); do wget -q -O - http://127.0.0.1:8081/ && break; sleep 0.1; done; echo done",
    async (one) => {
      const { room } = one;
      const { directory } = one.bundle;
      writeFileSync(join(directory, "index.html"), "native\n");
      const serve = `nsenter --net=$1 busybox httpd -f -p 127.0.0.1:8080 -h ${directory} >/dev/null 2>&1 & echo $!`;
      const user = room.sh(serve).trim();
      const before = room.state();
      const other = `nsenter --net=$1 sh -c 'sleep 2; exec busybox httpd -f -p 8081 -h ${directory}' >/dev/null 2>&1 & echo $!`;
      const late = room.sh(other).trim();
      const said = await one.run();
      assert.match(said, /eth0 +inet 10\.9\.0\.2\/24 [\s\S]*eth0 +inet6 fd09::2\/64 /);
      assert.match(said, /native\nnative\ndone\n$/);
      assert.match(readFileSync(one.log, "utf8"), /used by other processes: .* sockets of the host there/);
      assert.is(room.state(), before);
      const strict = await room.runs(one.command("--strict", "run", "--bundle", directory, one.bundle.id));
      assert.is(strict.code, 1);
      assert.match(strict.stderr.toString(), /refused by --strict/);
      assert.not.match(await one.run("--network=none"), /native|eth0/);
      for (const pid of [user, late]) process.kill(Number(pid));
    },
  ),
);

linked("links that a sandbox has are no other's, until it is gone", () =>
  withLink("sleep 60", async (one) => {
    const { room, bundle } = one;
    await one.start();
    const before = room.state();
    const second = ["run", "--bundle", bundle.directory, `${bundle.id}-2`];
    const refused = await room.runs(one.command(...second));
    assert.is(refused.code, 1);
    assert.match(refused.stderr.toString(), /links of the network namespace .* cannot be shared/);
    assert.is(room.state(), before);
    assert.not(existsSync(join(bundle.root, `${bundle.id}-2`)));
    await room.runs(one.command("delete", "--force", bundle.id));
    assert.not(existsSync(join(bundle.root, bundle.id)));
    await one.start();
  }),
);

test.run();
