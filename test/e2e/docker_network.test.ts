// deadline: 300 s
// Networks of Docker's, with a real daemon: the default bridge, published ports, networks that users define with their
// names, links that come and go while a container runs. Skipped, and said so, where Docker is not installed.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually } from "../spawn.ts";
import { Docker, hasDocker } from "./docker.ts";

const RUNTIME = "--runtime=ringfence";
const NATIVE = "--runtime=runc";
const SERVE = "echo served by $(hostname) > /tmp/index.html; echo up; exec httpd -f -p 80 -h /tmp";

let docker: Docker;

const ok = (...args: string[]): Promise<string> => docker.ok(...args);

/** A server that says its name, and its address. */
async function server(name: string, ...flags: string[]): Promise<string> {
  return await serverOf(RUNTIME, name, ...flags);
}

async function serverOf(runtime: string, name: string, ...flags: string[]): Promise<string> {
  await ok("run", "-d", runtime, "--name", name, "--hostname", name, ...flags, "bb", "sh", "-c", SERVE);
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
  return told(await docker.run(["run", "--rm", RUNTIME, ...flags, "bb", "sh", "-c", command]));
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
      told(await docker.beside(["busybox", "ping", "-c", "2", "-W", "5", address])),
      / 0% packet loss/,
    );
    assert.match(told(await docker.beside(["curl", "-s", "-m", "5", `http://${address}/`])), /served by one/);
    await ok("rm", "-f", "one");
  });

  test("IPv6 is where Docker has it: on a network without, there is none on the link", async () => {
    const shown = await client([], "ip -o -6 addr show dev eth0");
    const native = await docker.run(["run", "--rm", "bb", "sh", "-c", "ip -o -6 addr show dev eth0"]);
    if (native.code === 0)
      assert.is(shown.includes("inet6"), told(native).includes("inet6"), `${shown}${told(native)}`);
    else console.log(`no native container to compare with: ${told(native)}`);
  });

  test("a published port leads to the container", async () => {
    await docker.beside(["ip", "link", "set", "lo", "up"]);
    await server("two", "-p", "127.0.0.1:8088:80");
    const reply = await docker.beside(["curl", "-s", "-m", "20", "http://127.0.0.1:8088/"]);
    assert.match(told(reply), /served by two/);
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
      told(await docker.run(["exec", "four", "sh", "-c", fetch("five")]));
    assert.not.match(await asks(), /served/);
    await ok("network", "connect", "late", "four");
    const isServed = await eventually(async () => /served by five/.test(await asks()), 10_000);
    assert.ok(isServed, await asks());
    await ok("network", "disconnect", "late", "four");
    const shown = async (): Promise<string> => told(await docker.run(["exec", "four", "ip", "-o", "link"]));
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

  test("--network container: one's own and native containers, each with each", async () => {
    await ok("network", "create", "shared");
    await server("beside", "--network", "shared");
    await serverOf(NATIVE, "native", "--network", "shared");
    await server("own1", "--network", "shared");
    // What a container that joins sees, and what it gets there.
    const links = "ip -o -4 addr | grep -o 'inet [0-9./]*'; ip route";
    const asks = `hostname; cat /etc/hosts /etc/resolv.conf; ${links}; ${fetch("127.0.0.1")}; ${fetch("beside")}`;
    const joins = async (runtime: string, name: string, command: string): Promise<string> =>
      told(
        await docker.run([
          "run",
          "--rm",
          runtime,
          "--network",
          `container:${name}`,
          "bb",
          "sh",
          "-c",
          command,
        ]),
      );
    const expected = await joins(NATIVE, "native", asks);
    assert.match(expected, /^native\n[\s\S]*127\.0\.0\.11[\s\S]*served by native\nserved by beside\n$/);
    assert.is(await joins(RUNTIME, "native", asks), expected);
    await serverOf("--runtime=ringfence-host", "own2", "--network", "shared");
    assert.is(await client(["--network", "shared"], fetch("own2")), "served by own2\n");
    assert.match(await joins(RUNTIME, "own2", asks), /^own2\n[\s\S]*served by own2\nserved by beside\n$/);
    assert.match(await joins(NATIVE, "own1", asks), /^own1\n[\s\S]*served by own1\nserved by beside\n$/);
    assert.match(await joins(RUNTIME, "own1", asks), /links of the network namespace .* cannot be shared/);
    await server("own3", "--network", "shared", "--annotation", "dev.ringfence.shared=true");
    assert.match(await joins(RUNTIME, "own3", asks), /^own3\n[\s\S]*served by own3\nserved by beside\n$/);
    // What a joining one serves is the other's as well, at its address.
    const serve = "echo served by joined > /tmp/index.html; exec httpd -f -p 81 -h /tmp";
    await ok(
      "run",
      "-d",
      RUNTIME,
      "--name",
      "joined",
      "--network",
      "container:native",
      "bb",
      "sh",
      "-c",
      serve,
    );
    const reached = async (): Promise<string> =>
      `${told(await docker.run(["exec", "native", "sh", "-c", fetch("127.0.0.1:81")]))}${await client(["--network", "shared"], fetch("native:81"))}`;
    const isReached = await eventually(
      async () => (await reached()) === "served by joined\n".repeat(2),
      10_000,
    );
    assert.ok(isReached, await reached());
    await ok("rm", "-f", "joined", "native", "own1", "own2", "beside");
  });

  test("--sysctl, --add-host, --link, --dns; a low port of who is not root", async () => {
    const settings = ["--sysctl", "net.ipv4.ip_default_ttl=33", "--sysctl", "net.core.somaxconn=99"];
    const flags = ["-u", "user", "--tmpfs", "/tmp", ...settings];
    const address = await server("low", ...flags);
    assert.match(told(await docker.beside(["busybox", "ping", "-c", "1", "-W", "5", address])), /ttl=33 /);
    assert.is(await ok("exec", "low", "cat", "/proc/sys/net/core/somaxconn"), "99");
    assert.match(await client(["--add-host", `named:${address}`], fetch("named")), /served by low/);
    assert.match(
      await client(["--link", "low:linked"], `env; ${fetch("linked")}`),
      /LINKED_NAME=[\s\S]*served by low/,
    );
    assert.match(
      await client(["--dns", "192.0.2.53"], "cat /etc/resolv.conf"),
      /^nameserver 192\.0\.2\.53$/m,
    );
    await ok("rm", "-f", "low");
  });

  test("names from outside, by the engine's name server and one that the user names", async () => {
    await ok("network", "create", "outside");
    const gateway = await ok("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "outside");
    const names = [
      "--no-hosts",
      "--no-resolv",
      "--address=/trial.test/192.0.2.7",
      "--pid-file=",
      "--port=53",
    ];
    const serve = [
      "dnsmasq",
      "--keep-in-foreground",
      "--bind-interfaces",
      `--listen-address=${gateway}`,
      ...names,
    ];
    const line = `${serve.join(" ")} >/dev/null 2>&1 & echo $!`;
    const pid = Number(told(await docker.beside(["sh", "-c", line])));
    const asks = "nslookup -type=a trial.test";
    const answered = async (): Promise<string> => client(["--network", "outside", "--dns", gateway], asks);
    assert.ok(
      await eventually(async () => (await answered()).includes("192.0.2.7"), 10_000),
      await answered(),
    );
    process.kill(pid);
  });
}

test.run();
