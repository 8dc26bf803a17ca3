// deadline: 300 s
// Networks of Docker's, with a real daemon: the default bridge, published ports, networks that users define with their
// names, links that come and go while a container runs. Skipped, and said so, where Docker is not installed.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, type SpawnResult } from "../spawn.ts";
import { Docker, hasDocker } from "./docker.ts";

const RUNTIME = "--runtime=ringfence";
const SERVE = "echo served by $(hostname) > /tmp/index.html; echo up; exec httpd -f -p 80 -h /tmp";

const text = ({ stdout, stderr }: SpawnResult): string => `${stdout}${stderr}`;
let docker: Docker;

const ok = (...args: string[]): Promise<string> => docker.ok(...args);

/** A server that says its name, and its address. */
async function server(name: string, ...flags: string[]): Promise<string> {
  await ok("run", "-d", RUNTIME, "--name", name, "--hostname", name, ...flags, "bb", "sh", "-c", SERVE);
  await docker.until(name, "up");
  const addresses = await ok(
    "inspect",
    "-f",
    "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
    name,
  );
  return addresses.split(" ")[0]!;
}

/** What a command in a new container prints. */
async function client(flags: string[], command: string): Promise<string> {
  return text(await docker.run(["run", "--rm", RUNTIME, ...flags, "bb", "sh", "-c", command]));
}

const fetch = (host: string): string => `wget -T 5 -q -O - http://${host}/`;

if (!hasDocker()) {
  console.log("skipped: dockerd, docker, containerd or iptables is not installed");
} else {
  test.before(async () => {
    docker = new Docker();
    await docker.start();
  });
  test.after(() => docker.stop());

  test("the default bridge: containers and the host reach each other", async () => {
    const address = await server("one");
    assert.match(
      await client([], `${fetch(address)}; ping -c 1 -W 5 ${address}`),
      /served by one[\s\S]* 0% packet loss/,
    );
    assert.match(
      text(await docker.beside(["busybox", "ping", "-c", "2", "-W", "5", address])),
      / 0% packet loss/,
    );
    assert.match(text(await docker.beside(["curl", "-s", "-m", "5", `http://${address}/`])), /served by one/);
    await ok("rm", "-f", "one");
  });

  test("IPv6 is where Docker has it: on a network without, there is none on the link", async () => {
    const shown = await client([], "ip -o -6 addr show dev eth0");
    const native = await docker.run(["run", "--rm", "bb", "sh", "-c", "ip -o -6 addr show dev eth0"]);
    if (native.code === 0)
      assert.is(shown.includes("inet6"), text(native).includes("inet6"), `${shown}${text(native)}`);
    else console.log(`no native container to compare with: ${text(native)}`);
  });

  test("a published port leads to the container", async () => {
    await docker.beside(["ip", "link", "set", "lo", "up"]);
    await server("two", "-p", "127.0.0.1:8088:80");
    const reply = await docker.beside(["curl", "-s", "-m", "5", "http://127.0.0.1:8088/"]);
    assert.match(text(reply), /served by two/);
    await ok("rm", "-f", "two");
  });

  test("a network that a user defines: containers are reached by their names", async () => {
    await ok("network", "create", "own");
    await server("three", "--network", "own");
    assert.match(await client(["--network", "own"], "nslookup -type=a three"), /Name:\s+three[\s\S]*Address/);
    assert.match(await client(["--network", "own"], fetch("three")), /served by three/);
    assert.match(await client(["--network", "own"], fetch("nobody")), /bad address/);
    await ok("rm", "-f", "three");
  });

  test("connect and disconnect while a container runs", async () => {
    await ok("network", "create", "late");
    await server("four");
    await server("five", "--network", "late");
    const asks = async (): Promise<string> =>
      text(await docker.run(["exec", "four", "sh", "-c", fetch("five")]));
    assert.not.match(await asks(), /served/);
    await ok("network", "connect", "late", "four");
    const isServed = await eventually(async () => /served by five/.test(await asks()), 10_000);
    assert.ok(isServed, await asks());
    await ok("network", "disconnect", "late", "four");
    const shown = async (): Promise<string> => text(await docker.run(["exec", "four", "ip", "-o", "link"]));
    assert.ok(await eventually(async () => !/eth1/.test(await shown()), 5000), await shown());
    await ok("rm", "-f", "four", "five");
  });

  test("a network with IPv6", async () => {
    await ok("network", "create", "--ipv6", "--subnet", "fd77::/64", "six");
    await server("seven", "--network", "six");
    const address = await ok(
      "inspect",
      "-f",
      "{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}",
      "seven",
    );
    assert.match(
      await client(["--network", "six"], `${fetch(`[${address}]`)}; ping -c 1 -W 5 ${address}`),
      /served by seven[\s\S]* 0% packet loss/,
    );
    await ok("rm", "-f", "seven");
  });
}

test.run();
