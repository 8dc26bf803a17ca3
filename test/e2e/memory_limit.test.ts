// A container with a memory limit: what no process owns takes at most half of it, however many memory file
// systems share it.

import { readFileSync } from "node:fs";
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

/** Writes files of 50 MiB, by their names. */
const write = (names: string) =>
  shell(`for i in ${names}; do
    busybox dd if=/dev/zero of=/one/$i bs=1M count=50 2>/dev/null && busybox echo $i || { busybox echo no $i; busybox rm /one/$i; }
  done`);

test("a limit that becomes smaller than what is used refuses more until enough was given back", async () => {
  const body = async (bundle: Bundle) => {
    const execs = async (words: string[]) => (await bundle.on("exec", [], words)).stdout.toString();
    const sets = async (limit: string) =>
      assert.is((await bundle.on("update", ["--memory", limit])).code, 0, "update");
    assert.is((await bundle.runsDetached()).code, 0);
    assert.is(await execs(write("a b c d e f")), "a\nb\nc\nd\ne\nf\n");
    await sets("580M");
    assert.is(await execs(write("g")), "no g\n");
    await execs(shell("busybox rm /one/a /one/b"));
    assert.is(await execs(write("g h")), "g\nno h\n");
    await sets("1G");
    assert.is(await execs(write("h")), "h\n");
  };
  await withBundle(shell("busybox sleep 100"), body, (config) => {
    limited(config);
    config.linux.resources = { memory: { limit: 1 << 30 } };
  });
});

/** Calls often; and the same where files have taken all that they may, by few calls. */
const CALL = "busybox dd if=/dev/zero of=/dev/null bs=1 count=2000 2>/dev/null";
const CALL_WHEN_FULL = `
busybox dd if=/dev/zero of=/one/big bs=16M 2>/dev/null
busybox dd if=/dev/zero of=/two/small bs=4k 2>/dev/null
${CALL}
`;

test("patches of call sites take no memory where files have none left", async () => {
  for (const [script, isPatched] of [
    [CALL, true],
    [CALL_WHEN_FULL, false],
  ] as const)
    await withBundle(
      shell(script),
      async (bundle) => {
        const log = `${bundle.directory}/log`;
        const flags = ["--bundle", bundle.directory, bundle.id];
        const { stderr } = await bundle.command(["--debug", "--log", log, "run", ...flags]);
        const text = readFileSync(log, "latin1");
        assert.is(text.includes("patched a call site"), isPatched, stderr.toString());
        assert.is(text.includes("there is no memory for it"), !isPatched);
      },
      limited,
    );
});

test.run();
