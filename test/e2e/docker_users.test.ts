// deadline: 180 s
// A Docker daemon that gives its containers user namespaces (userns-remap), with Ringfence and with runc beside it. Skipped,
// and said so, where Docker is not installed.

import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { Docker, hasDocker, REMAPPED_FIRST, REMAPPED_USER } from "./docker.ts";
import { proc } from "./processes.ts";

const LOOK = `id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; grep Cap /proc/self/status
  stat -c '%n %u:%g %a' / /etc/hosts /etc/resolv.conf /dev/null /dev/pts /proc /sys /tmp
  touch /tmp/a; chown 1000:1000 /tmp/a; stat -c %u:%g /tmp/a; chown 70000 /tmp/a 2>&1; mknod /tmp/b c 1 3 2>&1
  su user -c 'id -u; touch /tmp/c; cat /etc/shadow' 2>&1; stat -c %u:%g /tmp/c`;

let docker: Docker;

const ok = (...args: string[]): Promise<string> => docker.ok(...args);

if (!hasDocker()) {
  console.log("skipped: dockerd, docker, containerd or iptables is not installed");
} else {
  test.before(async () => {
    docker = new Docker(false, { "userns-remap": REMAPPED_USER });
    await docker.start();
  });
  test.after(() => docker.stop());

  test("what a container sees and may do is the same as with runc", async () => {
    const looks = async (runtime: string, ...flags: string[]) =>
      told(await docker.run(["run", "--rm", `--runtime=${runtime}`, ...flags, "bb", "sh", "-c", LOOK]));
    const remapped = await looks("ringfence");
    assert.match(remapped, / 400000 +65536\n/);
    assert.is(remapped, await looks("runc"));
    const same = await looks("ringfence", "--userns=host");
    assert.match(same, / 0 4294967295\n/);
  });

  test("exec, files that go in and out, and volumes have the container's owners", async () => {
    const volume = join(docker.directory, "volume");
    mkdirSync(volume);
    writeFileSync(join(volume, "hosts"), "secret", { mode: 0o600 });
    const flags = ["--runtime=ringfence", "-v", "named:/named", "-v", `${volume}:/volume`];
    const id = await ok("run", "-d", ...flags, "bb", "sleep", "1000");
    try {
      assert.is(await ok("exec", id, "sh", "-c", "id -u; touch /named/n; chown 5:6 /named/n"), "0");
      assert.is(await ok("exec", "-u", "1000", id, "id", "-u"), "1000");
      const refused = await docker.run(["exec", id, "sh", "-c", "cat /volume/hosts; touch /volume/new"]);
      assert.is(told(refused).match(/Permission denied/g)?.length, 2, told(refused));
      const named = statSync(join(await ok("volume", "inspect", "-f", "{{.Mountpoint}}", "named"), "n"));
      assert.equal([named.uid, named.gid], [REMAPPED_FIRST + 5, REMAPPED_FIRST + 6]);
      const file = join(docker.directory, "given");
      writeFileSync(file, "given");
      await ok("cp", file, `${id}:/tmp/given`);
      assert.is(await ok("exec", id, "stat", "-c", "%u:%g %s", "/tmp/given"), "0:0 5");
      await ok("exec", id, "sh", "-c", "echo taken > /tmp/taken");
      await ok("cp", `${id}:/tmp/taken`, file);
      assert.match(await ok("top", id, "-o", "pid,uid,comm"), /400000 +sleep/);
      const pid = Number(await ok("inspect", "-f", "{{.State.Pid}}", id));
      assert.match(proc(pid, "status")!, /^Uid:\t400000\t/m);
      assert.match(
        await ok("exec", id, "wget", "-q", "-O", "-", "http://127.0.0.1:9/").catch(String),
        /refused/,
      );
      await ok("stop", "-t", "0", id);
      await ok("start", id);
      assert.is(await ok("exec", id, "cat", "/tmp/taken"), "taken");
    } finally {
      await docker.run(["rm", "-f", id]);
    }
  });
}

test.run();
