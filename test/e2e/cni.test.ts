// deadline: 180 s
// alone: its names of namespaces are the host's, as podman's are
// Links that the plugins of CNI make: containers of containerd's (`ctr run --cni`), and a network namespace that is there
// before its container and after it. Skipped, and said so, where they are not installed.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually, ringfence, type SpawnResult } from "../spawn.ts";
import { Containerd } from "./containerd.ts";
import { absent, EngineRoom } from "./engine_room.ts";
import { makeRootfs } from "./rootfs.ts";

const PLUGINS = "/usr/lib/cni";
const COVERED = ["/etc/cni", "/opt", "/var/lib/cni", "/run/netns", "/run/containerd"];
const VERSION = "1.0.0";
const NAME = "trial";
const HOST_PORT = 8094;

const LIST = [
  {
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    ipMasq: true,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.77.0.0/24" }], [{ subnet: "fd78::/64" }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    },
  },
  { type: "portmap", capabilities: { portMappings: true } },
  { type: "firewall" },
];
/** portmap's CHECK looks for rules of IPv4 in IPv6's tables, and fails whoever is behind the link. */
const CHECKED = LIST.filter(({ type }) => type !== "portmap");
const RUNTIME_CONFIG = { portMappings: [{ hostPort: HOST_PORT, containerPort: 80, protocol: "tcp" }] };

const why =
  process.getuid!() !== 0
    ? "CNI's plugins are root's"
    : absent({
        ctr: "containerd",
        containerd: "containerd",
        iptables: "iptables",
        [`${PLUGINS}/bridge`]: "containernetworking-plugins",
      });

let room: EngineRoom;
let directory: string;
let containerd: Containerd;

function ctr(...args: string[]): Promise<SpawnResult> {
  return containerd.run(args, { deadlineMs: 60_000 });
}

/** The words of a container that runs that shell text. */
function container(id: string, flags: readonly string[], script: string): string[] {
  const common = ["--runc-binary", ringfence, "--env", "PATH=/bin", "--rootfs"];
  return ["run", ...flags, ...common, join(directory, "rootfs"), id, "sh", "-c", script];
}

/** What a command of the list's plugins says, one behind the other; the last one's result. */
async function plugins(
  command: "ADD" | "CHECK" | "DEL",
  namespace: string,
  result?: object,
): Promise<object | undefined> {
  let previous = result;
  const list = { ADD: LIST, CHECK: CHECKED, DEL: [...LIST].reverse() }[command];
  for (const plugin of list) {
    const input = {
      cniVersion: VERSION,
      name: "by-hand",
      ...plugin,
      prevResult: previous,
      runtimeConfig: RUNTIME_CONFIG,
    };
    const names = { CNI_COMMAND: command, CNI_CONTAINERID: "by-hand", CNI_NETNS: namespace };
    const others = { CNI_IFNAME: "eth0", CNI_PATH: PLUGINS };
    const env = { ...process.env, ...names, ...others } as Record<string, string>;
    const said = await room.run([join(PLUGINS, plugin.type)], { env, input: JSON.stringify(input) });
    assert.is(said.code, 0, `${command} of ${plugin.type}: ${told(said)}`);
    if (command === "ADD") previous = JSON.parse(said.stdout.toString()) as object;
  }
  return previous;
}

/** Without counts and times. */
async function rules(): Promise<string> {
  const saved = await room.sh("iptables-save; ip6tables-save");
  return saved.replaceAll(/^#.*\n|\[\d+:\d+\]/gm, "");
}

if (why !== null) console.log(why);
else {
  test.before(async () => {
    directory = mkdtempSync("/tmp/ringfence-cni-");
    makeRootfs(join(directory, "rootfs"));
    room = await new EngineRoom(COVERED).made();
    const list = JSON.stringify({ cniVersion: VERSION, name: NAME, plugins: LIST });
    await room.sh(`mkdir -p /etc/cni/net.d /opt/cni/bin && mount --bind ${PLUGINS} /opt/cni/bin`);
    await room.sh(`printf %s '${list}' > /etc/cni/net.d/10-trial.conflist`);
    containerd = new Containerd(room);
    await containerd.start();
  });
  test.after(async () => {
    await containerd.remove();
    await room.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  test("ctr run --cni: the link that comes behind create is there at start", async () => {
    const script = "ip -o addr show dev eth0; ip route; ping -c 1 -W 5 10.77.0.1; ping -c 1 -W 5 fd78::1";
    const said = told(await ctr(...container("one", ["--rm", "--cni"], script)));
    assert.match(said, /eth0 +inet 10\.77\.0\.\d+\/24/);
    assert.match(said, /eth0 +inet6 fd78::/);
    assert.match(said, /^default via 10\.77\.0\.1 dev eth0/m);
    assert.is(said.match(/ 0% packet loss/g)?.length, 2, said);
  });

  test("a namespace of its own: ports lead there, CHECK passes, DEL leaves nothing", async () => {
    // What the plugins themselves make once.
    await room.sh("ip netns add first");
    await plugins("DEL", "/run/netns/first", await plugins("ADD", "/run/netns/first"));
    await room.sh("ip netns del first");
    const before = await rules();
    await room.sh("ip netns add trial; ip netns exec trial ip link set lo up");
    const result = await plugins("ADD", "/run/netns/trial");
    const namespace = ["-d", "--with-ns", "network:/run/netns/trial"];
    const script = "echo served > /tmp/index.html; exec httpd -f -p 80 -h /tmp";
    const started = await ctr(...container("two", namespace, script));
    assert.is(started.code, 0, told(started));
    const fetch = ["curl", "-s", "-m", "5", `http://10.77.0.1:${HOST_PORT}/`];
    const isServed = await eventually(async () => told(await room.run(fetch)) === "served\n", 10_000);
    assert.ok(isServed, told(await room.run(fetch)));
    await plugins("CHECK", "/run/netns/trial", result);
    await plugins("DEL", "/run/netns/trial", result);
    // The container goes on, without its link.
    const shown = async (): Promise<string> =>
      told(await ctr("task", "exec", "--exec-id", `x${Math.random()}`, "two", "ip", "-o", "link"));
    assert.ok(await eventually(async () => !(await shown()).includes("eth0"), 5000), await shown());
    await ctr("task", "kill", "-s", "KILL", "two");
    await ctr("task", "delete", "-f", "two");
    assert.is((await ctr("container", "delete", "two")).code, 0);
    await room.sh("ip netns del trial");
    assert.is(await rules(), before);
  });
}

test.run();
