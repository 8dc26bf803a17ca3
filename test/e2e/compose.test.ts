// deadline: 240 s
// A project of docker compose: nginx in front of a program that asks redis and PostgreSQL, all by name. Skipped, and said
// so, where something of it is not installed.

import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { output } from "../spawn.ts";
import { Docker, hasDocker } from "./docker.ts";
import { absent } from "./engine_room.ts";
import { makeSoftwareRootfs } from "./software_rootfs.ts";

const VERSIONS = "/usr/lib/postgresql";
const PLUGIN = "/usr/libexec/docker/cli-plugins/docker-compose";
const version = existsSync(VERSIONS) ? readdirSync(VERSIONS)[0] : undefined;
const programs = `${VERSIONS}/${version}/bin`;

const why = !hasDocker()
  ? "not installed: dockerd, docker, containerd or iptables"
  : version === undefined
    ? "not installed: postgresql"
    : absent({
        [PLUGIN]: "docker-compose",
        "redis-server": "redis-server",
        nginx: "nginx-light",
        dig: "bind9-dnsutils",
      });

/** What the front has behind it. */
const APP = `#!/bin/sh
echo Content-Type: text/plain; echo
echo hits $(redis-cli -h cache incr hits)
psql -h db -U admin -tAc "insert into seen(n) values (1)" postgres
echo rows $(psql -h db -U admin -tAc "select count(*) from seen" postgres)
`;

const NGINX = `daemon off; user root; pid /tmp/pid; error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  server { listen 80; listen [::]:80; location / { proxy_pass http://app:8000/cgi-bin/; } }
}
`;

const DATABASE = `
set -e
mkdir -p /tmp/data; initdb -D /tmp/data -A trust -U admin --no-sync > /dev/null
echo "host all all all trust" >> /tmp/data/pg_hba.conf
exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=/tmp
`;

const healthy = (test: string): object => ({
  test: ["CMD-SHELL", test],
  interval: "1s",
  timeout: "10s",
  retries: 60,
});

function project(directory: string): object {
  const common = { image: "software", runtime: "ringfence", init: false };
  const from = (name: string): object => ({ [name]: { condition: "service_healthy" } });
  return {
    name: "trial",
    services: {
      cache: {
        ...common,
        command: ["redis-server", "--save", "", "--protected-mode", "no"],
        healthcheck: healthy("redis-cli ping | grep -q PONG"),
        networks: ["back"],
      },
      db: {
        ...common,
        command: ["sh", "-c", DATABASE],
        user: "1000:1000",
        healthcheck: healthy(
          "psql -h localhost -U admin -tAc 'create table if not exists seen(n int)' postgres",
        ),
        networks: ["back"],
      },
      app: {
        ...common,
        command: ["httpd", "-f", "-p", "8000", "-h", "/srv"],
        volumes: [`${directory}/srv:/srv:ro`],
        depends_on: { ...from("cache"), ...from("db") },
        networks: ["back", "front"],
      },
      web: {
        ...common,
        command: ["nginx", "-c", "/conf"],
        volumes: [`${directory}/nginx.conf:/conf:ro`],
        ports: ["127.0.0.1:8093:80"],
        depends_on: ["app"],
        networks: ["front"],
      },
    },
    networks: { back: { internal: true }, front: {} },
  };
}

let docker: Docker;

if (why !== null) console.log(why);
else {
  test.before(async () => {
    docker = new Docker();
    await docker.start();
    const { directory } = docker;
    const root = join(directory, "software");
    const files = ["/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/sbin/nginx", "/usr/bin/dig"];
    makeSoftwareRootfs(root, [
      ...files,
      programs,
      join(programs, "../lib"),
      `/usr/share/postgresql/${version}`,
    ]);
    chmodSync(join(root, "tmp"), 0o1777);
    const tar = join(directory, "software.tar");
    await output("tar", ["-C", root, "--mode=a+rX", "-cf", tar, "."]);
    const path = `ENV PATH=/bin:/usr/bin:/usr/sbin:${programs}`;
    const imported = await docker.run(["import", "-c", path, tar, "software"], { deadlineMs: 60_000 });
    assert.is(imported.code, 0, told(imported));
    mkdirSync(join(directory, "srv/cgi-bin"), { recursive: true });
    writeFileSync(join(directory, "srv/cgi-bin/ask"), APP, { mode: 0o755 });
    writeFileSync(join(directory, "nginx.conf"), NGINX);
    writeFileSync(join(directory, "compose.json"), JSON.stringify(project(directory)));
  });
  test.after(() => docker.stop());

  test("a web server, a program, redis and PostgreSQL find each other by name", async () => {
    const compose = async (...args: string[]): Promise<string> => {
      const words = ["compose", "-f", join(docker.directory, "compose.json"), ...args];
      const result = await docker.run(words, { deadlineMs: 120_000 });
      if (result.code !== 0) console.log(told(await docker.run(["compose", "-p", "trial", "logs"])));
      assert.is(result.code, 0, `docker ${words.join(" ")}: ${told(result)}`);
      return told(result);
    };
    await docker.beside(["ip", "link", "set", "lo", "up"]);
    await compose("up", "-d", "--wait");
    for (const n of [1, 2]) {
      const reply = told(await docker.beside(["curl", "-s", "-m", "20", "http://127.0.0.1:8093/ask"]));
      assert.match(reply, new RegExp(`^hits ${n}\\n.*\\nrows ${n}\\n`), reply);
    }
    // From the front the back is not there.
    const asked = told(
      await docker.run([
        "exec",
        "trial-web-1",
        "sh",
        "-c",
        "nslookup -type=a db > /dev/null || echo none; nslookup -type=a app",
      ]),
    );
    assert.match(asked, /none\n[\s\S]*Name:\s+app/);
    // By either protocol; and the name server's place is in nobody's way.
    const dig = "dig +short db; dig +tcp +short db";
    const [byUdp, byTcp] = told(await docker.run(["exec", "trial-app-1", "sh", "-c", dig])).split("\n");
    assert.match(byUdp!, /^\d+\.\d+\.\d+\.\d+$/);
    assert.is(byTcp, byUdp);
    const serve = "httpd -p 0.0.0.0:53 && netstat -ltn | grep -c :53";
    assert.is(told(await docker.run(["exec", "trial-app-1", "sh", "-c", serve])), "1\n");
    // One that is made anew is found by its name again.
    await compose("up", "-d", "--force-recreate", "--no-deps", "--wait", "cache");
    const reply = told(await docker.beside(["curl", "-s", "-m", "20", "http://127.0.0.1:8093/ask"]));
    assert.match(reply, /^hits 1\n.*\nrows 3\n/);
    await compose("down", "-t", "1");
    const left =
      told(await docker.run(["ps", "-aq"])) +
      told(await docker.run(["network", "ls", "-q", "--filter", "type=custom"]));
    assert.is(left, "");
  });
}

test.run();
