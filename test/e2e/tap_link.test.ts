// A TAP device as a link of the stack: native Linux at its other end pings it, and has datagrams sent back, with checksums
// left to the device both ways.

import { type ChildProcess, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, eventually, run } from "../spawn.ts";
import { buildDriver } from "./driver.ts";
import { missing } from "./network_room.ts";

const hasTap = existsSync("/dev/net/tun");
const why = missing() ?? (hasTap ? null : "there is no /dev/net/tun");
if (why !== null) console.log(why);
const tapped = why === null ? test : test.skip;
const DEADLINE_MS = 40_000;

tapped("pings and datagrams over a TAP device", async () => {
  const [executor, peer] = [buildDriver("tap_exec"), buildDriver("link_peer")];
  const library = `${checkout}build/native/host.node`;
  const words = [executor, "tap0", process.execPath, `${checkout}test/e2e/tap_stack.ts`, library];
  let child: ChildProcess | undefined;
  let said = "";
  const ended = run("unshare", ["-n", ...words], {
    deadlineMs: DEADLINE_MS,
    keepStdin: true,
    started: (started) => {
      child = started;
      started.stdout!.on("data", (bytes: Buffer) => {
        said += bytes;
      });
    },
  });
  assert.ok(await eventually(() => said.includes("ready") || child!.exitCode !== null, DEADLINE_MS));
  const sh = (text: string): string =>
    spawnSync("nsenter", ["-t", String(child!.pid), "-n", "--", "sh", "-c", text], { encoding: "utf8" })
      .stdout;
  sh("ip addr add 10.6.0.1/24 dev tap0; ip addr add fd06::1/64 dev tap0 nodad; ip link set tap0 up");
  for (const address of ["10.6.0.2", "fd06::2"]) {
    assert.match(sh(`busybox ping -c 2 -W 5 ${address}`), / 0% packet loss/);
    assert.match(sh(`busybox ping -c 1 -W 5 -s 20000 ${address}`), / 0% packet loss/);
    for (const size of [1, 1472, 30000]) assert.is(sh(`${peer} ask ${address} 7000 ${size} 4`), "good 4\n");
  }
  child!.stdin!.end();
  const { code, stderr } = await ended;
  assert.is(code, 0, stderr.toString());
  assert.match(said, /held 0/);
});

test.run();
