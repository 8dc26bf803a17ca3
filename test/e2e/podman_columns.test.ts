// deadline: 300 s
// alone: its names of namespaces are the host's, as those of CNI are
// What users of podman do, once under runc and once here. Skipped, and said so, where it is not installed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { Columns } from "./columns.ts";
import { Podman, podmanLacks } from "./podman.ts";

const why = podmanLacks();
let podman: Podman;

const columns = new Columns(
  () => podman,
  (runtime, args) => ["--runtime", runtime, ...args],
);

if (why !== null) console.log(why);
else {
  test.before(async () => {
    podman = new Podman();
    await podman.start();
  });
  test.after(() => podman.stop());

  columns.common();

  columns.both(
    "health checks when they are asked for",
    async (scene) => {
      await scene.loop(["--health-cmd", "test -e /ok", "--health-interval=disable"], "touch /ok");
      const well = await scene.run(["healthcheck", "run", scene.name]);
      await scene.ok("exec", scene.name, "rm", "/ok");
      const ill = await scene.run(["healthcheck", "run", scene.name]);
      return `${well.code} ${ill.code} ${ill.stdout}`;
    },
    /^0 1 unhealthy/,
  );

  columns.both(
    "top: the processes of the container, and no others",
    async (scene) => {
      await scene.start([], "bb", "sh", "-c", "sleep 987 & exec sleep 988");
      const top = async () => scene.ok("top", scene.name, "comm", "args", "user");
      await eventually(async () => /sleep 987/.test(await top()) && /sleep 988/.test(await top()), 5000);
      return (await top()).replace(/ +/g, " ").split("\n").sort().join("\n");
    },
    /^COMMAND COMMAND USER\nsleep sleep 987 root\nsleep sleep 988 root$/,
  );

  columns.both(
    "pause, unpause, update, kill",
    async (scene) => {
      await scene.loop([]);
      await scene.ok("pause", scene.name);
      const paused = await scene.inspect("{{.State.Status}}");
      await scene.ok("unpause", scene.name);
      await scene.ok("update", "--memory", "300m", "--pids-limit", "50", scene.name);
      const on = await scene.ok("exec", "-u", "7", "-w", "/tmp", scene.name, "sh", "-c", "id -u; pwd");
      await scene.ok("kill", scene.name);
      await scene.becomes("{{.State.Status}}", "exited");
      return `${paused} ${on} ${await scene.inspect("{{.State.ExitCode}}")}`;
    },
    /^paused 7\n\/tmp 137$/,
  );

  columns.both(
    "generate kube, and a pod without an infra container played from it",
    async (scene) => {
      await scene.loop([]);
      const kube = await scene.ok("generate", "kube", scene.name);
      await scene.ok("rm", "-f", "-t", "0", scene.name);
      const file = join(scene.directory, `${scene.name}.yaml`);
      writeFileSync(file, kube);
      await scene.ok("pod", "create", "--infra=false", "--name", `pod-${scene.name}`);
      const inside = await scene.once(["--pod", `pod-${scene.name}`], "bb", "echo", "in a pod");
      await scene.ok("pod", "rm", "-f", `pod-${scene.name}`);
      return `${kube.replace(/creationTimestamp.*/, "")}${inside}`;
    },
    /kind: Pod[\s\S]*in a pod\n0$/,
  );

  columns.both(
    "privileged, devices, systemd's way of mounts",
    async (scene) => {
      const mounts = "mount -t tmpfs x /tmp && echo mounted; grep CapEff /proc/self/status";
      const device = ["--device=/dev/null:/dev/nothing", "--device=/dev/fuse"];
      return [
        await scene.once(["--privileged"], "bb", "sh", "-c", mounts),
        await scene.once(device, "bb", "sh", "-c", "echo x > /dev/nothing; stat -c '%F %t %T' /dev/fuse"),
        await scene.once(["--systemd=always"], "bb", "sh", "-c", "touch /run/x /run/lock/x && echo ran"),
      ].join("\n");
    },
    /^mounted\n[\s\S]*character special file a e5[\s\S]*ran\n0$/,
  );

  test("nothing is left", async () => {
    assert.is(await podman.ok("ps", "-aq"), "");
  });
}

test.run();
