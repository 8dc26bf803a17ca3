// Debian's iptables in a sandbox: rules do what they do natively, in a network namespace of its own, and are told in the
// same words, counters and flows included (filter_scenes.py).
//
// deadline: 300 s

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run, type SpawnResult } from "../spawn.ts";
import { Bundle } from "./bundle.ts";
import { missing, NetworkRoom } from "./network_room.ts";

const SCENES = `${checkout}test/e2e/filter_scenes.py`;
const DEADLINE_MS = 120_000;
const CAPABILITIES = ["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_DAC_OVERRIDE"];

/** The package is named where it is missing. */
const absent = [
  ["/usr/sbin/iptables-legacy", "iptables"],
  ["/usr/bin/python3", "python3"],
  ["/usr/sbin/ip", "iproute2"],
].filter(([path]) => !existsSync(path!));
const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("  skipped: there are no rules of iptables for who is not root");
for (const [, name] of absent) console.log(`  skipped: missing package ${name}`);

if (isRoot && absent.length === 0) {
  let native = "";

  test("natively the scenes come to their end", async () => {
    const { stdout, stderr, code } = await run("unshare", ["-n", "python3", SCENES, "legacy"], {
      deadlineMs: DEADLINE_MS,
    });
    native = stdout.toString();
    assert.is(code, 0, stderr.toString());
    assert.match(native, /original 127\.5\.6\.7 80/);
  });

  for (const workers of ["solo", "2"])
    test(`rules act and are told as natively (--workers=${workers})`, async () => {
      const args = [`--workers=${workers}`, "do", "--", "python3", SCENES, "legacy"];
      const { stdout, stderr, code } = await run(ringfence, args, { deadlineMs: DEADLINE_MS });
      assert.is(code, 0, stderr.toString());
      assert.is(stdout.toString(), native);
    });

  test("LOG says what it saw in the sandbox's log", async () => {
    const script = `iptables-legacy -A OUTPUT -p udp -j LOG --log-prefix 'seen: '
python3 -c 'import socket; socket.socket(2, 2).sendto(b"x", ("127.0.0.1", 99))'`;
    const directory = mkdtempSync(`${tmpdir()}/ringfence-filter-`);
    const args = [`--log=${directory}/log`, "do", "--", "sh", "-c", script];
    await run(ringfence, args, { deadlineMs: DEADLINE_MS });
    const text = readFileSync(`${directory}/log`, "utf8");
    rmSync(directory, { recursive: true });
    assert.match(text, /seen: IN= OUT=lo SRC=127\.0\.0\.1 DST=127\.0\.0\.1 LEN=29 .*DPT=99/);
  });
}

// ---- A link ----

const LINK = `${checkout}test/e2e/filter_link.py`;

/** The host of the rules, and its peer beside it: what each says. */
async function both(room: NetworkRoom, here: Promise<SpawnResult>): Promise<string> {
  const peer = room.runs(["python3", LINK, "peer"], { deadlineMs: DEADLINE_MS });
  const [one, other] = await Promise.all([here, peer]);
  assert.is(one.code, 0, one.stderr.toString());
  assert.is(other.code, 0, other.stderr.toString());
  return `${one.stdout}${other.stdout}`;
}

/** Programs of the host, and room for iptables' lock. */
function withPrograms(bundle: Bundle): void {
  for (const name of ["lib", "lib64"]) symlinkSync(`usr/${name}`, join(bundle.rootfs, name));
  for (const name of ["run", "usr"]) mkdirSync(join(bundle.rootfs, name));
  copyFileSync(LINK, join(bundle.rootfs, "filter_link.py"));
}

const none = missing();
if (none !== null) console.log(`  skipped: ${none}`);
if (isRoot && absent.length === 0 && none === null) {
  let native = "";

  test("natively the rules of a link act", async () => {
    const room = await new NetworkRoom().made();
    try {
      native = await both(
        room,
        room.runs(["nsenter", `--net=${room.path}`, "python3", LINK, "here"], { deadlineMs: DEADLINE_MS }),
      );
      assert.match(native, /from fd09::1 to fd09::2 80/);
    } finally {
      await room.remove();
    }
  });

  for (const workers of ["solo", "2"])
    test(`rules act on a link of the host as natively (--workers=${workers})`, async () => {
      const room = await new NetworkRoom().made();
      const bundle = new Bundle(["/usr/bin/python3", "/filter_link.py", "here"], (config) => {
        config.process.env = ["PATH=/usr/bin:/usr/sbin:/bin"];
        config.mounts.push({ destination: "/usr", type: "bind", source: "/usr", options: ["rbind", "ro"] });
        config.linux.namespaces = config.linux.namespaces.map((one) =>
          one.type === "network" ? { ...one, path: room.path } : one,
        );
        const capabilities = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES };
        config.process.capabilities = capabilities;
      });
      withPrograms(bundle);
      try {
        const { id, root, directory } = bundle;
        const words = [ringfence, "--root", root, `--workers=${workers}`, "run", "--bundle", directory, id];
        assert.is(await both(room, room.runs(words, { deadlineMs: DEADLINE_MS })), native);
      } finally {
        await room.runs([ringfence, "--root", bundle.root, "delete", "--force", bundle.id]);
        await bundle.remove();
        await room.remove();
      }
    });
}

test.run();
