// deadline: 180 s
// alone: its names of namespaces are the host's, as those of CNI are
// What users of podman do, with networks made by netavark, whose name server is aardvark-dns. Skipped, and said so, where
// they are not installed.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually } from "../spawn.ts";
import { LOOP } from "./columns.ts";
import { Podman, podmanLacks } from "./podman.ts";
import { exists, proc } from "./processes.ts";

const SERVE = "echo served by $(hostname) > /tmp/index.html; echo up; exec httpd -f -p 80 -h /tmp";

const why = podmanLacks();
let podman: Podman;

const ok = (...args: string[]): Promise<string> => podman.ok(...args);

/** A server that says its name. */
async function server(name: string, ...flags: string[]): Promise<void> {
  await ok("run", "-d", "--name", name, "--hostname", name, ...flags, "bb", "sh", "-c", SERVE);
  const isUp = await eventually(async () => (await ok("logs", name)).includes("up"), 10_000);
  assert.ok(isUp, await ok("logs", name));
}

async function client(flags: string[], command: string): Promise<string> {
  return told(await podman.run(["run", "--rm", ...flags, "bb", "sh", "-c", command]));
}

const fetch = (host: string): string => `wget -T 5 -q -O - http://${host}/`;

/** Network namespaces, rules, links and processes that containers have brought. */
async function left(): Promise<string> {
  const links = await podman.room.sh("ip -o link | cut -d: -f2");
  const namespaces = await podman.room.sh("ls /run/netns");
  const ports = await podman.room.sh("nft list ruleset | grep -c dport || true");
  const processes = readdirSync("/proc").filter(
    (name) =>
      /^\d+$/.test(name) && exists(Number(name)) && proc(Number(name), "cmdline")?.includes(podman.directory),
  );
  return `${links}${namespaces}${ports}${processes.map((pid) => proc(Number(pid), "cmdline"))}`;
}

if (why !== null) console.log(why);
else {
  test.before(async () => {
    podman = new Podman();
    await podman.start();
  });
  test.after(() => podman.stop());

  test("run, exec, logs, stop and an exit code, as an engine without a daemon has them", async () => {
    assert.is((await podman.run(["run", "--rm", "bb", "sh", "-c", "exit 7"])).code, 7);
    const piped = await podman.run(["run", "--rm", "-i", "bb", "cat"], { input: "given" });
    assert.is(piped.stdout.toString(), "given", told(piped));
    await ok("run", "-d", "--name", "p", "bb", "sh", "-c", LOOP);
    assert.ok(await eventually(async () => (await ok("logs", "p")).includes("up"), 10_000));
    assert.is(await ok("exec", "p", "sh", "-c", "echo inside; hostname | wc -c"), "inside\n13");
    await ok("stop", "-t", "10", "p");
    assert.is(await ok("inspect", "-f", "{{.State.ExitCode}}", "p"), "9");
    await ok("rm", "p");
  });

  test("user namespaces: given maps, one for each, and another container's", async () => {
    const subuid = join(podman.directory, "subuid");
    writeFileSync(subuid, "containers:500000:200000\n");
    for (const name of ["subuid", "subgid"]) await podman.room.sh(`mount --bind ${subuid} /etc/${name}`);
    const look = [
      "sh",
      "-c",
      "id -u; cat /proc/self/uid_map; touch /tmp/a; stat -c %u:%g /tmp/a /bin /dev/null",
    ];
    const runs = async (...flags: string[]): Promise<string> => ok("run", "--rm", ...flags, "bb", ...look);
    const made = "0:0\n0:0\n65534:65534";
    assert.match(await runs("--userns=auto:size=2000"), /^0\n +0 +5\d{5} +2000\n0:0\n0:0\n/);
    await server("first", "--uidmap", "0:700000:5000");
    assert.is(await runs("--userns=container:first"), `0\n         0     700000       5000\n${made}`);
    assert.is(await ok("exec", "-u", "7", "first", "id", "-u"), "7");
    const address = await ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "first");
    assert.match(await client(["--uidmap", "0:600000:5000"], fetch(address)), /served by first/);
    await ok("rm", "-f", "-t", "0", "first");
  });

  test("the default network: a published port, another container, the host", async () => {
    await server("one", "-p", "127.0.0.1:8091:80");
    assert.match(await podman.room.sh("curl -s -m 5 http://127.0.0.1:8091/"), /served by one/);
    const address = await ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "one");
    assert.match(await podman.room.sh(`curl -s -m 5 http://${address}/`), /served by one/);
    assert.match(await client([], fetch(address)), /served by one/);
    await ok("rm", "-f", "-t", "0", "one");
  });

  test("a network of one's own: names, a container that is connected to it later, and nothing left", async () => {
    await ok("run", "--rm", "bb", "true"); // podman's own tables and bridge
    const before = await left();
    await ok("network", "create", "own");
    await server("two", "--network", "own");
    assert.match(
      await client(["--network", "own"], `nslookup -type=a two; ${fetch("two")}`),
      /Address[\s\S]*served by two/,
    );
    assert.match(await client(["--network", "own"], fetch("nobody")), /bad address/);
    await server("three", "-p", "127.0.0.1:8092:80");
    await ok("network", "connect", "own", "three");
    const asks = async (): Promise<string> =>
      told(await podman.run(["exec", "three", "sh", "-c", fetch("two")]));
    assert.ok(await eventually(async () => (await asks()).includes("served by two"), 10_000), await asks());
    await ok("network", "disconnect", "own", "three");
    const links = async (): Promise<string> => ok("exec", "three", "ip", "-o", "link");
    assert.ok(await eventually(async () => !(await links()).includes("eth1"), 5000), await links());
    await ok("rm", "-f", "-t", "0", "two", "three");
    await ok("network", "rm", "own");
    assert.ok(await eventually(async () => (await left()) === before, 10_000), `${before}\n${await left()}`);
    assert.not.ok(readFileSync("/proc/mounts", "utf8").includes(podman.directory));
  });
}

test.run();
