// A container with a memory limit: what no process owns takes at most half of it, however many memory file
// systems share it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Bundle, type Config, shell, withBundle } from "./bundle.ts";

const LIMIT_MB = 512;

const tmpfs = (destination: string) => ({ destination, type: "tmpfs", source: "tmpfs", options: [] });

/** Fills one file system after the other, asks what there is, and makes room again. */
const FILL = `
busybox df -m /one | busybox tail -1 | busybox awk '{ print "size", $2 }'
for i in 1 2 3 4; do
  busybox dd if=/dev/zero of=/one/$i bs=1M count=50 2>/dev/null || echo full
  busybox dd if=/dev/zero of=/two/$i bs=1M count=50 2>/dev/null || echo full
done
busybox ls -l /one /two | busybox awk '{ sum += $5 } END { print "held", int(sum / 1048576) }'
busybox df -m /two | busybox tail -1 | busybox awk '{ print "left", $4 }'
busybox awk '/^Shmem:/ { print "shmem", int($2 / 1024) }' /proc/meminfo
echo x > /two/x || echo refused
busybox rm /one/*
echo x > /two/x && busybox cat /two/x
`;

function limited(config: Config): void {
  config.linux.resources = { memory: { limit: LIMIT_MB << 20 } };
  config.mounts.push(tmpfs("/one"), tmpfs("/two"));
}

test("memory file systems share half of a container's limit", async () => {
  const body = async (bundle: Bundle) => {
    const { stdout, stderr } = await bundle.runs();
    const lines = stdout.toString().trim().split("\n");
    assert.is(lines[0], `size ${LIMIT_MB / 2}`, stderr.toString());
    assert.is(lines.filter((line) => line === "full").length, 3);
    const number = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
    assert.ok(number("held") >= LIMIT_MB / 2 - 4 && number("held") <= LIMIT_MB / 2, `held ${number("held")}`);
    assert.ok(number("left") <= 1);
    assert.ok(number("shmem") >= number("held"));
    assert.is(lines.at(-1), "x");
  };
  await withBundle(shell(FILL), body, limited);
});

test.run();
