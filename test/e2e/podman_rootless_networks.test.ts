// deadline: 180 s
// Networks of a user's podman without privilege, once under runc and once here: pasta, which is what there is unless another is
// named, netavark's networks, and slirp4netns, all with the container in a network namespace that is the engine's user
// namespace's. Skipped, and said so, where what it takes is not installed.

import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, ringfence } from "../spawn.ts";
import { RootlessPodman, rootlessLacks } from "./rootless.ts";

const PROGRAMS = {
  pasta: "passt",
  slirp4netns: "slirp4netns",
  "/usr/lib/podman/netavark": "netavark",
  "/usr/lib/podman/aardvark-dns": "aardvark-dns",
  runc: "runc",
  curl: "curl",
  dnsmasq: "dnsmasq-base",
};
const HOST = "10.77.0.2";
const BYTES = 4_000_000;

// A way to others, which nobody goes: the engine takes its addresses for the container's. TUN devices are for everybody.
const LINK = [
  "mknod -m 666 /dev/shm/tun c 10 200 && mount --bind /dev/shm/tun /dev/net/tun",
  "ip link add eth0 type veth peer name gw && ip link set gw up && ip link set eth0 up",
  `ip addr add ${HOST}/24 dev eth0 && ip route add default via 10.77.0.1`,
  "ip addr add fd77::2/64 dev eth0 nodad && ip route add default via fd77::1",
];
const SERVE = "echo served > /tmp/index.html; echo up; exec httpd -f -p 80 -h /tmp";
/** Without what differs from one start to the next. */
const LOOK =
  "ip -o addr | grep -v -e fe80: -e fd00: | awk '{ print $2, $3, $4 }'; ip route | grep default; cat /etc/resolv.conf";
const FETCH = "wget -T 5 -q -O - http://host.containers.internal:9000/bytes | md5sum";

const why = rootlessLacks(PROGRAMS);
let podman: RootlessPodman;
const servers: ChildProcess[] = [];

/** A program of the host's side of the networks. */
function serve(...words: string[]): void {
  servers.push(spawn("nsenter", podman.room.words(words), { stdio: "ignore" }));
}

/** What a container has of its network, gets by it and serves there. */
async function scene(runtime: string, flags: readonly string[]): Promise<string> {
  const ok = (...args: string[]): Promise<string> => podman.okUnder(runtime, ...args);
  const client = `${LOOK}; ${FETCH}; nslookup -type=a known.test | tail -n 2`;
  const told = [await ok("run", "--rm", ...flags, "bb", "sh", "-c", client)];
  await ok("run", "-d", "--name", "s", ...flags, "-p", "8091:80", "bb", "sh", "-c", SERVE);
  const isUp = async (): Promise<void> => {
    const answers = async () =>
      (await podman.room.sh(`curl -s -m 5 http://${HOST}:8091/ || true`)) === "served\n";
    assert.ok(await eventually(answers, 10_000), await ok("logs", "s"));
  };
  await isUp();
  for (const host of [HOST, "127.0.0.1", "[::1]"])
    told.push(`${host} ${await podman.room.sh(`curl -sS -m 5 http://${host}:8091/ 2>&1 || true`)}`);
  told.push(await ok("exec", "s", "wget", "-T", "5", "-q", "-O", "-", "http://127.0.0.1/"));
  await ok("stop", "-t", "0", "s");
  await ok("start", "s");
  await isUp();
  await ok("rm", "-f", "-t", "0", "s");
  const left = () => fs.readdirSync(join(podman.directory, "run/netns")).length === 0;
  assert.ok(await eventually(left, 5000));
  // Its addresses follow each other.
  return told.join("\n").replace(/10\.89\.0\.\d+\//g, "10.89.0.N/");
}

async function both(flags: readonly string[]): Promise<string> {
  const expected = await scene("runc", flags);
  assert.is(await scene(ringfence, flags), expected);
  return expected;
}

if (why !== null) console.log(why);
else {
  test.before(async () => {
    podman = new RootlessPodman();
    const resolver = join(podman.directory, "resolv.conf");
    fs.writeFileSync(resolver, `nameserver ${HOST}\n`);
    await podman.start([...LINK, `mount --bind ${resolver} /etc/resolv.conf`].join(" && "));
    const pages = join(podman.directory, "pages");
    fs.mkdirSync(pages);
    fs.writeFileSync(join(pages, "bytes"), Buffer.alloc(BYTES, "some bytes"));
    serve("busybox", "httpd", "-f", "-p", "9000", "-h", pages);
    const names = ["--no-resolv", "--no-hosts", "--bind-interfaces", "--address=/known.test/10.9.8.7"];
    serve(
      "dnsmasq",
      "--keep-in-foreground",
      "--user=root",
      "--pid-file=",
      `--listen-address=${HOST}`,
      ...names,
    );
  });
  test.after(async () => {
    for (const server of servers) server.kill("SIGKILL");
    await podman.stop();
  });

  test("pasta: names, bytes, a published port at each of the host's addresses, and nothing left", async () => {
    const told = await both([]);
    assert.match(told, /eth0 inet 10\.77\.0\.2\/24[\s\S]*10\.9\.8\.7[\s\S]*127\.0\.0\.1 served/);
  });

  test("a network of the user's own: the same, behind one namespace that all of his networks share", async () => {
    await podman.ok("network", "create", "own");
    const told = await both(["--network=own"]);
    assert.match(told, /eth0 inet 10\.89\.0\.N\/24[\s\S]*10\.9\.8\.7[\s\S]*127\.0\.0\.1 served/);
    await podman.ok("network", "rm", "own");
  });

  test("slirp4netns: the same", async () => {
    assert.match(await both(["--network=slirp4netns"]), /tap0 inet 10\.0\.2\.100\/24[\s\S]*10\.9\.8\.7/);
  });
}

test.run();
