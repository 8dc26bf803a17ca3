// deadline: 120 s
// podman of a user without privilege, who has ids of the host's in /etc/subuid: the engine runs as root of a user namespace,
// and so does Ringfence. Its networks: podman_rootless_networks.test.ts. Skipped, and said so, where what it takes is
// not installed.

import * as fs from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually, ringfence } from "../spawn.ts";
import { LOOP } from "./columns.ts";
import { FIRST, ID, RootlessPodman, rootlessLacks } from "./rootless.ts";

const why = rootlessLacks();
let podman: RootlessPodman;

const ok = (...args: string[]): Promise<string> => podman.ok(...args);
const runs = (flags: string[], command: string): Promise<string> =>
  ok("run", "--rm", "--network=none", ...flags, "bb", "sh", "-c", command);

if (why !== null) console.log(why);
else {
  test.before(async () => {
    podman = new RootlessPodman();
    await podman.start();
  });
  test.after(() => podman.stop());

  test("run: the engine's own ids, others of them, and the user's own kept", async () => {
    const look =
      "id -u; cat /proc/self/uid_map; touch /tmp/a; chown 5:6 /tmp/a; stat -c %u:%g /tmp/a /dev/null";
    const root = `0\n         0      ${ID}          1\n         1     ${FIRST}      65536\n5:6\n65534:65534`;
    assert.is(await runs([], look), root);
    assert.match(await runs(["--userns=auto:size=2000"], look), /^0\n +0 +1 +2000\n5:6\n65534:65534$/);
    const kept = await runs(
      ["--userns=keep-id"],
      "id -u; grep CapEff /proc/self/status; cat /proc/self/uid_map",
    );
    assert.match(kept, /^54321\nCapEff:\t0{16}\n +0 +1 +54321\n +54321 +0 +1\n/);
    const written = "id -u; echo x > /home/new; stat -c %u /home/new";
    const volume = join(podman.directory, "home/volume");
    fs.mkdirSync(volume);
    fs.chownSync(volume, ID, ID);
    assert.is(await runs(["--userns=keep-id", "-v", `${volume}:/home`], written), "54321\n54321");
    fs.writeFileSync(join(volume, "roots"), "secret", { mode: 0o600 });
    const reads = ["run", "--rm", "--network=none", "-v", `${volume}:/v`, "bb", "cat", "/v/roots"];
    const refused = await podman.run(ringfence, reads);
    assert.match(told(refused), /Permission denied/);
  });

  test("a container in the background: exec, ps, stop, restart, rm, and nothing left", async () => {
    await ok("run", "-d", "--name", "c", "--network=none", "bb", "sh", "-c", LOOP);
    assert.ok(await eventually(async () => (await ok("logs", "c")).includes("up"), 10_000));
    assert.is(
      await ok("exec", "c", "sh", "-c", "id -u; setpriv --help >/dev/null 2>&1; echo done"),
      "0\ndone",
    );
    assert.is(await ok("exec", "-u", "7:8", "c", "id", "-u"), "7");
    assert.match(await ok("ps", "--format", "{{.Names}} {{.Status}}"), /^c Up/);
    await ok("stop", "-t", "10", "c");
    assert.is(await ok("inspect", "-f", "{{.State.ExitCode}}", "c"), "9");
    await ok("start", "c");
    await ok("rm", "-f", "-t", "0", "c");
    assert.equal(fs.readdirSync(join(podman.directory, "run/ringfence")), []);
  });
}

test.run();
